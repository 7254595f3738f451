"""What SQLite does for a cycle: the statements, their plans, and how many steps its machine takes.

A step count does not depend on the machine, so that work which grows with what exists (instead of with what has
changed) shows as a number.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_SCAN = re.compile(r"^SCAN (?:TABLE )?(\w+)(?: USING (?:COVERING )?INDEX (\w+))?")


@dataclass(slots=True)
class Watch:
    """Distinct statements with parameters they were called with; executions; steps of SQLite's machine."""

    statements: dict[str, Any] = field(default_factory=dict)
    executed: int = 0
    steps: int = 0


@contextmanager
def watched(engine: Engine) -> Iterator[Watch]:
    """Watch a SQLite engine inside the block."""
    watch = Watch()

    def note(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool
    ) -> None:
        watch.executed += 1
        watch.statements.setdefault(statement, parameters[0] if executemany else parameters)

    def step() -> int:
        watch.steps += 1
        return 0

    def attach(driver: Any, *_: object) -> None:
        driver.set_progress_handler(step, 1)

    def detach(driver: Any, *_: object) -> None:
        driver.set_progress_handler(None, 0)

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "checkout", attach)
    event.listen(engine, "checkin", detach)
    try:
        yield watch
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "checkout", attach)
        event.remove(engine, "checkin", detach)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A statement that reads a whole table, or with ``index`` every entry of that index."""

    table: str
    index: str | None
    statement: str


def scans(file: Path, watch: Watch) -> list[Scan]:
    """Every scan of a table in the plans of the watched statements."""
    found: list[Scan] = []
    connection = sqlite3.connect(file)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for statement, parameters in watch.statements.items():
            if not statement.lstrip().upper().startswith(_PLANNED):
                continue
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            for *_, detail in plan:
                if (scanned := _SCAN.match(detail)) and "VIRTUAL TABLE" not in detail:
                    found += [
                        Scan(table=table, index=scanned[2], statement=statement)
                        for table in _tables(scanned[1], statement, tables)
                    ]
    finally:
        connection.close()
    return found


def _tables(name: str, statement: str, tables: set[str]) -> set[str]:
    """The tables a plan may mean by a name or an alias; none for a row of constants."""
    if name == "CONSTANT":
        return set()
    meant = {name, *re.findall(rf'(\w+)"?\s+(?:AS\s+)?{name}\b', statement, re.IGNORECASE)} & tables
    assert meant, f"the plan scans {name}, and the statement does not tell which table that is"
    return meant
