"""Leases: one run per school and stream, with a heartbeat counter and a fencing token (invariant 12).

Clocks of different machines are never compared: a holder is dead when the observer has seen its counter stand
still for three periods of the observer's own monotonic clock. What was seen is remembered between calls, so
that a daemon that tries every few minutes notices a dead holder at its next try.

A dead holder loses all its streams at once, also those nobody asked for: its fence is stale with the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, Engine

from sync_service.domain.errors import AlreadyRunning
from sync_service.domain.links import SchoolId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Fence
from sync_service.persistence.dialects import dialect_of
from sync_service.persistence.engine import connected
from sync_service.persistence.moments import moment_or_none, stamp
from sync_service.persistence.schema.state import leases
from sync_service.persistence.transactions import Transaction

DEAD_AFTER_PERIODS = 3
POLL_SECONDS = 0.5
SILENT_FOR = timedelta(minutes=5)  # far beyond any heartbeat, so that a view never calls a living run dead

_LOCK_SCHOOL = "SELECT t.id FROM schools AS t WHERE t.id = ? {lock}"  # one acquisition at a time in a school
_ALL = "SELECT t.stream, t.holder, t.token, t.beat FROM leases AS t WHERE t.school_id = ? {lock}"
_TAKE = (
    "ON CONFLICT (school_id, stream) DO UPDATE SET holder = excluded.holder, token = excluded.token,"
    " beat = excluded.beat, beat_at = excluded.beat_at"
)
_BEAT = (
    "UPDATE leases SET beat = beat + 1, beat_at = ?"
    " WHERE school_id = ? AND stream {texts} AND token = ? AND holder IS NOT NULL"
)
_RELEASE = "UPDATE leases SET holder = NULL WHERE school_id = ? AND stream {texts} AND token = ?"
_FREE = "UPDATE leases SET holder = NULL WHERE school_id = ? AND holder {texts}"
_HELD = "SELECT count(*) FROM leases WHERE school_id = ? AND stream {texts} AND token = ? AND holder IS NOT NULL"
_SIGNS = "SELECT DISTINCT t.holder, t.beat_at FROM leases AS t WHERE t.school_id = ? AND t.holder IS NOT NULL"


@dataclass(frozen=True, slots=True)
class _Seen:
    token: int
    beat: int
    since: float  # the observer's monotonic clock


class SqlLeases:
    """Own short transactions, independent of any unit of work."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._now = now
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
            tx = self._transaction(connection, school)
            tx.query(_LOCK_SCHOOL, school)
            rows = {row[0]: row for row in tx.query(_ALL, school)}
            held = [name for name in names if name in rows and rows[name][1] is not None]
            busy = [
                n for n in held if not self._dead(school, n, rows[n][2], rows[n][3], now, DEAD_AFTER_PERIODS * period)
            ]
            if busy:
                return None, busy
            if held:
                tx.run(_FREE, school, sorted({rows[name][1] for name in held}))
            token = max((row[2] for row in rows.values()), default=0) + 1
            tx.insert(
                leases,
                ("school_id", "stream", "holder", "token", "beat", "beat_at"),
                [(school, name, holder, token, 0, stamp(self._now())) for name in names],
                _TAKE,
            )
            connection.commit()
        return Fence(token=token, streams=tuple(Stream(name) for name in names)), []

    def free_dead(self, school: SchoolId, *, now: float, silence: float) -> int:
        """Take the streams of holders whose counter this observer has seen stand still for ``silence`` seconds;
        returns how many holders. ``now`` is the observer's monotonic clock."""
        if not self._silent(school, now, silence, writing=False):
            return 0
        return len(self._silent(school, now, silence, writing=True))

    def _silent(self, school: SchoolId, now: float, silence: float, *, writing: bool) -> list[str]:
        with connected(self._engine, writing=writing) as connection:
            tx = self._transaction(connection, school, writable=writing)
            held = [row for row in tx.query(_ALL, school) if row[1] is not None]
            dead = sorted({row[1] for row in held if self._dead(school, row[0], row[2], row[3], now, silence)})
            if writing and dead:
                tx.run(_FREE, school, dead)
                connection.commit()
        return dead

    def _dead(self, school: SchoolId, stream: str, token: int, beat: int, now: float, silence: float) -> bool:
        with self._guard:
            seen = self._seen.get((school, stream))
            if seen is None or (seen.token, seen.beat) != (token, beat):
                self._seen[school, stream] = _Seen(token, beat, now)
                return False
            return now - seen.since >= silence

    def beat(self, school: SchoolId, fence: Fence) -> bool:
        return self._change(_BEAT, school, fence, stamp(self._now())) == len(fence.streams)

    def release(self, school: SchoolId, fence: Fence) -> None:
        self._change(_RELEASE, school, fence)

    def holds(self, school: SchoolId, fence: Fence) -> bool:
        with connected(self._engine, writing=False) as connection:
            tx = self._transaction(connection, school, writable=False)
            ((held,),) = tx.query(_HELD, school, [s.value for s in fence.streams], fence.token)
        return bool(held == len(fence.streams))

    def alive(self, school: SchoolId) -> frozenset[str]:
        with connected(self._engine, writing=False) as connection:
            signs = self._transaction(connection, school, writable=False).query(_SIGNS, school)
        now = self._now()
        found = {holder: moment_or_none(at) for holder, at in signs}
        return frozenset(h for h, at in found.items() if at is not None and abs(now - at) <= SILENT_FOR)

    def _change(self, template: str, school: SchoolId, fence: Fence, *first: str | datetime) -> int:
        with connected(self._engine, writing=True) as connection:
            tx = self._transaction(connection, school)
            touched = tx.run(template, *first, school, [s.value for s in fence.streams], fence.token)
            connection.commit()
        return touched

    def _transaction(self, connection: Connection, school: SchoolId, *, writable: bool = True) -> Transaction:
        return Transaction(connection, self._dialect, school, now=self._now, writable=writable)
