"""When the next request to one regional server may leave, whichever thread, stream or school it belongs to.

Two limits, shared by all clients of one origin: what the region asked for (Retry-After), and a rate of our own.
"""

from __future__ import annotations

import threading

from sync_service.engine.ports import Clock

BURST_SECONDS = 1.0  # of the rate that may leave at once after a quiet time


class Pace:
    """Thread-safe. ``most_per_second`` 0 sets no rate of our own."""

    def __init__(self, clock: Clock, *, most_per_second: float = 0.0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._not_before = float("-inf")
        self._rate = most_per_second
        self._booked_until = float("-inf")

    def lower(self, most_per_second: float) -> None:
        """Of several wishes for a rate the lowest holds; 0 is no wish."""
        with self._lock:
            if most_per_second and (not self._rate or most_per_second < self._rate):
                self._rate = most_per_second

    def told_to_wait(self, seconds: float) -> None:
        """The region wants no request for so long; an earlier and longer wish still holds."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock.monotonic() + seconds)

    def asked_to_wait(self) -> float:
        """Seconds for which the region wants no request."""
        return max(0.0, self._not_before - self._clock.monotonic())

    def take_turn(self, longest: float) -> float:
        """Sleep until a request may leave, and return 0.

        When the region wants to be left alone for longer than ``longest`` seconds, returns how long, at once.
        """
        booked = self._book()
        while True:
            left = self.asked_to_wait()
            if left > longest:
                return left
            wait = max(left, booked - self._clock.monotonic())
            if wait <= 0:
                return 0.0
            self._clock.sleep(wait)  # somebody else may be told to wait meanwhile: look again

    def _book(self) -> float:
        """The moment at which our own rate lets this request go; each is given once."""
        with self._lock:
            if not self._rate:
                return float("-inf")
            now = self._clock.monotonic()
            begin = max(self._booked_until, now - max(BURST_SECONDS, 1.0 / self._rate))
            self._booked_until = begin + 1.0 / self._rate
            return self._booked_until
