"""A transaction of one school: statements in, plain tuples out.

Stores are written against this and know neither driver nor engine. Everything goes through SQLAlchemy's
connection, so that engine events (statement counts, tracing) see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table

from sync_service.persistence.dialects import Dialect, RowsOf


class Transaction:
    """Statements within one open transaction, bound to one school."""

    __slots__ = ("connection", "dialect", "inserted", "muted", "now", "own", "school", "writable")

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        school: int,
        *,
        now: Callable[[], datetime],
        writable: bool,
        own: bool = True,
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self.school = school
        self.now = now
        self.writable = writable
        self.own = own
        self.muted = False
        self.inserted: dict[str, int] = {}  # rows per table, for the statistics

    def query(self, template: str, *params: Any, **names: str) -> Sequence[Any]:
        """All rows of a statement as tuples. ``params`` fill the ``?``; ``names`` the words in braces."""
        sql = self.dialect.render(template, tuple(names.items()), self.writable)
        return self.connection.exec_driver_sql(sql, self.dialect.bind(params)).fetchall()

    def search(self, template: str, *filters: tuple[str, Any], limit: int | None = None) -> Sequence[Any]:
        """Rows of this school that meet every filter whose value is not None.

        ``template`` has the words ``{conditions}``, behind ``school_id = ?``, and ``{limit}``.
        """
        given = [(condition, value) for condition, value in filters if value is not None]
        params = [self.school, *(value for _, value in given)]
        if limit is not None:
            params.append(limit)
        conditions = " ".join(f"AND {condition}" for condition, _ in given)
        return self.query(template, *params, conditions=conditions, limit="" if limit is None else "LIMIT ?")

    def run(self, template: str, *params: Any, **names: str) -> int:
        """Execute a statement without rows; the number of rows it touched."""
        sql = self.dialect.render(template, tuple(names.items()), self.writable)
        return self.connection.exec_driver_sql(sql, self.dialect.bind(params)).rowcount

    def next_ids(self, table: Table, count: int) -> list[int]:
        return self.dialect.next_ids(self.connection, table, count)

    def insert(self, table: Table, columns: Sequence[str], rows: RowsOf, tail: str = "") -> None:
        """One bulk statement; ``tail`` may hold an ON CONFLICT clause. Rows must be unique under it."""
        if rows:
            self.dialect.insert(self.connection, table, columns, rows, tail)
            self.inserted[table.name] = self.inserted.get(table.name, 0) + len(rows)

    def insert_new(
        self, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]], tail: str = ""
    ) -> list[int]:
        """Insert rows of this school under fresh ids; the ids in order of the rows."""
        listed = list(rows)
        if not listed:
            return []
        ids = self.next_ids(table, len(listed))
        school = self.school
        full = [(i, school, *row) for i, row in zip(ids, listed, strict=True)]
        self.insert(table, ("id", "school_id", *columns), full, tail)
        return ids

    def update(self, table: Table, columns: Sequence[str], rows: RowsOf) -> int:
        """One bulk statement; each row is (id, value per column), of equal ids the last one counts."""
        if not rows:
            return 0
        last = list({row[0]: row for row in rows}.values())
        return self.dialect.update(self.connection, table, columns, last, self.school)

    def mute_journal(self) -> None:
        """From here on staging writes of this transaction are the engine's own and enter no journal."""
        if not self.own or self.muted:
            return
        self.muted = True
        if self.dialect.name == "sqlite":
            self.connection.exec_driver_sql("INSERT INTO own_writes (id) VALUES (1)")
        else:
            self.connection.exec_driver_sql("SELECT set_config('ecp_sync.own', 'on', true)")

    def unmute_journal(self) -> None:
        """Must precede the commit on SQLite; PostgreSQL forgets the setting by itself."""
        if self.muted and self.dialect.name == "sqlite":
            self.connection.exec_driver_sql("DELETE FROM own_writes")
        self.muted = False
