"""Working days: how long somebody has really been waiting. Saturdays, Sundays and the school's holidays do not
count (regulation of the school; deadlines of order № 240 are settings over this calendar)."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta

SATURDAY = 5


def is_working(day: date, holidays: Container[date] = frozenset()) -> bool:
    return day.weekday() < SATURDAY and day not in holidays


def between(since: date, until: date, holidays: Container[date] = frozenset()) -> int:
    """Working days after ``since`` up to and including ``until``; 0 when ``until`` is not later.

    From Friday to Monday it is one.
    """
    days = (until - since).days
    return sum(is_working(since + timedelta(days=n), holidays) for n in range(1, days + 1)) if days > 0 else 0
