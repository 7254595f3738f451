"""Statements 42 and 43: the site of a school, and everybody who might come to its doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.browser import doors
from tests.browser.routes import table
from tests.browser.site import Site, site
from tests.simulation.databases import Databases


@contextmanager
def a_site(databases: Databases) -> Iterator[Site]:
    """The page of a new school, listening."""
    with databases.file() as url, databases.folder() as folder, site(url, folder) as made:
        yield made


def statement_42(_count: int, databases: Databases) -> str:
    with a_site(databases) as made:
        routes = len(doors.every_route(made))
        pages, calls = doors.all_routes_against_all_roles(made), doors.all_calls_against_all_roles(made)
    open_ones = sum(roles is None for roles in table().values())
    return (
        f"{pages + calls:,} pairs of {routes} routes ({open_ones} of them open) and 10 kinds of visitors on the page,"
        " 7 for programs: each is let in exactly where the table says; 0 routes unlisted"
    )


def statement_43(_count: int, databases: Databases) -> str:
    with a_site(databases) as made:
        refused = doors.foreign_forms(made)
    unsafe = sum(method != "GET" for method, _ in table())
    return f"{refused:,} forged requests to {unsafe} unsafe routes, all refused, 0 rows written"
