"""Short forms of what is proven on the page of a school (36, 38, 51)."""

from __future__ import annotations

import pytest

from tests.browser.queue import long_queue
from tests.databases import SqliteTemplate
from tests.simulation import connection_statements
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site
from tests.simulation.queue_statements import SHORT, statements_of_the_list


@pytest.fixture
def databases(sqlite_template: SqliteTemplate) -> Databases:
    return Databases(sqlite_template)


def test_the_list_of_conflicts_costs_the_same_however_long_it_is(databases: Databases) -> None:
    """As many statements for a page of a hundred as for one of fifty-odd."""
    with a_site(databases) as made:
        long_queue(made, SHORT)
        before = statements_of_the_list(made, SHORT)
        long_queue(made, SHORT)
        assert statements_of_the_list(made, 2 * SHORT) == before


def test_half_open_connections_are_given_up(databases: Databases) -> None:
    """Whatever they leave undone, and however they trickle; the page answers beside them."""
    with a_site(databases) as made:
        found = connection_statements.half_open(made, 12, patience=0.5)
    assert set(found.stayed) == set(connection_statements.KINDS) - {"a request and silence"}
    assert found.pages
