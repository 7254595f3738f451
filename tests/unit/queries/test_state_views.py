"""«Состояние»: one word per stream, its cause, and figures of two weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_service.config import DEFAULT_INTERVALS
from sync_service.domain.errors import ContractError
from sync_service.domain.reports import NO_LAST_WORD, RunReport, RunStatus, Stage
from sync_service.domain.streams import Stream
from sync_service.engine.brake import brake
from sync_service.engine.cycle import Direction
from sync_service.engine.failure_words import ADMIN, NOBODY, Origin, words_of
from sync_service.engine.judging import Word
from sync_service.engine.queries import remember_next_runs
from sync_service.engine.queries_run_page import run_page, view_of
from sync_service.engine.queries_state import SchoolState, StreamState, school_state
from tests.unit.engine.world import World
from tests.unit.queries import scenes

NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)


def look(world: World, now: datetime = NOW, *, needs_login: bool = False) -> SchoolState:
    intervals = {stream: float(seconds) for stream, seconds in DEFAULT_INTERVALS.items()}
    return school_state(world.db, world.school, needs_login=needs_login, intervals=intervals, now=now)


def stream_of(state: SchoolState, stream: Stream) -> StreamState:
    return next(one for one in state.streams if one.stream == stream)


def put(
    world: World, number: int, *, ago: timedelta, status: RunStatus = RunStatus.SUCCEEDED, **errors: str
) -> RunReport:
    """A run on record that ended ``ago``; ``errors`` by stream."""
    ended = NOW - ago
    report = RunReport(
        run_id=f"r{number}", school=world.school.code, started_at=(ended - timedelta(minutes=1)).isoformat()
    )
    world.db.runs.start(world.school.school_id, report, "schedule")
    for stream in Stream:
        report.stream(stream).error = errors.get(stream.value)
    report.stream(Stream.MARKS).push.add("acked", 3)
    report.stream(Stream.MARKS).push.add("rejected")
    report.status, report.finished_at = status, ended.isoformat()
    world.db.runs.finish(world.school.school_id, report)
    return report


def keep_schedule(world: World, at: timedelta = timedelta(minutes=4)) -> None:
    with world.db.write(world.school.school_id) as uow:
        remember_next_runs(uow, dict.fromkeys(Stream, NOW + at))
        uow.commit()


def test_a_school_that_never_ran_is_stopped_until_somebody_starts_it(world: World) -> None:
    """Empty: no run, nobody keeps the schedule."""
    state = look(world)
    assert state.words == {Word.STOPPED: len(Stream)}
    assert (state.last, state.running, state.pupils, state.failed) == (None, None, 0, 0)
    assert all(len(one.days) == 14 and one.days[-1].day == NOW.date() for one in state.streams)
    keep_schedule(world)
    assert look(world).words == {Word.LATE: len(Stream)}


def test_figures_of_a_working_school(world: World) -> None:
    """Fresh within a few intervals; counts of the last 24 hours and of each day; one failure is never 0 %."""
    keep_schedule(world)
    put(world, 1, ago=timedelta(days=2))
    put(world, 2, ago=timedelta(minutes=2))
    state = look(world)
    marks = stream_of(state, Stream.MARKS)
    assert state.words == {Word.WORKS: len(Stream)}
    assert (marks.target, marks.fresh_at) == (900, (NOW - timedelta(minutes=2)).isoformat())
    assert (marks.done, marks.failed, marks.error_percent) == (3, 1, 25)
    assert [day.done for day in marks.days] == [0] * 11 + [3, 0, 3]
    assert (state.done, state.failed) == (3, 1)
    assert state.next_run_at == (NOW + timedelta(minutes=4)).isoformat()
    later = look(world, NOW + timedelta(minutes=30))
    assert stream_of(later, Stream.MARKS).word is Word.STOPPED, "late, and the schedule is not kept"
    assert stream_of(later, Stream.PERIODS).word is Word.WORKS, "read every hour"


def test_a_planned_pause_makes_nothing_late(world: World) -> None:
    """In a blackout the next run is hours away by the schedule itself."""
    put(world, 1, ago=timedelta(hours=5))
    keep_schedule(world, timedelta(hours=3))
    assert look(world).words == {Word.WORKS: len(Stream)}


def test_trouble_comes_first_with_its_cause(world: World) -> None:
    """A broken contract stops its stream for the administrator; a silent region heals by itself."""
    keep_schedule(world)
    put(world, 1, ago=timedelta(minutes=9))
    put(world, 2, ago=timedelta(minutes=5), attendance="ContractError: x", marks="Unreachable: x")
    put(world, 3, ago=timedelta(minutes=1), attendance="ContractError: y", marks="Unreachable: x")
    first, second, *rest = look(world).streams
    assert first.cause is not None
    assert second.cause is not None
    assert (first.stream, first.word, first.cause.words.origin) == (Stream.ATTENDANCE, Word.STOPPED, Origin.GIS)
    assert first.cause.words.who == ADMIN
    assert (first.cause.since, first.cause.detail) == (
        (NOW - timedelta(minutes=5)).isoformat(),
        "ContractError: y",
    )
    assert (second.stream, second.word, second.cause.words.origin) == (Stream.MARKS, Word.WORKS, Origin.NETWORK)
    assert second.cause.words.who == NOBODY
    assert {one.word for one in rest} == {Word.WORKS}


def test_a_missing_login_stops_everything_and_says_who_acts(world: World) -> None:
    put(world, 1, ago=timedelta(minutes=1))
    state = look(world, needs_login=True)
    assert state.words == {Word.LOGIN: len(Stream)}
    assert {one.cause.path for one in state.streams if one.cause} == {"/connection"}


def test_quarantine_names_the_page_where_it_is_mended(world: World) -> None:
    scenes.impossible_mark(world)
    keep_schedule(world)
    put(world, 1, ago=timedelta(minutes=1))
    marks = stream_of(look(world), Stream.MARKS)
    assert marks.cause is not None
    assert (marks.word, marks.cause.path) == (Word.WORKS, "/quarantine")
    assert "1 запись" in marks.cause.words.what


def test_pupils_agree_when_nothing_about_them_is_open(world: World) -> None:
    """A case, and a change that has not left yet, each take a pupil out of those that agree."""
    scene = scenes.agreed(world)
    assert (look(world).agreeing, look(world).pupils) == (1, 1)
    world.update("students", scene.row, address="ул. Мира, 3")
    assert look(world).agreeing == 0
    world.sync(Direction.BOTH)
    assert look(world).agreeing == 1


def test_a_conflict_takes_its_pupil_out(world: World) -> None:
    scenes.birth_date_clash(world)
    assert (look(world).agreeing, look(world).pupils) == (0, 1)


def test_the_brake_speaks_russian(world: World) -> None:
    """The sentence carries the figures of the brake's own words."""
    with pytest.raises(ContractError) as caught:
        brake(world.cycle(), Stream.MARKS, "pull", [(n, "marks:unmapped_code") for n in range(40)], of=50)
    assert "40 из 50" in words_of(f"ContractError: {caught.value}").what


def test_a_run_says_first_where_its_failure_lies(world: World) -> None:
    """The end of the run, then what a person must mend, then what heals; streams with one cause stand together."""
    put(
        world,
        1,
        ago=timedelta(minutes=1),
        status=RunStatus.COMPLETED_WITH_ERRORS,
        lessons="Unreachable: x",
        marks="AccessRefused: x",
        attendance="AccessRefused: x",
    )
    view = run_page(world.db, world.school, "r1")
    assert view is not None
    assert [(one.words.origin, len(one.titles)) for one in view.failures] == [(Origin.GIS, 2), (Origin.NETWORK, 1)]
    assert view.sent.balances
    assert (view.sent.total, view.rejected, view.seconds) == (4, 1, 60)
    assert run_page(world.db, world.school, "r2") is None


def test_a_running_run_shows_its_stage(world: World) -> None:
    report = RunReport(run_id="r", school="school-900", started_at=NOW.isoformat(), stage=Stage.COMPARING)
    report.at = Stream.MARKS
    view = view_of(report)
    assert [state for _, state in view.steps] == ["done", "now", "ahead", "ahead"]
    assert (view.at, view.running) == ("Отметки", True)
    dead = view_of(
        RunReport(
            run_id="r", school="s", started_at=NOW.isoformat(), status=RunStatus.INTERRUPTED, error=NO_LAST_WORD
        )
    )
    assert dead.steps == ()
    assert dead.failures[0].words.origin is Origin.OURS
