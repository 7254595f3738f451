"""School years, named by the year they begin in: 2026 is 2026/2027.

A school year begins on 1 September (the law on education leaves the end to the curriculum; here it ends on
31 August, so that every day belongs to exactly one year). Hence 31 August 2026 belongs to 2025, the summer
belongs to the year that has just been taught, and an order of 27 August about the coming September belongs,
by its own date, to the year before.
"""

from __future__ import annotations

import re
from datetime import date

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import ascii_digits, plain_hyphens, squeeze

FIRST_MONTH = 9

_TYPED = re.compile(r"(20\d\d)(?:[/\-](20\d\d|\d\d))?(?: ?(?:уч(?:ебный|\.)? ?(?:год|г\.?)|г\.?|год))?")


def school_year_of(day: date) -> int:
    """The year in which the day's school year began."""
    return day.year if day.month >= FIRST_MONTH else day.year - 1


def bounds(school_year: int) -> tuple[date, date]:
    """First and last day of a school year, both inclusive."""
    return date(school_year, FIRST_MONTH, 1), date(school_year + 1, 8, 31)


def parse(text: str | None) -> Outcome[int]:
    """The starting year of «2026/2027», «2026/27», «2026-2027 учебный год» or «2026»."""
    typed = _TYPED.fullmatch(re.sub(r" ?([/-]) ?", r"\1", plain_hyphens(ascii_digits(squeeze(text or "")))))
    if typed is None:
        return Refused(code="shape", reason="это не учебный год вида 2026/2027")
    start = int(typed[1])
    if typed[2] is not None and int(typed[2][-2:]) != (start + 1) % 100:
        return Refused(code="order", reason="учебный год должен состоять из двух соседних лет")
    return Accepted(value=start)


def label(school_year: int) -> str:
    """«2026/2027» for 2026."""
    return f"{school_year}/{school_year + 1}"
