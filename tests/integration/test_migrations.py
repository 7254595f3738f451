"""Schema and connections: creating, upgrading, refusing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sync_service.domain.errors import ConfigError, DatabaseBusy, FatalError
from sync_service.persistence import current_revision, migrate, open_database, verify_triggers
from sync_service.persistence import engine as engines
from sync_service.persistence.migrate import HEAD, SCRIPTS
from sync_service.persistence.schema import metadata
from tests.databases import Fresh, SchoolDatabase


def test_an_empty_database_is_brought_up_to_date_once(fresh: Fresh) -> None:
    """The second migration changes nothing; the schema is the one the code describes."""
    engine = engines.create(fresh())
    assert current_revision(engine) is None
    migrate(engine)
    migrate(engine)
    assert current_revision(engine) == HEAD
    with engine.begin() as connection:
        assert verify_triggers(connection) == []
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_two_processes_migrate_at_once(fresh: Fresh) -> None:
    """One does the work, the other finds it done."""
    url = fresh()
    databases = [engines.create(url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate, databases))
    assert current_revision(databases[0]) == HEAD
    for engine in databases:
        engine.dispose()


def test_an_interrupted_migration_leaves_nothing(fresh: Fresh) -> None:
    """A failure on the way rolls back the tables already made; the next try succeeds."""
    engine = engines.create(fresh())

    def fail(*args: object) -> None:
        if "CREATE TABLE outbox" in str(args[2]):
            raise KeyboardInterrupt

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        migrate(engine)
    event.remove(engine, "before_cursor_execute", fail)
    assert inspect(engine).get_table_names() == []
    migrate(engine)
    assert current_revision(engine) == HEAD
    engine.dispose()


def test_the_newest_script_is_the_expected_one() -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_that_is_not_ready_is_refused(fresh: Fresh) -> None:
    with pytest.raises(ConfigError, match="ecp-sync migrate"):
        open_database(fresh())


def test_a_database_of_a_newer_version_is_refused(database: SchoolDatabase) -> None:
    """Neither opened nor migrated: an old program would misread it."""
    database.sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="9999"):
        open_database(database.url)
    with pytest.raises(ConfigError, match="newer version"):
        migrate(database.database.engine)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "nonsense"])
def test_urls_we_cannot_use_are_named(url: str) -> None:
    with pytest.raises(ConfigError, match="database_url"):
        engines.create(url)


@pytest.mark.parametrize("prefix", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_postgresql_urls_get_our_driver(prefix: str) -> None:
    assert engines.parse_url(f"{prefix}u:p@h:1/d").drivername == "postgresql+psycopg"


def test_an_unreachable_server_is_transient(tmp_path: Path) -> None:
    with pytest.raises(DatabaseBusy):
        open_database(f"postgresql://u@/d?host={tmp_path}")


def test_a_file_that_is_no_database_is_fatal(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"not a database " * 1000)
    with pytest.raises(FatalError, match="NOTADB"):
        open_database(f"sqlite:///{tmp_path / 'broken.sqlite'}")


def test_sqlite_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """WAL, fsync at commit, foreign keys, patience: the settings the reliability of the outbox rests on."""
    database = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}", create=True)
    with database.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def _sqlite_busy() -> Exception:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (_sqlite_busy, DatabaseBusy),
        (psycopg.errors.DeadlockDetected, DatabaseBusy),
        (psycopg.errors.LockNotAvailable, DatabaseBusy),
        (psycopg.errors.AdminShutdown, DatabaseBusy),
        (psycopg.OperationalError, DatabaseBusy),
        (psycopg.errors.DiskFull, FatalError),
        (psycopg.errors.UniqueViolation, FatalError),
    ],
)
def test_foreign_errors_have_a_counterpart(cause: Callable[[], Exception], expected: type[Exception]) -> None:
    """What may succeed later is transient, everything else is fatal."""
    with pytest.raises(expected), engines.translated():
        raise DBAPIError("SELECT 1", {}, cause())


def test_an_exhausted_pool_is_transient() -> None:
    with pytest.raises(DatabaseBusy, match="in use"), engines.translated():
        raise PoolTimeout


def test_a_locked_file_is_transient(tmp_path: Path) -> None:
    """A writer that never ends is not waited for for ever."""
    database = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}", create=True)
    school = database.schools.ensure("s", name="s", organization_id="o")

    def impatient(driver: sqlite3.Connection, *_: object) -> None:
        driver.execute("PRAGMA busy_timeout = 1")

    event.listen(database.engine, "checkout", impatient)
    blocker = create_engine(database.engine.url, connect_args={"isolation_level": None})
    with blocker.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match="SQLITE_BUSY"), database.write(school):
            pass
    blocker.dispose()
    with database.write(school) as unit:
        unit.commit()
    database.close()
