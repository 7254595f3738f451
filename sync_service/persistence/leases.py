"""Leases: one run per school and stream, with a heartbeat counter and a fencing token (invariant 12).

Clocks of different machines are never compared: a holder is dead when the observer has seen its counter stand
still for three periods of the observer's own monotonic clock. What was seen is remembered between calls, so
that a daemon that tries every few minutes notices a dead holder at its next try.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import Engine

from sync_service.domain.errors import AlreadyRunning
from sync_service.domain.links import SchoolId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Fence
from sync_service.persistence.dialects import dialect_of
from sync_service.persistence.engine import connected
from sync_service.persistence.schema.state import leases
from sync_service.persistence.transactions import Transaction

DEAD_AFTER_PERIODS = 3
POLL_SECONDS = 0.5

_LOCK_SCHOOL = "SELECT t.id FROM schools AS t WHERE t.id = ? {lock}"  # one acquisition at a time in a school
_ALL = "SELECT t.stream, t.holder, t.token, t.beat FROM leases AS t WHERE t.school_id = ? {lock}"
_TAKE = (
    "ON CONFLICT (school_id, stream) DO UPDATE SET holder = excluded.holder, token = excluded.token,"
    " beat = excluded.beat"
)
_BEAT = (
    "UPDATE leases SET beat = beat + 1 WHERE school_id = ? AND stream {texts} AND token = ? AND holder IS NOT NULL"
)
_RELEASE = "UPDATE leases SET holder = NULL WHERE school_id = ? AND stream {texts} AND token = ?"


@dataclass(frozen=True, slots=True)
class _Seen:
    token: int
    beat: int
    since: float  # the observer's monotonic clock


class SqlLeases:
    """Own short transactions, independent of any unit of work."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._seen: dict[tuple[SchoolId, str], _Seen] = {}
        self._guard = Lock()

    def acquire(
        self,
        school: SchoolId,
        streams: Sequence[Stream],
        holder: str,
        *,
        wait: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        period: float,
    ) -> Fence:
        """All of ``streams`` at once. Raises AlreadyRunning when one is still held after ``wait`` seconds."""
        deadline = clock() + wait
        while True:
            fence, busy = self._try(school, streams, holder, clock(), period)
            if fence is not None:
                return fence
            remaining = deadline - clock()
            if remaining <= 0:
                raise AlreadyRunning(f"streams in use by another run: {', '.join(sorted(busy))}; try again later")
            sleep(min(POLL_SECONDS, period, remaining))

    def _try(
        self, school: SchoolId, streams: Sequence[Stream], holder: str, now: float, period: float
    ) -> tuple[Fence | None, list[str]]:
        names = list(dict.fromkeys(s.value for s in streams))
        with connected(self._engine, writing=True) as connection:
            tx = Transaction(connection, self._dialect, school, now=lambda: datetime.now(UTC), writable=True)
            tx.query(_LOCK_SCHOOL, school)
            rows = {row[0]: row for row in tx.query(_ALL, school)}
            busy = [
                name
                for name in names
                if name in rows
                and rows[name][1] is not None
                and not self._dead(school, name, rows[name][2], rows[name][3], now, period)
            ]
            if busy:
                return None, busy
            token = max((row[2] for row in rows.values()), default=0) + 1
            tx.insert(
                leases,
                ("school_id", "stream", "holder", "token", "beat"),
                [(school, name, holder, token, 0) for name in names],
                _TAKE,
            )
            connection.commit()
        return Fence(token=token, streams=tuple(Stream(name) for name in names)), []

    def _dead(self, school: SchoolId, stream: str, token: int, beat: int, now: float, period: float) -> bool:
        with self._guard:
            seen = self._seen.get((school, stream))
            if seen is None or (seen.token, seen.beat) != (token, beat):
                self._seen[school, stream] = _Seen(token, beat, now)
                return False
            return now - seen.since >= DEAD_AFTER_PERIODS * period

    def beat(self, school: SchoolId, fence: Fence) -> bool:
        return self._change(_BEAT, school, fence) == len(fence.streams)

    def release(self, school: SchoolId, fence: Fence) -> None:
        self._change(_RELEASE, school, fence)

    def _change(self, template: str, school: SchoolId, fence: Fence) -> int:
        with connected(self._engine, writing=True) as connection:
            tx = Transaction(connection, self._dialect, school, now=lambda: datetime.now(UTC), writable=True)
            touched = tx.run(template, school, [s.value for s in fence.streams], fence.token)
            connection.commit()
        return touched
