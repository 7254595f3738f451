"""The simulated clock: regional time that ticks with real time from wherever it was last set."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Yekaterinburg")
OPENING = time_of_day(10, 0)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, as the items of the region carry it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SchoolClock:
    """Aware moments of the simulated region; reading it never goes back unless it is set back."""

    def __init__(self, start: datetime, *, frozen: bool = False) -> None:
        self._base = start.astimezone(UTC)
        self._since = time.monotonic()
        self._frozen = frozen

    @classmethod
    def opening_on(cls, day: date, *, frozen: bool = False) -> SchoolClock:
        """A clock that starts, or stands still, at ten in the morning of ``day`` in Yekaterinburg."""
        return cls(datetime.combine(day, OPENING, ZONE), frozen=frozen)

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is set or advanced."""
        return self._frozen

    def now(self) -> datetime:
        """The current moment in UTC."""
        if self._frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def today(self) -> date:
        """The server date, by which every edit window is counted: the day in Yekaterinburg."""
        return self.now().astimezone(ZONE).date()

    def set(self, moment: datetime) -> None:
        """Continue from ``moment``, which must be aware."""
        self._base = moment.astimezone(UTC)
        self._since = time.monotonic()

    def advance(self, by: timedelta) -> None:
        """Jump by ``by``, forward or back."""
        self.set(self.now() + by)

    def freeze(self, frozen: bool) -> None:
        """Stop the clock at the present moment, or let it run on from there."""
        self.set(self.now())
        self._frozen = frozen
