"""A decision about a deletion is taken back: the question stands again, and nothing newer is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, Side
from sync_service.domain.errors import DecisionError, OutcomeUnknown
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from tests.choosing import choose_all
from tests.unit.engine.test_conflicts import cases
from tests.unit.engine.test_stale_decisions import a_mark, one_mark
from tests.unit.engine.world import World


@dataclass(frozen=True, slots=True)
class Decided:
    pupil: RemoteId
    mark: RemoteId
    lesson: RemoteId
    row: int
    case: Conflict


def decide(world: World, kind: ConflictKind, side: Side) -> Decided:
    """A «4» deleted on one side and changed on the other («3» there, «5» here), and the decision about it."""
    timetable, pupil, mark = one_mark(world)
    row = world.rows("marks")[0]["id"]
    if kind is ConflictKind.DELETED_IN_SCHOOL:
        world.delete("marks", row)
        world.remote.edit(Stream.MARKS, mark, value="3")
    else:
        world.update("marks", row, value="5")
        world.remote.delete(Stream.MARKS, mark)
    world.sync()
    (case,) = cases(world)
    assert case.kind is kind
    resolve(world.desk(), case.conflict_id, choose_all(case, side), stamp=case.stamp)
    return Decided(pupil, mark, timetable.lessons[0], row, case)


def here(world: World) -> list[tuple[int, str]]:
    return [(row["id"], row["value"]) for row in world.rows("marks")]


def there(world: World) -> list[str]:
    return [str(values["value"]) for values in world.remote.records(Stream.MARKS).values()]


def settle(world: World) -> None:
    """Cycles until nothing is written any more."""
    world.sync()
    world.sync()
    writes = world.remote.region.changes
    world.sync()
    assert world.remote.region.changes == writes


SIDES = [
    (ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL, [], ["3"]),
    (ConflictKind.DELETED_IN_SCHOOL, Side.GIS, [], ["3"]),
    (ConflictKind.DELETED_IN_REGION, Side.LOCAL, ["5"], []),
    (ConflictKind.DELETED_IN_REGION, Side.GIS, ["5"], []),
]


@pytest.mark.parametrize("sent", [False, True], ids=["before_it_left", "after_it_left"])
@pytest.mark.parametrize(("kind", "side", "ours", "theirs"), SIDES)
def test_the_question_stands_as_it_was_and_can_be_decided_again(
    world: World, kind: ConflictKind, side: Side, ours: list[str], theirs: list[str], sent: bool
) -> None:
    """Both sides hold what they held, under the row's own id; the other answer then brings agreement."""
    made = decide(world, kind, side)
    if sent:
        world.sync()
    undo(world.desk("petrova"), made.case.conflict_id)
    settle(world)
    (case,) = cases(world)
    assert (case.conflict_id, case.stamp, case.decided_by) == (made.case.conflict_id, made.case.stamp, None)
    assert here(world) == [(made.row, value) for value in ours]
    assert there(world) == theirs
    other = Side.GIS if side is Side.LOCAL else Side.LOCAL
    resolve(world.desk(), case.conflict_id, choose_all(case, other), stamp=case.stamp)
    settle(world)
    assert [value for _, value in here(world)] == there(world)
    assert cases(world) == []
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None


def test_what_the_region_gets_back_is_not_doubled_when_the_answer_is_lost(world: World) -> None:
    """The record made anew is read back by its reference; its link points to the one that was closed."""
    made = decide(world, ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL)
    world.sync()
    undo(world.desk(), made.case.conflict_id)
    world.remote.fail_next(OutcomeUnknown("answer lost"), after_commit=True)
    settle(world)
    assert there(world) == ["3"]
    old, new = [link for link in world.rows("links") if link["stream"] == "marks"]
    assert (old["state"], new["state"], new["previous_id"]) == ("tombstoned", "live", old["id"])


def test_a_mark_entered_again_in_the_region_is_not_overwritten_by_the_undo(world: World) -> None:
    """The place is taken by a newer mark: the undoing ends, the decision stands, a person is told."""
    made = decide(world, ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL)
    world.sync()
    undo(world.desk(), made.case.conflict_id)
    world.remote.create(Stream.MARKS, a_mark(made.pupil, made.lesson, "2"))
    settle(world)
    assert there(world) == ["2"]
    assert [value for _, value in here(world)] == ["2"]
    (case,) = cases(world, None)
    assert (case.state, case.decided_by) == (ConflictState.RESOLVED, "ivanova")
    assert [item["code"] for item in world.rows("quarantine")] == ["undo_refused"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_record_made_anew_and_edited_in_the_region_stays(world: World, moment: str) -> None:
    """Edited before the undo it is refused; edited after it the version check stops the deletion."""
    made = decide(world, ConflictKind.DELETED_IN_REGION, Side.LOCAL)
    world.sync()
    (again,) = world.remote.records(Stream.MARKS)
    if moment == "before":
        world.remote.edit(Stream.MARKS, again, value="2")
        world.sync()
        with pytest.raises(DecisionError) as refused:
            undo(world.desk(), made.case.conflict_id)
        assert refused.value.stale
    else:
        undo(world.desk(), made.case.conflict_id)
        edited: list[str] = []

        def edit(point: str) -> None:
            if point == "push.before_send" and not edited:
                edited.append(point)
                world.remote.edit(Stream.MARKS, again, value="2")

        world.sync(probe=edit)
        assert edited
    settle(world)
    assert (there(world), here(world)) == (["2"], [(made.row, "2")])
    assert cases(world) == []


def test_a_row_edited_while_the_record_is_taken_back_stays(world: World) -> None:
    """The question opens with today's row."""
    made = decide(world, ConflictKind.DELETED_IN_REGION, Side.LOCAL)
    world.sync()
    undo(world.desk(), made.case.conflict_id)
    world.update("marks", made.row, value="2")
    settle(world)
    assert (there(world), here(world)) == ([], [(made.row, "2")])
    (case,) = cases(world)
    assert {clash.field: clash.local for clash in case.clashes}["value"] == "2"


@pytest.mark.parametrize("side", ["school", "region"])
def test_a_restored_row_that_was_edited_since_is_not_deleted_again(world: World, side: str) -> None:
    made = decide(world, ConflictKind.DELETED_IN_SCHOOL, Side.GIS)
    world.sync()
    if side == "school":
        world.update("marks", made.row, value="2")
    else:
        world.remote.edit(Stream.MARKS, made.mark, value="2")
        world.sync()
    with pytest.raises(DecisionError) as refused:
        undo(world.desk(), made.case.conflict_id)
    assert refused.value.stale
    settle(world)
    assert (there(world), here(world)) == (["2"], [(made.row, "2")])


def test_a_decision_about_an_edited_row_comes_back_with_its_new_values(world: World) -> None:
    """Refused as stale, and the case shows what the row holds now."""
    _, _, mark = one_mark(world)
    row = world.rows("marks")[0]["id"]
    world.update("marks", row, value="5")
    world.remote.delete(Stream.MARKS, mark)
    world.sync()
    (case,) = cases(world)
    world.update("marks", row, value="2")
    with pytest.raises(DecisionError) as refused:
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.GIS), stamp=case.stamp)
    assert refused.value.stale
    (fresh,) = cases(world)
    assert {clash.field: clash.local for clash in fresh.clashes}["value"] == "2"
    resolve(world.desk(), fresh.conflict_id, choose_all(fresh, Side.GIS), stamp=fresh.stamp)
    assert here(world) == []


def test_a_decision_is_undone_once(world: World) -> None:
    """The second one is told that there is nothing to undo any more."""
    made = decide(world, ConflictKind.DELETED_IN_REGION, Side.GIS)
    undo(world.desk(), made.case.conflict_id)
    with pytest.raises(DecisionError) as refused:
        undo(world.desk(), made.case.conflict_id)
    assert refused.value.stale
    assert here(world) == [(made.row, "5")]
