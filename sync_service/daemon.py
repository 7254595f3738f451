"""``ecp-sync run``: the clock, the runs and their end in one process, unattended.

APScheduler is the clock and nothing else: its memory holds one job per school that asks for a run; what is due,
what runs and what was done stand elsewhere. The main thread watches it against monotonic time, because a wall
clock may stand still or jump, and starts it anew should its thread have died.

On SIGTERM or SIGINT nothing new begins, running cycles stop at their next page, and the process ends within 30
seconds with everything so far durable. A cycle that cannot stop (the region does not answer) is left: its row
and leases are taken over by the next start.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import structlog

from sync_service.clock import SystemClock
from sync_service.daemon_agenda import Agenda, Blackout
from sync_service.daemon_calendar import Weekly
from sync_service.daemon_lock import InstanceLock, take_lock
from sync_service.domain.errors import AlreadyRunning, ConfigError, TransientError

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.config import SchoolSettings, Settings
    from sync_service.daemon_duty import Duty
    from sync_service.engine.context import School
    from sync_service.engine.ports import Clock
    from sync_service.runner.in_process import RunRequest
    from sync_service.web.server import PageServer

T = TypeVar("T")

LOOK_SECONDS = 2.0
STOP_SECONDS = 25.0  # of the 30 promised; the rest is for closing down
MOST_SCHOOLS_AT_ONCE = 8


def run_daemon(settings: Settings, *, stop: threading.Event | None = None, stop_seconds: float = STOP_SECONDS) -> int:
    """Keep the schools of ``settings`` in agreement until SIGTERM, SIGINT or ``stop``; returns 0.

    Raises AlreadyRunning within a second when another daemon has this database, ConfigError and TransientError
    when it cannot begin. Signals are only heard in the main thread.
    """
    stop = stop or threading.Event()
    with ExitStack() as closing, _signals(stop):
        lock = take_lock(settings.database_url)
        closing.callback(lock.release)
        from sync_service.bootstrap import Service  # its libraries take longer to load than a refusal may

        service = Service.open(settings, clock=SystemClock(stop))
        closing.callback(service.close)
        Daemon(service, lock, stop=stop, stop_seconds=stop_seconds).run()
    return 0


class Watched(Protocol):
    """What the daemon asks of APScheduler."""

    def start(self) -> None: ...

    def is_alive(self) -> bool: ...

    def modify_job(self, job_id: str, *, next_run_time: datetime) -> object: ...

    def shutdown(self, *, wait: bool) -> None: ...


class Daemon:
    """One process that holds the instance lock."""

    def __init__(
        self,
        service: Service,
        lock: InstanceLock,
        *,
        stop: threading.Event,
        stop_seconds: float = STOP_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        from sync_service.runner.in_process import InProcessRunner

        schools = service.schools()
        self._service = service
        self._lock = lock
        self._stop = stop
        self._stop_seconds = stop_seconds
        self._look_seconds = look_seconds
        self._log = structlog.get_logger()
        self._runner = InProcessRunner(self._execute, workers=min(MOST_SCHOOLS_AT_ONCE, max(1, len(schools))))
        self._page = self._page_if_wanted()
        self._duties = {school.code: self._duty(school) for school in schools}
        self._ours = True
        self._scheduler = self._schedule()

    def _page_if_wanted(self) -> PageServer | None:
        """The page, listening already. Without its port the schools are kept in agreement all the same."""
        from sync_service.web.server import page_of

        wanted = self._service.settings.web
        if not wanted.enabled:
            return None
        try:
            return page_of(self._service, wanted)
        except ConfigError as error:
            self._log.error("page_not_started", error=str(error))
            return None

    def _duty(self, school: School) -> Duty:
        from sync_service.daemon_duty import Duty

        settings = self._service.settings
        compared_at = self._service.comparison_asked_at(school)
        agenda = agenda_of(settings, self._service.school_settings(school), self._service.clock, compared_at)
        period = settings.schedule.heartbeat
        return Duty(self._service, school, agenda, self._runner, period=period, stop=self._stop)

    def run(self) -> None:
        """Until the stop; then see everything off. AlreadyRunning when the instance lock went to another daemon."""
        self._log.info("daemon_started", schools=sorted(self._duties))
        if self._page is not None:
            self._page.start()
            self._log.info("page_started", address=self._service.settings.web.public_url or self._page.url)
        for duty in self._duties.values():
            duty.tick("start")
        self._scheduler.start()
        try:
            while not self._stop.wait(self._look_seconds):
                self._look()
        finally:
            self._end()

    def _execute(self, request: RunRequest) -> None:
        self._duties[request.school].execute(request)

    def _schedule(self) -> Watched:
        from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
        from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]

        class AgendaTrigger(BaseTrigger):  # type: ignore[misc]  # the library is untyped
            def __init__(self, agenda: Agenda) -> None:
                self._agenda = agenda

            def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
                return self._agenda.next_start(now)

        class WatchedScheduler(BackgroundScheduler):  # type: ignore[misc]  # the library is untyped
            def is_alive(self) -> bool:
                """A mistake in a trigger ends the library's thread without a word."""
                return self._thread is not None and self._thread.is_alive()

        scheduler = WatchedScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for code, duty in self._duties.items():
            scheduler.add_job(duty.tick, AgendaTrigger(duty.agenda), id=code)
        return cast(Watched, scheduler)

    def _look(self) -> None:
        """The ticker's turn. It outlives whatever may be wrong with one school."""
        self._ours = self._still_ours()
        if not self._ours:
            raise AlreadyRunning("another daemon has taken over this database; this one ends")
        for code, duty in self._duties.items():
            if self._done(code, duty.look) and self._scheduler.is_alive():
                self._scheduler.modify_job(code, next_run_time=duty.agenda.next_start(datetime.now(UTC)))
            self._done(code, partial(self._service.watch, duty.school))
            self._done(code, partial(self._service.tidy, duty.school))
        if not self._scheduler.is_alive():
            self._log.error("scheduler_restarted")
            self._scheduler.shutdown(wait=False)
            self._scheduler = self._schedule()
            self._scheduler.start()

    def _done(self, code: str, part: Callable[[], T]) -> T | None:
        """What a part of the look says; None when it failed: the other parts, schools and the next look go on."""
        try:
            return part()
        except Exception as error:  # noqa: BLE001  # whatever it is, the daemon outlives it
            self._log.warning("look_failed", school=code, error=type(error).__name__)
            return None

    def _still_ours(self) -> bool:
        try:
            return self._lock.held()
        except TransientError:
            return True  # the server is away: nothing can run twice, and the next look asks again

    def _end(self) -> None:
        self._stop.set()
        self._scheduler.shutdown(wait=False)
        if self._page is not None:
            self._page.stop()
        whole = self._runner.end(self._stop_seconds)
        if self._ours:  # else another daemon keeps the schedule, and its promises stand
            for duty in self._duties.values():
                duty.end()
        self._log.info("daemon_stopped", status="complete" if whole else "left a run that could not stop")


def agenda_of(
    settings: Settings, school: SchoolSettings, clock: Clock, compared_at: datetime | None = None
) -> Agenda:
    """When the streams of a school are due, by the settings."""
    blackouts = [
        Blackout(starts=window.starts, ends=window.ends, weekdays=window.weekdays)
        for window in settings.blackouts_of(school)
    ]
    moment = settings.schedule.comparison
    return Agenda(
        settings.intervals_of(school),
        clock=clock,
        zone=school.zone,
        blackouts=blackouts,
        comparison=None if moment is None else Weekly(at=moment.at, weekdays=moment.weekdays),
        compared_at=compared_at,
    )


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop`` inside the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
