"""A person decides on what she saw: what changed since is never overwritten, doubled or lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from connectors.pagination import Place
from sync_service.domain.conflicts import ConflictKind, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches, decide_quarantine, decide_releases
from sync_service.engine.cycle import Direction
from sync_service.engine.ports import Found, PersonAnswer, PersonQuery
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from tests.choosing import choose_all
from tests.unit.engine.test_conflicts import cases, clash
from tests.unit.engine.test_release_watch import CARD, arrive, enrolled, ready, states
from tests.unit.engine.world import PUPIL, Timetable, World, furnish


def one_mark(world: World) -> tuple[Timetable, RemoteId, RemoteId]:
    """A pupil with one «4» at the first lesson, agreed by both sides."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    mark = world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[0]))
    world.sync()
    return timetable, pupil, mark


def a_mark(pupil: RemoteId, lesson: RemoteId, value: str = "4", position: int = 1) -> dict[str, Any]:
    return {"student_id": pupil, "lesson_id": lesson, "value": value, "weight": 1, "position": position}


def set_aside(world: World, mark: RemoteId) -> int:
    """The mark was rejected when it came and the reading position is behind it; its quarantine row."""
    rejected = QuarantineItem(
        stream=Stream.MARKS, direction="pull", code="x", signature="x", reason="x", remote_id=mark
    )
    with world.db.write(world.school.school_id) as uow:
        uow.quarantine.put([rejected])
        uow.cursors.put(Stream.MARKS, Place(low=world.remote.region.newest[Stream.MARKS]).dump())
        uow.commit()
    (item,) = world.rows("quarantine")
    return int(item["id"])


def open_matches(world: World) -> list[dict[str, Any]]:
    return [case for case in world.rows("match_cases") if case["state"] == "open"]


def live_links(world: World, stream: Stream) -> dict[int, str]:
    """Local to regional identifier of every live link of the stream."""
    return {
        link["local_id"]: link["remote_id"]
        for link in world.rows("links")
        if link["stream"] == stream and link["state"] == "live"
    }


@pytest.mark.parametrize("moment", ["before_cycle", "at_send"])
def test_undo_never_overwrites_an_edit_that_came_after_it(world: World, moment: str) -> None:
    """The compensating change is dropped when the region edits the field before it has arrived."""
    pupil, case = clash(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.sync()
    undo(world.desk(), case.conflict_id)
    edited: list[str] = []

    def edit(point: str) -> None:
        if point == "push.before_send" and not edited:
            edited.append(point)
            world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-12-01")

    if moment == "before_cycle":
        edit("push.before_send")
    world.sync(probe=edit)
    for _ in range(3):
        world.sync()
    assert edited
    assert world.remote.records(Stream.STUDENTS)[pupil]["birth_date"] == "2012-12-01"


def test_a_decision_to_delete_is_refused_when_the_row_was_edited_since(world: World) -> None:
    """«Delete here too» was decided about another value: the row stays and the case is shown anew."""
    _, _, mark = one_mark(world)
    row = world.rows("marks")[0]["id"]
    world.update("marks", row, value="5")
    world.remote.delete(Stream.MARKS, mark)
    world.sync()
    (case,) = cases(world)
    assert case.kind is ConflictKind.DELETED_IN_REGION
    world.update("marks", row, value="2")
    with pytest.raises(DecisionError):
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.GIS), stamp=case.stamp)
    assert [kept["value"] for kept in world.rows("marks")] == ["2"]


def test_a_restored_row_is_not_doubled_by_a_decision_for_the_region(world: World) -> None:
    """The deleted row came back while she decided: her decision is refused, one row and one record remain."""
    _, _, mark = one_mark(world)
    row = world.rows("marks")[0]
    world.delete("marks", row["id"])
    world.remote.edit(Stream.MARKS, mark, value="3")
    world.sync()
    (case,) = cases(world)
    assert case.kind is ConflictKind.DELETED_IN_SCHOOL
    world.insert("marks", **row)
    with pytest.raises(DecisionError):
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.GIS), stamp=case.stamp)
    for _ in range(3):
        world.sync()
    assert len(world.rows("marks")) == 1
    assert list(world.remote.records(Stream.MARKS)) == [mark]


def test_a_decision_to_delete_does_not_reopen_when_the_version_grows(world: World) -> None:
    """The region touches the record without a change before the deletion leaves: it is deleted unasked."""
    _, _, mark = one_mark(world)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.remote.edit(Stream.MARKS, mark, value="3")
    world.sync()
    (case,) = cases(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL), stamp=case.stamp)
    world.remote.bump(Stream.MARKS)
    world.sync()
    assert cases(world) == []
    assert world.remote.records(Stream.MARKS) == {}


def test_a_pupil_given_back_keeps_the_marks(world: World) -> None:
    """A pupil deleted here and restored by decision is the parent of the marks that were there before."""
    one_mark(world)
    world.delete("students", world.rows("students")[0]["id"])
    world.sync()
    (case,) = cases(world)
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.GIS), stamp=case.stamp)
    for _ in range(2):
        world.sync()
    (pupil,) = world.rows("students")
    assert [mark["student_id"] for mark in world.rows("marks")] == [pupil["id"]]


def test_a_person_is_not_confirmed_for_a_row_that_became_somebody_else(world: World) -> None:
    """Name and birth date changed after the question was put: «yes, the same person» is refused."""
    ready(world)
    world.remote.add_person(CARD | {"snils": None})
    student = arrive(world, pupil=PUPIL | {"snils": None}, origin_kind="school", origin_name="Школа № 12")
    world.sync()
    (case,) = open_matches(world)
    world.update("students", student, last_name="Совсем", first_name="Другая", birth_date="2013-01-01")
    with pytest.raises(DecisionError):
        decide_matches.confirm(world.desk(), case["id"], LocalId(student))
    world.sync()
    assert enrolled(world) == []


def test_a_refused_person_is_asked_about_again_when_a_key_field_changes(world: World) -> None:
    """«Another child» holds for the values it was said about; a new phone is new evidence."""
    ready(world)
    world.remote.add_person(CARD | {"snils": None})
    student = arrive(world, pupil=PUPIL | {"snils": None}, origin_kind="school", origin_name="Школа № 12")
    world.sync()
    (case,) = open_matches(world)
    decide_matches.reject(world.desk(), case["id"])
    world.sync()
    assert open_matches(world) == []
    world.update("students", student, phone="+79001112233")
    world.sync()
    assert open_matches(world)


def test_a_separated_pair_stays_separated(world: World) -> None:
    """After «not the same pupil» the next cycle does not link the same row by the same evidence."""
    furnish(world.remote)
    row = world.insert("students", **PUPIL, incomplete=False)
    card = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    assert live_links(world, Stream.STUDENTS) == {row: card}
    decide_matches.unlink(world.desk(), Stream.STUDENTS, LocalId(row))
    for _ in range(2):
        world.sync()
    assert row not in live_links(world, Stream.STUDENTS)


def test_a_rejected_natural_key_leaves_no_record_behind(world: World) -> None:
    """Both candidates are cleaned away and the question is rejected: the region's record is stored as new."""
    timetable, pupil, _ = one_mark(world)
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[0]["id"]
    rows = [
        world.insert("attendance", student_id=student, lesson_id=lesson, symbol=symbol) for symbol in ("ОТ", "УП")
    ]
    world.remote.create(Stream.ATTENDANCE, {"student_id": pupil, "lesson_id": timetable.lessons[0], "symbol": "Б"})
    world.sync(Direction.PULL)
    (case,) = open_matches(world)
    for row in rows:
        world.delete("attendance", row)
    decide_matches.reject(world.desk(), case["id"])
    for _ in range(3):
        world.sync()
    assert [row["symbol"] for row in world.rows("attendance")] == ["Б"]
    assert world.rows("inbox") == []


def test_a_case_closed_during_the_look_up_stays_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is released and the case withdrawn while the region answers: nobody is enrolled."""
    ready(world)
    person = world.remote.add_person(CARD, organization_id="school-12")
    arrive(world, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])
    world.sync()
    (case,) = world.rows("releases")
    world.remote.release(person)
    look_up = world.remote.find_available

    def meanwhile(persons: Sequence[PersonQuery]) -> list[PersonAnswer]:
        answers = look_up(persons)
        decide_releases.close(world.desk(), case["id"])
        return answers

    with monkeypatch.context() as patch:
        patch.setattr(world.remote, "find_available", meanwhile)
        world.sync()
    assert [state for _, state in states(world)] == ["withdrawn"]
    assert enrolled(world) == []


def test_a_retry_keeps_a_record_that_waits_for_its_parent(world: World) -> None:
    """A mark retried before its pupil has been read is stored together with the pupil."""
    timetable = furnish(world.remote)
    world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    newcomer = world.remote.create(
        Stream.STUDENTS, PUPIL | {"last_name": "Орлова", "snils": None, "birth_date": "2012-01-01"}
    )
    mark = world.remote.create(Stream.MARKS, a_mark(newcomer, timetable.lessons[0]))
    decide_quarantine.retry(world.desk(), [set_aside(world, mark)])
    for _ in range(2):
        world.sync()
    assert len(world.rows("students")) == 2
    assert [row["value"] for row in world.rows("marks")] == ["4"]


def test_a_retry_brings_back_nothing_that_is_deleted_during_the_look_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cycle reads the deletion between the retry's question and its answer: the retry gives way."""
    timetable, pupil, kept = one_mark(world)
    mark = world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[1], "3"))
    item = set_aside(world, mark)
    get = world.remote.get

    def meanwhile(stream: Stream, remote_ids: Sequence[RemoteId]) -> Found:
        answer = get(stream, remote_ids)
        monkeypatch.setattr(world.remote, "get", get)
        world.remote.delete(Stream.MARKS, mark)
        world.sync()
        return answer

    monkeypatch.setattr(world.remote, "get", meanwhile)
    with pytest.raises(DecisionError):
        decide_quarantine.retry(world.desk(), [item])
    for _ in range(2):
        world.sync()
    assert list(world.remote.records(Stream.MARKS)) == [kept]
    assert [row["value"] for row in world.rows("marks")] == ["4"]
