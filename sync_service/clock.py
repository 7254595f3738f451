"""The clock of the machine behind the Clock port."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sync_service.domain.errors import StopRequested


class SystemClock:
    """Aware UTC moments, calendar days of a zone, monotonic seconds.

    ``stop`` wakes sleepers: a wait that the region asked for must not delay the end of the process.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self, zone: str) -> date:
        return self.now().astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Raises StopRequested when the process is to end, at once or while sleeping."""
        if self._stop.wait(max(0.0, seconds)):
            raise StopRequested("the run was asked to stop while it waited; it goes on from here next time")
