"""The daemon in one process: scheduler, ticker and runner together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync_service import bootstrap
from sync_service.bootstrap import Service
from sync_service.clock import SystemClock
from sync_service.config import Settings
from sync_service.daemon import Daemon, agenda_of, run_daemon
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
        monkeypatch.setattr(bootstrap, "connect", Regions(clock).connect)
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


def test_a_clock_that_stands_still_stops_nothing(start: Start, tmp_path: Path) -> None:
    """The wall clock shows the same second for ever; runs go on by monotonic time."""
    clock = Watch()
    running = start(settings(tmp_path), clock)
    for runs in (1, 2, 3):
        running.wait_for_runs(runs)
        clock.freeze(310)
    running.wait_for_runs(4)


def test_a_daemon_that_lost_its_lock_ends(start: Start, tmp_path: Path) -> None:
    """Another daemon has the database: this one ends by itself and says why."""
    running = start(settings(tmp_path), SystemClock())
    running.wait_for_runs(1)
    running.lock.ours = False
    running.thread.join(20)
    assert not running.thread.is_alive()
    assert "another daemon" in str(running.errors[0])


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
