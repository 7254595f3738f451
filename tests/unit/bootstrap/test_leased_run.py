"""A run under leases: its row, its heartbeat, and what ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.memory import MemoryRemote
from mappings import load_mappings
from sync_service.clock import SystemClock
from sync_service.domain.errors import AlreadyRunning, FatalError, StopRequested, Unreachable
from sync_service.domain.links import RemoteId, SchoolId
from sync_service.domain.reports import TAKEN_OVER, RunReport, RunStatus, Stage
from sync_service.domain.streams import Page, Stream, StreamVersions
from sync_service.engine.context import School
from sync_service.engine.cycle import Direction
from sync_service.engine.leased_run import Job, run_leased
from sync_service.engine.stores import Fence
from sync_service.notify import LogNotifier
from sync_service.persistence import SqlDatabase
from tests.databases import SchoolDatabase

MAPPINGS = load_mappings()
PERIOD = 0.02
LONG = 60.0  # nobody is taken for dead within it
WAIT = 20.0  # a limit for a broken run, not a pace


class Region(MemoryRemote):
    """A region that stops for the test when it is asked for its change versions."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.meanwhile: Callable[[], None] | None = None
        self.before_lessons: Callable[[], None] | None = None

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        if stream is Stream.LESSONS and self.before_lessons is not None:
            self.before_lessons()
        return super().pages(stream, cursor, versions)

    def change_versions(self) -> Any:
        if self.meanwhile is not None:
            self.meanwhile()
        return super().change_versions()


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.fixture
def db(database: SchoolDatabase) -> SqlDatabase:
    return database.database


@pytest.fixture
def job(database: SchoolDatabase, region: Region) -> Job:
    return Job(
        school=School(
            school_id=database.school,
            code="school-900",
            name="Школа № 900",
            organization_id=RemoteId("organization-900"),
        ),
        streams=tuple(Stream),
        direction=Direction.BOTH,
        trigger="manual",
        db=database.database,
        remote=region,
        policies={stream: mapping.policy for stream, mapping in MAPPINGS.items()},
        normalise=lambda stream, values: MAPPINGS[stream].normalise_local(values),
        clock=SystemClock(),
        notifier=LogNotifier(),
        period=PERIOD,
        wait=0.0,
        stop=threading.Event(),
    )


def latest(job: Job) -> RunReport:
    return job.db.runs.latest(job.school.school_id)[0]


def take(job: Job, *streams: Stream, holder: str = "another run", wait: float = 0.0, period: float = PERIOD) -> Fence:
    return job.db.leases.acquire(
        job.school.school_id,
        streams or tuple(Stream),
        holder,
        wait=wait,
        clock=job.clock.monotonic,
        sleep=job.clock.sleep,
        period=period,
    )


def test_a_run_is_on_record_while_it_runs_and_when_it_ended(job: Job, region: Region) -> None:
    """The row says «running» during the cycle, and afterwards what came of it."""
    seen: list[RunStatus] = []
    region.meanwhile = lambda: seen.append(latest(job).status)
    report = run_leased(job)
    assert seen == [RunStatus.RUNNING]
    assert report.status is RunStatus.SUCCEEDED
    assert latest(job) == report


def test_a_running_run_shows_what_it_has_done(job: Job, region: Region) -> None:
    """Another connection sees counts and stage while the run goes on; what it sees balances."""
    region.create(Stream.SUBJECTS, {"name": "Алгебра"})
    seen: list[RunReport] = []

    def look() -> None:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and not (seen and seen[-1].stream(Stream.SUBJECTS).pull.applied):
            seen.append(latest(job))
            time.sleep(PERIOD)

    region.before_lessons = look
    assert run_leased(job).status is RunStatus.SUCCEEDED
    last = seen[-1]
    assert (last.status, last.stage, last.stream(Stream.SUBJECTS).pull.applied) == (
        RunStatus.RUNNING,
        Stage.READING,
        1,
    )
    assert all(entry.pull.balances and entry.push.balances for report in seen for entry in report.streams.values())
    assert latest(job).stage is None


def test_the_id_of_a_run_is_told_once_it_is_on_record(job: Job) -> None:
    """Who starts a run in the background can show it at once."""
    told: list[RunStatus] = []

    def hear(run_id: str) -> None:
        report = job.db.runs.get(run_id)
        assert report is not None
        told.append(report.status)

    run_leased(replace(job, started=hear))
    assert told == [RunStatus.RUNNING]


def test_leases_are_given_back(job: Job) -> None:
    """The next run begins at once."""
    run_leased(job)
    assert run_leased(job).status is RunStatus.SUCCEEDED


def test_a_busy_stream_refuses_the_run(job: Job) -> None:
    """Nothing is put on record of a run that did not begin."""
    take(job, Stream.MARKS)
    with pytest.raises(AlreadyRunning, match="marks"):
        run_leased(job)
    assert job.db.runs.latest(job.school.school_id) == []


def test_streams_another_run_holds_are_skipped_when_asked(job: Job) -> None:
    """The rest runs; the report names only what ran, and the other run keeps its lease."""
    other = take(job, Stream.MARKS, Stream.ATTENDANCE)
    report = run_leased(replace(job, skip_busy=True, period=LONG))
    assert report.status is RunStatus.SUCCEEDED
    assert set(report.streams) == set(Stream) - {Stream.MARKS, Stream.ATTENDANCE}
    assert job.db.leases.beat(job.school.school_id, other)


def test_a_run_with_nothing_but_busy_streams_is_refused(job: Job) -> None:
    """Skipping everything would look like success."""
    take(job)
    with pytest.raises(AlreadyRunning):
        run_leased(replace(job, skip_busy=True, period=LONG))


def test_the_heartbeat_keeps_a_long_run_alive(job: Job, region: Region) -> None:
    """An observer who waits longer than three periods is still refused."""
    refused: list[type[Exception]] = []
    period = 0.3  # three of them are more than a busy machine keeps a thread waiting

    def observe() -> None:
        try:
            take(job, wait=4 * period, period=period)
        except AlreadyRunning as error:
            refused.append(type(error))

    region.meanwhile = observe
    assert run_leased(replace(job, period=period)).status is RunStatus.SUCCEEDED
    assert refused == [AlreadyRunning]


def test_a_dead_run_is_taken_over_and_its_row_closed(job: Job) -> None:
    """A killed process left leases and a row: the next run waits until it knows, then closes the row."""
    report = RunReport(run_id="killed", school=job.school.code, started_at=job.clock.now().isoformat())
    take(job, holder="killed")
    job.db.runs.start(job.school.school_id, report, "manual")
    assert run_leased(replace(job, wait=WAIT)).status is RunStatus.SUCCEEDED
    found = job.db.runs.get("killed")
    assert found is not None
    assert found.status is RunStatus.INTERRUPTED


def test_a_run_whose_lease_was_taken_over_stops(job: Job, region: Region, db: SqlDatabase) -> None:
    """The heartbeat finds the lease gone, and the run stops at its next step without writing."""
    beaten = threading.Event()
    beat = db.leases.beat

    def lose() -> None:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE leases SET token = token + 1, holder = 'another run'")
        assert beaten.wait(WAIT)

    def told(school: SchoolId, fence: Fence) -> bool:
        held = beat(school, fence)
        if not held:
            beaten.set()
        return held

    region.create(Stream.SUBJECTS, {"name": "Алгебра"})
    region.meanwhile = lose
    db.leases.beat = told  # type: ignore[method-assign]  # listens to the real one
    report = run_leased(job)
    assert (report.status, report.error) == (RunStatus.INTERRUPTED, TAKEN_OVER)
    assert latest(job) == report
    assert not job.stop.is_set()  # other schools of the process go on
    with job.db.read(job.school.school_id) as uow:
        assert uow.staging.all_rows(Stream.SUBJECTS) == {}


def test_a_stop_ends_the_run_at_its_next_step(job: Job, region: Region) -> None:
    """The row says «interrupted», and the leases are free."""
    region.create(Stream.SUBJECTS, {"name": "Алгебра"})
    region.meanwhile = job.stop.set
    assert run_leased(job).status is RunStatus.INTERRUPTED
    assert latest(job).status is RunStatus.INTERRUPTED
    region.meanwhile = None
    assert run_leased(replace(job, stop=threading.Event())).status is RunStatus.SUCCEEDED


def test_a_stop_while_waiting_for_leases_begins_nothing(job: Job) -> None:
    """A process that is to end does not wait for another run."""
    stop = threading.Event()
    stop.set()
    take(job)
    with pytest.raises(StopRequested):
        run_leased(replace(job, clock=SystemClock(stop), stop=stop, wait=WAIT))


def test_a_region_that_is_away_is_a_failed_run(job: Job, region: Region) -> None:
    """The report is returned and on record; nothing is raised."""
    region.fail_next(Unreachable("the region does not answer"))
    report = run_leased(job)
    assert (report.status, report.error) == (RunStatus.FAILED, "Unreachable: the region does not answer")
    assert latest(job) == report


def test_a_mistake_of_the_program_is_on_record_without_its_words(job: Job, region: Region) -> None:
    """The row says «failed», the error names the kind and the place, and quotes nothing."""

    def stumble() -> None:
        raise ValueError("Иванов Пётр")

    region.meanwhile = stumble
    with pytest.raises(FatalError, match=r"ValueError at test_leased_run.py:\d+") as caught:
        run_leased(job)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "Иванов" not in str(caught.value)
    assert latest(job).status is RunStatus.FAILED
    assert "Иванов" not in str(latest(job).error)


def test_an_interrupt_from_the_keyboard_leaves_a_closed_row(job: Job, region: Region) -> None:
    """Ctrl-C passes through; the row says «interrupted», and the leases are free."""

    def press() -> None:
        raise KeyboardInterrupt

    region.meanwhile = press
    with pytest.raises(KeyboardInterrupt):
        run_leased(job)
    assert latest(job).status is RunStatus.INTERRUPTED
    region.meanwhile = None
    assert run_leased(job).status is RunStatus.SUCCEEDED
