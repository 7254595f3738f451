"""The daemon in one process: scheduler, ticker and runner together."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sync_service import connections
from sync_service.bootstrap import Service
from sync_service.clock import SystemClock
from sync_service.config import SchoolSettings, Settings
from sync_service.daemon import Daemon, agenda_of, run_daemon
from sync_service.daemon_agenda import Agenda
from sync_service.daemon_duty import Duty
from sync_service.daemon_lock import take_lock
from sync_service.domain.errors import AlreadyRunning, ConfigError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Clock
from tests.acceptance.processes import wait_for
from tests.unit.bootstrap.region_in_memory import Regions, logged_in, settings
from tests.unit.daemon.hands import HandClock

LOOK = 0.02


class Watch(HandClock):
    """A clock moved by hand whose sleepers sleep in real time, as heartbeats and leases need."""

    def sleep(self, seconds: float) -> None:
        SystemClock().sleep(min(seconds, LOOK))


class Held:
    """An instance lock that may be lost."""

    ours = True

    def held(self) -> bool:
        return self.ours

    def release(self) -> None: ...


Start = Callable[..., "Running"]


class Running:
    """A daemon in a thread."""

    def __init__(self, made: Settings, clock: Clock) -> None:
        self.file = Path(made.database_url.removeprefix("sqlite:///"))
        self.clock = clock
        self.stop = threading.Event()
        self.lock = Held()
        self.service = logged_in(Service.open(made, create=True, clock=clock))
        self.daemon = Daemon(self.service, self.lock, stop=self.stop, look_seconds=LOOK)
        self.errors: list[Exception] = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.daemon.run()
        except AlreadyRunning as error:
            self.errors.append(error)

    def runs(self, school: str = "school-900") -> list[RunReport]:
        """Finished runs, oldest first."""
        found = self.service.db.runs.latest(self.service.school(school).school_id, limit=1000)
        return [report for report in reversed(found) if report.status is not RunStatus.RUNNING]

    def triggers(self) -> list[str]:
        with sqlite3.connect(self.file) as connection:
            rows = connection.execute("SELECT \"trigger\" FROM runs WHERE status <> 'running' ORDER BY rowid")
            triggers = [trigger for (trigger,) in rows]
        connection.close()
        return triggers

    def wait_for_runs(self, count: int, school: str = "school-900") -> None:
        wait_for(lambda: len(self.runs(school)) >= count, f"{count} runs of {school}")

    def end(self) -> None:
        self.stop.set()
        self.thread.join()
        self.service.close()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts daemons over regions in memory; all are ended with the test."""
    started: list[Running] = []

    def make(made: Settings, clock: Clock) -> Running:
        monkeypatch.setattr(connections, "connect", Regions(clock).connect)
        started.append(Running(made, clock))
        return started[-1]

    yield make
    for one in started:
        one.end()


def test_every_school_runs_once_at_the_start(start: Start, tmp_path: Path) -> None:
    """Schools run side by side; each has its own row and all streams in it."""
    running = start(settings(tmp_path, "a", "b"), Watch())
    for school in ("a", "b"):
        running.wait_for_runs(1, school)
        (report,) = running.runs(school)
        assert report.status is RunStatus.SUCCEEDED
        assert set(report.streams) == set(Stream)


def test_the_scheduler_starts_what_is_due(start: Start, tmp_path: Path) -> None:
    """Streams on an interval of a second run again by APScheduler's tick, and only they."""
    running = start(settings(tmp_path, schedule={"intervals": {"marks": 1}}), SystemClock())
    running.wait_for_runs(3)
    assert running.triggers()[:3] == ["start", "schedule", "schedule"]
    assert [set(report.streams) for report in running.runs()[1:3]] == [{Stream.MARKS}, {Stream.MARKS}]


def test_a_machine_that_slept_runs_once_when_it_wakes(start: Start, tmp_path: Path) -> None:
    """Eight hours asleep become one run; the next one comes with its interval, not before."""
    clock = Watch()
    running = start(settings(tmp_path), clock)
    running.wait_for_runs(1)
    clock.suspend(8 * 3600)
    running.wait_for_runs(2)
    clock.pass_(310)
    running.wait_for_runs(3)
    assert running.triggers() == ["start", "catch_up", "catch_up"]
    assert set(running.runs()[1].streams) == set(Stream)
    assert Stream.ORGANIZATIONS not in running.runs()[2].streams


def test_the_daemon_throws_away_what_nobody_will_come_back_to(start: Start, tmp_path: Path) -> None:
    """A file between its preview and its import, two hours later."""
    clock = Watch()
    running = start(settings(tmp_path), clock)
    running.wait_for_runs(1)
    uploads, school = running.service.files.uploads, running.service.schools()[0].school_id
    token = uploads.keep(school, b"...", file_name="a.csv", by="petrova")
    clock.pass_(2 * 3600)

    def gone() -> bool:
        with closing(sqlite3.connect(running.file)) as connection:
            return not connection.execute("SELECT 1 FROM uploads WHERE token = ?", (token,)).fetchall()

    wait_for(gone, "the upload to be dropped")


def test_a_clock_that_stands_still_stops_nothing(start: Start, tmp_path: Path) -> None:
    """The wall clock shows the same second for ever; runs go on by monotonic time."""
    clock = Watch()
    running = start(settings(tmp_path), clock)
    for runs in (1, 2, 3):
        running.wait_for_runs(runs)
        clock.freeze(310)
    running.wait_for_runs(4)


def test_a_scheduler_whose_thread_died_is_started_anew(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in a trigger ends APScheduler's thread without a word; the ticker notices, and runs go on by the
    schedule."""
    failed = threading.Event()
    next_start = Agenda.next_start

    def stumble(agenda: Agenda, now: datetime) -> datetime:
        if threading.current_thread().name == "APScheduler" and not failed.is_set():
            failed.set()
            raise ValueError("a mistake")
        return next_start(agenda, now)

    monkeypatch.setattr(Agenda, "next_start", stumble)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # the thread's death is the point
    with capture_logs() as logs:
        running = start(settings(tmp_path, schedule={"intervals": {"marks": 1}}), SystemClock())
        wait_for(lambda: failed.is_set() and running.triggers()[-2:] == ["schedule", "schedule"], "the schedule")
    assert "scheduler_restarted" in [entry["event"] for entry in logs]


def test_a_mistake_in_a_look_stops_no_other_school(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticker itself goes on, whatever one school does to it."""
    look = Duty.look

    def stumble(duty: Duty) -> bool:
        if duty.school.code == "a":
            raise ValueError("a mistake")
        return look(duty)

    monkeypatch.setattr(Duty, "look", stumble)
    clock = Watch()
    running = start(settings(tmp_path, "a", "b"), clock)
    for school in ("a", "b"):
        running.wait_for_runs(1, school)
    clock.freeze(310)
    running.wait_for_runs(2, "b")
    assert running.thread.is_alive()


def test_what_the_look_has_noticed_outlives_a_mistake_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back: the scheduler thinks again although watching and tidying fail in the same look."""
    clock = Watch()
    monkeypatch.setattr(connections, "connect", Regions(clock).connect)
    again: list[str] = []

    class Told:
        def is_alive(self) -> bool:
            return True

        def modify_job(self, job_id: str, **_: object) -> None:
            again.append(job_id)

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake")

    with logged_in(Service.open(settings(tmp_path), create=True, clock=clock)) as service:
        daemon = Daemon(service, Held(), stop=threading.Event())
        monkeypatch.setattr(daemon, "_scheduler", Told())
        monkeypatch.setattr(service, "watch", fails)
        monkeypatch.setattr(service, "tidy", fails)
        clock.suspend(-3600)
        with capture_logs() as logs:
            daemon._look()
    assert again == ["school-900"]
    assert [entry["event"] for entry in logs].count("look_failed") == 2


def test_a_run_of_a_killed_process_is_closed_without_a_new_run(start: Start, tmp_path: Path) -> None:
    """A killed sync left its row and leases in a school whose token is gone, so that no run starts: the daemon sees
    the heartbeat stand still and closes the row."""
    clock = Watch()
    running = start(settings(tmp_path), clock)
    running.wait_for_runs(1)
    school = running.service.school("school-900")
    running.service.db.connection(school.school_id).reject(["refresh-school-900"])

    def taken() -> bool:
        leases = running.service.db.leases
        mine = (school.school_id, [Stream.MARKS], "killed")
        try:
            leases.acquire(*mine, wait=0, clock=clock.monotonic, sleep=clock.sleep, period=1)
        except AlreadyRunning:  # the run before has its row written and its leases not yet given back
            return False
        return True

    wait_for(taken, "the leases of the killed run")
    killed = RunReport(run_id="killed", school=school.code, started_at=clock.now().isoformat())
    running.service.db.runs.start(school.school_id, killed, "manual")

    def closed() -> bool:
        clock.pass_(10)
        return {run.run_id: run.status for run in running.runs()}.get("killed") is RunStatus.INTERRUPTED

    wait_for(closed, "the row of the killed run")
    assert len(running.runs()) == 2


def test_a_daemon_that_lost_its_lock_ends(start: Start, tmp_path: Path) -> None:
    """Another daemon has the database: this one ends by itself and says why."""
    running = start(settings(tmp_path), SystemClock())
    running.wait_for_runs(1)
    running.lock.ours = False
    running.thread.join(20)
    assert not running.thread.is_alive()
    assert "another daemon" in str(running.errors[0])
    with running.service.db.read(running.service.school("school-900").school_id) as uow:
        assert json.loads(uow.cursors.get_note("next_runs") or "{}"), "the other daemon's promise stands"


def test_a_second_daemon_is_refused_before_it_opens_anything(tmp_path: Path) -> None:
    """The lock comes first: the database is not even looked for."""
    lock = take_lock(f"sqlite:///{tmp_path}/school.sqlite")
    with pytest.raises(AlreadyRunning):
        run_daemon(settings(tmp_path))
    lock.release()
    assert not (tmp_path / "school.sqlite").exists()


def test_a_daemon_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    """It does not make one by itself, and gives its lock back."""
    for _ in range(2):
        with pytest.raises(ConfigError, match="ecp-sync migrate"):
            run_daemon(settings(tmp_path))


def test_a_school_may_have_its_own_blackouts(tmp_path: Path) -> None:
    """In place of those of the schedule; an empty list frees it from them."""
    made = settings(tmp_path, "a", schedule={"blackouts": ["fri 11:30-12:30"]})
    clock = HandClock()  # a Friday, noon
    for own, inside in ((None, True), ([], False), (["fri 11:00-11:30"], False), (["11:00-13:00"], True)):
        school = made.schools[0].model_copy(
            update={
                "blackouts": SchoolSettings.model_validate(
                    {**made.schools[0].model_dump(exclude={"blackouts"}), "blackouts": own}
                ).blackouts
            }
        )
        assert agenda_of(made, school, clock).in_blackout() is inside


def test_the_agenda_follows_the_settings(tmp_path: Path) -> None:
    """Intervals of the school win over those of the schedule; windows are in the school's zone."""
    made = settings(
        tmp_path,
        schedule={"intervals": {"marks": 600, "classes": 1200}, "blackouts": ["fri 11:30-12:30"]},
        intervals={"marks": 60},
        zone="Asia/Yekaterinburg",
    )
    clock = HandClock()  # a Friday, noon
    agenda = agenda_of(made, made.schools[0], clock)
    assert agenda.in_blackout()
    clock.pass_(1800)
    agenda.take_due()
    starts = agenda.next_starts()
    assert (starts[Stream.MARKS] - clock.now()).total_seconds() == 60
    assert (starts[Stream.CLASSES] - clock.now()).total_seconds() == 600
