"""A pupil list in staging: cards, classes, parents; nothing guessed, nothing cleared, nothing written twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sync_service.domain.school_files import RowProblem
from sync_service.domain.streams import Stream
from tests.unit.importing.office import Office, codes, counts, mother, pupil, pupils

FULL: dict[str, Any] = {
    "sex": "Ж",
    "snils": "11223344595",
    "document_series": "IV-АИ",
    "document_number": "123456",
    "personal_file_no": "Л-35",
    "admitted_on": "2019-09-01",
    "address": "ул. Ленина, д. 1",
    "phone": "+79120000009",
    "email": "anna@example.ru",
}


def test_a_new_card_holds_everything_the_list_says(office: Office) -> None:
    """Every field of the row stands in the card, with the class the list names."""
    office.bring(pupils(pupil(**FULL)))
    (card,) = office.rows(Stream.STUDENTS)
    (school_class,) = office.rows(Stream.CLASSES)
    expected = {"last_name": "Ли", "first_name": "Анна", "patronymic": "Ивановна", "birth_date": "2012-05-11", **FULL}
    assert {name: card[name] for name in expected} == expected
    assert not card["incomplete"]
    assert card["listed_class_id"] == school_class["id"]
    assert (school_class["school_year"], school_class["name"], school_class["grade"]) == (2026, "8А", 8)


@pytest.mark.parametrize(
    ("stated", "today", "expected"),
    [
        pytest.param(2025, datetime(2026, 11, 20, tzinfo=UTC), 2025, id="stated"),
        pytest.param(None, datetime(2026, 11, 20, tzinfo=UTC), 2026, id="autumn"),
        pytest.param(None, datetime(2027, 2, 1, tzinfo=UTC), 2026, id="spring"),
        pytest.param(None, datetime(2027, 8, 31, 20, tzinfo=UTC), 2027, id="first-of-september-in-the-schools-zone"),
    ],
)
def test_the_school_year_is_the_lists_else_todays(
    office: Office, stated: int | None, today: datetime, expected: int
) -> None:
    """Today is the day in the school's zone."""
    office.clock.moment = today
    office.bring(pupils(pupil(), school_year=stated))
    assert [row["school_year"] for row in office.rows(Stream.CLASSES)] == [expected]


def test_a_class_is_found_in_any_spelling(office: Office) -> None:
    """«8-а» of another program is the class 8А; the class of another year is another class."""
    office.add(Stream.CLASSES, school_year=2025, name="8А")
    there = office.add(Stream.CLASSES, school_year=2026, name="8-а", grade=8)
    report = office.bring(pupils(pupil()))
    assert counts(report, Stream.CLASSES) == (0, 0, 1)
    assert office.rows(Stream.STUDENTS)[0]["listed_class_id"] == there


def test_a_class_is_not_guessed(office: Office) -> None:
    """Two rows that could be the class keep the pupil out; a row spelled exactly so decides."""
    office.add(Stream.CLASSES, school_year=2026, name="8-а")
    office.add(Stream.CLASSES, school_year=2026, name="8 А")
    report = office.bring(pupils(pupil(2), pupil(3, first_name="Вера", class_name="9Б")))
    assert codes(report) == ["ambiguous_class"]
    assert [row["first_name"] for row in office.rows(Stream.STUDENTS)] == ["Вера"]
    exact = office.add(Stream.CLASSES, school_year=2026, name="8А")
    office.bring(pupils(pupil(2)))
    assert office.rows(Stream.STUDENTS)[1]["listed_class_id"] == exact


def test_only_what_differs_is_updated(office: Office) -> None:
    """A different value replaces the old one; an empty cell clears nothing; the journal names the card once."""
    office.bring(pupils(pupil(**FULL)))
    before = office.rows(Stream.STUDENTS)[0]
    report = office.bring(pupils(pupil(snils=FULL["snils"], phone="+79990000000", address=None)))
    assert counts(report, Stream.STUDENTS) == (0, 1, 0)
    assert office.rows(Stream.STUDENTS)[0] == before | {"phone": "+79990000000"}
    assert office.journal()[2:] == [("students", before["id"], "update")]


def test_numbers_in_another_notation_are_equal(office: Office) -> None:
    """A СНИЛС with hyphens and a phone with brackets, as another program types them, are not rewritten."""
    there = office.add(Stream.CLASSES, school_year=2026, name="8А")
    office.add(
        Stream.STUDENTS,
        last_name="Ли",
        first_name="Анна",
        patronymic="Ивановна",
        birth_date="2012-05-11",
        snils="112-233-445 95",
        phone="8 (912) 000-00-09",
        listed_class_id=there,
    )
    report = office.bring(pupils(pupil(snils="11223344595", phone="+79120000009")))
    assert counts(report, Stream.STUDENTS) == (0, 0, 1)


@pytest.mark.parametrize(
    ("held", "listed", "kept"),
    [
        pytest.param("Артём", "Артем", "Артём", id="a-dropped-ё-changes-nothing"),
        pytest.param("Артем", "Артём", "Артём", id="a-ё-comes-back"),
        pytest.param("Анна Мария", "Анна-Мария", "Анна Мария", id="hyphens-change-nothing"),
    ],
)
def test_a_spelling_that_compares_equal_is_kept(office: Office, held: str, listed: str, kept: str) -> None:
    """Names that differ in ё or hyphens are one name."""
    office.bring(pupils(pupil(first_name=held)))
    office.bring(pupils(pupil(first_name=listed)))
    assert [row["first_name"] for row in office.rows(Stream.STUDENTS)] == [kept]


def test_a_pupil_in_doubt_is_left_out_with_every_row(office: Office) -> None:
    """Each row is named; card, class, movement and parents stay out; the others go in."""
    for _ in range(2):
        office.add(Stream.STUDENTS, last_name="Ли", first_name="Анна", patronymic="Ивановна", birth_date="2012-05-11")
    doubtful = replace(pupil(enrolled_on="2026-09-01", guardians=(mother(),)), rows=(2, 3))
    report = office.bring(pupils(doubtful, pupil(4, first_name="Вера", class_name="9Б")))
    assert [(p.row, p.code, p.severity) for p in report.problems] == [
        (2, "ambiguous_pupil", "rejected"),
        (3, "ambiguous_pupil", "rejected"),
    ]
    assert report.rejected == 2
    assert [row["name"] for row in office.rows(Stream.CLASSES)] == ["9Б"]
    assert office.rows(Stream.GUARDIANS) == office.rows(Stream.MOVEMENTS) == []
    assert len(office.rows(Stream.STUDENTS)) == 3


def test_somebody_elses_snils_is_refused(office: Office) -> None:
    """A СНИЛС of a card with another name and birth date is a typing error, not a new name."""
    office.bring(pupils(pupil(snils="11223344595")))
    report = office.bring(pupils(pupil(first_name="Вера", birth_date="2013-01-01", snils="11223344595")))
    assert codes(report) == ["snils_of_another"]
    assert [row["first_name"] for row in office.rows(Stream.STUDENTS)] == ["Анна"]


def test_pupils_of_other_schools_are_not_met(office: Office) -> None:
    """Two schools of one database know nothing of each other's pupils."""
    elsewhere = office.db.schools.ensure("other", name="Другая", organization_id="org-2")
    here = office.school
    office.school = replace(here, school_id=elsewhere)
    office.bring(pupils(pupil(**FULL)))
    office.school = here
    report = office.bring(pupils(pupil(**FULL)))
    assert counts(report, Stream.STUDENTS) == (1, 0, 0)
    assert counts(report, Stream.CLASSES) == (1, 0, 0)


def test_the_readers_problems_come_along(office: Office) -> None:
    """What the reader rejected or doubted stands in the report, in the order of the file."""
    rejected = RowProblem(
        row=9, cell="E9", column="birth_date", code="missing", reason="…", remedy="…", severity="rejected"
    )
    doubted = replace(rejected, row=4, cell="F4", code="checksum", severity="warning")
    report = office.bring(pupils(pupil(), problems=(rejected, rejected, doubted)))
    assert codes(report) == ["checksum", "missing", "missing"]
    assert (report.rejected, report.warnings) == (1, 1)


# -- the class ------------------------------------------------------------------------------------------------


def test_another_class_is_reported_and_listed(office: Office) -> None:
    """Where an earlier list named another class, the new one is kept and a person is asked for the order."""
    office.bring(pupils(pupil()))
    report = office.bring(pupils(pupil(class_name="8Б")))
    assert [(p.row, p.code, p.severity) for p in report.problems] == [(2, "class_differs", "warning")]
    classes = {row["id"]: row["name"] for row in office.rows(Stream.CLASSES)}
    assert [classes[row["listed_class_id"]] for row in office.rows(Stream.STUDENTS)] == ["8Б"]
    assert codes(office.bring(pupils(pupil(class_name="8Б")))) == []


def test_the_class_of_movements_goes_before_the_listed_one(office: Office) -> None:
    """A movement into another class is what counts, and it is not changed by a list."""
    office.bring(pupils(pupil()))
    moved = office.add(Stream.CLASSES, school_year=2026, name="8Б")
    office.add(Stream.MOVEMENTS, student_id=1, kind="class_change", date="2026-10-01", class_to_id=moved)
    assert codes(office.bring(pupils(pupil()))) == ["class_differs"]
    assert codes(office.bring(pupils(pupil(class_name="8Б")))) == []


def test_a_movement_of_the_list_itself_explains_the_class(office: Office) -> None:
    """The list that brings the order into the class needs no warning about it."""
    office.bring(pupils(pupil(enrolled_on="2026-09-01")))
    report = office.bring(pupils(pupil(class_name="8Б", admitted_on="2026-09-01", enrolled_on="2026-11-02")))
    assert codes(report) == []


# -- parents --------------------------------------------------------------------------------------------------


def test_a_parent_is_attached_with_relation_and_contacts(office: Office) -> None:
    """One card, one tie, the file's own word beside «иной»."""
    granny = mother(first_name="Вера", relation="иной", relation_note="бабушка", phone=None, email="v@example.ru")
    office.bring(pupils(pupil(guardians=(mother(home_phone="+73430000001"), granny))))
    cards = [
        (row["first_name"], row["phone"], row["home_phone"], row["email"]) for row in office.rows(Stream.GUARDIANS)
    ]
    assert cards == [("Мария", "+79120000001", "+73430000001", None), ("Вера", None, None, "v@example.ru")]
    ties = [(row["guardian_id"], row["relation"], row["relation_note"]) for row in office.rows(Stream.GUARDIANSHIPS)]
    assert ties == [(1, "мать", None), (2, "иной", "бабушка")]


@pytest.mark.parametrize(
    ("first", "second", "cards"),
    [
        pytest.param({}, {}, 1, id="common-phone"),
        pytest.param({"phone": None}, {"phone": None}, 2, id="name-alone"),
        pytest.param({}, {"phone": None}, 2, id="name-and-one-phone"),
        pytest.param({"phone": None, "home_phone": "+79120000001"}, {}, 1, id="common-number-in-another-field"),
        pytest.param({}, {"last_name": "Ким"}, 2, id="another-name"),
        pytest.param({}, {"phone": "+79990000000"}, 2, id="another-phone"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one-file", "two-files"])
def test_siblings_share_a_parent_by_name_and_phone(
    office: Office, first: dict[str, str], second: dict[str, str], cards: int, together: bool
) -> None:
    """The same full name with a common number is the same parent, in one file as in two."""
    anna = pupil(2, guardians=(mother(**first),))
    vera = pupil(3, first_name="Вера", guardians=(mother(**second),))
    if together:
        office.bring(pupils(anna, vera))
    else:
        office.bring(pupils(anna))
        office.bring(pupils(vera))
    assert len(office.rows(Stream.GUARDIANS)) == cards
    assert len(office.rows(Stream.GUARDIANSHIPS)) == 2


@pytest.mark.parametrize(
    ("one", "other", "cards"),
    [
        pytest.param("ул. Ленина, д. 1", "ул.  ленина, д. 1", 1, id="same-address"),
        pytest.param("ул. Ленина, д. 1", "ул. Ленина, д. 2", 2, id="another-address"),
        pytest.param(None, None, 2, id="no-address"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one-file", "two-files"])
def test_siblings_share_a_parent_by_name_and_address(
    office: Office, one: str | None, other: str | None, cards: int, together: bool
) -> None:
    """Without a phone the same full name at the same address is the same parent."""
    anna = pupil(2, address=one, guardians=(mother(phone=None),))
    vera = pupil(3, first_name="Вера", address=other, guardians=(mother(phone=None),))
    if together:
        office.bring(pupils(anna, vera))
    else:
        office.bring(pupils(anna))
        office.bring(pupils(vera))
    assert len(office.rows(Stream.GUARDIANS)) == cards


def test_a_parents_new_phone_replaces_the_old_one(office: Office) -> None:
    """The pupil's own parent is known by name; an empty cell clears nothing."""
    office.bring(pupils(pupil(guardians=(mother(email="m@example.ru"),))))
    report = office.bring(pupils(pupil(guardians=(mother(phone="+79990000000"),))))
    assert counts(report, Stream.GUARDIANS) == (0, 1, 0)
    (card,) = office.rows(Stream.GUARDIANS)
    assert (card["phone"], card["email"]) == ("+79990000000", "m@example.ru")


def test_a_number_the_card_has_already_stays_where_it_is(office: Office) -> None:
    """A home number named as the only phone does not push out the mobile one."""
    office.bring(pupils(pupil(guardians=(mother(home_phone="+73430000001"),))))
    report = office.bring(pupils(pupil(guardians=(mother(phone="+73430000001"),))))
    assert counts(report, Stream.GUARDIANS) == (0, 0, 1)


def test_contradicting_contacts_of_one_parent_are_stable(office: Office) -> None:
    """Of two phones that siblings' rows name the first counts, each time, and a person is told."""
    home = "ул. Ленина, д. 1"
    listed = pupils(
        pupil(2, address=home, guardians=(mother(),)),
        pupil(3, first_name="Вера", address=home, guardians=(mother(phone="+79990000000"),)),
    )
    assert codes(office.bring(listed)) == ["guardian_differs"]
    again = office.bring(listed)
    assert codes(again) == ["guardian_differs"]
    assert again.changed == 0
    assert [row["phone"] for row in office.rows(Stream.GUARDIANS)] == ["+79120000001"]


def test_two_cards_that_fit_a_parent_are_a_persons_business(office: Office) -> None:
    """No third card is made, and neither of the two is attached."""
    for _ in range(2):
        office.add(Stream.GUARDIANS, last_name="Ли", first_name="Мария", patronymic="Петровна", phone="+79120000001")
    report = office.bring(pupils(pupil(guardians=(mother(),))))
    assert codes(report) == ["ambiguous_guardian"]
    assert len(office.rows(Stream.GUARDIANS)) == 2
    assert office.rows(Stream.GUARDIANSHIPS) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(("мать", None), ("опекун", None), ("опекун", None), id="another-relation"),
        pytest.param(("мать", None), ("иной", None), ("мать", None), id="an-empty-cell"),
        pytest.param(("иной", "бабушка"), ("опекун", None), ("опекун", None), id="the-note-goes-with-its-relation"),
        pytest.param(("иной", "бабушка"), ("иной", "тётя"), ("иной", "тётя"), id="another-note"),
    ],
)
def test_a_relation_follows_the_list(
    office: Office,
    before: tuple[str, str | None],
    after: tuple[str, str | None],
    expected: tuple[str, str | None],
) -> None:
    """Relation and note move together; an empty cell, read as «иной», changes nothing."""
    for relation, note in (before, after):
        office.bring(pupils(pupil(guardians=(mother(relation=relation, relation_note=note),))))
    assert [(r["relation"], r["relation_note"]) for r in office.rows(Stream.GUARDIANSHIPS)] == [expected]


def test_a_parent_who_is_not_in_the_file_stays(office: Office) -> None:
    """Missing is not deleted."""
    office.bring(pupils(pupil(guardians=(mother(), mother(first_name="Иван", relation="отец")))))
    office.bring(pupils(pupil(guardians=(mother(),))))
    assert len(office.rows(Stream.GUARDIANSHIPS)) == len(office.rows(Stream.GUARDIANS)) == 2
