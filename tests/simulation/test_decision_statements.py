"""Many people decide at once, and take decisions back (RELIABILITY.md, statements 34 and 35, short forms)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import PostgresServer, SchoolDatabase, SqliteTemplate
from tests.simulation.decision_statements import one_winner, undo_never_overwrites


def test_of_a_hundred_decisions_at_once_one_counts(database: SchoolDatabase) -> None:
    """Statement 34, on both databases: the other ninety-nine are told who has decided, and when."""
    assert one_winner(database.url, people=100) == 99


def test_every_decision_can_be_undone(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """Statement 35, two schools with 32 decisions each: nothing that came later is overwritten."""
    counts = undo_never_overwrites(lambda: sqlite_template.copy(tmp_path), scenarios=64)
    assert counts["scenarios"] == 64
    assert counts["undone"] > counts["refused"] > 0


def test_every_decision_can_be_undone_on_postgresql(postgres_server: PostgresServer) -> None:
    with postgres_server.copy() as url:
        assert undo_never_overwrites(lambda: url, scenarios=16, first_seed=1000)["scenarios"] == 16
