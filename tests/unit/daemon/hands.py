"""A clock whose wall and monotonic hands are moved separately."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

START = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # a Friday, noon in Yekaterinburg


class HandClock:
    def __init__(self, start: datetime = START) -> None:
        self.wall = start
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def today(self, zone: str) -> date:
        return self.wall.astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pass_(seconds)

    def pass_(self, seconds: float) -> None:
        """Ordinary time."""
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds

    def suspend(self, seconds: float) -> None:
        """The machine sleeps, or the wall clock is set (back with negative seconds)."""
        self.wall += timedelta(seconds=seconds)

    def freeze(self, seconds: float) -> None:
        """The wall clock stands still while time goes on."""
        self.seconds += seconds
