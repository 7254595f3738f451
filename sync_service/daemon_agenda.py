"""When the streams of one school are due: intervals on elapsed time, blackout windows on the school's clock.

Each stream is due once per interval on a common grid, so that streams with intervals of 5 and 15 minutes meet in
one cycle. Elapsed time is monotonic time plus whatever the wall clock jumped ahead (a machine that slept); a wall
clock that stands still or is set back delays nothing. What is due is taken once, whoever asks: the scheduler, or
the ticker that watches it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sync_service.daemon_calendar import Weekly
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Clock

JUMP_SECONDS = 30.0  # clocks of healthy machines drift less than this between two looks
_EARLY = 0.1  # the scheduler goes by the wall clock, which may be a hair ahead of the monotonic one
_SHORTEST = timedelta(milliseconds=50)  # APScheduler must be given a moment after now


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """A daily window, in the school's zone, in which nothing is started; ``ends`` is outside it.

    With ``ends`` not after ``starts`` it lasts beyond midnight. ``weekdays`` (Monday is 0) are the days on which
    it begins.
    """

    starts: time
    ends: time
    weekdays: frozenset[int] = frozenset(range(7))

    def until(self, local: datetime) -> datetime | None:
        """The end of the window ``local`` lies in, None when it lies in none."""
        overnight = self.ends <= self.starts
        for day in (local.date(), local.date() - timedelta(days=1)):
            if day.weekday() not in self.weekdays:
                continue
            begins = datetime.combine(day, self.starts, local.tzinfo)
            ends = datetime.combine(day + timedelta(days=overnight), self.ends, local.tzinfo)
            if begins <= local < ends:  # as the clock on the wall shows them
                # In an hour that comes twice the window ends the second time when the first is behind us.
                return ends if ends.astimezone(UTC) > local.astimezone(UTC) else ends.replace(fold=1)
        return None


def free_from(moment: datetime, blackouts: Sequence[Blackout], zone: ZoneInfo) -> datetime:
    """``moment`` itself, or the end of the blackout it lies in; windows that touch count as one."""
    for _ in range(14 * (len(blackouts) + 1)):  # windows that cover the whole week have no end
        local = moment.astimezone(zone)
        ends = [end for window in blackouts if (end := window.until(local)) is not None]
        if not ends:
            break
        moment = max(ends).astimezone(moment.tzinfo)
    return moment


class Agenda:
    """What is due in one school; thread-safe. Intervals are in seconds."""

    def __init__(
        self,
        intervals: Mapping[Stream, float],
        *,
        clock: Clock,
        zone: str,
        blackouts: Sequence[Blackout] = (),
        comparison: Weekly | None = None,
        compared_at: datetime | None = None,
    ) -> None:
        self._intervals = dict(intervals)
        self._clock = clock
        self._zone = ZoneInfo(zone)
        self._blackouts = tuple(blackouts)
        self._taken = dict.fromkeys(self._intervals, -1)  # grid points behind us; everything is due at the start
        self._again: dict[Stream, float] = {}
        self._elapsed = 0.0
        self._seen_monotonic = clock.monotonic()
        self._drift = 0.0
        self._seen_wall = clock.now()
        self._lock = threading.RLock()
        self._comparison = comparison
        self._compared_at = compared_at or self._seen_wall  # a daemon that never asked waits for the next moment

    @property
    def shortest_interval(self) -> float:
        return min(self._intervals.values(), default=math.inf)

    def observe(self) -> float | None:
        """Bring elapsed time up to date; the seconds by which the wall clock has left the monotonic one
        (negative: set back or standing still) when that is a jump."""
        with self._lock:
            wall, monotonic = self._clock.now(), self._clock.monotonic()
            passed = monotonic - self._seen_monotonic
            self._drift += (wall - self._seen_wall).total_seconds() - passed
            self._seen_wall, self._seen_monotonic = wall, monotonic
            self._elapsed += passed
            if abs(self._drift) <= JUMP_SECONDS:
                return None
            jump, self._drift = self._drift, 0.0
            self._elapsed += max(0.0, jump)
            return jump

    def take_due(self) -> frozenset[Stream]:
        """The streams to run now; they are not due again before their next interval. Nothing in a blackout."""
        with self._lock:
            self.observe()
            if self.in_blackout():
                return frozenset()
            due = self._due(early=_EARLY)
            for stream in due:
                self._taken[stream] = self._point(stream, early=_EARLY)
                self._again.pop(stream, None)
            return frozenset(due)

    def put_back(self, streams: Iterable[Stream], *, seconds: float) -> None:
        """These streams were taken and not done: they are due again in ``seconds``, if not before."""
        with self._lock:
            for stream in streams:
                if stream in self._intervals:
                    again = self._elapsed + seconds
                    self._again[stream] = min(again, self._again.get(stream, again))

    def overdue(self) -> float:
        """Seconds since something fell due that nobody has taken; 0 in a blackout."""
        with self._lock:
            if self.in_blackout():
                return 0.0
            since = [self._due_since(stream) for stream in self._due()]
            return self._elapsed - min(since) if since else 0.0

    def comparison_due(self) -> bool:
        """Whether the moment of the full comparison has come since one was asked for, also while nothing ran
        here; never in a blackout."""
        if self._comparison is None or self.in_blackout():
            return False
        now = self._clock.now()
        self._compared_at = min(self._compared_at, now)  # asked for by a clock that ran ahead and was set back
        return self._comparison.latest(now.astimezone(self._zone)) > self._compared_at

    def comparison_asked(self) -> None:
        """Not due again before the next moment."""
        self._compared_at = self._clock.now()

    def in_blackout(self) -> bool:
        now = self._clock.now()
        return free_from(now, self._blackouts, self._zone) != now

    def next_start(self, now: datetime) -> datetime:
        """When a cycle will begin after ``now``, outside blackouts. What is due already and was not taken
        (a blackout) goes with the next start."""
        with self._lock:
            self.observe()
            seconds = min((self._seconds_to(stream) for stream in self._intervals), default=math.inf)
            if math.isinf(seconds):
                return free_from(now + timedelta(days=1), self._blackouts, self._zone)
            if free_from(now, self._blackouts, self._zone) != now and self._due():
                return free_from(now, self._blackouts, self._zone)
            return free_from(now + max(_SHORTEST, timedelta(seconds=seconds)), self._blackouts, self._zone)

    def next_starts(self) -> dict[Stream, datetime]:
        """The same per stream from now on, for people who ask."""
        with self._lock:
            self.observe()
            now = self._clock.now()
            return {
                stream: free_from(now + timedelta(seconds=self._seconds_to(stream)), self._blackouts, self._zone)
                for stream in self._intervals
            }

    def _due(self, *, early: float = 0.0) -> Collection[Stream]:
        return [
            stream
            for stream, taken in self._taken.items()
            if self._point(stream, early=early) > taken or self._again.get(stream, math.inf) <= self._elapsed + early
        ]

    def _due_since(self, stream: Stream) -> float:
        by_grid = (self._taken[stream] + 1) * self._intervals[stream]
        return min(by_grid, self._again.get(stream, math.inf))

    def _seconds_to(self, stream: Stream) -> float:
        """To the next grid point ahead or the agreed second try; what is due now does not count."""
        ahead = (self._point(stream) + 1) * self._intervals[stream]
        again = self._again.get(stream, math.inf)
        return (min(ahead, again) if again > self._elapsed else ahead) - self._elapsed

    def _point(self, stream: Stream, *, early: float = 0.0) -> int:
        return math.floor((self._elapsed + early) / self._intervals[stream])
