"""Fixtures of the acceptance tests: a database that has read the small region, read once per worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.agreement import Portrait
from tests.acceptance.office import Office, office, region
from tests.acceptance.working_day import PAGE_SIZE, agreed_database, copied, read_everything, undisturbed
from tests.databases import PostgresServer


@pytest.fixture(scope="session")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file of a school that agrees with the small region; to be copied."""
    return agreed_database(tmp_path_factory.mktemp("agreed"))


@pytest.fixture(scope="session")
def agreed_on_server(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same on PostgreSQL: the URL of a database to be copied."""
    with postgres_server.copy() as url:
        read_everything(tmp_path_factory.mktemp("agreed-on-server"), url)
        yield url


@pytest.fixture(scope="session")
def expected(agreed: Path, tmp_path_factory: pytest.TempPathFactory) -> Portrait:
    """What the region holds after the busy day when nothing goes wrong."""
    return undisturbed(agreed, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def at_rest(agreed: Path, tmp_path: Path) -> Iterator[Office]:
    """A school that agrees with its region."""
    with region() as door, office(door, tmp_path, url=copied(agreed, tmp_path), page_size=PAGE_SIZE) as made:
        yield made
