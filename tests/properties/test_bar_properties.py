"""The bars of two weeks say nothing wrong, whatever the figures."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from sync_service.engine.queries_state import Day
from sync_service.web.filters import bars

FIGURES = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 100_000))


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=14, max_size=14))
def test_bars_stay_in_the_chart_and_hide_no_failure(figures: list[tuple[int, int]]) -> None:
    """Everything, the triangle of a failure included, is within 160 × 30; a failure and a record are never nothing,
    and one failure among thousands is still seen."""
    days = [
        Day(day=date(2026, 11, 1 + number), done=done, failed=failed) for number, (done, failed) in enumerate(figures)
    ]
    for bar, (done, failed) in zip(bars(days), figures, strict=True):
        assert 0 <= bar.x <= 150
        assert bar.y + bar.height <= 30.05
        assert (bar.failed_height >= 3) == (failed > 0)
        assert (bar.height > 0) == (done > 0) or failed
        assert min(bar.y, bar.failed_y - 6 if failed else bar.y) >= -0.05
