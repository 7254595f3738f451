"""Resync at the command line: a plan with its exit code, then exactly that plan."""

from __future__ import annotations

import pytest

from sync_service.domain.streams import Stream
from tests.unit.cli.office import Office
from tests.unit.cli.test_deciding import actors


def edited(office: Office) -> int:
    """The school changed the phone, the region the e-mail; the pupil's row."""
    pupil = office.agreed()
    office.sql("UPDATE students SET phone = '+79120000001'")
    office.region.edit(Stream.STUDENTS, pupil, email="anna@example.ru")
    ((row,),) = office.sql("SELECT id FROM students")
    return int(row)


def test_a_plan_is_shown_and_applied(office: Office) -> None:
    """10 with changes, 0 once it is applied, 0 without changes; people read who, what, where, before and after."""
    edited(office)
    assert office.run("resync", "plan", "--all") == 10, office.told
    for words in ("Ёлкина Анна Петровна", "Телефон", "8 (912) 000-00-01", "anna@example.ru", "изменить в ГИС"):
        assert words in office.said
    assert "ecp-sync resync apply 1" in office.said
    said = office.must("resync", "apply", "1", "--as", "petrova")
    assert "принято ГИС" in said
    assert (office.card()["phone"], office.sql("SELECT email FROM students")) == (
        "+79120000001",
        [("anna@example.ru",)],
    )
    assert "Изменений нет" in office.must("resync", "plan", "--all")
    assert ("petrova", "plan:1") in actors(office, "decide")


def test_everybody_who_is_named_was_looked_at(office: Office) -> None:
    """A plan that names people leaves an entry of the one who made it."""
    edited(office)
    office.json("resync", "plan", "--stream", "students", "--as", "petrova", code=10)
    office.must("resync", "show", "1", "--as", "sidorova")
    assert actors(office, "view")[-2:] == [("petrova", "resync:1"), ("sidorova", "resync:1")]


def test_what_has_drifted_is_told(office: Office) -> None:
    """Exit code 3, and the record is named."""
    row = edited(office)
    assert office.json("resync", "plan", "--record", f"students:{row}", code=10)["changes"] == 1
    office.sql("UPDATE students SET phone = '+79120000002'")
    assert office.run("resync", "apply", "1") == 3
    assert "изменилось с тех пор" in office.said
    assert "Ёлкина Анна Петровна" in office.said


def test_accepting_a_side_is_a_choice_of_its_own(office: Office) -> None:
    """The open case is decided by it; the list says what each plan was for."""
    number = office.clashing()
    plan = office.json("resync", "plan", "--stream", "students", "--accept", "gis", code=10)
    assert (plan["kind"], plan["counts"]) == ("accept_gis", {"students": {"update_here": 1, "decide": 1}})
    office.must("resync", "apply", str(plan["id"]), "--as", "petrova")
    (case,) = office.json("conflicts", "list", "--all")
    assert (case["id"], case["state"], case["decided_by"]) == (number, "resolved", "petrova")
    assert "принять сторону ГИС: Ученики" in office.must("resync", "list")
    (listed,) = office.json("resync", "list")
    assert (listed["state"], listed["results"]) == ("applied", {"applied": 1})


def test_a_plan_that_must_not_be_applied_is_refused_in_a_sentence(office: Office) -> None:
    edited(office)
    office.json("resync", "plan", "--all", code=10)
    office.sql("UPDATE plans SET created_at = '2020-01-01T00:00:00.000000Z'")
    assert office.run("resync", "apply", "1") == 1
    assert "контрольная сумма" in office.told
    assert office.run("resync", "apply", "99") == 1
    assert "нет такой записи" in office.told


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--all", "--stream", "marks"),
        ("--until", "2026-09-01"),
        ("--since", "1 сентября"),
        ("--since", "2026-09-02", "--until", "2026-09-01"),
        ("--record", "17"),
        ("--record", "pupils:17"),
        ("--all", "--accept", "both"),
    ],
)
def test_a_scope_is_named_in_one_way(office: Office, options: tuple[str, ...]) -> None:
    """Anything else is a wrong command line, and no plan is made."""
    assert office.run("resync", "plan", *options) == 2, office.said
    assert office.json("resync", "list") == []
