"""Outages, lost answers and changes of shape, in their short form (RELIABILITY statements 21, 23, 24)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.edge_outage import statement_21, statement_23, statement_24
from tests.simulation.edge_rows import statement_17_rows


def test_malformed_answers_lose_no_row_on_sqlite(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """Statement 17 to its end: the rows, the quarantine, and a recovery with the first sound answer."""
    assert statement_17_rows(sqlite_template.copy(tmp_path), 60) == 60


def test_malformed_answers_lose_no_row_on_postgresql(postgres_server: PostgresServer) -> None:
    """Statement 17: PostgreSQL takes less than SQLite, such as no NUL in a text."""
    with postgres_server.copy() as url:
        assert statement_17_rows(url, 40) == 40


def test_lost_answers_double_nothing_whatever_the_region_makes_of_keys(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Statement 21: all six behaviours of idempotency keys."""
    assert statement_21(lambda: sqlite_template.copy(tmp_path), count=12) == 72


def test_an_outage_costs_few_requests_and_burns_no_try(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """Statement 23: two hours instead of eight, and everything leaves in order afterwards."""
    assert statement_23(lambda: sqlite_template.copy(tmp_path), 60, ("unavailable",), hours=2) <= 30


def test_a_change_of_shape_wipes_nothing_and_stops_one_stream_at_most(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Statement 24: six additive and six breaking ones."""
    assert statement_24(lambda: sqlite_template.copy(tmp_path)) == 12
