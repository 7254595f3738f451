"""Fixtures shared by all tests: real databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from tests.databases import Fresh, PostgresServer, SchoolDatabase, SqliteTemplate, with_school


@pytest.fixture(autouse=True)
def unconfigured_logs() -> Iterator[None]:
    """A test that sets up logging leaves no trace in the next one."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = PostgresServer(os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex))
    yield server
    server.stop()


@pytest.fixture
def sqlite_database(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[SchoolDatabase]:
    """A migrated SQLite database with one school."""
    made = with_school(sqlite_template.copy(tmp_path))
    yield made
    made.database.close()


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[SchoolDatabase]:
    """A migrated PostgreSQL database with one school."""
    with postgres_server.copy() as url:
        made = with_school(url)
        yield made
        made.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> SchoolDatabase:
    """A migrated database with one school; the test runs once on each engine."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: SchoolDatabase = request.getfixturevalue(name)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """URLs of databases without any table; the test runs once on each engine."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield lambda: f"sqlite:///{tmp_path / uuid4().hex}.sqlite"
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            yield lambda: stack.enter_context(server.empty())
