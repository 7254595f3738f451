"""Moments that come back every week, on the school's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """An hour of one or several days of the week (Monday is 0), in the zone of whoever asks."""

    at: time
    weekdays: frozenset[int] = frozenset(range(7))

    def latest(self, local: datetime) -> datetime:
        """The last of these moments that is not after ``local``."""
        for days in range(8):
            day = local.date() - timedelta(days=days)
            moment = datetime.combine(day, self.at, local.tzinfo)
            if day.weekday() in self.weekdays and moment <= local:
                return moment
        raise ValueError("a weekly moment needs a day of the week")
