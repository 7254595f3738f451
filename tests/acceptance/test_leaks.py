"""The short form of statement 45."""

from __future__ import annotations

from pathlib import Path

from tests.simulation.leak_statements import a_day


def test_a_day_of_work_tells_nobody_about_anybody(tmp_path: Path) -> None:
    """No name, number or secret in logs at «debug», figures, addresses, error pages and error texts."""
    canaries, seen = a_day(tmp_path, short=True)
    assert len(canaries.of) > 40
    assert len(seen.error_pages) > 50
