"""Cards, movements and the list «доступные для зачисления»."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.client import DAY, Json, School, problem


def _asked(person: Json, *names: str) -> Json:
    return {name: person[name] for name in names or ("lastName", "firstName", "surName", "birthDate")}


def _other(school: School, place: int = 1) -> str:
    found: str = school.handle.organizations[place]["id"]
    return found


def _departure(student_id: str, **more: Any) -> Json:
    return {
        "studentId": student_id,
        "movementType": "Выбытие",
        "movementDate": DAY,
        "orderNumber": "5-в",
        "orderDate": DAY,
        **more,
    }


def _arrival(student_id: str, **more: Any) -> Json:
    return {**_departure(student_id), "movementType": "Зачисление", "orderNumber": "6-у", **more}


def _mine(school: School) -> Json:
    """One of our pupils who has a СНИЛС."""
    return next(item for item in school.dump("students") if item["snils"])


def test_search_knows_four_answers(school: School) -> None:
    """Available, enrolled elsewhere, enrolled here and unknown, many persons in one call."""
    free = school.new_person("available")
    elsewhere = school.new_person("enrolled", organizationId=_other(school))
    unknown = school.new_person("unknown")
    results = school.available(_asked(free), _asked(elsewhere, "snils"), _asked(_mine(school)), _asked(unknown))
    assert [result["ref"] for result in results] == ["0", "1", "2", "3"]
    assert [result["status"] for result in results] == [
        "available",
        "enrolled_elsewhere",
        "enrolled_here",
        "unknown",
    ]
    assert results[0]["candidates"][0]["personId"] == free["personId"]
    assert results[1]["candidates"][0]["organizationId"] == _other(school)
    assert results[1]["candidates"][0]["status"] == "enrolled"
    assert results[3]["candidates"] == []
    assert unknown["personId"] is None


def test_snils_decides_when_found(school: School) -> None:
    """A known СНИЛС names the person whatever the name says; an unknown one falls back to the name."""
    free, other = school.new_person("available"), school.new_person("available")
    by_both = school.available({**_asked(free), "snils": other["snils"]})[0]
    assert [one["personId"] for one in by_both["candidates"]] == [other["personId"]]
    by_name = school.available({**_asked(free), "snils": "112-233-445 95"})[0]
    assert [one["personId"] for one in by_name["candidates"]] == [free["personId"]]


def test_names_are_compared_without_case_and_yo(school: School) -> None:
    """«ПЁТР» finds «Петр»; another patronymic does not."""
    free = school.new_person(
        "available", lastName="Семёнов", firstName="Пётр", surName="Ильич", birthDate="2014-03-01"
    )
    asked = {"lastName": "СЕМЕНОВ", "firstName": "петр", "surName": "Ильич", "birthDate": "2014-03-01"}
    assert school.available(asked)[0]["candidates"][0]["personId"] == free["personId"]
    assert school.available({**asked, "surName": None})[0]["status"] == "unknown"


def test_namesakes_are_all_listed_and_one_free_is_enough(school: School) -> None:
    """Two persons with one name and birth date come both; the status is available when one of them is."""
    card = {"lastName": "Ким", "firstName": "Анна", "surName": None, "birthDate": "2014-03-01"}
    school.new_person("enrolled", organizationId=_other(school), **card)
    school.new_person("available", **card)
    result = school.available(card)[0]
    assert result["status"] == "available"
    assert sorted(one["status"] for one in result["candidates"]) == ["available", "enrolled"]


@pytest.mark.parametrize(
    "person",
    [
        {"lastName": "Ким"},
        {"snils": None},
        {"lastName": "Ким", "firstName": "Анна", "birthDate": "вчера"},
        {"snils": 5},
    ],
)
def test_a_search_without_a_key_is_refused(school: School, person: Json) -> None:
    """A person without СНИЛС and without full name and birth date cannot be asked for."""
    body = {"persons": [{"ref": "1", **person}]}
    answer = school.send("POST", "/enrolment/available/search", body)
    assert (answer.status, answer.code) == (400, "invalid")


def test_enrolment_by_person_takes_over_the_card(school: School) -> None:
    """A create with personId alone makes a card from what the region knows and ends availability."""
    free = school.new_person("available")
    result = school.create("students", personId=free["personId"], personalFileNumber="К-35", phone=None)
    assert result["status"] == 201
    assert result["item"]["lastName"] == free["lastName"]
    assert result["item"]["snils"] == free["snils"]
    assert result["item"]["personalFileNumber"] == "К-35"
    assert school.available(_asked(free))[0]["status"] == "enrolled_here"


def test_unknown_person_cannot_be_enrolled(school: School) -> None:
    """A personId the region does not know is an unknown reference."""
    assert problem(school.create("students", personId="nobody")) == (422, "unknown_reference", "data.personId")


def test_nobody_is_taken_from_another_school(school: School) -> None:
    """A person enrolled elsewhere is not released: by personId, by СНИЛС, and by name with birth date."""
    person = school.new_person("enrolled", organizationId=_other(school))
    named = _asked(person)
    for data in ({"personId": person["personId"]}, {**named, "snils": person["snils"]}, named):
        assert problem(school.create("students", **data))[:2] == (409, "not_released")


def test_release_at_the_other_school_makes_available_at_once(school: School) -> None:
    """After the previous school has entered the departure the pupil can be enrolled."""
    person = school.new_person("enrolled", organizationId=_other(school))
    released = school.admin("release", **_asked(person))
    assert released["organizationId"] == _other(school)
    assert school.available(_asked(person))[0]["status"] == "available"
    assert school.create("students", personId=person["personId"])["status"] == 201


def test_no_second_card_for_a_known_person(school: School) -> None:
    """A person of this school is refused with the card's id; a free one without an id."""
    mine, free = _mine(school), school.new_person("available")
    here = school.create("students", **_asked(mine))
    assert problem(here)[:2] == (409, "person_has_card")
    assert here["id"] == mine["id"]
    assert school.create("students", personId=mine["personId"])["id"] == mine["id"]
    known = school.create("students", **_asked(free))
    assert problem(known)[:2] == (409, "person_has_card")
    assert "id" not in known


def test_a_new_card_makes_a_new_person(school: School) -> None:
    """A child the region has never heard of becomes a person enrolled here."""
    child = school.new_person("unknown")
    data = {name: child[name] for name in ("lastName", "firstName", "surName", "genderCode", "birthDate", "snils")}
    result = school.create("students", **data)
    assert result["status"] == 201
    assert result["item"]["personId"]
    assert school.available(_asked(child))[0]["status"] == "enrolled_here"


def test_departure_needs_a_destination(school: School) -> None:
    """Neither a school nor a name: 422; one of them is enough."""
    student = _mine(school)["id"]
    refused = school.create("movements", **_departure(student))
    assert problem(refused) == (422, "required", "data.destinationOrganizationId")
    assert school.create("movements", **_departure(student, destinationName="Казахстан"))["status"] == 201


def test_departure_releases_and_arrival_takes_back(school: School) -> None:
    """Our departure puts the pupil into the list at once; deleting it takes the pupil back."""
    mine = _mine(school)
    left = school.create("movements", **_departure(mine["id"], destinationOrganizationId=_other(school)))
    result = school.available(_asked(mine))[0]
    assert result["status"] == "available"
    assert result["candidates"][0]["organizationId"] == school.id
    assert school.get(f"students/{mine['id']}").json["deleted"] is False
    assert school.delete("movements", left)["status"] == 200
    assert school.available(_asked(mine))[0]["status"] == "enrolled_here"
    school.create("movements", **_departure(mine["id"], destinationName="Омск"))
    assert school.create("movements", **_arrival(mine["id"]))["status"] == 201
    assert school.available(_asked(mine))[0]["status"] == "enrolled_here"


def test_arrival_of_a_pupil_who_left_for_another_school(school: School) -> None:
    """A card of ours whose person now studies elsewhere cannot arrive: not released."""
    mine = _mine(school)
    school.create("movements", **_departure(mine["id"], destinationOrganizationId=_other(school)))
    school.admin("create", organizationId=_other(school), stream="students", items=[{"personId": mine["personId"]}])
    assert problem(school.create("movements", **_arrival(mine["id"])))[:2] == (409, "not_released")


def test_a_returning_pupil_gets_a_new_card(school: School) -> None:
    """Somebody who left us and is free again is enrolled by person, with a card of its own."""
    mine = _mine(school)
    school.create("movements", **_departure(mine["id"], destinationName="Омск"))
    back = school.create("students", personId=mine["personId"])
    assert back["status"] == 201
    assert back["id"] != mine["id"]
    found = school.search("students", keys=[{"snils": mine["snils"]}])
    assert {item["id"] for item in found} == {mine["id"], back["id"]}


def test_the_class_follows_the_latest_movement(school: School) -> None:
    """Late entry of the class a pupil was moved into opens the pupil's final marks."""
    target = next(item["id"] for item in school.dump("classes") if item["name"] == "5А")
    final = school.dump("final-marks")[-1]
    school.admin("clock", set="2026-12-01")
    school.admin("late-entry", classIds=[target], until="2026-12-31")
    new = "5" if final["finalyGrade"] != "5" else "4"
    assert school.update("final-marks", final, finalyGrade=new)["status"] == 423
    moved = {**_arrival(final["studentId"]), "movementType": "Перевод в другой класс", "classToId": target}
    assert school.create("movements", **moved)["status"] == 201
    assert school.update("final-marks", final, finalyGrade=new)["status"] == 200


def test_cards_are_never_deleted(school: School) -> None:
    """Pupils leave by a movement: op delete is 422."""
    assert problem(school.delete("students", _mine(school))) == (422, "invalid", "op")


def test_card_changes_reach_the_person(school: School) -> None:
    """A corrected name is found in the region; the person itself and a foreign СНИЛС cannot be set."""
    mine = _mine(school)
    other = next(item for item in school.dump("students") if item["snils"] and item["id"] != mine["id"])
    taken = school.update("students", mine, snils=other["snils"])
    assert problem(taken) == (409, "duplicate", "data.snils")
    assert "id" not in taken
    moved = school.update("students", mine, personId=other["personId"])
    assert problem(moved) == (422, "invalid", "data.personId")
    assert school.update("students", mine, lastName="Новофамильцев")["status"] == 200
    asked = {**_asked(mine), "lastName": "Новофамильцев"}
    assert school.available(asked)[0]["candidates"][0]["personId"] == mine["personId"]
    assert school.available(_asked(mine))[0]["status"] == "unknown"
