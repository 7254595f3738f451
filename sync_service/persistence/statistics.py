"""Planner statistics of tables that are just being filled (PostgreSQL).

Autovacuum looks once a minute. Until then the planner takes a table that grows from nothing to 100,000 rows for
a tiny one, and reads the whole school for every page: the first pull would be quadratic. So a table is analysed
whenever this process has doubled it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock

from sqlalchemy import Engine

from sync_service.persistence.engine import connected

FIRST_AT = 500


class FreshStatistics:
    """Counts inserted rows per table and analyses a table at 500, 1,000, 2,000 … of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._inserted: Counter[str] = Counter()
        self._next_at: dict[str, int] = {}
        self._guard = Lock()

    def note(self, inserted: Mapping[str, int]) -> None:
        """To be told after each commit what it added; does nothing on SQLite."""
        if self._engine.dialect.name != "postgresql" or not inserted:
            return
        due: list[str] = []
        with self._guard:
            for table, count in inserted.items():
                self._inserted[table] += count
                if self._inserted[table] >= self._next_at.get(table, FIRST_AT):
                    self._next_at[table] = 2 * self._inserted[table]
                    due.append(table)
        if due:
            with connected(self._engine, writing=True) as connection:
                connection.exec_driver_sql("ANALYZE " + ", ".join(sorted(due)))  # names of our own tables
                connection.commit()
