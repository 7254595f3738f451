"""A duty of the daemon with everything around it in hand: clock, agenda, the office that runs cycles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sync_service.daemon_agenda import Agenda
from sync_service.daemon_duty import Duty
from sync_service.domain.links import RemoteId, SchoolId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School, never
from sync_service.runner.in_process import RunRequest
from tests.unit.daemon.hands import HandClock

SCHOOL = School(school_id=SchoolId(1), code="school-900", name="Школа № 900", organization_id=RemoteId("o-1"))
MARKS, CLASSES = Stream.MARKS, Stream.CLASSES
PERIOD = 2.0


@dataclass(slots=True)
class Requested:
    """Keeps requests instead of running them."""

    requests: list[RunRequest] = field(default_factory=list)

    def request(self, school: str, streams: Iterable[Stream], *, trigger: str) -> None:
        if wanted := frozenset(streams):
            self.requests.append(RunRequest(school=school, streams=wanted, trigger=trigger))


@dataclass(slots=True)
class FakeOffice:
    """Answers every run with ``status``; counts what it was asked."""

    status: RunStatus = RunStatus.SUCCEEDED
    login_needed: bool = False
    error: Exception | None = None
    skipped: frozenset[Stream] = frozenset()
    failing: frozenset[Stream] = frozenset()
    runs: list[tuple[Stream, ...]] = field(default_factory=list)
    promised: Mapping[Stream, datetime] = field(default_factory=dict)
    dead: int = 0
    during: Callable[[Callable[[], bool]], None] | None = None
    comparisons: int = 0

    def ask_for_comparison(self, school: School, *, scheduled: bool = False) -> None:
        if self.error is not None:
            raise self.error
        self.comparisons += scheduled

    def remember_next_runs(self, school: School, moments: Mapping[Stream, datetime]) -> None:
        self.promised = moments

    def needs_login(self, school: School) -> bool:
        return self.login_needed

    def close_dead_runs(self, school: School) -> int:
        closed, self.dead = self.dead, 0
        return closed

    def sync(
        self,
        school: School,
        *,
        streams: Sequence[Stream] | None = None,
        trigger: str = "manual",
        wait: float | None = None,
        stop: threading.Event | None = None,
        skip_busy: bool = False,
        blackout: Callable[[], bool] = never,
    ) -> RunReport:
        assert streams is not None
        self.runs.append(tuple(streams))
        if self.during is not None:
            self.during(blackout)
        if self.error is not None:
            raise self.error
        report = RunReport(run_id="r-1", school=school.code, status=self.status)
        for stream in streams:
            if stream not in self.skipped:
                report.stream(stream).error = "Unreachable: away" if stream in self.failing else None
        return report


class Scene:
    """A duty with everything around it in hand; ``go`` executes what was requested."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.agenda = Agenda({MARKS: 300, CLASSES: 900}, clock=self.clock, zone=SCHOOL.zone)
        self.requested = Requested()
        self.office = FakeOffice()
        self.stop = threading.Event()
        self.duty = Duty(self.office, SCHOOL, self.agenda, self.requested, period=PERIOD, stop=self.stop)

    def go(self) -> list[RunRequest]:
        """Execute and forget the requests so far; returns them."""
        requests, self.requested.requests = self.requested.requests, []
        for request in requests:
            self.duty.execute(request)
        return requests

    def triggers(self) -> list[str]:
        return [request.trigger for request in self.go()]
