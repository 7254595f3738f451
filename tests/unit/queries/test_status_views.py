"""Freshness, backlog and what waits for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction
from sync_service.engine.queries import SchoolStatus, open_decisions, remember_next_runs, school_status
from sync_service.engine.queries_runs import last_successes, run_report, run_rows
from tests.unit.engine.world import PUPIL, World
from tests.unit.queries import scenes

NOW = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)


def look(world: World, now: datetime = NOW) -> SchoolStatus:
    return school_status(world.db, world.school, connection="ok", now=now)


def record_run(
    world: World,
    number: int,
    *,
    status: RunStatus = RunStatus.SUCCEEDED,
    streams: tuple[Stream, ...] = tuple(Stream),
    failed: tuple[Stream, ...] = (),
) -> str:
    """A finished run on record; returns when it ended."""
    started = NOW - timedelta(hours=5) + timedelta(minutes=number)
    report = RunReport(run_id=f"r{number:05}", school=world.school.code, started_at=started.isoformat())
    for stream in streams:
        report.stream(stream).error = "ContractError: no" if stream in failed else None
    world.db.runs.start(world.school.school_id, report, "manual")
    report.status = status
    report.finished_at = (started + timedelta(seconds=9)).isoformat()
    world.db.runs.finish(world.school.school_id, report)
    return report.finished_at


def test_nothing_is_fresh_before_the_first_run(world: World) -> None:
    """Never synchronised is said, not dressed up as zero seconds."""
    view = look(world)
    assert set(view.streams) == {stream.value for stream in Stream}
    assert all(entry.last_success_at is None and entry.lag_seconds is None for entry in view.streams.values())
    assert view.last_run is None


def test_freshness_is_per_stream(world: World) -> None:
    """A stream that failed keeps the time of its last success; the others move on."""
    first = record_run(world, 1)
    second = record_run(world, 2, status=RunStatus.COMPLETED_WITH_ERRORS, failed=(Stream.MARKS,))
    view = look(world)
    assert view.streams["marks"].last_success_at == first
    assert view.streams["students"].last_success_at == second
    assert view.streams["marks"].lag_seconds == int((NOW - datetime.fromisoformat(first)).total_seconds())


def test_a_run_that_ended_early_makes_nothing_fresh(world: World) -> None:
    """Failed, interrupted and refused runs name streams they may never have reached."""
    record_run(world, 1, status=RunStatus.FAILED)
    record_run(world, 2, status=RunStatus.INTERRUPTED)
    record_run(world, 3, status=RunStatus.LOGIN_NEEDED)
    assert last_successes(world.db, world.school.school_id, Stream) == {}


def test_a_rare_stream_is_found_behind_many_runs(world: World) -> None:
    """The look-back grows until every stream was seen."""
    rare = record_run(world, 0)
    for number in range(1, 130):
        record_run(world, number, streams=(Stream.MARKS,))
    found = last_successes(world.db, world.school.school_id, Stream)
    assert found[Stream.LESSONS] == rare
    assert found[Stream.MARKS] > rare


def test_backlog_counts_what_the_region_does_not_have_yet(world: World) -> None:
    """A change counts from the moment another program writes it until the region has taken it."""
    scene = scenes.agreed(world)
    assert look(world).totals.backlog == 0
    world.update("students", scene.row, address="ул. Мира, 3")
    assert look(world).streams["students"].backlog == 1
    world.sync()
    view = look(world)
    assert (view.streams["students"].backlog, view.streams["students"].oldest_backlog_at) == (0, None)


def test_a_late_mark_waits_and_is_old(world: World) -> None:
    """Waiting for a permit is part of the backlog, with the age of the oldest."""
    scene = scenes.agreed(world)
    late = next(row["id"] for row in world.rows("lessons") if row["date"] == "2026-10-01")
    world.insert("marks", student_id=scene.row, lesson_id=late, value="5", weight=1, position=1)
    world.sync(Direction.PUSH)
    entry = look(world).streams["marks"]
    assert (entry.backlog, entry.waiting) == (1, 1)
    assert entry.oldest_backlog_at == NOW.isoformat()


def test_everything_that_waits_for_a_person_is_counted(world: World) -> None:
    scenes.birth_date_clash(world)
    view = look(world)
    assert (view.totals.conflicts, view.streams["students"].conflicts) == (1, 1)
    assert open_decisions(world.db, world.school) == {("conflict", 1)}


def test_doubles_are_decisions_too(world: World) -> None:
    scenes.possible_double(world)
    assert look(world).totals.matches == 1
    assert {queue for queue, _ in open_decisions(world.db, world.school)} == {"match"}


def test_a_pupil_who_is_not_released_waits(world: World) -> None:
    scenes.not_released(world)
    view = look(world)
    assert (view.totals.releases, view.streams["students"].waiting) == (1, 1)
    assert ("release", 1) in open_decisions(world.db, world.school)


def test_quarantine_is_counted_by_stream_and_not_as_backlog(world: World) -> None:
    scenes.impossible_mark(world)
    entry = look(world).streams["marks"]
    assert (entry.quarantined, entry.backlog) == (1, 0)


def test_the_next_run_is_what_the_daemon_wrote_down(world: World) -> None:
    """A moment that has passed says that nobody keeps the schedule."""
    with world.db.write(world.school.school_id) as uow:
        remember_next_runs(uow, {Stream.MARKS: NOW + timedelta(minutes=5)})
        uow.commit()
    assert look(world).streams["marks"].next_run_at == (NOW + timedelta(minutes=5)).isoformat()
    assert look(world).streams["students"].next_run_at is None
    assert look(world, NOW + timedelta(hours=1)).streams["marks"].next_run_at is None


def test_runs_are_listed_newest_first_with_their_sums(world: World) -> None:
    """In the order in which they were started, also when the clock was set back between them."""
    world.remote.create(Stream.STUDENTS, dict(PUPIL))
    report = world.sync()
    record_run(world, 1)
    finish(world, report, started=NOW - timedelta(days=1))
    newest, oldest = run_rows(world.db, world.school)
    assert (newest.id, newest.received, newest.applied, newest.status) == (report.run_id, 1, 1, "succeeded")
    assert oldest.received == 0
    assert len(run_rows(world.db, world.school, limit=1)) == 1


def finish(world: World, report: RunReport, *, started: datetime) -> None:
    """Put a run on record that has ended."""
    running = RunReport(run_id=report.run_id, school=report.school, started_at=started.isoformat())
    world.db.runs.start(world.school.school_id, running, "manual")
    report.started_at = started.isoformat()
    world.db.runs.finish(world.school.school_id, report)


def test_a_run_whose_process_is_dead_is_not_shown_as_running(world: World) -> None:
    """Nobody has closed its row yet: without a lease, or with one that gives no sign of life for minutes, it is
    shown as interrupted; a living one, and one of which nobody can tell yet, as running."""
    for name in ("alive", "silent", "gone"):
        report = RunReport(run_id=name, school=world.school.code, started_at=NOW.isoformat())
        world.db.runs.start(world.school.school_id, report, "schedule")
    fences = {
        name: world.db.leases.acquire(
            world.school.school_id, [stream], name, wait=0, clock=lambda: 0.0, sleep=lambda _: None, period=1
        )
        for name, stream in (("silent", Stream.MARKS), ("alive", Stream.STUDENTS))
    }

    def shown() -> dict[str, str]:
        return {row.id: row.status for row in run_rows(world.db, world.school)}

    assert shown() == {"alive": "running", "silent": "running", "gone": "interrupted"}
    world.clock.moment += timedelta(minutes=6)
    assert world.db.leases.beat(world.school.school_id, fences["alive"])
    assert shown() == {"alive": "running", "silent": "interrupted", "gone": "interrupted"}
    found = run_report(world.db, world.school, "silent")
    assert found is not None
    assert found.status is RunStatus.INTERRUPTED
    last = look(world).last_run
    assert last is not None
    assert last.status == "interrupted"


def test_a_success_from_the_future_makes_nothing_fresh(world: World) -> None:
    """The clock was a day ahead and was set right: freshness counts from the last run of a believable moment."""
    believable = record_run(world, 1)
    record_run(world, 24 * 60)
    entry = look(world).streams["marks"]
    assert entry.last_success_at == believable
    assert entry.lag_seconds == (NOW - datetime.fromisoformat(believable)).total_seconds()


def test_a_card_nobody_watches_waits_in_the_status_as_in_the_run(world: World) -> None:
    """A pupil the region does not know, with a card too incomplete to send, is counted the same by both."""
    scenes.agreed(world)
    world.insert("students", **PUPIL | {"snils": None, "first_name": "Олег"}, incomplete=True)
    report = world.sync()
    view = look(world)
    assert report.stream(Stream.STUDENTS).waiting == {"decision": 1}
    assert (view.streams["students"].waiting, view.totals.unwatched, view.totals.releases) == (1, 1, 0)


def test_nobody_is_unknown_to_a_region_that_was_never_read(world: World) -> None:
    """Before the first run a card is a change on its way and not a question to a person."""
    world.insert("students", **PUPIL, incomplete=True)
    view = look(world)
    assert (view.streams["students"].backlog, view.totals.waiting, view.totals.unwatched) == (1, 0, 0)
