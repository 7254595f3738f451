"""Leases, runs, schools and connections: what lives outside units of work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sync_service.domain.errors import AlreadyRunning
from sync_service.domain.links import SchoolId
from sync_service.domain.reports import Outcome, RunReport, RunStatus, Stage, WaitingFor
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Fence
from sync_service.persistence.leases import SqlLeases
from tests.databases import SchoolDatabase
from tests.integration.test_unit_of_work import Ticking

MARKS, PUPILS = Stream.MARKS, Stream.STUDENTS
PERIOD = 5.0
DAY = date(2026, 11, 19)


class Observer:
    """A process of its own: own memory of counters, own clock."""

    def __init__(self, at: SchoolDatabase, name: str) -> None:
        self.time = Ticking()
        self.leases = SqlLeases(at.database.engine)
        self._school = at.school
        self._name = name

    def acquire(self, *streams: Stream, wait: float = 0, school: SchoolId | None = None) -> Fence:
        return self.leases.acquire(
            school or self._school,
            streams,
            self._name,
            wait=wait,
            clock=self.time.clock,
            sleep=self.time.sleep,
            period=PERIOD,
        )


def test_a_stream_has_one_holder(database: SchoolDatabase) -> None:
    """All streams or none; other streams and other schools stay free."""
    one, two = Observer(database, "one"), Observer(database, "two")
    held = one.acquire(MARKS)
    with pytest.raises(AlreadyRunning, match="marks"):
        two.acquire(PUPILS, MARKS)
    other = two.acquire(PUPILS)
    assert other.token > held.token
    assert two.acquire(MARKS, school=database.add_school("school-12")).streams == (MARKS,)
    one.leases.release(database.school, held)
    again = two.acquire(MARKS)
    assert again.token > other.token


def test_waiting_ends_when_the_holder_gives_back(database: SchoolDatabase) -> None:
    one, two = Observer(database, "one"), Observer(database, "two")
    held = one.acquire(MARKS)

    def sleep(seconds: float) -> None:
        two.time.seconds += seconds
        if two.time.seconds >= 2:
            one.leases.release(database.school, held)

    two.time.sleep = sleep  # type: ignore[method-assign]
    fence = two.acquire(MARKS, wait=10)
    assert fence.token > held.token
    assert 2 <= two.time.seconds < 10


def test_a_silent_holder_is_dead_after_three_periods(database: SchoolDatabase) -> None:
    """Measured by the observer's own clock from when it first saw the counter; the late holder finds out."""
    one, two = Observer(database, "one"), Observer(database, "two")
    held = one.acquire(MARKS, PUPILS)
    with pytest.raises(AlreadyRunning):
        two.acquire(MARKS)
    two.time.seconds = 3 * PERIOD - 0.1
    with pytest.raises(AlreadyRunning):
        two.acquire(MARKS)
    two.time.seconds = 3 * PERIOD
    taken = two.acquire(MARKS)
    assert taken.token > held.token
    assert not one.leases.beat(database.school, held)
    one.leases.release(database.school, held)
    assert two.leases.beat(database.school, taken)


def test_a_beating_holder_lives_for_ever(database: SchoolDatabase) -> None:
    one, two = Observer(database, "one"), Observer(database, "two")
    held = one.acquire(MARKS)
    for _ in range(10):
        with pytest.raises(AlreadyRunning):
            two.acquire(MARKS)
        two.time.seconds += 2.9 * PERIOD
        assert one.leases.beat(database.school, held)


def test_a_dead_holder_loses_all_its_streams(database: SchoolDatabase) -> None:
    """Whoever takes one of them frees the rest, and the late holder may not even send."""
    one, two, three = (Observer(database, name) for name in ("one", "two", "three"))
    held = one.acquire(MARKS, PUPILS)
    assert one.leases.holds(database.school, held)
    two.acquire(MARKS, wait=60)
    assert not one.leases.holds(database.school, held)
    assert three.acquire(PUPILS).streams == (PUPILS,)


def test_who_only_watches_frees_the_streams_of_the_dead(database: SchoolDatabase) -> None:
    """After a silence of its own clock; a holder that beats meanwhile keeps everything."""
    dead, alive, watch = (Observer(database, name) for name in ("dead", "alive", "watch"))
    dead.acquire(MARKS)
    beating = alive.acquire(PUPILS)
    freed = []
    for now in (0.0, 44.0, 45.0, 46.0):
        alive.leases.beat(database.school, beating)
        freed.append(watch.leases.free_dead(database.school, now=now, silence=45))
    assert freed == [0, 0, 1, 0]
    assert alive.leases.holds(database.school, beating)
    watch.acquire(MARKS)


def test_a_dead_holder_is_taken_over_within_one_long_wait(database: SchoolDatabase) -> None:
    one, two = Observer(database, "one"), Observer(database, "two")
    one.acquire(MARKS)
    two.acquire(MARKS, wait=60)
    assert 3 * PERIOD <= two.time.seconds <= 3 * PERIOD + 1


def test_many_who_want_the_same_stream_at_once(database: SchoolDatabase) -> None:
    """Exactly one gets it; the others are told so."""

    def attempt(number: int) -> Fence | None:
        try:
            return Observer(database, f"run-{number}").acquire(MARKS)
        except AlreadyRunning:
            return None

    with ThreadPoolExecutor(8) as pool:
        fences = [fence for fence in pool.map(attempt, range(16)) if fence is not None]
    assert len(fences) == 1


def report(run_id: str, started: str = "2026-11-20T07:00:00+00:00") -> RunReport:
    return RunReport(run_id=run_id, school="school-900", started_at=started)


def test_a_run_is_on_record_from_start_to_finish(database: SchoolDatabase) -> None:
    runs = database.database.runs
    running = report("run-1")
    runs.start(database.school, running, "manual")
    assert runs.get("run-1") == running
    running.stream(MARKS).pull.add(Outcome.APPLIED, 3)
    running.stream(MARKS).waiting[WaitingFor.PERMIT] = 2
    running.stream(Stream.LESSONS).error = "ContractError"
    running.status, running.finished_at, running.error = RunStatus.HELD, "2026-11-20T07:01:00+00:00", "…"
    runs.finish(database.school, running)
    assert runs.get("run-1") == running
    assert runs.get("run-2") is None


def test_runs_are_listed_newest_first_per_school(database: SchoolDatabase) -> None:
    """In the order in which they were started, also when the clock was set back between them."""
    runs = database.database.runs
    for number in (1, 3, 2):
        runs.start(database.school, report(f"run-{number}", f"2026-11-20T0{number}:00:00+00:00"), "schedule")
    runs.start(database.add_school("school-12"), report("foreign"), "schedule")
    assert [run.run_id for run in runs.latest(database.school)] == ["run-2", "run-3", "run-1"]
    assert [run.run_id for run in runs.latest(database.school, limit=1)] == ["run-2"]


def test_runs_of_dead_processes_become_interrupted(database: SchoolDatabase) -> None:
    """A run that holds a lease under its own id is alive and stays running."""
    runs = database.database.runs
    for name in ("dead", "alive", "done"):
        runs.start(database.school, report(name), "schedule")
    runs.finish(database.school, replace(report("done"), status=RunStatus.SUCCEEDED))
    Observer(database, "alive").acquire(MARKS)
    assert runs.recover(database.school) == 1
    statuses = {run.run_id: run.status for run in runs.latest(database.school)}
    assert statuses == {
        "dead": RunStatus.INTERRUPTED,
        "alive": RunStatus.RUNNING,
        "done": RunStatus.SUCCEEDED,
    }
    assert runs.recover(database.school) == 0
    late = replace(report("dead"), status=RunStatus.SUCCEEDED)
    assert not runs.finish(database.school, late), "a row that was closed keeps its word"
    assert runs.latest(database.school)[2].status is RunStatus.INTERRUPTED


def counted(run_id: str, ended: str | None, *, status: RunStatus = RunStatus.SUCCEEDED) -> RunReport:
    """Three marks agreed on and one refused, a broken reading of lessons, an untouched list of pupils."""
    made = replace(report(run_id), status=status, finished_at=ended)
    made.stream(MARKS).pull.add(Outcome.UNCHANGED, 2)
    made.stream(MARKS).push.add("acked")
    made.stream(MARKS).push.add("rejected")
    made.stream(MARKS).push.add("waiting", 7)
    made.stream(Stream.LESSONS).error = "ContractError: no"
    made.stream(Stream.STUDENTS)
    return made


def test_ended_runs_add_up_by_day(database: SchoolDatabase) -> None:
    """Each run counts once, on the day (UTC) it ended, for its own school; so does what a dead one had reported."""
    runs, school = database.database.runs, database.school
    for name, ended in (("1", "2026-11-19T23:59:00+00:00"), ("2", "2026-11-20T00:01:00+00:00")):
        runs.start(school, report(name), "schedule")
        assert [runs.finish(school, counted(name, ended)) for _ in range(2)] == [True, False]
    runs.start(school, report("dead"), "schedule")
    assert runs.progress(school, counted("dead", None, status=RunStatus.RUNNING))
    assert runs.recover(school) == 1
    elsewhere = database.add_school("school-12")
    runs.start(elsewhere, report("3"), "schedule")
    runs.finish(elsewhere, counted("3", "2026-11-20T01:00:00+00:00"))
    found = [(one.stream.value, one.day.isoformat(), one.done, one.failed) for one in runs.days(school, DAY)]
    assert found == [
        ("lessons", "2026-11-19", 0, 1),
        ("marks", "2026-11-19", 3, 1),
        ("lessons", "2026-11-20", 0, 2),
        ("marks", "2026-11-20", 6, 2),
    ]
    assert {one.day for one in runs.days(school, DAY + timedelta(days=1))} == {DAY + timedelta(days=1)}


def test_progress_is_seen_and_never_outlives_the_run(database: SchoolDatabase) -> None:
    """Counts and stage of a running run are read by anybody; once its row is closed nothing is written any more."""
    runs, school = database.database.runs, database.school
    runs.start(school, report("run-1"), "manual")
    partial = replace(counted("run-1", None, status=RunStatus.RUNNING), stage=Stage.SENDING, at=MARKS)
    assert runs.progress(school, partial)
    seen = runs.get("run-1")
    assert seen == partial
    assert seen is not None
    assert (seen.stage, seen.at) == (Stage.SENDING, MARKS)
    assert [run.run_id for run in runs.since(school, datetime(2026, 11, 20, 7, tzinfo=UTC))] == ["run-1"]
    assert runs.since(school, datetime(2026, 11, 20, 8, tzinfo=UTC)) == []
    assert not runs.progress(database.add_school("school-12"), partial)
    ended = counted("run-1", "2026-11-20T07:01:00+00:00")
    runs.finish(school, ended)
    assert not runs.progress(school, partial)
    assert runs.get("run-1") == ended


def test_schools_are_added_once_and_kept_up_to_date(database: SchoolDatabase) -> None:
    schools = database.database.schools
    again = schools.ensure("school-900", name="Гимназия № 900", organization_id="o", zone="Europe/Moscow")
    assert again == database.school
    other = database.add_school("school-12")
    assert [s.school_id for s in schools.all()] == [database.school, other]
    found = schools.get("school-900")
    assert found is not None
    assert (found.name, found.organization_id, found.zone) == ("Гимназия № 900", "o", "Europe/Moscow")
    assert schools.get("nobody") is None


def test_tokens_are_replaced_as_a_pair(database: SchoolDatabase) -> None:
    """Per school; a rejected pair is remembered until a new one is stored."""
    mine = database.database.connection(database.school)
    assert (mine.load(), mine.state()) == (None, "unknown")
    mine.save(None, "refresh-1")
    assert (mine.load(), mine.state()) == ((None, "refresh-1"), "ok")
    mine.reject(["refresh-0"])
    assert mine.state() == "ok"
    mine.reject(["refresh-0", "refresh-1"])
    assert mine.state() == "login_needed"
    mine.save("access-2", "refresh-2")
    assert (mine.load(), mine.state()) == (("access-2", "refresh-2"), "ok")
    assert database.database.connection(database.add_school("school-12")).load() is None


def test_a_late_pair_does_not_take_the_place_of_a_new_one(database: SchoolDatabase) -> None:
    """Only the pair it was made from; then the state is as it was for the pair that is there."""
    mine = database.database.connection(database.school)
    assert not mine.replace("access-2", "refresh-2", former="refresh-1")
    mine.save("access-1", "refresh-1")
    mine.reject(["refresh-1"])
    assert mine.replace("access-2", "refresh-2", former="refresh-1")
    assert (mine.load(), mine.state()) == (("access-2", "refresh-2"), "ok")
    mine.save(None, "entered")  # a person has logged in
    assert not mine.replace("access-3", "refresh-3", former="refresh-2")
    assert mine.load() == (None, "entered")
