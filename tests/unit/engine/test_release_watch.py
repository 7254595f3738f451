"""Cases A–F from registration to enrolment (DESIGN.md 5, regulation 3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from sync_service.domain.errors import TransientError
from sync_service.domain.releases import StepKind
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches, decide_quarantine, decide_releases
from sync_service.engine.ports import Role
from sync_service.engine.release_watch import close_enrolled, watch_releases
from tests.unit.engine.world import PUPIL, Timetable, World, furnish

CARD = {name: PUPIL[name] for name in ("last_name", "first_name", "patronymic", "sex", "birth_date", "snils")}


def arrive(world: World, *, grade: str = "8А", pupil: dict[str, Any] | None = None, **movement: Any) -> int:
    """A pupil enters the school's books by an order of 16.11.2026."""
    student = world.insert("students", **(pupil or PUPIL), incomplete=False)
    klass = next((row["id"] for row in world.rows("classes") if row["name"] == grade), None)
    if klass is None:
        klass = world.insert("classes", school_year=2026, name=grade, grade=int(grade[:-1]))
    facts: dict[str, Any] = {
        "kind": "arrival",
        "date": "2026-11-16",
        "order_number": "77-у",
        "order_date": "2026-11-16",
        "class_to_id": klass,
    }
    world.insert("movements", student_id=student, **(facts | movement))
    return student


def ready(world: World) -> Timetable:
    timetable = furnish(world.remote)
    world.sync()
    return timetable


def states(world: World) -> list[tuple[str, str]]:
    return [(row["release_case"], row["state"]) for row in world.rows("releases")]


def enrolled(world: World) -> list[str]:
    return [str(values["person_id"]) for values in world.remote.records(Stream.STUDENTS).values()]


def test_case_a_is_enrolled_without_a_new_card(world: World) -> None:
    """In «доступные для зачисления»: the existing person is enrolled, arrival and all, in one cycle."""
    ready(world)
    person = world.remote.add_person(CARD)
    arrive(world)
    report = world.sync()
    assert report.releases.enrolled == 1
    assert enrolled(world) == [person]
    assert world.rows("students")[0]["person_id"] == person
    assert states(world) == [("A", "enrolled")]
    (movement,) = world.remote.records(Stream.MOVEMENTS).values()
    assert (movement["kind"], movement["order_number"]) == ("arrival", "77-у")
    assert world.sync().status is RunStatus.SUCCEEDED


def test_case_b_is_flagged_told_and_enrolled_in_the_cycle_of_the_release(world: World) -> None:
    """Not released: director told at once and once, nothing created; the release enrols by itself."""
    ready(world)
    person = world.remote.add_person(CARD, organization_id="school-12")
    arrive(world, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])
    report = world.sync()
    assert (report.releases.not_released, report.releases.enrolled) == (1, 0)
    assert enrolled(world) == []
    assert states(world) == [("B", "not_released")]
    (told,) = world.ears.heard
    assert told.role is Role.DIRECTOR
    assert "Школа № 12" in told.text
    assert "+73431234567" in told.text
    world.remote.calls.clear()
    world.sync()
    assert world.remote.calls["find_available"] == 1
    assert len(world.ears.heard) == 1
    world.remote.release(person)
    report = world.sync()
    assert report.releases.enrolled == 1
    assert enrolled(world) == [person]
    assert states(world) == [("B", "enrolled")]
    (row,) = world.rows("releases")
    assert row["closed_by"] == "system"


def test_case_b_without_any_trace_of_the_person_waits(world: World) -> None:
    """Came from a school that keeps movement, unknown to the list: flagged, no card is made."""
    ready(world)
    arrive(world, origin_kind="school", origin_name="Школа № 12")
    world.sync()
    assert states(world) == [("B", "not_released")]
    assert enrolled(world) == []


def test_case_c_gets_a_new_card_and_people_are_told(world: World) -> None:
    """A district without movement accounting: new card, class teacher and deputy head complete it."""
    ready(world)
    arrive(world, origin_kind="other_district", origin_name="Школа № 3, другой район")
    report = world.sync()
    assert report.releases.enrolled == 1
    assert len(enrolled(world)) == 1
    assert {n.role for n in world.ears.heard} == {Role.CLASS_TEACHER, Role.DEPUTY_HEAD}
    assert states(world) == [("C", "enrolled")]


@pytest.mark.parametrize(
    ("grade", "movement"),
    [("8А", {"origin_kind": "none"}), ("1А", {"date": "2026-09-01", "order_date": "2026-08-29"})],
)
def test_case_e_has_not_studied_before(world: World, grade: str, movement: dict[str, Any]) -> None:
    """«Ранее не обучался», or a first-grader of September: new card."""
    ready(world)
    arrive(world, grade=grade, **movement)
    world.sync()
    assert states(world) == [("E", "enrolled")]


def test_a_refused_enrolment_is_not_sent_again_before_the_card_changes(world: World) -> None:
    """The region refuses a card without a birth date: asked once, told once, sent again when somebody enters it."""
    ready(world)
    card = arrive(world, pupil=PUPIL | {"birth_date": None}, origin_kind="none")
    assert world.sync().status is RunStatus.COMPLETED_WITH_ERRORS
    sent = world.remote.calls["write"]
    assert [world.sync().status for _ in range(2)] == [RunStatus.SUCCEEDED] * 2
    assert world.remote.calls["write"] == sent
    assert [(item["code"], item["tries"]) for item in world.rows("quarantine")] == [("required", 1)]
    world.update("students", card, birth_date=PUPIL["birth_date"])
    assert world.sync().releases.enrolled == 1
    assert world.rows("quarantine") == []


def test_a_second_card_of_an_enrolled_pupil_is_told_of(world: World) -> None:
    """The record is linked to the first card, and the region says «enrolled here» of the second: somebody has to
    look, once, until the card has changed or is gone."""
    ready(world)
    world.remote.create(Stream.STUDENTS, PUPIL)
    world.sync()
    (first,) = [row["id"] for row in world.rows("students")]
    second = arrive(world, pupil=PUPIL | {"personal_file_no": "Е-13"}, origin_kind="none")
    assert [world.sync().status for _ in range(2)] == [RunStatus.SUCCEEDED] * 2
    (item,) = world.rows("quarantine")
    assert (item["code"], item["local_id"], item["tries"]) == ("second_card", second, 1)
    assert f"({first})" in item["reason"]
    assert len(enrolled(world)) == 1
    decide_quarantine.discard(world.desk(), [item["id"]])
    world.sync()
    assert len(world.rows("quarantine")) == 1
    world.update("students", second, first_name="Мария", snils=None, birth_date="2013-01-02")
    world.sync()
    assert world.rows("quarantine") == []


def test_siblings_share_one_card_of_their_parent(world: World) -> None:
    """The second child is attached to the card of the first; the region gets one card."""
    ready(world)
    first = arrive(world, origin_kind="none")
    second = arrive(
        world, pupil=PUPIL | {"first_name": "Мария", "snils": None, "birth_date": "2013-01-02"}, origin_kind="none"
    )
    mother = world.insert("guardians", last_name="Ёлкина", first_name="Ольга", phone="+79001112233")
    for child in (first, second):
        world.insert("guardianships", student_id=child, guardian_id=mother, relation="мать")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert len(world.remote.records(Stream.GUARDIANS)) == 1
    assert len(world.remote.records(Stream.GUARDIANSHIPS)) == 2


def test_case_f_asks_and_creates_nothing(world: World) -> None:
    """Origin unknown: the secretary is asked; when she answers, the case goes its way."""
    ready(world)
    arrive(world)
    report = world.sync()
    assert states(world) == [("F", "claimed")]
    assert enrolled(world) == []
    assert [n.role for n in world.ears.heard] == [Role.SECRETARY]
    assert report.streams[Stream.STUDENTS].waiting == {"release": 1}
    world.update("movements", world.rows("movements")[0]["id"], origin_kind="none")
    world.sync()
    assert states(world) == [("E", "enrolled")]


def test_name_and_birth_date_alone_do_not_enrol_region_wide(world: World) -> None:
    """In a region 17 pairs share both: a person confirms, then the enrolment goes through."""
    ready(world)
    person = world.remote.add_person(CARD | {"snils": None})
    arrive(world, pupil=PUPIL | {"snils": None})
    world.sync()
    assert enrolled(world) == []
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.matches.cases()
    decide_matches.confirm(world.desk(), case.case_id, case.candidates[0].local_id)
    world.sync()
    assert enrolled(world) == [person]


def test_another_child_is_remembered(world: World) -> None:
    """«Другой ребёнок»: the person is not asked about again, the case goes by its origin."""
    ready(world)
    world.remote.add_person(CARD | {"snils": None, "patronymic": "Петровна"}, organization_id="school-12")
    arrive(world, pupil=PUPIL | {"snils": None}, origin_kind="none")
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.matches.cases()
    decide_matches.reject(world.desk(), case.case_id)
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        assert uow.matches.cases() == []
    assert [case for case, _ in states(world)] == ["E"]


def test_a_failed_look_up_changes_nothing_and_is_reported(world: World) -> None:
    """An error is never «not found»: no case, no card, the run is not green."""
    ready(world)
    arrive(world, origin_kind="none")
    world.remote.fail_next(TransientError("503"), call="find_available")
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert world.rows("releases") == []
    assert enrolled(world) == []


def test_the_region_may_still_refuse_the_enrolment(world: World) -> None:
    """Released in the list, refused at the door (409): the case goes back to «не отчислен»."""
    ready(world)
    person = world.remote.add_person(CARD)
    arrive(world)

    def probe(name: str) -> None:
        if name == "push.before_send":
            world.remote.region.persons[person].organization_id = "school-12"  # type: ignore[assignment]

    world.sync(probe=probe)
    assert enrolled(world) == []
    assert [state for _, state in states(world)] == ["not_released"]
    world.remote.release(person)
    world.sync()
    assert enrolled(world) == [person]


def test_case_d_our_leaver_must_appear_in_the_list(world: World) -> None:
    """Departure with its destination travels; the list then shows the leaver and the case closes."""
    ready(world)
    world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    student = world.rows("students")[0]["id"]
    world.insert(
        "movements",
        student_id=student,
        kind="departure",
        date="2026-11-19",
        order_number="80-у",
        order_date="2026-11-19",
        destination_name="Школа № 12",
    )
    world.sync()
    world.sync()
    assert states(world) == [("D", "visible")]


def test_a_departure_without_destination_stays_and_says_why(world: World) -> None:
    ready(world)
    world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    student = world.rows("students")[0]["id"]
    row = world.insert(
        "movements",
        student_id=student,
        kind="departure",
        date="2026-11-19",
        order_number="80-у",
        order_date="2026-11-19",
    )
    report = world.sync()
    assert report.streams[Stream.MOVEMENTS].push.rejected == 1
    assert "destination" in world.rows("quarantine")[0]["reason"]
    world.update("movements", row, destination_name="Школа № 12")
    assert world.sync().streams[Stream.MOVEMENTS].push.acked == 1


def test_arrivals_before_watch_from_are_not_watched(world: World) -> None:
    from dataclasses import replace

    ready(world)
    world.school = replace(world.school, watch_from="2026-11-17")
    arrive(world, origin_kind="none")
    world.remote.calls.clear()
    report = world.sync()
    assert world.remote.calls["find_available"] == 0
    assert world.rows("releases") == []
    assert report.streams[Stream.STUDENTS].waiting == {"decision": 1}


def test_calls_are_logged_and_a_closed_case_can_be_reopened(world: World) -> None:
    ready(world)
    arrive(world, origin_kind="school", origin_name="Школа № 12")
    world.sync()
    (row,) = world.rows("releases")
    desk = world.desk("secretary.ivanova")
    decide_releases.log_step(desk, row["id"], StepKind.CALL, "Обещали завтра", next_call_on="2026-11-23")
    decide_releases.close(desk, row["id"], "Родители передумали")
    world.sync()
    assert [state for _, state in states(world)] == ["withdrawn"]
    decide_releases.reopen(desk, row["id"])
    assert [state for _, state in states(world)] == ["not_released"]
    world.sync()
    assert [state for _, state in states(world)] == ["not_released"]
    with world.db.read(world.school.school_id) as uow:
        steps = uow.releases.steps([row["id"]])[row["id"]]
    assert [step.actor for step in steps if step.kind == "call"] == ["secretary.ivanova"]


@contextmanager
def written(world: World) -> Iterator[list[str]]:
    """Statements that change something, and commits."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        if args[2].lstrip().startswith(("INSERT", "UPDATE", "DELETE", "BEGIN IMMEDIATE")):
            seen.append(args[2])

    def kept(*_: object) -> None:
        seen.append("COMMIT")

    event.listen(world.db.engine, "before_cursor_execute", note)
    event.listen(world.db.engine, "commit", kept)
    try:
        yield seen
    finally:
        event.remove(world.db.engine, "before_cursor_execute", note)
        event.remove(world.db.engine, "commit", kept)


def test_a_watch_that_finds_nothing_new_writes_nothing(world: World) -> None:
    """A pupil not released, a question and a leaver stay open: no lock, no statement that writes, no commit; asked
    about all the same. What is new is written once."""
    ready(world)
    person = world.remote.add_person(CARD, organization_id="school-12")
    arrive(world, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])
    arrive(world, pupil={**PUPIL, "last_name": "Юсупова", "snils": "08765430300", "personal_file_no": "Ю-1"})
    world.sync()
    assert sorted(states(world)) == [("B", "not_released"), ("F", "claimed")]
    before = world.rows("releases"), world.rows("release_steps"), world.rows("notifications")
    world.remote.calls.clear()
    with written(world) as seen:
        watch_releases(world.cycle())
        assert close_enrolled(world.cycle()) == 0
    assert seen == []
    assert "find_available" in world.remote.calls
    assert (world.rows("releases"), world.rows("release_steps"), world.rows("notifications")) == before
    world.remote.release(person)
    with written(world) as seen:
        watch_releases(world.cycle())
    assert seen.count("COMMIT") == 1
    assert ("B", "released") in states(world)
