"""«Движение»: what a person enters, what is refused, and what the next run makes of it (regulation 3.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync_service.domain.errors import DecisionError, TransientError
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.enter_arrival import enter_arrival
from sync_service.engine.enter_departure import enter_departure
from sync_service.engine.enter_origin import set_origin
from sync_service.engine.entry_fields import EntryRefused
from sync_service.engine.entry_parents import family_key, offers_for
from sync_service.engine.find_arrivals import find_arrivals
from sync_service.engine.queries_movements import form_choices, movement_rows, origin_question
from sync_service.engine.stores import MovementFilter
from tests.unit.engine.test_release_watch import CARD, arrive, enrolled, ready, states
from tests.unit.engine.world import PUPIL, World

on_sqlite = pytest.mark.parametrize("world", ["sqlite"], indirect=True)

CHILD = {
    "last_name": "Ёлкина",
    "first_name": "анна",
    "patronymic": "Петровна",
    "birth_date": "11.05.2012",
}
ORDER = {"date": "16.11.2026", "order_number": "77-у", "order_date": "2026-11-16"}
MINIMAL = {
    "personal_file_no": "Е-12",
    "address": "ул. Ленина, 1",
    "parent1_last_name": "Ёлкина",
    "parent1_first_name": "Мария",
    "parent1_relation": "мать",
    "parent1_phone": "8 912 000 00 07",
}


def form(world: World, **changes: str) -> dict[str, str]:
    """A whole arrival from school № 12 into 8А."""
    (klass,) = (row["id"] for row in world.rows("classes"))
    origin = {"origin_kind": "school", "origin_name": "школа № 12"}
    return {**CHILD, **ORDER, **origin, "class_id": str(klass), **changes}


def refused(world: World, **changes: str) -> dict[str, str]:
    """Field → words of an arrival that is refused; nothing is written."""
    before = {table: world.count(table) for table in ("students", "movements", "guardians", "audit")}
    with pytest.raises(EntryRefused) as caught:
        enter_arrival(world.desk(), form(world, **changes))
    assert before == {table: world.count(table) for table in before}
    return {problem.field: problem.text for problem in caught.value.problems}


def test_a_person_of_the_list_is_enrolled_without_a_new_card(world: World) -> None:
    """Chosen from the list by a person: enrolled in the next run by that person's number, without a question."""
    ready(world)
    person = world.remote.add_person(CARD)
    (found,) = find_arrivals(world.desk(), CHILD).persons
    assert (found.person_id, found.status) == (person, "available")
    done = enter_arrival(world.desk(), form(world, person_id=found.person_id))
    assert "без новой карточки" in done.next_step
    report = world.sync()
    assert report.releases.enrolled == 1
    assert enrolled(world) == [person]
    assert world.rows("students")[0]["snils"] == PUPIL["snils"]  # comes from the region, was never on the page
    (movement,) = world.remote.records(Stream.MOVEMENTS).values()
    assert movement["order_number"] == "77-у"
    assert world.sync().status is RunStatus.SUCCEEDED


@on_sqlite
def test_a_person_who_studies_elsewhere_waits_for_the_release(world: World) -> None:
    """Not in the list: flagged with the school to phone, nothing created; the release enrols the chosen person."""
    ready(world)
    person = world.remote.add_person(CARD, organization_id="school-12")
    (found,) = find_arrivals(world.desk(), CHILD).persons
    assert (found.status, found.school, found.phone) == ("enrolled_elsewhere", "Школа № 12", "+73431234567")
    enter_arrival(world.desk(), form(world, person_id=person))
    world.sync()
    assert states(world) == [("B", "not_released")]
    assert enrolled(world) == []
    world.remote.release(person)
    world.sync()
    assert enrolled(world) == [person]


@on_sqlite
@pytest.mark.parametrize(
    ("origin", "case"), [({"origin_kind": "other_district", "origin_name": "Школа № 3"}, "C"), ({}, "E")]
)
def test_another_district_and_a_first_timer_get_a_new_card(world: World, origin: dict[str, str], case: str) -> None:
    """With the minimal data of the regulation, and with the parent."""
    ready(world)
    done = enter_arrival(
        world.desk(), form(world, **MINIMAL, **(origin or {"origin_kind": "none", "origin_name": ""}))
    )
    assert "новой карточкой" in done.next_step
    assert world.sync().releases.enrolled == 1
    assert states(world) == [(case, "enrolled")]
    (guardian,) = world.remote.records(Stream.GUARDIANS).values()
    assert guardian["phone"] == "+79120000007"
    assert len(world.remote.records(Stream.GUARDIANSHIPS)) == 1


@on_sqlite
def test_every_missing_field_is_named_with_its_remedy(world: World) -> None:
    """All at once, in words a secretary can act on; the rules are those of the files."""
    ready(world)
    empty = dict.fromkeys((*CHILD, *ORDER, "class_id", "origin_kind"), "")
    assert set(refused(world, **empty)) == {
        "last_name",
        "first_name",
        "birth_date",
        "date",
        "order_number",
        "order_date",
        "class_id",
        "origin_kind",
    }
    new = refused(world, origin_kind="other_district", origin_name="Школа № 3")
    assert set(new) == {"personal_file_no", "address", "phone", "parent1_last_name"}
    wrong = refused(world, snils="112-233-445 96", phone="12", birth_date="31.02.2012", order_date="21.11.2026")
    assert set(wrong) == {"snils", "phone", "birth_date", "order_date"}
    assert "Сверьте с документом" in wrong["snils"]


@on_sqlite
def test_entering_twice_makes_no_double(world: World) -> None:
    """The same form again, the card again by the same order, the card while the pupil is here: refused."""
    ready(world)
    done = enter_arrival(world.desk(), form(world))
    assert "another_child" in refused(world)
    assert "order_number" in refused(world, student_id=str(done.student_id))
    assert "student_id" in refused(
        world, student_id=str(done.student_id), date="17.11.2026", order_number="78-у", order_date="2026-11-17"
    )
    assert "snils" not in refused(world, snils="11223344595")
    world.sync()
    assert (world.count("students"), world.count("movements")) == (1, 1)
    enter_arrival(world.desk(), form(world, another_child="1"))
    assert world.count("students") == 2


@on_sqlite
def test_one_person_of_the_list_is_one_pupil(world: World) -> None:
    """Chosen for a second card, too: refused, whatever was ticked."""
    ready(world)
    person = world.remote.add_person(CARD)
    enter_arrival(world.desk(), form(world, person_id=person))
    assert set(refused(world, person_id=person, another_child="1")) == {"person_id"}
    world.sync()
    assert set(refused(world, person_id=person, another_child="1")) == {"person_id"}


@on_sqlite
def test_a_card_begun_by_a_class_report_is_completed(world: World) -> None:
    """It is filled in with the arrival, and the watch takes it up; an arrival the watch leaves out is refused."""
    ready(world)
    person = world.remote.add_person(CARD)
    begun = world.insert("students", last_name="Ёлкина", first_name="Анна", incomplete=True)
    assert "birth_date" in refused(world, student_id=str(begun), birth_date="")
    enter_arrival(world.desk(), form(world, student_id=str(begun), person_id=person))
    world.sync()
    assert (enrolled(world), world.count("students")) == ([person], 1)
    world.school = replace(world.school, watch_from="2026-11-17")
    assert "date" in refused(world, first_name="Ольга")


def test_a_sibling_gets_the_parents_existing_cards(world: World) -> None:
    """Chosen cards are attached with their relation; a typed parent with the same name and phone is the same card."""
    ready(world)
    first = enter_arrival(world.desk(), form(world, **MINIMAL, origin_kind="none"))
    brother = {"last_name": "Ёлкин", "first_name": "Пётр", "birth_date": "03.02.2014", "order_number": "78-у"}
    (offer,) = offers_for(world.desk(), {}, "Ёлкин")
    assert offer.children == ("Ёлкина Анна Петровна, 8А",)
    second = enter_arrival(world.desk(), form(world, **brother), attach=[offer.local_id])
    enter_arrival(world.desk(), form(world, **brother | MINIMAL | {"first_name": "Павел"}))
    assert world.count("guardians") == 1
    ties = world.rows("guardianships")
    assert {tie["student_id"] for tie in ties} >= {first.student_id, second.student_id}
    assert [tie["relation"] for tie in ties] == ["мать"] * 3
    assert family_key("Ленская") == family_key("Ленский") != family_key("Ленин")


@on_sqlite
def test_a_parent_who_may_have_a_card_is_asked_about_once(world: World) -> None:
    """The same surname and phone under another name: a person looks, and then the answer counts."""
    ready(world)
    enter_arrival(world.desk(), form(world, **MINIMAL, origin_kind="none"))
    card = world.rows("guardians")[0]["id"]
    other = form(
        world,
        **MINIMAL | {"parent1_first_name": "Маша"},
        first_name="Ольга",
        birth_date="03.02.2014",
        date="17.11.2026",
    )
    with pytest.raises(EntryRefused) as caught:
        enter_arrival(world.desk(), other)
    assert caught.value.offers == (card,)
    enter_arrival(world.desk(), other, offered=[card])
    assert world.count("guardians") == 2


@on_sqlite
def test_a_departure_needs_its_destination_and_leaves_once(world: World) -> None:
    """From the present class, to a school of the directory or a named place; then the mirror list watches."""
    ready(world)
    world.remote.add_person(CARD)
    student = arrive(world)
    (klass,) = (row["id"] for row in world.rows("classes"))
    leave = {
        "date": "2026-11-19",
        "order_number": "80-у",
        "order_date": "2026-11-19",
        "destination_name": "школа №  12",
    }
    with pytest.raises(EntryRefused, match="не зачислен в ГИС"):
        enter_departure(world.desk(), student, leave)
    world.sync()
    with pytest.raises(EntryRefused, match="куда выбыл"):
        enter_departure(world.desk(), student, leave | {"destination_name": " "})
    done = enter_departure(world.desk(), student, leave)
    assert "доступные для зачисления" in done.next_step
    row = world.rows("movements")[-1]
    assert (row["class_from_id"], row["destination_organization_id"] is not None) == (klass, True)
    with pytest.raises(EntryRefused, match="уже записано"):
        enter_departure(world.desk(), student, leave)
    world.sync()
    assert [m["kind"] for m in world.remote.records(Stream.MOVEMENTS).values()] == ["arrival", "departure"]
    world.sync()
    assert states(world)[-1] == ("D", "visible")
    with pytest.raises(DecisionError):
        enter_departure(world.desk(), 999, leave)


@on_sqlite
def test_an_unknown_origin_is_told_and_the_case_goes_on(world: World) -> None:
    """Case F asks; the answer goes into the arrival, and the next run flags or enrols."""
    ready(world)
    arrive(world)
    world.sync()
    assert states(world) == [("F", "claimed")]
    (case,) = world.rows("releases")
    question = origin_question(world.db, world.school, case["id"])
    assert question.movement is not None
    with pytest.raises(EntryRefused):
        set_origin(world.desk(), case["id"], {"origin_kind": "school"})
    set_origin(world.desk(), case["id"], {"origin_kind": "school", "origin_name": "Школа № 12"})
    world.sync()
    assert states(world) == [("B", "not_released")]
    set_origin(world.desk(), case["id"], {"origin_kind": "none"})
    world.sync()
    assert states(world) == [("E", "enrolled")]  # the letter follows the origin
    assert world.rows("releases")[0]["previous_school"] is None
    with pytest.raises(DecisionError):
        origin_question(world.db, world.school, case["id"])


@on_sqlite
def test_a_failed_look_up_is_never_not_found(world: World) -> None:
    """The region is away: an error is told, the school's own cards are shown all the same."""
    ready(world)
    arrive(world)
    world.remote.fail_next(TransientError("away"), call="find_available")
    search = find_arrivals(world.desk(), CHILD)
    assert "не отвечает" in search.failure
    assert [card.caption for card in search.cards] == ["Ёлкина Анна Петровна, 8А"]
    assert find_arrivals(world.desk(), {"snils": "112-233-445 95"}).cards == search.cards
    with pytest.raises(EntryRefused):
        find_arrivals(world.desk(), {"last_name": "Ёлкина"})


def test_the_book_is_filtered_and_paged(world: World) -> None:
    """Latest first; by kind, days and class; who entered is in the journal."""
    ready(world)
    enter_arrival(world.desk(), form(world))
    enter_arrival(world.desk(), form(world, first_name="Ольга", date="17.11.2026", order_number="78-у"))
    rows, total = movement_rows(world.db, world.school, MovementFilter(), size=1)
    assert (rows[0].pupil, rows[0].class_to, rows[0].place, total) == ("Ёлкина Ольга Петровна", "8А", "Школа № 12", 2)
    assert [
        row.order_number for row in movement_rows(world.db, world.school, MovementFilter(), page=2, size=1)[0]
    ] == ["77-у"]
    klass = form_choices(world.db, world.school, world.clock.today(world.school.zone)).classes[0].local_id
    for found, total in (
        (MovementFilter(kind="departure"), 0),
        (MovementFilter(first="2026-11-17", last="2026-11-17"), 1),
        (MovementFilter(class_id=klass, kind="arrival"), 2),
        (MovementFilter(class_id=klass + 1), 0),
    ):
        assert movement_rows(world.db, world.school, found)[1] == total
    entries: list[Any] = [row for row in world.rows("audit") if row["act"] == "enter"]
    assert [(row["actor"], row["cause"]) for row in entries] == [("ivanova", "movements:arrival")] * 2
