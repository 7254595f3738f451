"""Fresh databases for histories: most in memory, a share of them on SQLite files and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from sync_service.persistence import SqlDatabase, open_database
from tests.databases import PostgresServer, SqliteTemplate

FILES_EVERY = 20
POSTGRES_EVERY = 50

Now = Callable[[], datetime]


class Place(Protocol):
    """Where the database of one history lies; ``reopen`` is what a restarted process does."""

    def open(self, now: Now) -> SqlDatabase: ...

    def reopen(self, database: SqlDatabase, now: Now) -> SqlDatabase: ...


class AtUrl:
    def __init__(self, url: str) -> None:
        self._url = url

    def open(self, now: Now) -> SqlDatabase:
        return open_database(self._url, durable=False, now=now)

    def reopen(self, database: SqlDatabase, now: Now) -> SqlDatabase:
        database.close()
        return self.open(now)


class InMemory:
    """A database of one connection that nobody else sees; nothing of it reaches a disk."""

    def __init__(self, template: Path) -> None:
        self._engine = create_engine(
            "sqlite://",
            poolclass=StaticPool,
            hide_parameters=True,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )

        def fill(driver: Any, _record: object) -> None:
            with closing(sqlite3.connect(template)) as source:
                source.backup(driver)
            driver.execute("PRAGMA foreign_keys = ON")

        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))

        event.listen(self._engine, "connect", fill)
        event.listen(self._engine, "begin", begin)

    def open(self, now: Now) -> SqlDatabase:
        return SqlDatabase(self._engine, now=now)

    def reopen(self, database: SqlDatabase, now: Now) -> SqlDatabase:
        return self.open(now)


class Databases:
    """Copies of one migrated template. ``server`` None: the share of PostgreSQL is played on files."""

    def __init__(self, template: SqliteTemplate, server: PostgresServer | None = None) -> None:
        self._template = template
        self._server = server

    @contextmanager
    def of_seed(self, seed: int) -> Iterator[Place]:
        """Where the history of this seed is played: it depends on the seed alone."""
        if seed % POSTGRES_EVERY == 1 and self._server is not None:
            with self._server.copy() as url:
                yield AtUrl(url)
        elif seed % FILES_EVERY == 1:
            with self.file() as url:
                yield AtUrl(url)
        else:
            yield self.in_memory()

    @property
    def has_server(self) -> bool:
        return self._server is not None

    @contextmanager
    def on_server(self, *, empty: bool = False, like: str = "") -> Iterator[str]:
        """The URL of a new database of the server, with schema and school unless ``empty``; with all of the one at
        the URL ``like``."""
        assert self._server is not None
        with self._server.empty() if empty else self._server.copy(like) as url:
            yield url

    @contextmanager
    def folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="ecp-sync-history-") as folder:
            yield Path(folder)

    @contextmanager
    def file(self) -> Iterator[str]:
        """The URL of a new file, gone afterwards."""
        with self.folder() as folder:
            yield self._template.copy(folder)

    @contextmanager
    def files(self) -> Iterator[Callable[[], str]]:
        """URLs of new files, as many as are asked for; each is gone when the next one is."""
        with self.folder() as folder:

            def new() -> str:
                for former in folder.iterdir():
                    former.unlink()
                return self._template.copy(folder)

            yield new

    @contextmanager
    def each_engine(self) -> Iterator[list[str]]:
        """The URLs of a new file and, where there is a server, of a new database there."""
        with ExitStack() as stack:
            urls = [stack.enter_context(self.file())]
            if self.has_server:
                urls.append(stack.enter_context(self.on_server()))
            yield urls

    def in_memory(self) -> InMemory:
        return InMemory(self._template.path)
