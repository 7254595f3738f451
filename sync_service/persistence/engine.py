"""Connections to the database: how a transaction begins, what is durable, which errors come out.

SQLite runs with the driver in autocommit mode and our own BEGIN: Python's default opens transactions late,
loses the rollback of DDL and fails at once with «database is locked» when a reader turns writer. Writers begin
with BEGIN IMMEDIATE and queue up for ``BUSY_SECONDS``.

``synchronous=FULL``: with NORMAL a power failure may take back the last transactions of a WAL database. An
attempt that left for the region must not be forgotten, or its records would be sent twice (invariant 5), and an
acknowledged page costs one fsync per thousand records.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sync_service.domain.errors import ConfigError, DatabaseBusy, DatabaseDamaged, FatalError, NoSuchCase

BUSY_SECONDS = 30
CACHE_KIB = 32 * 1024
OWNER_ONLY = 0o600  # the database holds personal data and the token
CHECKPOINT_PAGES = 8000  # 32 MiB of log before a checkpoint: fewer rewrites of the same index pages

_TOO_LARGE = "Нет такой записи: её номер не может быть таким большим."
# SQLSTATEs after which the same transaction may succeed: serialization, deadlock, lock timeout, lost connection.
_RETRY_STATES = ("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08")
# SQLite: a page that is none, a file that is no database. SQLSTATEs: data and index corrupted.
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")


def parse_url(text: str) -> URL:
    """The database URL with its driver. Raises ConfigError on anything but a SQLite file or PostgreSQL."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError(
            ["database_url is not a URL; expected sqlite:///file.sqlite or postgresql://user@host/name"]
        ) from None
    match url.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
                raise ConfigError(["database_url: SQLite needs a file; a database in memory has one connection only"])
            return url.set(drivername="sqlite")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise ConfigError([f"database_url: {other!r} is not supported; use sqlite:/// or postgresql://"])


def create(text: str, *, durable: bool = True) -> Engine:
    """An engine for ``text``; makes no connection. ``durable=False`` (SQLite only) trades power-failure safety
    for speed and is meant for throw-away databases of simulations."""
    url = parse_url(text)
    # Statement parameters and PostgreSQL's DETAIL lines hold personal data: they never reach a message.
    if url.drivername == "sqlite":
        return _sqlite(url, durable)
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "options": f"-c timezone=UTC -c datestyle=ISO,YMD -c lock_timeout={BUSY_SECONDS}s",
            "application_name": "ecp-sync",
        },
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def read_only(file: Path) -> Engine:
    """An engine for a SQLite file that is looked at and stays as it is, byte for byte; it may lie where nobody can
    write. Nobody may be writing to it, unless its log lies beside it."""
    query = {"uri": "true", "mode": "ro"}
    if not file.with_name(file.name + "-wal").exists():
        query["immutable"] = "1"  # else SQLite wants to make a log
    return _sqlite(URL.create("sqlite", database=f"file:{quote(str(file.absolute()))}", query=query))


def _sqlite(url: URL, durable: bool = True) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})

    def reserve(*_: object) -> None:
        """A new file is nobody else's to read from its first byte; SQLite gives -wal and -shm the same mode."""
        file = url.database or ""
        if not file.startswith("file:"):
            with suppress(OSError):  # it is there, or SQLite itself says why it cannot be
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))

    def prepare(driver: Any, _record: object) -> None:
        cursor = driver.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_SECONDS * 1000}",
            *(() if url.query.get("mode") == "ro" else ("journal_mode = WAL",)),
            f"synchronous = {'FULL' if durable else 'OFF'}",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "temp_store = MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))

    event.listen(engine, "do_connect", reserve)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _prepare_postgres(driver: Any, _record: object) -> None:
    from psycopg.types.string import TextLoader

    driver.adapters.register_loader("date", TextLoader)  # a date is ISO text everywhere in this product


@contextmanager
def connected(engine: Engine, *, writing: bool) -> Iterator[Connection]:
    """A connection inside an open transaction that is rolled back unless the caller commits it.

    ``writing=False`` gives one consistent snapshot that refuses writes.
    """
    with translated(), engine.connect() as plain:
        if engine.dialect.name == "sqlite":
            connection = plain.execution_options(begin="BEGIN IMMEDIATE" if writing else "BEGIN")
        elif writing:
            connection = plain
        else:
            connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        guarded = not writing and engine.dialect.name == "sqlite"
        with connection.begin():
            if guarded:
                connection.exec_driver_sql("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                if guarded:
                    connection.exec_driver_sql("PRAGMA query_only = OFF")
                # Also after a commit that failed: SQLAlchemy takes that transaction for finished, and the pool would
                # hand out the connection with the transaction still open in the driver.
                connection.rollback()


@contextmanager
def translated() -> Iterator[None]:
    """Database errors become ours; their texts are dropped, because they may quote values."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error) from None
    except OverflowError as error:
        if "SQLite INTEGER" not in str(error):  # what the driver says of more than 64 bits; anything else is ours
            raise
        raise NoSuchCase(_TOO_LARGE) from None
    except PoolTimeout:
        raise DatabaseBusy("all connections to the database are in use; try again") from None


def _translate(error: DBAPIError) -> DatabaseBusy | FatalError | NoSuchCase:
    cause = error.orig
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__
    if error.connection_invalidated or code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", *_RETRY_STATES)):
        return DatabaseBusy(f"the database is busy or unreachable ({code}); nothing was written, try again")
    if code == "OperationalError":  # psycopg without an SQLSTATE: the server could not be reached
        return DatabaseBusy("the database cannot be reached; check database_url and that the server runs")
    if code == "22003":  # the same on PostgreSQL: numeric_value_out_of_range
        return NoSuchCase(_TOO_LARGE)
    if code.startswith(_DAMAGED):
        return DatabaseDamaged(f"the database file is damaged ({code}); nothing was written, restore a backup")
    return FatalError(f"the database refused a statement ({code}); nothing was written, run doctor")
