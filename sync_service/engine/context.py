"""What one cycle of one school works with: its doors, its proof of ownership and its counts."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date

from sync_service.domain.actions import Actions
from sync_service.domain.errors import BlackoutBegan, LeaseLost, StopRequested
from sync_service.domain.guards import Limits
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import RemoteId, SchoolId
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome, RunReport
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Clock, Notifier, RemoteSystem
from sync_service.engine.stores import Database, Fence, UnitOfWork

Normalise = Callable[[Stream, Values], Values]


def nothing(point: str) -> None:
    """A probe that does nothing; tests put a crash here."""


def never() -> bool:
    """No blackout."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """One school of the installation. ``zone`` is an IANA name; ``watch_from`` an ISO date or None (all)."""

    school_id: SchoolId
    code: str
    name: str
    organization_id: RemoteId
    zone: str = "Asia/Yekaterinburg"
    watch_from: str | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts every received record once, also when it was parked first and settled later in the same run."""

    report: RunReport
    parked: dict[Stream, set[RemoteId]] = field(default_factory=lambda: defaultdict(set))
    # (stream, direction) → (record, signature) that failed, and how many were judged in all: the brake's business
    failures: dict[tuple[Stream, str], set[tuple[object, str]]] = field(default_factory=lambda: defaultdict(set))
    judged: Counter[tuple[Stream, str]] = field(default_factory=Counter)

    def pulled(self, actions: Actions) -> None:
        """Add a planned page to the report."""
        stream = actions.stream
        counts = self.report.stream(stream).pull
        for outcome, count in actions.outcomes.items():
            counts.add(outcome, count)
        for remote_id, outcome in actions.settled.items():
            if remote_id in self.parked[stream]:
                counts.waiting -= 1
                counts.received -= 1
                self.parked[stream].discard(remote_id)
            if outcome is Outcome.WAITING:
                self.parked[stream].add(remote_id)
        for item in actions.park:  # its outcome is not known yet: until then it waits
            if item.record.remote_id not in actions.settled:
                counts.add(Outcome.WAITING)
                self.parked[stream].add(item.record.remote_id)

    def rejected(self, stream: Stream, count: int) -> None:
        self.report.stream(stream).pull.add(Outcome.REJECTED, count)

    def erased(self, stream: Stream, count: int) -> None:
        """Records of erased people that need no plan."""
        self.report.stream(stream).pull.add(Outcome.ERASED, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The arguments every step of a cycle shares. ``probe`` is told each named point that is passed."""

    school: School
    db: Database
    remote: RemoteSystem
    policies: Mapping[Stream, StreamPolicy]
    normalise: Normalise
    clock: Clock
    notifier: Notifier
    report: RunReport
    tally: Tally
    fence: Fence | None = None
    actor: str = "system"
    attended: bool = False  # a person started this run and watches it
    fingerprints: Mapping[Stream, str] = field(default_factory=dict)  # of the mapping tables; absent: unknown
    limits: Limits = field(default_factory=Limits)
    no_deletions: set[Stream] = field(default_factory=set)  # this run first saw them, or under another scope
    stop: threading.Event = field(default_factory=threading.Event)
    probe: Callable[[str], None] = nothing
    blackout: Callable[[], bool] = never  # whether nothing may run now

    def write(self, *, own: bool = True) -> AbstractContextManager[UnitOfWork]:
        """A unit of work that keeps nothing once the lease is lost."""
        return self.db.write(self.school.school_id, fence=self.fence, own=own)

    def read(self) -> AbstractContextManager[UnitOfWork]:
        return self.db.read(self.school.school_id)

    def check_lease(self) -> None:
        """Raise LeaseLost when another run has taken over: asked before anything leaves this process, for what has
        left no transaction can take back."""
        if self.fence is not None and not self.db.leases.holds(self.school.school_id, self.fence):
            raise LeaseLost("another run has taken over; nothing more is sent")

    def today(self) -> date:
        """The school's calendar day."""
        return self.clock.today(self.school.zone)

    def marked(self, items: Iterable[QuarantineItem]) -> list[QuarantineItem]:
        """Failures with the mapping they happened under: another one is a reason to try again."""
        return [replace(item, fingerprint=self.fingerprints.get(item.stream)) for item in items]

    def check_stop(self) -> None:
        """Raise StopRequested when the process is to end or a blackout has begun; called between pages and
        batches."""
        if self.stop.is_set():
            raise StopRequested("the run was asked to stop; it goes on from here next time")
        if self.blackout():
            raise BlackoutBegan("a blackout has begun; the run goes on from here at its end")
