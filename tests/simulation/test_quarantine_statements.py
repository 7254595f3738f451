"""Broken records end in quarantine (RELIABILITY.md, statement 17, the engine's side, short form)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import SqliteTemplate
from tests.simulation.quarantine_statements import broken_records_are_set_aside


def test_broken_records_are_set_aside_with_a_reason_and_none_is_lost(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    counts = broken_records_are_set_aside(lambda: sqlite_template.copy(tmp_path), records=200)
    assert counts["broken"] == 200
    assert counts["set_aside"] > 100
