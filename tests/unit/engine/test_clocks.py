"""Wrong clocks, jumping clocks, edges of the calendar: RELIABILITY 31 and 33."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from sync_service.domain.errors import TransientError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import run_cycle
from tests.databases import SqliteTemplate
from tests.simulation.calendar_statements import edited, midnight, there, with_mark
from tests.simulation.databases import AtUrl
from tests.simulation.run_statements import RegionalClock, clock_jumps
from tests.unit.engine.world import World, build, furnish

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONES = ["Asia/Yekaterinburg", "Europe/Kaliningrad", "Asia/Kamchatka"]


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """Clocks mean the same on every database."""
    made = build(sqlite_template.copy(tmp_path))
    yield made
    made.db.close()


@pytest.mark.parametrize("first", [0, 100])
def test_clocks_that_jump_lose_nothing_and_double_nothing(
    first: int, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Random histories in which our clock jumps by a day or an hour between runs and in the middle of them, and the
    region's is up to ten minutes off (short form)."""
    assert clock_jumps(first, 3, lambda: AtUrl(sqlite_template.copy(tmp_path))).jumps >= 9


@pytest.mark.parametrize("jump", [DAY, -DAY, -HOUR])
def test_freshness_is_never_negative(world: World, jump: timedelta) -> None:
    """A clock that jumps in the middle of a run leaves its report and the status readable."""
    from sync_service.engine.queries import school_status

    furnish(world.remote)

    def leap(point: str) -> None:
        if point == "pull.page.before_commit" and world.clock.moment == before:
            world.clock.moment += jump

    before = world.clock.moment
    report = world.cycle(leap)
    report.report.started_at = before.isoformat()
    world.db.runs.start(world.school.school_id, report.report, "manual")
    run_cycle(report, list(Stream))
    world.db.runs.finish(world.school.school_id, report.report)
    assert report.report.status is RunStatus.SUCCEEDED
    for now in (before, world.clock.moment, world.clock.moment + HOUR):
        view = school_status(world.db, world.school, connection="ok", now=now)
        assert all((entry.lag_seconds or 0) >= 0 for entry in view.streams.values())


def test_a_second_try_put_off_by_a_wrong_clock_comes_when_the_clock_is_right(world: World) -> None:
    """A day ahead, a batch fails and is put off by half a minute of that day; set right, it does not wait a day."""
    mark = with_mark(world, "2026-11-19")
    world.clock.moment += DAY
    world.sync()
    world.remote.fail_next(TransientError("503"), call="write")
    edited(world, "4")
    assert world.rows("outbox")[0]["state"] == "retry"
    world.clock.moment -= DAY
    world.sync()
    assert there(world, mark) == "4"


def test_a_mark_judged_late_by_a_wrong_clock_leaves_when_the_clock_is_right(world: World) -> None:
    """A day ahead, day 14 looks like day 15."""
    mark = with_mark(world, "2026-11-06")  # fourteen days ago
    world.clock.moment += DAY
    assert edited(world, "4").streams[Stream.MARKS].waiting == {"permit": 1}
    world.clock.moment -= DAY
    world.sync()
    assert there(world, mark) == "4"


def test_a_mark_sent_late_by_a_wrong_clock_waits_for_a_permit(world: World) -> None:
    """Our clock is a day behind: by our day the mark may leave, by the region's it may not, and the region decides.
    It asks again in an hour, then daily, and stops asking when our own day says the same."""
    world.clock.moment -= DAY
    world.remote.clock = RegionalClock(world.clock, timedelta(days=1))
    mark = with_mark(world, "2026-11-05")  # fifteen days ago by the region's clock
    assert edited(world, "4").streams[Stream.MARKS].waiting == {"permit": 1}
    asked = []
    for _ in range(72):
        before = world.remote.calls["write"]
        world.clock.moment += HOUR
        assert world.sync().streams[Stream.MARKS].waiting == {"permit": 1}
        asked.append(world.remote.calls["write"] - before)
    assert (there(world, mark), sum(asked)) == ("5", 1)


@pytest.mark.parametrize("off", [timedelta(minutes=-10), timedelta(), timedelta(minutes=10)])
def test_minutes_of_difference_at_midnight_delay_what_has_just_opened(world: World, off: timedelta) -> None:
    """A mark for a lesson ahead and a final mark have waited for their day. It has come by our clock, and by the
    region's ten minutes before or after: both arrive within the hour, and the mark is never refused."""
    world.remote.clock = RegionalClock(world.clock, off)
    world.clock.moment = midnight("2026-12-20", ZONES[0])
    mark = with_mark(world, "2027-01-05")  # may be marked from 23 December on
    (pupil,), (subject,), (period,) = (world.rows(name) for name in ("students", "subjects", "periods"))
    world.insert(
        "final_marks",
        student_id=pupil["id"],
        subject_id=subject["id"],
        period_id=period["id"],  # ends on 30 December: final marks from the 23rd on
        kind="period",
        value="5",
    )
    assert edited(world, "4").streams[Stream.MARKS].waiting == {"permit": 1}
    world.clock.moment = midnight("2026-12-23", ZONES[0])
    for _ in range(14):
        world.clock.moment += timedelta(minutes=5)
        assert world.sync().status is RunStatus.SUCCEEDED
    assert there(world, mark) == "4"
    assert [final["value"] for final in world.remote.records(Stream.FINAL_MARKS).values()] == ["5"]


def test_a_final_mark_given_in_the_first_minutes_of_its_day_arrives(world: World) -> None:
    """It leaves at once; the region, ten minutes behind, says that its window is closed, and is asked again."""
    world.remote.clock = RegionalClock(world.clock, timedelta(minutes=-10))
    with_mark(world, "2026-11-19")
    (pupil,), (subject,), (period,) = (world.rows(name) for name in ("students", "subjects", "periods"))
    world.clock.moment = midnight("2026-12-23", ZONES[0]) + timedelta(minutes=5)
    references = {"student_id": pupil["id"], "subject_id": subject["id"], "period_id": period["id"]}
    world.insert("final_marks", **references, kind="period", value="5")
    assert world.sync().streams[Stream.FINAL_MARKS].waiting == {"permit": 1}
    world.clock.moment += HOUR
    world.sync()
    assert len(world.remote.records(Stream.FINAL_MARKS)) == 1


@pytest.mark.parametrize(
    ("zone", "utc", "day"),
    [
        ("Asia/Yekaterinburg", "2010-12-31T19:00", "2011-01-01"),  # +05:00, winter time
        ("Asia/Yekaterinburg", "2011-12-31T18:00", "2012-01-01"),  # +06:00, «summer for ever»
        ("Asia/Yekaterinburg", "2014-12-31T18:30", "2014-12-31"),  # +05:00, «winter for ever»
        ("Asia/Yekaterinburg", "2011-03-26T21:30", "2011-03-27"),  # the hour that was left out
        ("Asia/Yekaterinburg", "2014-10-25T20:30", "2014-10-26"),  # the hour that came twice
        ("Europe/Kaliningrad", "2026-08-31T21:59", "2026-08-31"),
        ("Asia/Kamchatka", "2026-08-31T12:00", "2026-09-01"),
    ],
)
def test_the_day_of_a_school_follows_the_history_of_its_zone(world: World, zone: str, utc: str, day: str) -> None:
    """The zone's rules of that year, not an offset."""
    world.clock.moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    world.school = replace(world.school, zone=zone)
    assert world.cycle().today() == date.fromisoformat(day)


def blacked_out(world: World, begins: Callable[[str], bool]) -> RunReport:
    """A cycle during which a blackout begins at a named point."""
    begun: list[str] = []

    def probe(point: str) -> None:
        if begins(point):
            begun.append(point)

    cycle = replace(world.cycle(probe), blackout=lambda: bool(begun))
    run_cycle(cycle, list(Stream))
    return cycle.report


def test_a_run_stops_at_its_next_page_when_a_blackout_begins(world: World) -> None:
    """What is durable stays, the rest is read when the window has ended; the report says why."""
    furnish(world.remote)
    report = blacked_out(world, lambda point: point == "pull.page.after_commit")
    assert (report.status, report.error) == (
        RunStatus.INTERRUPTED,
        "a blackout has begun; the run goes on from here at its end",
    )
    assert world.count("organizations") == 1
    assert world.count("classes") == 0
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("classes") == 1


def test_what_a_blackout_keeps_from_leaving_waits_for_its_end(world: World) -> None:
    """Nothing is sent inside the window, and every change is counted under «blackout»."""
    mark = with_mark(world, "2026-11-19")
    world.update("marks", world.rows("marks")[0]["id"], value="4")
    sent = world.remote.calls["write"]
    report = blacked_out(world, lambda point: point == "capture.after_commit")
    assert report.streams[Stream.MARKS].waiting == {"blackout": 1}
    assert report.streams[Stream.MARKS].push.balances
    assert world.remote.calls["write"] == sent
    assert world.sync().streams[Stream.MARKS].waiting == {}
    assert there(world, mark) == "4"
