"""The short forms of the statements about reading and comparing (RELIABILITY.md 4, 6, 7, 8, 26)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.simulation import reconcile_statements as statements


@pytest.fixture
def url(sqlite_template: SqliteTemplate, tmp_path: Path) -> str:
    return sqlite_template.copy(tmp_path)


def test_equal_contents_under_new_versions_are_no_news(url: str) -> None:
    assert statements.statement_04(1000, url) == 1000


def test_pages_delivered_three_times_count_once(url: str) -> None:
    assert statements.statement_06(40, url) >= 40


def test_nothing_is_missed_while_records_move() -> None:
    assert statements.statement_07(200) == 200


def test_unknown_and_silent_fields_are_not_wiped() -> None:
    assert statements.statement_08(300) == 300


def test_a_list_that_lies_deletes_nothing(url: str) -> None:
    assert statements.statement_26(15, url) == 15


def test_a_comparison_costs_what_differs(url: str) -> None:
    assert statements.cost_of_comparison(5000, 1200, url) == 5000


def test_drift_is_repaired_by_one_comparison(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    assert statements.drift_is_repaired(3, lambda: sqlite_template.copy(tmp_path)) == 3
