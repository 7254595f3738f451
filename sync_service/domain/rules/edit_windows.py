"""When a cell of the journal may be changed, and when that takes a permit of the head.

Source: regulation 3.1, 5.4, 5.5. All days are days in the school's zone; the caller says what today is.
A journal that the region has opened for late entry (inclusive day) lifts what is late, and the early bound
of final marks; it never lifts the ban on entries 14 days ahead or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

LESSON_DAYS = 14
FINAL_MARK_DAYS = 7
DAYS_AHEAD = 14
LAST_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The change may leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsPermit:
    """The window is closed: only a permit with its document, or late entry opened by the region, lets it out."""

    closed_after: date
    """Last day on which no permit was needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TooEarly:
    """The window has not opened; no permit shortens the wait."""

    opens_on: date
    """First day on which the change may leave."""


EditWindow: TypeAlias = Allowed | NeedsPermit | TooEarly


def may_edit_lesson(lesson_date: date, today: date, late_entry_until: date | None = None) -> EditWindow:
    """Marks and attendance: until day 14 after the lesson, that day included; less than 14 days ahead."""
    if (lesson_date - today).days >= DAYS_AHEAD:
        return TooEarly(opens_on=lesson_date - timedelta(days=DAYS_AHEAD - 1))
    if (today - lesson_date).days > LESSON_DAYS and not _open_late(today, late_entry_until):
        return NeedsPermit(closed_after=lesson_date + timedelta(days=LESSON_DAYS))
    return Allowed()


def may_edit_final_mark(period_ends_on: date, today: date, late_entry_until: date | None = None) -> EditWindow:
    """Final marks: from 7 days before the end of the period until 7 days after it, both included."""
    if _open_late(today, late_entry_until):
        return Allowed()
    if (period_ends_on - today).days > LAST_WEEK:
        return TooEarly(opens_on=period_ends_on - timedelta(days=LAST_WEEK))
    if (today - period_ends_on).days > FINAL_MARK_DAYS:
        return NeedsPermit(closed_after=period_ends_on + timedelta(days=FINAL_MARK_DAYS))
    return Allowed()


def _open_late(today: date, late_entry_until: date | None) -> bool:
    return late_entry_until is not None and late_entry_until >= today
