"""Who may run: leases with their fences, and the rows of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sync_service.domain.links import SchoolId
from sync_service.domain.reports import RunReport
from sync_service.domain.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Proof that the run still owns its streams: the token of the lease at the time it was taken."""

    token: int
    streams: tuple[Stream, ...]


class Leases(Protocol):
    """One run per school and stream (invariant 12). A holder is dead when its counter stands still for three
    periods of the observer's monotonic clock."""

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
        """All of ``streams`` or AlreadyRunning after ``wait`` seconds."""
        ...

    def beat(self, school: SchoolId, fence: Fence) -> bool:
        """Raise the counter; False when the lease was taken over."""
        ...

    def release(self, school: SchoolId, fence: Fence) -> None: ...

    def holds(self, school: SchoolId, fence: Fence) -> bool:
        """Whether the fence is still the newest one: to be asked before anything that no transaction can take
        back."""
        ...

    def alive(self, school: SchoolId) -> frozenset[str]:
        """Holders that have given a sign of life within minutes, by wall clocks: for views only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """Records of one stream on one day (UTC): agreed on, and refused (``StreamReport.done`` and ``failed``)."""

    stream: Stream
    day: date
    done: int
    failed: int


class RunStore(Protocol):
    def start(self, school: SchoolId, report: RunReport, trigger: str) -> None: ...

    def finish(self, school: SchoolId, report: RunReport) -> bool:
        """The last word of a run; False when another run has closed the row meanwhile: it stays as it is."""
        ...

    def progress(self, school: SchoolId, report: RunReport) -> bool:
        """What a run has come to so far; False, and nothing is written, when its row is not «running» any more."""
        ...

    def recover(self, school: SchoolId) -> int:
        """Runs left «running» by a dead process become «interrupted»; returns how many."""
        ...

    def since(self, school: SchoolId, moment: datetime, limit: int = 1500) -> list[RunReport]:
        """Of the last ``limit`` runs those that started at ``moment`` or later, newest first."""
        ...

    def days(self, school: SchoolId, since: date) -> list[DayCount]:
        """What ended runs came to from this day (UTC) on, the streams that had nothing left out; one statement."""
        ...

    def latest(self, school: SchoolId, limit: int = 20) -> list[RunReport]:
        """Newest first, in the order in which they were started, whatever the clock said."""
        ...

    def get(self, run_id: str) -> RunReport | None: ...
