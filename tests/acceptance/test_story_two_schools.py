"""Two schools in one installation against two organizations of one region: nothing mixes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_service.cli.exit_codes import ExitCode
from tests.acceptance.agreement import disagreements, portrait
from tests.acceptance.office import Office, office, region

FIRST, SECOND = "school-12", "school-68"


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Office]:
    """Both have read everything of theirs."""
    with region() as door, office(door, tmp_path, codes=(FIRST, SECOND)) as made:
        for code in (FIRST, SECOND):
            made.settle(code)
        yield made


def pupils(made: Office, code: str) -> set[tuple[str, ...]]:
    """Names and birth dates in the school's own table."""
    rows = made.sql(
        "SELECT last_name, first_name, birth_date FROM students WHERE school_id = :school",
        school=int(made.school(code).school_id),
    )
    return {tuple(row.values()) for row in rows}


def test_each_school_has_its_own_records(both: Office) -> None:
    """Everybody stands in the table of the school that teaches them, and nowhere else."""
    made = both
    for number, code in enumerate((FIRST, SECOND)):
        assert disagreements(made, number) == []
        cards = made.dump("students", number)
        assert pupils(made, code) == {(one["lastName"], one["firstName"], one["birthDate"]) for one in cards}
        assert len(cards) > 10
    assert pupils(made, FIRST).isdisjoint(pupils(made, SECOND))


def test_a_run_of_one_school_leaves_the_other_alone(both: Office) -> None:
    """Both schools and both organizations have changes; a run moves those of its own school only, and then the
    other's run moves the rest."""
    made = both
    # More than a few at once would be held.
    few = "(SELECT id FROM students AS t WHERE t.school_id = students.school_id ORDER BY id LIMIT 3)"
    made.sql(f"UPDATE students SET email = 'ours@example.ru' WHERE id IN {few}")
    for number in (0, 1):
        card = made.dump("students", number)[0]
        edited = [{"id": card["id"], "changes": {"address": f"ул. Новая, {number}"}}]
        made.region.admin(
            "POST", "edit", {"organizationId": made.organization(number), "stream": "students", "items": edited}
        )
    untouched = portrait(made, 1)
    made.settle(FIRST)
    assert disagreements(made, 0) == []
    assert portrait(made, 1) == untouched
    assert len(disagreements(made, 1)) in (3, 4), "every changed card of the other school still waits"
    assert [one["email"] for one in made.dump("students", 0)].count("ours@example.ru") == 3
    changes = {int(row["school_id"]) for row in made.sql("SELECT school_id FROM changes")}
    assert changes == {int(made.school(SECOND).school_id)}
    made.settle(SECOND)
    assert disagreements(made, 0) == disagreements(made, 1) == []


def test_a_dead_token_of_one_school_is_not_the_others_trouble(both: Office) -> None:
    """By command: 6 for the one, 0 for the other; without a name the command asks which one is meant."""
    made = both
    made.region.admin("POST", "tokens/reject-refresh", {"organizationId": made.organization(0), "reject": True})
    made.region.admin("POST", "tokens/expire")
    assert made.run("sync", "--school", FIRST).code == ExitCode.LOGIN_NEEDED
    assert made.run("sync", "--school", SECOND).code == ExitCode.DONE
    unnamed = made.run("sync")
    assert unnamed.code == ExitCode.USAGE
    assert FIRST in unnamed.err
    states = {one["school"]: one["connection"] for one in made.run("connection", "status", "--json").json()}
    assert states == {FIRST: "login_needed", SECOND: "ok"}


def test_a_pupil_goes_from_one_school_to_the_other(both: Office) -> None:
    """Arrival entered here before the departure there: flagged; enrolled after the other school's run; two cards of
    one person, each in its own school."""
    made = both
    here, there = int(made.school(FIRST).school_id), int(made.school(SECOND).school_id)
    card = made.dump("students", 1)[0]
    (last_class,) = made.sql("SELECT id FROM classes WHERE school_id = :here AND name = '8А'", here=here)
    made.sql(
        "INSERT INTO students (school_id, last_name, first_name, patronymic, sex, birth_date, snils)"
        " SELECT :here, last_name, first_name, patronymic, sex, birth_date, snils FROM students"
        " WHERE school_id = :there AND person_id = :person",
        here=here,
        there=there,
        person=card["personId"],
    )
    made.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, class_to_id,"
        " origin_kind, origin_organization_id)"
        " SELECT :here, max(s.id), 'arrival', '2026-11-20', '17-у', '2026-11-20', :class_id, 'school',"
        " (SELECT local_id FROM links WHERE school_id = :here AND stream = 'organizations' AND remote_id = :origin)"
        " FROM students s WHERE s.school_id = :here",
        here=here,
        class_id=last_class["id"],
        origin=made.organization(1),
    )
    assert made.sync(FIRST).releases.not_released == 1
    made.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, destination_name)"
        " SELECT school_id, id, 'departure', '2026-11-20', '88-в', '2026-11-19', 'Школа № 12' FROM students"
        " WHERE school_id = :there AND person_id = :person",
        there=there,
        person=card["personId"],
    )
    made.sync(SECOND)
    assert made.sync(FIRST).releases.enrolled == 1
    made.settle(FIRST)
    made.settle(SECOND)
    assert disagreements(made, 0) == disagreements(made, 1) == []
    (arrived,) = [one for one in made.dump("students", 0) if one["personId"] == card["personId"]]
    assert arrived["id"] != card["id"]
    (person,) = made.region.admin("GET", "persons", {"personId": card["personId"]})["persons"]
    assert (person["status"], person["organizationId"]) == ("enrolled", made.organization(0))
    rows = made.sql("SELECT school_id, release_case, state FROM releases ORDER BY school_id")
    assert {(row["school_id"], row["release_case"], row["state"]) for row in rows} == {
        (here, "B", "enrolled"),
        (there, "D", "visible"),
    }
