"""Backups of a SQLite database: one file, made while the service works, examined before it is believed.

SQLite copies the database as it stood at one moment (its online backup); writers wait for nobody. On PostgreSQL
``pg_dump`` and ``pg_restore`` do this, and a server has its own ways of keeping copies.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from sync_service.domain.errors import AlreadyRunning, DecisionError, SyncError
from sync_service.persistence.database import SqlDatabase
from sync_service.persistence.engine import connected, read_only
from sync_service.persistence.health import damage
from sync_service.persistence.migrate import HEAD, current_revision
from sync_service.persistence.triggers import verify_triggers

BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a file that is open


def file_of(url: str) -> Path:
    """The file of a database. Raises DecisionError for a server."""
    scheme, _, rest = url.partition(":///")
    if not scheme.startswith("sqlite"):
        raise DecisionError("База данных на сервере PostgreSQL: копию делает pg_dump, а возвращает pg_restore.")
    return Path(rest.partition("?")[0])


def back_up(database: Path, target: Path) -> int:
    """Copy the database as it stands now; the size of the copy in bytes. Nobody else on this computer may read it.

    Raises FileExistsError: nothing is replaced. What was begun is removed when it cannot be finished.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as made:
            source.backup(made)  # in one step: in several, writes in between would make it begin anew
            made.execute("PRAGMA journal_mode = DELETE")
    except BaseException:
        target.unlink()
        raise
    _to_disk(target)
    return target.stat().st_size


def examine(file: Path) -> str | None:
    """What is wrong with a backup, without a value of it; None when a service can go on with it. The file stays as it
    is, and may lie where nobody can write.

    A backup of an earlier version is as good as its file: its journals are verified once it has been migrated.
    """
    if not file.is_file():
        return "there is no such file"
    engine = read_only(file)
    try:
        return damage(engine) or _contents(engine)
    except SyncError as error:
        return str(error)
    finally:
        engine.dispose()


def _contents(engine: Engine) -> str | None:
    with connected(engine, writing=False) as connection:
        if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
            return "a row refers to one that is not there"
    revision = current_revision(engine)
    if revision is None:
        return "this is no database of ecp-sync"
    if revision != HEAD:
        return None if revision < HEAD else f"it was made by a later version of the program (schema {revision})"
    with connected(engine, writing=False) as connection:
        if problems := verify_triggers(connection):
            return problems[0]
    database = SqlDatabase(engine)
    for school in database.schools.all():
        with database.read(school.school_id) as uow:
            if broken := uow.audit.verify():
                return f"the journal of school {school.code} is broken: {broken}"
    return None


def put_in_place(backup: Path, database: Path) -> Path | None:
    """The backup becomes the database; where the former one lies now, None when there was none.

    The former database is kept whole beside it, with what stood in its log, and stays in its place when there is no
    room for the new one. Raises AlreadyRunning while another program has it open.
    """
    arriving = database.with_name(database.name + ".arriving")
    arriving.unlink(missing_ok=True)
    back_up(backup, arriving)
    try:
        kept = _set_aside(database) if database.exists() else None
    except BaseException:
        arriving.unlink()
        raise
    arriving.replace(database)
    return kept


def _set_aside(database: Path) -> Path:
    _check_alone(database)
    kept = database.with_name(f"{database.name}.before-restore-{datetime.now(UTC):%Y%m%d%H%M%S}")
    for suffix in ("", *BESIDE):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept


def _check_alone(database: Path) -> None:
    """A page or a run that has the file open would go on writing into the one that was set aside."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # SQLite does this for the only connection alone
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise AlreadyRunning("another program has the database open; stop ecp-sync and try again") from None
            # Damaged, which may be why it is to be replaced.


def _to_disk(file: Path) -> None:
    """Not only in the memory of the operating system."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
