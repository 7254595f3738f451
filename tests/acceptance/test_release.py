"""Arrivals and departures from the school's list to the regional register, by the cases of regulation 3.5."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.ecp.simulator.people import People
from sync_service.cli.exit_codes import ExitCode
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Item, Office, office, region
from tests.acceptance.paperwork import RELATIONS, as_person, draw_pupil, write_list
from tests.acceptance.working_day import PAGE_SIZE, copied

NEIGHBOUR, PREVIOUS, OTHER_DISTRICT = 1, 2, 4  # places among the region's organizations


def schools(made: Office) -> list[Item]:
    found: list[Item] = made.region.admin("GET", "state")["organizations"]
    return found


def add_person(made: Office, pupil: ParsedPupil, status: str, where: int) -> str:
    """The region knows the child; the person's id."""
    person = {**as_person(pupil), "status": status, "organizationId": made.organization(where)}
    return str(made.region.admin("POST", "persons", {"persons": [person]})["persons"][0]["personId"])


def import_list(made: Office, *pupils: ParsedPupil) -> None:
    report = made.service.files.bring_in(made.school(), write_list(made.folder, pupils), actor="secretary")
    assert (report.rejected, report.warnings) == (0, 0)


def cases(made: Office) -> dict[str, tuple[str, str]]:
    """Letter and state of every case by the pupil's surname."""
    rows = made.sql(
        "SELECT s.last_name, r.release_case, r.state FROM releases r JOIN students s ON s.id = r.student_id"
    )
    return {row["last_name"]: (row["release_case"], row["state"]) for row in rows}


def told(made: Office) -> Counter[tuple[str, str]]:
    """Who has been told about whom: role and surname."""
    rows = made.sql("SELECT role, body FROM notifications")
    return Counter((row["role"], row["body"].split()[0]) for row in rows)


def cards(made: Office, surname: str) -> list[Item]:
    return [card for card in made.dump("students") if card["lastName"] == surname]


def parents_of(made: Office, card: Item) -> set[str]:
    return {one["guardianId"] for one in made.dump("guardianships") if one["studentId"] == card["id"]}


def elder_sibling(made: Office) -> tuple[Item, tuple[ParsedGuardian, ...]]:
    """A pupil of ours with both parents, and the parents as the school's list writes them."""
    guardians = {one["id"]: one for one in made.dump("guardians")}
    for card in made.dump("students"):
        ties = [one for one in made.dump("guardianships") if one["studentId"] == card["id"]]
        if {one["relationCode"] for one in ties} == {"MOTHER", "FATHER"} and all(
            guardians[one["guardianId"]]["mobilePhone"] for one in ties
        ):
            return card, tuple(_as_listed(guardians[one["guardianId"]], one["relationCode"]) for one in ties)
    raise AssertionError("nobody has both parents")


def _as_listed(guardian: Item, relation: str) -> ParsedGuardian:
    return ParsedGuardian(
        last_name=guardian["lastName"],
        first_name=guardian["firstName"],
        patronymic=guardian["surName"],
        relation=RELATIONS[relation],
        phone=guardian["mobilePhone"],
        home_phone=guardian["homePhone"],
        email=guardian["email"],
    )


@pytest.fixture
def arrivals(at_rest: Office) -> dict[str, ParsedPupil]:
    """One newcomer for each case of the regulation, on the school's list; the region knows A and B."""
    made, people = at_rest, People(83)
    places = schools(made)
    _, parents = elder_sibling(made)
    drawn = {
        "A": draw_pupil(people, "5А", origin=places[NEIGHBOUR], last_name="Абрикосов"),
        "B": draw_pupil(people, "8А", origin=places[PREVIOUS], last_name="Брусникин"),
        "C": draw_pupil(people, "8А", last_name="Вишневский", origin_kind="other_district"),
        "E": draw_pupil(people, "1А", last_name="Ежевикин", origin_kind="none", guardians=parents),
        "F": draw_pupil(people, "5А", last_name="Финиковский"),
    }
    drawn["C"] = replace(drawn["C"], origin_name=places[OTHER_DISTRICT]["name"])
    return drawn


def test_the_cases_of_the_regulation(at_rest: Office, arrivals: dict[str, ParsedPupil]) -> None:
    """A, C and E are enrolled in the first cycle; B is flagged and the director told once, with the number to call;
    F is asked about; B goes in the cycle in which the release appears, F when the secretary has answered."""
    made, previous = at_rest, schools(at_rest)[PREVIOUS]
    persons = {
        "A": add_person(made, arrivals["A"], "available", NEIGHBOUR),
        "B": add_person(made, arrivals["B"], "enrolled", PREVIOUS),
    }
    guardians_before = {one["id"] for one in made.dump("guardians")}
    import_list(made, *arrivals.values())

    report, code = made.sync_with_code()
    assert code is ExitCode.OPEN_DECISIONS
    assert (report.releases.not_released, report.releases.enrolled) == (1, 3)
    assert cases(made) == {
        "Абрикосов": ("A", "enrolled"),
        "Брусникин": ("B", "not_released"),
        "Вишневский": ("C", "enrolled"),
        "Ежевикин": ("E", "enrolled"),
        "Финиковский": ("F", "claimed"),
    }
    assert [card["personId"] for card in cards(made, "Абрикосов")] == [persons["A"]], "no new card for a known child"
    assert [len(cards(made, one.last_name)) for one in arrivals.values()] == [1, 0, 1, 1, 0]
    told_at_first = {
        ("director", "Брусникин"): 1,
        ("class_teacher", "Вишневский"): 1,
        ("deputy_head", "Вишневский"): 1,
        ("class_teacher", "Ежевикин"): 1,
        ("deputy_head", "Ежевикин"): 1,
        ("secretary", "Финиковский"): 1,
    }
    assert told(made) == told_at_first
    (to_director,) = made.sql("SELECT body, severity FROM notifications WHERE role = 'director'")
    assert previous["name"] in to_director["body"]
    assert previous["phone"] in to_director["body"]
    (beginner,) = cards(made, "Ежевикин")
    assert parents_of(made, beginner) == parents_of(made, elder_sibling(made)[0]) <= guardians_before

    again, code = made.sync_with_code()
    assert code is ExitCode.DONE
    assert (again.releases.not_released, again.releases.enrolled) == (1, 0)
    assert told(made) == told_at_first
    (listed,) = [row for row in made.must("releases", "list", "--json").json() if row["case"] == "B"]
    assert (listed["previous_school"], listed["previous_phone"]) == (previous["name"], previous["phone"])

    made.region.admin("POST", "release", {"personId": persons["B"]})
    released = made.sync()
    assert (released.releases.not_released, released.releases.enrolled) == (0, 1)
    (card,) = cards(made, "Брусникин")
    assert card["personId"] == persons["B"]
    assert len(parents_of(made, card)) == len(arrivals["B"].guardians)
    (arrival,) = [one for one in made.dump("movements") if one["studentId"] == card["id"]]
    assert (arrival["movementType"], arrival["orderNumber"]) == ("Зачисление", arrivals["B"].order_number)
    assert cases(made)["Брусникин"] == ("B", "enrolled")

    district = schools(made)[OTHER_DISTRICT]["name"]
    import_list(made, replace(arrivals["F"], origin_kind="other_district", origin_name=district))
    answered = made.sync()
    assert answered.releases.enrolled == 1
    assert len(cards(made, "Финиковский")) == 1
    assert told(made)["deputy_head", "Финиковский"] == 1
    made.settle()
    assert disagreements(made) == []
    assert made.must("releases", "list", "--json").json() == []


def test_a_leaver_is_verified(at_rest: Office) -> None:
    """A departure without a destination stays here; with one it leaves, and the pupil must then be seen in
    «доступные для зачисления»."""
    made = at_rest
    card = made.dump("students")[3]
    row = made.local_id("students", card["id"])

    def departures() -> list[Item]:
        return [one for one in made.dump("movements") if one["movementType"] == "Выбытие"]

    def person() -> Item:
        (found,) = made.region.admin("GET", "persons", {"personId": card["personId"]})["persons"]
        return dict(found)

    made.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date)"
        " SELECT school_id, id, 'departure', '2026-11-20', '88-в', '2026-11-19' FROM students WHERE id = :id",
        id=row,
    )
    assert made.sync_with_code()[1] is not ExitCode.DONE
    assert (departures(), person()["status"]) == ([], "enrolled")
    made.sql(
        "UPDATE movements SET destination_name = 'Лицей № 9' WHERE student_id = :id AND kind = 'departure'", id=row
    )
    made.sync()
    assert [(one["studentId"], one["destinationName"]) for one in departures()] == [(card["id"], "Лицей № 9")]
    assert person()["status"] == "available"
    assert made.sync_with_code()[1] is ExitCode.DONE
    assert cases(made) == {card["lastName"]: ("D", "visible")}
    assert disagreements(made) == []


def test_a_leaver_the_region_does_not_show_stays_flagged(at_rest: Office) -> None:
    """The departure is in the region and yet the pupil is still counted as ours: the mirror flag stays up until the
    register follows."""
    made = at_rest
    card = made.dump("students")[3]
    made.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, destination_name)"
        " SELECT school_id, id, 'departure', '2026-11-20', '88-в', '2026-11-19', 'Лицей № 9' FROM students"
        " WHERE id = :id",
        id=made.local_id("students", card["id"]),
    )
    ref = f"out:{made.local_id('students', card['id'])}"
    answer = {"results": [{"ref": ref, "status": "enrolled_here", "candidates": []}]}
    stale = {"status": 200, "body": json.dumps(answer)}
    made.faults({"kind": "raw", "match": {"route": "available"}, "params": stale})
    made.sync()
    made.sync()
    assert cases(made)[card["lastName"]] == ("D", "left")
    assert [row["case"] for row in made.must("releases", "list", "--json").json()] == ["D"]
    made.region.admin("DELETE", "faults")
    made.sync()
    assert cases(made)[card["lastName"]] == ("D", "visible")


def test_an_enrolment_refused_at_the_last_moment(
    agreed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list says «available», and before our enrolment arrives another school has taken the pupil: flagged, the
    director told, no card made; enrolled once the other school lets go."""
    taken: list[bool] = []

    def between(point: str) -> None:
        if point == "releases.before_commit" and not taken:
            taken.append(True)
            card = {**as_person(pupil), "personId": person}
            body = {"organizationId": made.organization(NEIGHBOUR), "stream": "students", "items": [card]}
            made.region.admin("POST", "create", body)

    monkeypatch.setattr("sync_service.bootstrap.crash_probe", lambda _environment: between)
    with region() as door, office(door, tmp_path, url=copied(agreed, tmp_path), page_size=PAGE_SIZE) as made:
        pupil = draw_pupil(People(97), "8А", origin=schools(made)[PREVIOUS], last_name="Облепихин")
        person = add_person(made, pupil, "available", PREVIOUS)
        import_list(made, pupil)
        made.sync()
        made.settle()
        assert taken
        assert cards(made, "Облепихин") == []
        assert cases(made) == {"Облепихин": ("B", "not_released")}
        assert told(made)["director", "Облепихин"] == 1
        made.region.admin("POST", "release", {"personId": person})
        assert made.sync().releases.enrolled == 1
        assert [card["personId"] for card in cards(made, "Облепихин")] == [person]
        made.settle()
        assert disagreements(made) == []
