"""The daemon's work for one school: ask for runs when streams are due, run them, and know when not to.

    scheduler ─ tick ─┐
    ticker ─── look ──┴─► agenda.take_due ─► runner.request ─► execute ─► office.sync

A tick only asks; a thread of the runner executes. What was taken and could not be done is put back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog

from sync_service.daemon_agenda import Agenda
from sync_service.domain.errors import AlreadyRunning, StopRequested, SyncError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School, never
from sync_service.runner.in_process import RunRequest

GRACE_SECONDS = 5.0  # the scheduler may be this late before the ticker starts a run in its place
_UNDONE = (RunStatus.FAILED, RunStatus.INTERRUPTED)


class Requests(Protocol):
    """The side of a runner that takes requests."""

    def request(self, school: str, streams: Iterable[Stream], *, trigger: str) -> None: ...


class Office(Protocol):
    """What the daemon asks of a Service."""

    def needs_login(self, school: School) -> bool: ...

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
    ) -> RunReport: ...

    def close_dead_runs(self, school: School) -> int: ...
    def ask_for_comparison(self, school: School, *, scheduled: bool = False) -> None: ...

    def remember_next_runs(self, school: School, moments: Mapping[Stream, datetime]) -> None: ...


class Duty:
    """One school under one daemon; thread-safe. ``period`` is the heartbeat's, in seconds."""

    def __init__(
        self,
        office: Office,
        school: School,
        agenda: Agenda,
        requests: Requests,
        *,
        period: float,
        stop: threading.Event,
    ) -> None:
        self.school = school
        self.agenda = agenda
        self._office = office
        self._requests = requests
        self._period = period
        self._stop = stop
        self._waits_for_login = False
        self._log = structlog.get_logger().bind(school=school.code)

    def tick(self, trigger: str = "schedule") -> None:
        """Ask for one run of everything that is due now."""
        self._requests.request(self.school.code, self.agenda.take_due(), trigger=trigger)

    def look(self) -> bool:
        """What the ticker does every few seconds: notice a jumped clock, a scheduler that sleeps, a new token, the
        run of a dead process.

        True when the scheduler's own next start is to be computed anew.
        """
        jump = self.agenda.observe()
        if jump is not None:
            self._log.warning("clock_jumped", jump_seconds=round(jump))
        if closed := self._office.close_dead_runs(self.school):
            self._log.warning("dead_runs_closed", count=closed)
        if self._waits_for_login and not self._office.needs_login(self.school):
            self._waits_for_login = False
            self._log.info("login_entered")
            self.agenda.put_back(tuple(Stream), seconds=0.0)
            self.tick("login")
            return True
        if self.agenda.comparison_due():
            self._compare()
        late = self.agenda.overdue()
        if late > GRACE_SECONDS or (late > 0 and jump is not None):
            self._log.warning("catching_up", late_seconds=round(late))
            self.tick("catch_up")
            return True
        return jump is not None

    def _compare(self) -> None:
        """One run of everything that compares it as a whole. What the run does not finish stays due on record."""
        self._office.ask_for_comparison(self.school, scheduled=True)
        self.agenda.comparison_asked()
        self._log.info("comparison_due")
        self._requests.request(self.school.code, tuple(Stream), trigger="reconcile")

    def execute(self, request: RunRequest) -> None:
        """Run one request to its end; streams that were not done are due again soon."""
        if self.agenda.in_blackout():  # it began while the request waited its turn
            self.agenda.put_back(request.streams, seconds=0.0)
            return
        try:
            if self._office.needs_login(self.school):
                self._wait_for_login()
                return
            self._run(request)
            self._office.remember_next_runs(self.school, self.agenda.next_starts())
        except AlreadyRunning:
            self._log.info("streams_busy", streams=sorted(request.streams))
            self.agenda.put_back(request.streams, seconds=self._period)
        except StopRequested:
            self._log.info("run_not_begun")
        except SyncError:
            self.agenda.put_back(request.streams, seconds=self.agenda.shortest_interval)
            raise

    def end(self) -> None:
        """Nobody runs the schedule from here on; ``status`` is not to promise otherwise."""
        with suppress(SyncError):  # a busy database costs no more than a promise
            self._office.remember_next_runs(self.school, {})

    def _wait_for_login(self) -> None:
        if not self._waits_for_login:
            self._log.warning("login_needed", remedy="ecp-sync connection login")
        self._waits_for_login = True

    def _run(self, request: RunRequest) -> None:
        report = self._office.sync(
            self.school,
            streams=[stream for stream in Stream if stream in request.streams],
            trigger=request.trigger,
            stop=self._stop,
            skip_busy=True,
            blackout=self.agenda.in_blackout,
        )
        self._tell(report, request.trigger)
        skipped = request.streams - report.streams.keys()
        self.agenda.put_back(skipped, seconds=self._period)
        if report.status is RunStatus.LOGIN_NEEDED:
            self._wait_for_login()
        elif report.status in _UNDONE:
            self.agenda.put_back(request.streams - skipped, seconds=self.agenda.shortest_interval)
        else:
            failed = [stream for stream, entry in report.streams.items() if entry.error is not None]
            self.agenda.put_back(failed, seconds=self.agenda.shortest_interval)

    def _tell(self, report: RunReport, trigger: str) -> None:
        """One event per run: counts, how many streams it covered and which of them failed."""
        entries = report.streams.values()
        self._log.info(
            "run_finished",
            run_id=report.run_id,
            trigger=trigger,
            status=report.status.value,
            reason=report.error,
            count=len(report.streams),
            received=sum(entry.pull.received for entry in entries),
            applied=sum(entry.pull.applied for entry in entries),
            acked=sum(entry.push.acked for entry in entries),
            conflicts=sum(entry.pull.conflicts + entry.push.conflicts for entry in entries),
            waiting=sum(entry.pull.waiting + entry.push.waiting for entry in entries),
            rejected=sum(entry.pull.rejected + entry.push.rejected for entry in entries),
            error=", ".join(stream for stream, entry in report.streams.items() if entry.error) or None,
        )
