"""The audit journal replays to the current base of every live link, whatever was decided and taken back."""

from __future__ import annotations

import pytest

from sync_service.domain.conflicts import Choice, ConflictKind, Side
from sync_service.domain.streams import Stream
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from tests.choosing import choose_all
from tests.simulation.replay import journal_problems
from tests.unit.engine.test_conflicts import cases
from tests.unit.engine.test_stale_decisions import a_mark, live_links, one_mark
from tests.unit.engine.world import PUPIL, World, furnish


@pytest.mark.parametrize("side", [Side.GIS, Side.LOCAL])
def test_after_a_decision_about_a_deletion(world: World, side: Side) -> None:
    """A mark deleted here and edited there: what the decision took as known is in the journal."""
    _, _, mark = one_mark(world)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.remote.edit(Stream.MARKS, mark, value="2")
    world.sync()
    (case,) = cases(world)
    resolve(world.desk(), case.conflict_id, [Choice(group="*", side=side)], stamp=case.stamp)
    assert list(journal_problems(world)) == []
    world.sync()
    assert list(journal_problems(world)) == []


def test_after_an_undone_first_meeting(world: World) -> None:
    """The sides never agreed on the phone; the decision was sent and taken back: no base again, in both."""
    furnish(world.remote)
    world.insert("students", **PUPIL, phone="+79001112233", incomplete=False)
    world.remote.create(Stream.STUDENTS, {**PUPIL, "phone": "+79001112244"})
    world.sync()
    (case,) = cases(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.sync()
    undo(world.desk(), case.conflict_id)
    world.sync()
    assert [c.conflict_id for c in cases(world)] == [case.conflict_id]
    assert list(journal_problems(world)) == []


@pytest.mark.parametrize("met", [True, False])
def test_after_an_undo_that_met_a_newer_value(world: World, met: bool) -> None:
    """The region changes the phone again before the undo has left: the case opens on what both sides hold, and the
    base that was taken back is in the journal, also where there was none."""
    furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, {**PUPIL, "phone": "+79001112200" if met else "+79001112244"})
    if met:
        world.sync()
        world.update("students", world.rows("students")[0]["id"], phone="+79001112233")
        world.remote.edit(Stream.STUDENTS, pupil, phone="+79001112244")
    else:
        world.insert("students", **PUPIL, phone="+79001112233", incomplete=False)
    world.sync()
    (case,) = cases(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.sync()
    undo(world.desk(), case.conflict_id)
    world.remote.edit(Stream.STUDENTS, pupil, phone="+79001112255")
    world.sync()
    assert [(c.conflict_id, c.clashes[0].remote) for c in cases(world)] == [(case.conflict_id, "+79001112255")]
    assert list(journal_problems(world)) == []


def test_after_an_undone_deletion_of_a_record_that_never_agreed(world: World) -> None:
    """Two marks of one cell met with different values, the region deleted its own: made anew by a decision, and taken
    back. The mark has no base again."""
    timetable, pupil, _ = one_mark(world)
    theirs = world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[1], "3", 1))
    student = world.rows("students")[0]["id"]
    lesson = next(i for i, remote in live_links(world, Stream.LESSONS).items() if remote == timetable.lessons[1])
    world.insert("marks", student_id=student, lesson_id=lesson, value="4", weight=1, position=1)
    world.sync()
    world.remote.delete(Stream.MARKS, theirs)
    world.sync()
    (case,) = cases(world)
    assert case.kind is ConflictKind.DELETED_IN_REGION
    resolve(world.desk(), case.conflict_id, [Choice(group="*", side=Side.LOCAL)], stamp=case.stamp)
    world.sync()
    undo(world.desk(), case.conflict_id)
    world.sync()
    assert [c.conflict_id for c in cases(world)] == [case.conflict_id]
    assert list(journal_problems(world)) == []
