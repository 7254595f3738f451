"""Overwrite what deleted rows have left in the files of the database.

SQLite keeps deleted bytes in free pages, in gaps of pages and in its log; PostgreSQL keeps dead rows, and samples of
values in its statistics. Both are written anew here. What lies outside of the database's own files does not get
better by it: backups, an archive of PostgreSQL's log, blocks a file system has freed. Those are the administrator's
(docs/operations.md).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import Connection, Engine, Table, exists, select, text

from sync_service.domain.errors import SyncError
from sync_service.persistence.engine import connected, translated
from sync_service.persistence.holdings import HOLDINGS, Fate
from sync_service.persistence.schema import metadata
from sync_service.persistence.schema.erasures import erasures


def waiting(engine: Engine) -> list[int]:
    """Numbers of erasures, of all schools, whose freed space has not been overwritten since."""
    open_ones = select(erasures.c.id).where(erasures.c.scrubbed_at.is_(None)).order_by(erasures.c.id)
    with connected(engine, writing=False) as connection:
        return list(connection.execute(open_ones).scalars())


def scrub(engine: Engine) -> bool:
    """Whether nothing of deleted rows is left. False when somebody's reading, missing rights or room stood in the
    way: nothing is lost then, and it can be tried again."""
    try:
        with translated():
            return _sqlite(engine) if engine.dialect.name == "sqlite" else _postgres(engine)
    except SyncError:
        return False


def _sqlite(engine: Engine) -> bool:
    """VACUUM builds the file anew from what is alive; the log is emptied before and after, and must be empty then."""
    with engine.connect() as connection, closing(connection.connection.cursor()) as cursor:
        try:
            # The copy is as large as the database: a file of the owner's alone, gone with the statement.
            cursor.execute("PRAGMA temp_store = FILE")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            ((busy, left, _),) = cursor.fetchall()
        except sqlite3.Error:
            return False
        finally:
            cursor.execute("PRAGMA temp_store = MEMORY")
    return not busy and left == 0


_NOT_OURS = text(
    "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relname = ANY(:names) AND NOT pg_has_role(c.relowner, 'USAGE')"
    " UNION ALL SELECT 1 FROM pg_database AS d"
    " WHERE d.datname = current_database() AND NOT pg_has_role(d.datdba, 'USAGE') LIMIT 1"
)


def _postgres(engine: Engine) -> bool:
    """VACUUM passes a table that belongs to somebody else by with a mere warning: asked beforehand. The statistics of
    the former values are rows themselves, of a table of the system; it is the database owner's to vacuum, so that is
    asked as well."""
    tables = [metadata.tables[name] for name, holding in HOLDINGS.items() if holding.fate is not Fate.KEPT]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.execute(_NOT_OURS, {"names": [table.name for table in tables]}).scalar():
            return False
        for table in tables:
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {table.name}"))
            if not connection.execute(select(exists().select_from(table))).scalar():
                _forget_statistics(connection, table)
        connection.execute(text("VACUUM (FULL) pg_catalog.pg_statistic"))
    return True


def _forget_statistics(connection: Connection, table: Table) -> None:
    """ANALYZE leaves the statistics of an empty table as they were, samples of values included. A column that gets a
    type, be it its own, loses them."""
    columns = [table.c[name] for name in sorted(HOLDINGS[table.name].personal)]
    changes = ", ".join(f'ALTER COLUMN "{c.name}" TYPE {c.type.compile(connection.dialect)}' for c in columns)
    if changes:
        connection.execute(text(f"ALTER TABLE {table.name} {changes}"))
