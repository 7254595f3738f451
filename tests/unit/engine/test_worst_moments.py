"""Things that happen at the worst moment: between two steps, twice, without a trace, by the dozen."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.errors import TransientError
from sync_service.domain.planning import plan_page
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction, run_cycle
from sync_service.engine.loading import load_page
from sync_service.engine.ports import Notification, Role
from tests.unit.engine.test_conflicts import cases
from tests.unit.engine.test_release_watch import CARD, arrive, enrolled, ready, states
from tests.unit.engine.test_sending import Killed
from tests.unit.engine.test_stale_decisions import a_mark, live_links, one_mark
from tests.unit.engine.world import POLICIES, World, furnish, normalise


def test_people_are_told_after_a_crash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between storing a case and telling the director: the next cycle tells, once."""
    ready(world)
    world.remote.add_person(CARD, organization_id="school-12")
    arrive(world, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])

    def die(school_code: str, notification: Notification, contacts: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.ears, "tell", die)
        with pytest.raises(Killed):
            world.sync()
    for _ in range(2):
        world.sync()
    assert [told.role for told in world.ears.heard] == [Role.DIRECTOR]


def test_the_director_is_told_when_the_region_refuses_an_enrolment(world: World) -> None:
    """Taken by another school between the look-up and the enrolment: «не отчислен», and the director hears."""
    ready(world)
    person = world.remote.add_person(CARD)
    arrive(world, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])

    def meanwhile(point: str) -> None:
        card = world.remote.region.persons[person]
        if point == "push.before_send" and card.organization_id is None and card.student_id is None:
            card.organization_id = world.remote.create(
                Stream.ORGANIZATIONS, {"name": "Школа № 7", "phone": None, "keeps_movement": True}
            )

    world.sync(probe=meanwhile)
    for _ in range(2):
        world.sync()
    assert enrolled(world) == []
    assert [state for _, state in states(world)] == ["not_released"]
    assert [told.role for told in world.ears.heard].count(Role.DIRECTOR) == 1


def test_a_part_of_a_stream_is_counted_when_it_runs_alone(world: World) -> None:
    """A cycle of guardians alone reports the guardians it received."""
    furnish(world.remote)
    for number in range(3):
        world.remote.create(Stream.GUARDIANS, {"last_name": "Иванова", "first_name": f"Анна {number}", "phone": None})
    cycle = world.cycle()
    run_cycle(cycle, [Stream.GUARDIANS], Direction.BOTH)
    assert cycle.report.streams[Stream.GUARDIANS].pull.received == 3


def test_a_duplicate_answer_does_not_guess_identity(world: World) -> None:
    """A namesake with another СНИЛС appears as the card is sent: our pupil is not linked to the namesake."""
    ready(world)
    student = arrive(world, origin_kind="other_district", origin_name="Школа № 3, другой район")
    made: list[str] = []

    def meanwhile(point: str) -> None:
        if point == "push.before_send" and not made:
            made.append(world.remote.create(Stream.STUDENTS, CARD | {"snils": "08765430300"}))

    world.sync(probe=meanwhile)
    for _ in range(2):
        world.sync()
    (namesake,) = made
    assert live_links(world, Stream.STUDENTS).get(student) != namesake
    assert {row["id"]: row["snils"] for row in world.rows("students")}[student] == CARD["snils"]
    assert [card["snils"] for card in world.remote.records(Stream.STUDENTS).values()] == ["08765430300"]


def test_a_move_to_a_place_just_taken_makes_both_sides_agree(world: World) -> None:
    """The new position of a mark is taken there as it is sent: the run goes on and both sides hold the same."""
    timetable, pupil, _ = one_mark(world)
    world.update("marks", world.rows("marks")[0]["id"], position=3)
    made: list[str] = []

    def meanwhile(point: str) -> None:
        if point == "push.before_send" and not made:
            made.append(world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[0], "5", position=3)))

    world.sync(probe=meanwhile)
    for _ in range(3):
        world.sync()
    here = {(row["value"], row["position"]) for row in world.rows("marks")}
    there = {(mark["value"], mark["position"]) for mark in world.remote.records(Stream.MARKS).values()}
    assert made
    assert len(world.rows("marks")) == 2
    assert here == there


def test_nothing_waits_for_a_question_that_is_gone(world: World) -> None:
    """Deleted there over our edit, then restored there with our value: the case and the change both end."""
    _, _, mark = one_mark(world)
    row = world.rows("marks")[0]["id"]
    world.update("marks", row, value="5")
    world.sync(Direction.PUSH)
    world.update("marks", row, value="2")
    world.remote.fail_next(TransientError("503"), call="write")
    world.sync(Direction.PUSH)
    world.remote.delete(Stream.MARKS, mark)
    world.clock.sleep(4000)
    world.sync()
    assert cases(world)
    item = world.remote.region.items[Stream.MARKS][mark]
    world.remote.region.replace(Stream.MARKS, item, {**item.values, "value": "2"}, deleted=False)
    for _ in range(3):
        world.clock.sleep(4000)
        world.sync()
    assert cases(world) == []
    assert world.rows("outbox") == []
    assert [kept["value"] for kept in world.rows("marks")] == ["2"]


def test_a_record_deleted_on_both_sides_without_a_trace_is_at_rest(world: World) -> None:
    """The region forgot even the tombstone: our deletion finds nothing there, and that is agreement."""
    _, _, mark = one_mark(world)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.remote.delete(Stream.MARKS, mark)
    world.remote.compact(Stream.MARKS)
    for _ in range(3):
        world.sync()
    assert world.rows("quarantine") == []
    assert [link["state"] for link in world.rows("links") if link["stream"] == "marks"] == ["tombstoned"]


def test_held_deletions_are_never_green(world: World) -> None:
    """Too many deletions wait for a person; every cycle says so until she has decided, and no row goes."""
    timetable, pupil, _ = one_mark(world)
    marks = [
        world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[1], "3", position))
        for position in range(1, 9)
    ]
    world.sync()
    for mark in marks:
        world.remote.delete(Stream.MARKS, mark)
    assert [world.sync().status for _ in range(2)] == [RunStatus.HELD, RunStatus.HELD]
    assert len(world.rows("marks")) == 9


def test_a_page_older_than_the_deletion_brings_nothing_back(world: World) -> None:
    """A record read before its deletion and planned after it creates no row."""
    _, _, mark = one_mark(world)
    outdated = world.remote.get(Stream.MARKS, [mark]).records
    world.remote.delete(Stream.MARKS, mark)
    world.sync()
    assert world.rows("marks") == []
    with world.db.write(world.school.school_id) as uow:
        actions = plan_page(load_page(uow, POLICIES, Stream.MARKS, outdated, normalise=normalise))
    assert actions.creates == []


def test_which_lesson_by_the_dozen_does_not_stop_the_stream(world: World) -> None:
    """25 marks wait for «which of two lessons»; the edit of another mark travels meanwhile."""
    timetable, _, mark = one_mark(world)
    edited, klass, subject = (world.rows(table)[0]["id"] for table in ("marks", "classes", "subjects"))
    world.remote.create(
        Stream.LESSONS,
        {"class_id": timetable.klass, "subject_id": timetable.subject, "date": "2026-11-18", "number": 5},
    )
    world.sync()
    for position in range(1, 26):
        world.insert(
            "marks",
            student_id=world.rows("students")[0]["id"],
            lesson_id=None,
            value="4",
            weight=1,
            position=position,
            class_id=klass,
            subject_id=subject,
            lesson_date="2026-11-18",
            lesson_ordinal=None,
        )
    world.update("marks", edited, value="2")
    for _ in range(3):
        world.sync()
    assert {known: there["value"] for known, there in world.remote.records(Stream.MARKS).items()} == {mark: "2"}
