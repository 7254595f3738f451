"""Resync in random states (RELIABILITY.md, statement 30, and «plan equals apply»; short form)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.resync_statements import plan_equals_apply, stale_plans_are_refused


def test_a_plan_is_what_its_application_writes(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """12 random states: planning writes nothing, applying writes the items and nothing else."""
    assert plan_equals_apply(12, lambda: sqlite_template.copy(tmp_path)) >= 12


def test_a_plan_is_what_its_application_writes_on_postgresql(postgres_server: PostgresServer) -> None:
    """The same in two states."""
    with postgres_server.copy() as url:
        assert plan_equals_apply(2, lambda: url, first=500) >= 2


def test_a_changed_record_is_refused(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """20 changes between plan and application: none of these records is written."""
    assert stale_plans_are_refused(20, lambda: sqlite_template.copy(tmp_path)) >= 20
