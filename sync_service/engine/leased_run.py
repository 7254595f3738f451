"""One run: a cycle under leases with a heartbeat, and its row in the table of runs (invariant 12).

    leases → orphaned rows closed → row «running» → cycle → row with the outcome → leases given back

Whatever ends the run, the row gets its last word and the leases are given back; a killed process leaves both
to the next run, which notices that the heartbeat stands still.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from sync_service.domain.errors import AlreadyRunning, FatalError, SyncError
from sync_service.domain.guards import Limits
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.reports import TAKEN_OVER, RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle, Normalise, School, Tally, never, nothing
from sync_service.engine.cycle import Direction, run_cycle
from sync_service.engine.ports import Clock, Notifier, RemoteSystem
from sync_service.engine.progress import Progress
from sync_service.engine.stores import Database, Fence

UNATTENDED = frozenset(
    {"schedule", "start", "login", "catch_up", "reconcile"}
)  # triggers behind which nobody watches


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run and with what. ``period`` and ``wait`` are seconds.

    ``skip_busy``: streams that another run holds after ``wait`` are left out instead of refusing the run.
    """

    school: School
    streams: tuple[Stream, ...]
    direction: Direction
    trigger: str
    db: Database
    remote: RemoteSystem
    policies: Mapping[Stream, StreamPolicy]
    normalise: Normalise
    clock: Clock
    notifier: Notifier
    period: float
    wait: float
    stop: threading.Event
    skip_busy: bool = False
    actor: str = "system"
    fingerprints: Mapping[Stream, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    probe: Callable[[str], None] = nothing
    started: Callable[[str], None] = nothing  # told the id of the run once it is on record
    blackout: Callable[[], bool] = never


class StopOfRun(threading.Event):
    """The stop signal of one run: set for this run alone, or because the whole process is to stop."""

    def __init__(self, outer: threading.Event) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or self._outer.is_set()


def run_leased(job: Job) -> RunReport:
    """Run one cycle and return its report, which is on record when this returns.

    Raises AlreadyRunning when the streams are in use, TransientError when the database is gone, StopRequested
    when the stop came before the run began, FatalError (naming a place in the program, no values) after a
    mistake of the program.
    """
    report = RunReport(run_id=uuid4().hex, school=job.school.code)
    fence = _acquire(job, report.run_id)
    try:
        job.db.runs.recover(job.school.school_id)
        report.started_at = job.clock.now().isoformat()
        job.db.runs.start(job.school.school_id, report, job.trigger)
        job.started(report.run_id)
        with Heartbeat(job, fence) as heartbeat:
            _run_on_record(job, report, fence, heartbeat)
    finally:
        # A lease that cannot be given back now dies by itself: its counter stands still.
        with suppress(SyncError):
            job.db.leases.release(job.school.school_id, fence)
    return report


def _acquire(job: Job, holder: str) -> Fence:
    if not job.skip_busy:
        return _take(job, holder, job.streams, job.wait)
    try:
        return _take(job, holder, job.streams, job.wait)
    except AlreadyRunning:
        free = tuple(stream for stream in job.streams if _is_free(job, holder, stream))
        if not free:
            raise
    return _take(job, holder, free, 0.0)


def _take(job: Job, holder: str, streams: Sequence[Stream], wait: float) -> Fence:
    return job.db.leases.acquire(
        job.school.school_id,
        streams,
        holder,
        wait=wait,
        clock=job.clock.monotonic,
        sleep=job.clock.sleep,
        period=job.period,
    )


def _is_free(job: Job, holder: str, stream: Stream) -> bool:
    try:
        fence = _take(job, holder, (stream,), 0.0)
    except AlreadyRunning:
        return False
    job.db.leases.release(job.school.school_id, fence)
    return True


@contextmanager
def leased(job: Job, holder: str, streams: tuple[Stream, ...]) -> Iterator[tuple[Fence, Heartbeat]]:
    """The leases of ``streams`` for something that is no run. Raises AlreadyRunning while a run holds one."""
    fence = _take(job, holder, streams, job.wait)
    try:
        with Heartbeat(job, fence) as heartbeat:
            yield fence, heartbeat
    finally:
        with suppress(SyncError):  # a lease that cannot be given back dies by itself
            job.db.leases.release(job.school.school_id, fence)


def _run_on_record(job: Job, report: RunReport, fence: Fence, heartbeat: Heartbeat) -> None:
    try:
        progress = Progress(job.db, job.school.school_id, report, period=min(job.period, 1.0))
        with progress, _fewer_collections():
            run_cycle(_cycle(job, report, fence, heartbeat.stop), fence.streams, job.direction)
    except SyncError as error:
        report.status, report.error = RunStatus.FAILED, f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # whatever it is, the row must not stay «running»
        place = _place(error.__traceback__)
        report.status = RunStatus.FAILED
        report.error = f"mistake of the program: {type(error).__name__} at {place}; please report it"
        # The original is dropped: its text and its frames may quote records.
        raise FatalError(f"run {report.run_id}: {report.error}") from None
    finally:
        if report.status is RunStatus.RUNNING:  # a KeyboardInterrupt passes here
            report.status = RunStatus.INTERRUPTED
        if heartbeat.lost and report.status in (RunStatus.INTERRUPTED, RunStatus.FAILED):
            report.status, report.error = RunStatus.INTERRUPTED, TAKEN_OVER
        report.finished_at = job.clock.now().isoformat()
        if not job.db.runs.finish(job.school.school_id, report):
            report.status, report.error = RunStatus.INTERRUPTED, TAKEN_OVER


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Let the garbage collector rest while pages are worked on: their records are many, short-lived and free of
    cycles, and looking for cycles among them took a fifth of the time of a pull (measured)."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _cycle(job: Job, report: RunReport, fence: Fence, stop: threading.Event) -> Cycle:
    return Cycle(
        school=job.school,
        db=job.db,
        remote=job.remote,
        policies=job.policies,
        normalise=job.normalise,
        clock=job.clock,
        notifier=job.notifier,
        report=report,
        tally=Tally(report=report),
        fence=fence,
        actor=job.actor,
        attended=job.trigger not in UNATTENDED,
        fingerprints=job.fingerprints,
        limits=job.limits,
        stop=stop,
        probe=job.probe,
        blackout=job.blackout,
    )


def _place(traceback: TracebackType | None) -> str:
    """File and line where an unexpected error arose."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "an unknown place"
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


class Heartbeat:
    """Raises the lease's counter once a period; sets ``stop`` when the lease has been taken over.

    A database that is busy or away is tried again at the next beat: whether the lease still holds, the fence of
    every write tells anyway.
    """

    def __init__(self, job: Job, fence: Fence) -> None:
        self.stop = StopOfRun(job.stop)
        self.lost = False
        self._job = job
        self._fence = fence
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.school.code}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._job.period):
            try:
                held = self._job.db.leases.beat(self._job.school.school_id, self._fence)
            except SyncError:
                continue
            if not held:
                self.lost = True
                self.stop.set()
                return
