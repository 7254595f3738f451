"""Both sides changed the same thing: nobody guesses, the rest of the record travels."""

from __future__ import annotations

import pytest

from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from tests.choosing import choose_all
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.world import PUPIL, World, furnish


def cases(world: World, state: str | None = "open") -> list[Conflict]:
    with world.db.read(world.school.school_id) as uow:
        return uow.conflicts.cases(state=state)


def clash(world: World) -> tuple[RemoteId, Conflict]:
    """A birth date changed on both sides, beside two fields changed on one side each."""
    pupil, _ = seeded(world)
    row = world.rows("students")[0]["id"]
    world.update("students", row, birth_date="2012-06-11", phone="+79001112233")
    world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-07-11", email="a@example.ru")
    report = world.sync()
    assert report.streams[Stream.STUDENTS].pull.conflicts == 1
    (case,) = cases(world)
    return pupil, case


def test_a_conflict_holds_its_own_field_only(world: World) -> None:
    """One case with base, ours and theirs; phone and e-mail travel as if nothing had happened."""
    pupil, case = clash(world)
    (field,) = case.clashes
    assert (field.field, field.base_local, field.local, field.remote) == (
        "birth_date",
        "2012-05-11",
        "2012-06-11",
        "2012-07-11",
    )
    there, here = world.remote.records(Stream.STUDENTS)[pupil], world.rows("students")[0]
    assert (there["phone"], there["birth_date"]) == ("+79001112233", "2012-07-11")
    assert (here["email"], here["birth_date"]) == ("a@example.ru", "2012-06-11")


def test_a_conflict_stays_one_case_and_writes_nothing_more(world: World) -> None:
    clash(world)
    world.sync()
    writes = world.remote.calls["write"]
    world.sync()
    assert len(cases(world, None)) == 1
    assert world.remote.calls["write"] == writes


@pytest.mark.parametrize("side", [Side.LOCAL, Side.GIS])
def test_a_decision_makes_both_sides_agree_and_stays(world: World, side: Side) -> None:
    """The chosen value stands on both sides, and the case does not come back."""
    pupil, case = clash(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, side), stamp=case.stamp)
    world.sync()
    world.sync()
    expected = "2012-06-11" if side is Side.LOCAL else "2012-07-11"
    assert world.rows("students")[0]["birth_date"] == expected
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == expected
    assert cases(world) == []


def test_a_third_value_goes_to_both_sides(world: World) -> None:
    pupil, case = clash(world)
    choice = Choice(group="birth_date", side=Side.VALUE, values={"birth_date": "2012-08-11"})
    resolve(world.desk(), case.conflict_id, [choice], stamp=case.stamp)
    world.sync()
    assert world.rows("students")[0]["birth_date"] == "2012-08-11"
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == "2012-08-11"


def test_a_third_value_that_cannot_be_is_refused(world: World) -> None:
    """The form tells which field; nothing is written."""
    _, case = clash(world)
    choice = Choice(group="birth_date", side=Side.VALUE, values={"birth_date": "31.02.2012"})
    with pytest.raises(DecisionError, match="birth_date"):
        resolve(world.desk(), case.conflict_id, [choice], stamp=case.stamp)
    assert len(cases(world)) == 1


def test_a_decision_on_old_values_is_refused_and_comes_back_with_the_new(world: World) -> None:
    """Either side moved on: stale; the case now shows the new values."""
    pupil, case = clash(world)
    world.update("students", world.rows("students")[0]["id"], birth_date="2012-09-11")
    with pytest.raises(DecisionError) as refused:
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    assert refused.value.stale
    assert cases(world)[0].clashes[0].local == "2012-09-11"
    world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-10-11")
    stamp = cases(world)[0].stamp
    world.sync()
    with pytest.raises(DecisionError) as refused:
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=stamp)
    assert refused.value.stale
    assert cases(world)[0].clashes[0].remote == "2012-10-11"


def test_a_case_closes_by_itself_when_the_sides_converge(world: World) -> None:
    pupil, _ = clash(world)
    world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-06-11")
    world.sync()
    assert cases(world) == []
    assert cases(world, None)[0].state == "converged"
    assert world.sync().status is RunStatus.SUCCEEDED


def test_a_decision_is_undone_before_it_left(world: World) -> None:
    """The case is open again with the same values; nothing has been sent."""
    pupil, case = clash(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    undo(world.desk("petrova"), case.conflict_id)
    (again,) = cases(world)
    assert again.stamp == case.stamp
    world.sync()
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == "2012-07-11"
    assert world.rows("students")[0]["birth_date"] == "2012-06-11"


@pytest.mark.parametrize("side", [Side.LOCAL, Side.GIS])
def test_a_decision_is_undone_after_it_left(world: World, side: Side) -> None:
    """A compensating change gives the region back what it held; the case opens with the old values."""
    pupil, case = clash(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, side), stamp=case.stamp)
    world.sync()
    undo(world.desk(), case.conflict_id)
    world.sync()
    world.sync()
    assert world.rows("students")[0]["birth_date"] == "2012-06-11"
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == "2012-07-11"
    (again,) = cases(world)
    assert (again.clashes[0].local, again.clashes[0].remote) == ("2012-06-11", "2012-07-11")


def test_undo_never_overwrites_newer_data(world: World) -> None:
    """The region has moved on since the decision was sent: the undo is refused."""
    pupil, case = clash(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.sync()
    world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-12-01")
    world.sync()
    with pytest.raises(DecisionError) as refused:
        undo(world.desk(), case.conflict_id)
    assert refused.value.stale
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == "2012-12-01"


def test_who_decided_is_in_the_journal(world: World) -> None:
    _, case = clash(world)
    resolve(world.desk("secretary.ivanova"), case.conflict_id, choose_all(case, Side.GIS), stamp=case.stamp)
    entries = [row for row in world.rows("audit") if row["act"] == "decide"]
    assert [row["actor"] for row in entries] == ["secretary.ivanova"]
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None


def test_a_first_meeting_with_differences_is_one_case(world: World) -> None:
    """Matched by СНИЛС, different in two fields that both sides have: one case, no value lost."""
    furnish(world.remote)
    world.insert("students", **PUPIL, address="ул. Мира, 3", phone="+79001112233", incomplete=False)
    world.remote.create(
        Stream.STUDENTS, PUPIL | {"address": "ул. Ленина, 1", "phone": "+79005556677", "email": "a@b.ru"}
    )
    world.sync()
    (case,) = cases(world)
    assert case.kind is ConflictKind.FIRST_MEETING
    assert case.groups == {"address", "phone"}
    assert world.rows("students")[0]["email"] == "a@b.ru"


def test_an_order_number_and_its_date_are_one_conflict(world: World) -> None:
    """A movement is one unit: two halves of two orders are never mixed."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    movement = world.remote.create(
        Stream.MOVEMENTS,
        {
            "student_id": pupil,
            "kind": "arrival",
            "date": "2026-09-01",
            "order_number": "12-у",
            "order_date": "2026-08-31",
            "class_to_id": timetable.klass,
        },
    )
    world.sync()
    world.update("movements", world.rows("movements")[0]["id"], order_number="13-у")
    world.remote.edit(Stream.MOVEMENTS, movement, order_date="2026-08-30")
    world.sync()
    (case,) = cases(world)
    assert case.groups == {"movement"}
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.sync()
    there = world.remote.records(Stream.MOVEMENTS)[movement]
    assert (there["order_number"], there["order_date"]) == ("13-у", "2026-08-31")
