"""Hours and days as an administrator writes them: windows and weekly moments, in the school's zone."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated

from pydantic import BeforeValidator

from sync_service.config.strict import Strict

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = re.compile(r"(?:(?P<days>[a-z, ]+) )?(?P<at>\d\d:\d\d)")
_WINDOW = re.compile(r"(?:(?P<days>[a-z, ]+) )?(?P<starts>\d\d:\d\d)-(?P<ends>\d\d:\d\d)")


class BlackoutWindow(Strict):
    """A daily window in the school's zone in which the daemon runs nothing; written as «22:00-23:30» or
    «sat, sun 00:00-06:00». ``weekdays``: Monday is 0, the days on which it begins."""

    starts: time
    ends: time
    weekdays: frozenset[int] = frozenset(range(7))

    def covers(self, local: datetime) -> bool:
        """Whether the clock on the wall shows an hour of this window; ``ends`` is outside it."""
        at, day = local.time(), local.weekday()
        if self.starts < self.ends:
            return self.starts <= at < self.ends and day in self.weekdays
        return (at >= self.starts and day in self.weekdays) or (at < self.ends and (day - 1) % 7 in self.weekdays)


class WeeklyMoment(Strict):
    """An hour in the school's zone on some days of the week (Monday is 0)."""

    at: time
    weekdays: frozenset[int]


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _WINDOW.fullmatch(value.strip().lower())
    if not found:
        raise ValueError("a window is written as '22:00-23:30' or 'sat, sun 00:00-06:00'")
    weekdays = _days(found["days"])
    return BlackoutWindow(starts=_hour(found["starts"]), ends=_hour(found["ends"]), weekdays=weekdays)


def moment_of(value: str) -> WeeklyMoment | None:
    """The moment that «sun 03:00», «02:30» (every day) or «never» names."""
    if value.strip().lower() == "never":
        return None
    found = _MOMENT.fullmatch(value.strip().lower())
    if not found:
        raise ValueError("a moment is written as 'sun 03:00' or '02:30' (every day), or 'never'")
    return WeeklyMoment(at=_hour(found["at"]), weekdays=_days(found["days"]))


def _days(text: str | None) -> frozenset[int]:
    names = re.split(r"[, ]+", text.strip()) if text else list(_WEEKDAYS)
    unknown = [name for name in names if name not in _WEEKDAYS]
    if unknown:
        raise ValueError(f"unknown day {unknown[0]!r}; days are {', '.join(_WEEKDAYS)}")
    return frozenset(_WEEKDAYS.index(name) for name in names)


def _hour(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError("hours go from 00:00 to 23:59") from None


Windows = tuple[Annotated[BlackoutWindow, BeforeValidator(_window)], ...]
