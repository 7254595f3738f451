"""Nothing is sent twice, nothing is lost: lost answers, crashes, refusals (invariant 5)."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.errors import (
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Matched
from sync_service.domain.planning import plan_page
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.apply import apply
from sync_service.engine.cycle import Direction
from sync_service.engine.loading import load_page
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.test_stale_decisions import live_links
from tests.unit.engine.world import POLICIES, World, normalise


class Killed(BaseException):
    """The process died; nothing may catch it."""


def new_mark(world: World, value: str = "3") -> int:
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[1]["id"]
    return world.insert("marks", student_id=student, lesson_id=lesson, value=value, weight=1, position=1)


def values(world: World) -> list[str]:
    return sorted(str(v["value"]) for v in world.remote.records(Stream.MARKS).values())


def test_a_create_whose_answer_was_lost_is_not_made_twice(world: World) -> None:
    """Committed there, answer lost: found by its client reference in the same run."""
    seeded(world)
    new_mark(world)
    world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert values(world) == ["3", "5"]
    assert report.streams[Stream.MARKS].push.acked == 1
    assert world.count("outbox") == 0


@pytest.mark.parametrize("edited", [False, True])
def test_a_create_that_was_deleted_there_before_it_was_read_back_is_not_made_again(
    world: World, edited: bool
) -> None:
    """Its tombstone is found by the client reference: the region's deletion counts like any other, and an edit
    made here meanwhile makes it a question."""
    seeded(world)
    row = new_mark(world)
    world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    world.remote.fail_next(TransientError("503"), call="find")
    world.sync()
    (made,) = [i for i, mark in world.remote.records(Stream.MARKS).items() if mark["value"] == "3"]
    world.remote.delete(Stream.MARKS, made)
    if edited:
        world.update("marks", row, value="2")
    for _ in range(3):
        world.sync()
    assert values(world) == ["5"]
    assert (row in [mark["id"] for mark in world.rows("marks")]) is edited
    assert [case["kind"] for case in world.rows("conflicts")] == ["deleted_in_region"] * edited
    assert [entry["state"] for entry in world.rows("outbox")] == ["waiting"] * edited


def test_a_create_that_never_arrived_is_sent_anew(world: World) -> None:
    seeded(world)
    new_mark(world)
    world.remote.fail_next(OutcomeUnknown("lost"), call="write")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert values(world) == ["3", "5"]


@pytest.mark.parametrize("ours_stays", [False, True])
def test_a_lost_create_is_read_back_before_another_record_is_taken_for_its_row(
    world: World, ours_stays: bool
) -> None:
    """Somebody in the region enters another mark in the same cell before the answer is read back: until then nothing
    of the stream is read, and afterwards there are two marks, or what is left of ours."""
    seeded(world)
    row = new_mark(world)
    world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    world.remote.fail_next(TransientError("503"), call="find")
    world.sync()
    (made,) = [i for i, mark in world.remote.records(Stream.MARKS).items() if mark["value"] == "3"]
    other = another_mark(world, made)
    if not ours_stays:
        world.remote.delete(Stream.MARKS, made)
    world.remote.fail_next(TransientError("503"), call="find")
    report = world.sync(direction=Direction.PULL)
    assert report.streams[Stream.MARKS].error == "TransientError: 503"
    assert len(world.rows("marks")) == 2
    for _ in range(3):
        assert world.sync().status is RunStatus.SUCCEEDED
    linked = {link["remote_id"]: link["local_id"] for link in world.rows("links") if link["stream"] == "marks"}
    assert linked[made] == row != linked[other]
    assert sorted(mark["value"] for mark in world.rows("marks")) == (["2", "3", "5"] if ours_stays else ["2", "5"])
    assert values(world) == sorted(mark["value"] for mark in world.rows("marks"))
    assert {one["state"] for one in world.rows("attempts")} == {"answered"}


@pytest.mark.parametrize("made", [True, False])
def test_an_answer_says_nothing_of_the_record_its_row_was_linked_to_meanwhile(world: World, made: bool) -> None:
    """A decision links the row while its create is on the way: what the region makes of the create is a record of
    its own, or it refuses a second mark in one place. What differs from the pair is asked about."""
    seeded(world)
    row = new_mark(world)
    lesson = live_links(world, Stream.LESSONS)[world.rows("marks")[-1]["lesson_id"]]

    def link_to_another(point: str) -> None:
        if point != "push.before_send":
            return
        known = next(iter(world.remote.records(Stream.MARKS)))
        other = another_mark(world, known, lesson_id=lesson, position=2 if made else 1)
        (record,) = world.remote.get(Stream.MARKS, [other]).records
        with world.db.write(world.school.school_id) as uow:
            matches = {other: Matched(LocalId(row), "decided:1")}
            page = load_page(uow, POLICIES, Stream.MARKS, [record], normalise=normalise, matches=matches)
            apply(uow, plan_page(page), actor="ivanova", cause="match:1")
            uow.commit()

    world.sync(probe=link_to_another)
    for _ in range(3):
        world.sync()
    (case,) = [case for case in world.rows("conflicts") if case["state"] == "open"]
    assert (case["stream"], case["local_id"]) == ("marks", row)
    assert world.rows("quarantine") == world.rows("outbox") == []
    assert sorted(mark["value"] for mark in world.rows("marks")) == (["3", "3", "5"] if made else ["3", "5"])


def another_mark(world: World, like: str, **values: Any) -> RemoteId:
    """Somebody in the region enters a «2» in the same cell."""
    cell = {name: world.remote.records(Stream.MARKS)[RemoteId(like)][name] for name in ("student_id", "lesson_id")}
    return world.remote.create(Stream.MARKS, {**cell, "value": "2", "weight": 1, "position": 1, **values})


def test_an_answer_is_kept_although_another_record_cannot_be_read(world: World) -> None:
    """Two edits leave, one of them is refused as stale, and the look-up of that one fails: the other is agreed. What
    the region makes of it next is news, not a sign that nothing had arrived."""
    seeded(world)
    new_mark(world)
    world.sync()
    rows = {RemoteId(remote): local for local, remote in live_links(world, Stream.MARKS).items()}
    stale, sent = sorted(rows)
    for local in rows.values():
        world.update("marks", local, comment="диктант")

    def region_is_faster(point: str) -> None:
        if point == "push.before_send":
            world.remote.edit(Stream.MARKS, stale, value="2")

    world.remote.fail_next(TransientError("503"), call="get")
    report = world.sync(probe=region_is_faster)
    assert report.streams[Stream.MARKS].error == "TransientError: 503"
    assert {one["state"] for one in world.rows("attempts")} <= {"answered"}
    world.remote.edit(Stream.MARKS, sent, comment=None)
    for _ in range(2):
        world.sync()
    comments = {mark["id"]: mark["comment"] for mark in world.rows("marks")}
    assert comments == {rows[sent]: None, rows[stale]: "диктант"}
    assert world.remote.records(Stream.MARKS)[stale]["comment"] == "диктант"


def test_a_thousand_lost_answers_double_nothing(world: World) -> None:
    """1,000 writes committed with the answer lost: 0 duplicates, 0 lost."""
    seeded(world)
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[1]["id"]
    for position in range(1, 1001):
        world.insert("marks", student_id=student, lesson_id=lesson, value="4", weight=1, position=position)
    for _ in range(2):
        world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    world.sync()
    world.sync()
    assert len(world.remote.records(Stream.MARKS)) == 1001
    assert world.count("outbox") == 0


@pytest.mark.parametrize(
    "point",
    [
        "capture.before_commit",
        "capture.after_commit",
        "push.prepare.before_commit",
        "push.prepare.after_commit",
        "push.before_send",
        "push.after_send",
        "push.settle.before_commit",
        "push.settle.after_commit",
        "pull.page.before_commit",
        "pull.page.after_commit",
    ],
)
def test_a_crash_at_any_point_loses_and_doubles_nothing(world: World, point: str) -> None:
    """Killed between any two steps, the next cycle brings agreement."""
    _, mark = seeded(world)
    new_mark(world)
    world.update("marks", world.rows("marks")[0]["id"], value="2")
    world.remote.edit(Stream.STUDENTS, next(iter(world.remote.records(Stream.STUDENTS))), address="ул. Мира, 3")

    passed: list[str] = []

    def probe(name: str) -> None:
        passed.append(name)
        if name == point:
            raise Killed(name)

    with pytest.raises(Killed):
        world.sync(probe=probe)
    assert passed[-1] == point
    world.sync()
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert values(world) == ["2", "3"]
    assert sorted(row["value"] for row in world.rows("marks")) == ["2", "3"]
    assert world.remote.records(Stream.MARKS)[mark]["value"] == "2"
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"
    assert world.count("outbox") == world.count("conflicts") == 0


def test_a_change_made_while_the_record_is_under_way_follows(world: World) -> None:
    """Another program updates the row between our read and the answer: it is not lost, it goes right after."""
    seeded(world)
    row = world.rows("marks")[0]["id"]
    world.update("marks", row, value="4")

    sent: list[list[str]] = []

    def probe(name: str) -> None:
        if name == "push.before_send":
            world.update("marks", row, value="2")
        elif name == "push.after_send":
            sent.append(values(world))

    world.sync(probe=probe)
    world.sync()
    assert sent == [["4"], ["2"]]
    assert world.rows("marks")[0]["value"] == "2"


def test_a_row_updated_between_our_read_and_our_write_is_not_lost(world: World) -> None:
    """The region changes one field, another program another one, at the worst moment: both stand."""
    pupil, _ = seeded(world)
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")

    def probe(name: str) -> None:
        if name == "pull.page.after_commit":
            world.update("students", 1, phone="+79001112233")

    world.sync(probe=probe)
    world.sync()
    row, there = world.rows("students")[0], world.remote.records(Stream.STUDENTS)[pupil]
    assert (row["address"], row["phone"]) == (there["address"], there["phone"]) == ("ул. Мира, 3", "+79001112233")


def test_a_stale_version_is_read_and_merged(world: World) -> None:
    """The region changed the record after our read: its change is merged, ours is sent on the new version."""
    pupil, _ = seeded(world)
    world.update("students", 1, phone="+79001112233")

    def probe(name: str) -> None:
        if name == "push.before_send":
            world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
            world.clock.sleep(1)

    once: list[str] = []

    def only_once(name: str) -> None:
        if name == "push.before_send" and not once:
            once.append(name)
            probe(name)

    report = world.sync(probe=only_once)
    assert report.status is RunStatus.SUCCEEDED
    there = world.remote.records(Stream.STUDENTS)[pupil]
    assert (there["phone"], there["address"]) == ("+79001112233", "ул. Мира, 3")
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"


@pytest.mark.parametrize(
    ("error", "burnt"),
    [(Unreachable("down"), False), (RateLimited("429", retry_after=3600), False), (TransientError("500"), True)],
)
def test_a_region_that_saw_nothing_burns_no_try(world: World, error: SyncError, burnt: bool) -> None:
    """However long it is away, what waits is due in the first run after; what it failed on backs off."""
    seeded(world)
    new_mark(world)
    for _ in range(6):
        world.remote.fail_next(error, call="write")
        world.sync()
        world.clock.sleep(1 if not burnt else 7200)
    (entry,) = world.rows("outbox")
    assert (entry["state"], entry["tries"]) == (("retry", 6) if burnt else ("pending", 0))
    world.sync()
    assert values(world) == ["3", "5"]


@pytest.mark.parametrize("error", [TransientError("503"), RateLimited("429", retry_after=1)])
@pytest.mark.parametrize("call", ["page", "write", "get", "find", "find_available", "change_versions"])
def test_a_passing_fault_is_overcome(world: World, error: SyncError, call: str) -> None:
    """The run with the fault is never green when it missed something; afterwards all agree."""
    pupil, _ = seeded(world)
    new_mark(world)
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
    world.remote.fail_next(error, call=call)
    struck = world.sync()
    if not world.remote.faults:
        assert struck.status in (RunStatus.FAILED, RunStatus.COMPLETED_WITH_ERRORS)
    world.remote.faults.clear()
    world.clock.sleep(7200)
    world.sync()
    assert values(world) == ["3", "5"]
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"


def test_a_refused_record_is_set_aside_and_the_rest_goes_on(world: World) -> None:
    """422 of one item: quarantine with a reason, the others are acknowledged; an edit tries it again."""
    seeded(world)
    bad = new_mark(world)
    world.update("marks", world.rows("marks")[0]["id"], value="2")
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[0]["id"]
    other = world.insert("attendance", student_id=student, lesson_id=lesson, symbol="Ж")
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert report.streams[Stream.ATTENDANCE].push.rejected == 1
    assert report.streams[Stream.MARKS].push.acked == 2
    (item,) = world.rows("quarantine")
    assert (item["stream"], item["local_id"]) == ("attendance", other)
    world.update("attendance", other, symbol="УП")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("quarantine") == 0
    assert bad


def test_no_login_changes_nothing_and_is_told(world: World) -> None:
    """The token died: the run says so, what is due waits for the login and goes afterwards."""
    seeded(world)
    new_mark(world)
    world.remote.fail_next(LoginNeeded("enter a token"), call="write")
    report = world.sync()
    assert report.status is RunStatus.LOGIN_NEEDED
    assert report.streams[Stream.MARKS].waiting == {"login": 1}
    assert world.sync().status is RunStatus.SUCCEEDED
    assert values(world) == ["3", "5"]


def test_a_stream_that_is_refused_is_never_green(world: World) -> None:
    """403 or 404 for a stream that had records: nothing is deleted, the run is not green, others go on."""
    pupil, _ = seeded(world)
    world.remote.bump(Stream.MARKS)
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
    world.remote.refused.add(Stream.MARKS)
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert "AccessRefused" in str(report.streams[Stream.MARKS].error)
    assert world.count("marks") == 1
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"


def test_a_forgotten_position_compares_everything_and_deletes_nothing(world: World) -> None:
    """410: full comparison; what only we have stays, what changed meanwhile arrives."""
    _, mark = seeded(world)
    world.remote.edit(Stream.MARKS, mark, value="2")
    world.remote.bump(Stream.MARKS)
    world.remote.compact(Stream.MARKS)
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert [row["value"] for row in world.rows("marks")] == ["2"]


def test_an_empty_list_from_a_stream_that_had_records_is_an_error(world: World) -> None:
    """A full listing without a record while we share some: refused, nothing deleted, not green."""
    seeded(world)
    world.remote.region.items[Stream.MARKS].clear()
    world.remote.region.newest[Stream.MARKS] += 5
    world.remote.region.oldest[Stream.MARKS] = world.remote.region.newest[Stream.MARKS]
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert world.count("marks") == 1


def test_direction_pull_sends_nothing_and_push_reads_nothing(world: World) -> None:
    pupil, _ = seeded(world)
    world.update("students", 1, phone="+79001112233")
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
    world.remote.calls.clear()
    world.sync(Direction.PULL)
    assert world.remote.calls["write"] == 0
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"
    world.remote.calls.clear()
    world.sync(Direction.PUSH)
    assert world.remote.calls["pages"] == world.remote.calls["change_versions"] == 0
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] == "+79001112233"


def test_a_systemic_failure_stops_the_stream_and_empties_nothing_into_the_quarantine(world: World) -> None:
    """More than 20 and more than 5 % of the records refused for one reason: our bug, not bad pupils."""
    seeded(world)
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[0]["id"]
    for _ in range(30):
        world.insert("attendance", student_id=student, lesson_id=lesson, symbol="Ж")
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert "attendance" in str(report.streams[Stream.ATTENDANCE].error)
    assert world.count("quarantine") == 0
    assert world.count("changes") == 30
