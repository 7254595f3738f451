"""Whether one regional server is up, so that an outage of hours costs a few dozen requests and burns nothing.

    up ──``failures`` in a row──► down ──a probe is answered──► up
                                   │ ▲
                          a probe ─┘ └─ fails: the next one after ``period``

While it is down every call fails at once without touching the network, except one probe per period, one at a
time across all threads, never repeated. A failure says that the server as a whole is ill: not reached, no whole
answer in time, 5xx, a web page instead of data. Anything else it answers shows that it is up, a refusal too.

A server may fail on one address alone (500 for one stream). So that this cannot keep the others from being
read, an address that has not failed itself is asked out of turn once, unless nobody could be reached at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync_service.domain.errors import Unreachable
from sync_service.engine.ports import Clock

EARLY = 0.05  # of the period: runs come in the same rhythm as probes, and one must not miss its turn by a hair
MOST_OUT_OF_TURN = 10


class Health:
    """Of one origin in this process. Thread-safe; times in seconds of the monotonic clock."""

    def __init__(self, clock: Clock, *, failures: int = 5, period: float = 300.0) -> None:
        self._clock = clock
        self._most = failures
        self._period = period
        self._lock = threading.Lock()
        self._failures = 0
        self._failed: set[str] = set()
        self._silent = False
        self._down_since: float | None = None
        self._next_probe = 0.0
        self._prober: int | None = None

    @property
    def failures(self) -> int:
        """In a row, of all threads together."""
        return self._failures

    @property
    def is_down(self) -> bool:
        return self._down_since is not None

    @contextmanager
    def passage(self, what: str, address: str) -> Iterator[bool]:
        """Let one call of ``address`` through; yields whether it is a probe. Unreachable while it is down."""
        if not self._admit(what, address):
            yield self._prober == threading.get_ident()  # a probe may have to refresh its token on the way
            return
        try:
            yield True
        finally:
            with self._lock:
                self._prober = None

    def _admit(self, what: str, address: str) -> bool:
        """True when a probe begins here."""
        me = threading.get_ident()
        with self._lock:
            if self._down_since is None or self._prober == me:
                return False
            now = self._clock.monotonic()
            due = now >= self._next_probe or self._may_go_out_of_turn(address)
            if self._prober is None and due:
                self._prober = me
                self._next_probe = now + self._period * (1 - EARLY)
                return True
            raise Unreachable(
                f"{what}: the region has been out of reach for {(now - self._down_since) / 60:.0f} min; "
                f"it is asked again in {max(0.0, self._next_probe - now):.0f} s"
            )

    def _may_go_out_of_turn(self, address: str) -> bool:
        return not self._silent and address not in self._failed and len(self._failed) < MOST_OUT_OF_TURN

    def answered(self) -> None:
        """The server has shown that it is up."""
        with self._lock:
            self._failures = 0
            self._failed.clear()
            self._silent = False
            self._down_since = None

    def failed(self, address: str, *, silent: bool) -> None:
        """One request failed as only an ill server lets it; ``silent``: nobody was there to answer at all."""
        with self._lock:
            self._failures += 1
            self._failed.add(address)
            self._silent = self._silent or silent
            if self._down_since is None and self._failures >= self._most:
                now = self._clock.monotonic()
                self._down_since = now
                self._next_probe = now + self._period * (1 - EARLY)

    def probe_at_once(self) -> None:
        """A person is waiting: the next call may go."""
        with self._lock:
            self._next_probe = self._clock.monotonic()
