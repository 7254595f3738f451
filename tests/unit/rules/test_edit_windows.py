"""Edit windows of the regulation at their exact boundaries."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sync_service.domain.rules.edit_windows import (
    Allowed,
    EditWindow,
    NeedsPermit,
    TooEarly,
    may_edit_final_mark,
    may_edit_lesson,
)

DAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("days_after", "expected"),
    [
        (-15, TooEarly(opens_on=DAY - timedelta(days=13))),
        (-14, TooEarly(opens_on=DAY - timedelta(days=13))),
        (-13, Allowed()),
        (0, Allowed()),
        (14, Allowed()),
        (15, NeedsPermit(closed_after=DAY + timedelta(days=14))),
    ],
)
def test_lesson_window(days_after: int, expected: EditWindow) -> None:
    """Day 14 after the lesson is open, day 15 is not; 13 days ahead is open, 14 days are not."""
    assert may_edit_lesson(DAY, DAY + timedelta(days=days_after)) == expected


@pytest.mark.parametrize(
    ("days_after", "expected"),
    [
        (-8, TooEarly(opens_on=DAY - timedelta(days=7))),
        (-7, Allowed()),
        (0, Allowed()),
        (7, Allowed()),
        (8, NeedsPermit(closed_after=DAY + timedelta(days=7))),
    ],
)
def test_final_mark_window(days_after: int, expected: EditWindow) -> None:
    """Final marks are open from 7 days before the end of the period until 7 days after it."""
    assert may_edit_final_mark(DAY, DAY + timedelta(days=days_after)) == expected


@pytest.mark.parametrize(("left", "expected"), [(0, Allowed()), (1, Allowed())])
def test_late_entry_opens_what_is_late(left: int, expected: EditWindow) -> None:
    """A journal opened for late entry is open until the named day, that day included."""
    today = DAY + timedelta(days=60)
    assert may_edit_lesson(DAY, today, today + timedelta(days=left)) == expected
    assert may_edit_final_mark(DAY, today, today + timedelta(days=left)) == expected


def test_late_entry_of_yesterday_is_over() -> None:
    """The day after the named one a permit is needed again."""
    today = DAY + timedelta(days=60)
    assert isinstance(may_edit_lesson(DAY, today, today - timedelta(days=1)), NeedsPermit)
    assert isinstance(may_edit_final_mark(DAY, today, today - timedelta(days=1)), NeedsPermit)


def test_late_entry_never_lifts_the_ban_on_the_far_future() -> None:
    """14 days ahead stay closed although the journal is open for late entry."""
    assert isinstance(may_edit_lesson(DAY, DAY - timedelta(days=14), DAY), TooEarly)


def test_late_entry_lets_final_marks_in_before_the_last_week() -> None:
    """The region that opened the journal takes final marks at once (newcomers, long-term hospital care)."""
    today = DAY - timedelta(days=30)
    assert may_edit_final_mark(DAY, today, today) == Allowed()


@pytest.mark.parametrize("ahead", range(14, 40, 5))
def test_the_named_opening_day_is_open_and_the_day_before_is_not(ahead: int) -> None:
    """`opens_on` is the first day on which the same question is answered with Allowed."""
    window = may_edit_lesson(DAY, DAY - timedelta(days=ahead))
    assert isinstance(window, TooEarly)
    assert may_edit_lesson(DAY, window.opens_on) == Allowed()
    assert isinstance(may_edit_lesson(DAY, window.opens_on - timedelta(days=1)), TooEarly)
