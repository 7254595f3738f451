"""The line of «Движение учащихся» that a list's order becomes."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.streams import Stream
from tests.unit.importing.office import Office, codes, counts, pupil, pupils

ORDER = {"order_number": "167-у", "order_date": "2026-08-27"}


def line(office: Office) -> dict[str, Any]:
    (row,) = office.rows(Stream.MOVEMENTS)
    return {name: value for name, value in row.items() if value is not None and name not in ("id", "student_id")}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param(
            {"enrolled_on": "2026-09-01", **ORDER},
            {"kind": "arrival", "date": "2026-09-01", "class_to_id": 1, **ORDER},
            id="this-year",
        ),
        pytest.param(
            {"enrolled_on": "2019-09-01", "admitted_on": "2019-09-01"},
            {"kind": "arrival", "date": "2019-09-01"},
            id="an-earlier-year-led-into-another-class",
        ),
        pytest.param(
            {"admitted_on": "2026-09-01"}, {"kind": "arrival", "date": "2026-09-01", "class_to_id": 1}, id="admission"
        ),
        pytest.param(
            {"admitted_on": "2019-09-01", "enrolled_on": "2026-10-05", **ORDER},
            {"kind": "class_change", "date": "2026-10-05", "class_to_id": 1, **ORDER},
            id="admitted-earlier-than-enrolled",
        ),
        pytest.param(
            {"admitted_on": "2019-09-01", "enrolled_on": "2024-10-05"},
            {"kind": "class_change", "date": "2024-10-05"},
            id="changed-in-an-earlier-year",
        ),
        pytest.param(
            {"enrolled_on": "2026-09-01", "origin_kind": "none"},
            {"kind": "arrival", "date": "2026-09-01", "class_to_id": 1, "origin_kind": "none"},
            id="has-not-studied-before",
        ),
        pytest.param(
            {"enrolled_on": "2026-09-01", "origin_kind": "school", "origin_name": "Лицей № 5"},
            {
                "kind": "arrival",
                "date": "2026-09-01",
                "class_to_id": 1,
                "origin_kind": "school",
                "origin_name": "Лицей № 5",
            },
            id="a-school-that-is-in-no-directory",
        ),
    ],
)
def test_a_new_line_says_what_the_list_says(office: Office, listed: dict[str, Any], expected: dict[str, Any]) -> None:
    """An arrival, or a change of class; into the class of the list only when it happened in that school year."""
    report = office.bring(pupils(pupil(**listed)))
    assert line(office) == expected
    assert codes(report) == []
    assert office.bring(pupils(pupil(**listed))).changed == 0


def test_without_a_date_there_is_no_line(office: Office) -> None:
    """An order number alone is no movement; an origin without an arrival is reported."""
    report = office.bring(pupils(pupil(order_number="1", origin_kind="none")))
    assert office.rows(Stream.MOVEMENTS) == []
    assert codes(report) == ["origin_not_loaded"]


@pytest.mark.parametrize("named", ["МБОУ Лицей № 5", "Лицей № 5"])
def test_a_school_of_the_directory_is_referred_to(office: Office, named: str) -> None:
    """By name or short name, where exactly one school bears it."""
    office.add(Stream.ORGANIZATIONS, name="МБОУ СОШ № 1", short_name="СОШ № 1")
    lyceum = office.add(Stream.ORGANIZATIONS, name="МБОУ Лицей № 5", short_name="Лицей № 5")
    listed = pupils(pupil(enrolled_on="2026-09-01", origin_kind="school", origin_name=named))
    office.bring(listed)
    assert (line(office)["origin_organization_id"], line(office).get("origin_name")) == (lyceum, None)
    assert office.bring(listed).changed == 0


def test_a_name_of_two_schools_stays_a_name(office: Office) -> None:
    """Which of them is not guessed."""
    for district in ("Невьянск", "Реж"):
        office.add(Stream.ORGANIZATIONS, name="Лицей № 5", district=district)
    office.bring(pupils(pupil(enrolled_on="2026-09-01", origin_kind="school", origin_name="Лицей № 5")))
    assert line(office)["origin_name"] == "Лицей № 5"
    assert "origin_organization_id" not in line(office)


@pytest.mark.parametrize(
    ("there", "listed", "expected", "told"),
    [
        pytest.param(
            {"date": "2026-09-01"},
            {"enrolled_on": "2026-09-01", **ORDER},
            {"date": "2026-09-01", **ORDER},
            [],
            id="same-day-order-completed",
        ),
        pytest.param(
            {"date": "2026-09-01", "order_number": "1", "order_date": "2026-08-01"},
            {"enrolled_on": "2026-09-01", **ORDER},
            {"date": "2026-09-01", **ORDER},
            [],
            id="same-day-order-corrected",
        ),
        pytest.param(
            {"date": "2026-09-01", **ORDER},
            {"enrolled_on": "2026-09-01"},
            {"date": "2026-09-01", **ORDER},
            [],
            id="an-empty-cell-clears-nothing",
        ),
        pytest.param(
            {"date": "2026-09-02", "order_number": "167-у"},
            {"enrolled_on": "2026-09-01", **ORDER},
            {"date": "2026-09-02", **ORDER},
            ["movement_date_differs"],
            id="same-order-another-date",
        ),
    ],
)
def test_an_existing_line_gets_the_order_and_keeps_its_class(
    office: Office, there: dict[str, Any], listed: dict[str, Any], expected: dict[str, Any], told: list[str]
) -> None:
    """The order is completed or corrected; classes and date of a line are never changed by a list."""
    office.bring(pupils(pupil()))
    old_class = office.add(Stream.CLASSES, school_year=2026, name="7А")
    office.add(Stream.MOVEMENTS, student_id=1, kind="arrival", class_to_id=old_class, **there)
    report = office.bring(pupils(pupil(**listed)))
    assert line(office) == {"kind": "arrival", "class_to_id": old_class, **expected}
    assert sorted(codes(report)) == sorted(["class_differs", *told])


def test_an_order_number_of_another_year_is_another_order(office: Office) -> None:
    """Numbers begin anew every year: a pupil who came back has two arrivals."""
    office.bring(pupils(pupil(enrolled_on="2019-09-01", order_number="12", order_date="2019-08-30")))
    report = office.bring(pupils(pupil(enrolled_on="2026-09-01", order_number="12", order_date="2026-08-30")))
    assert counts(report, Stream.MOVEMENTS) == (1, 0, 0)


def test_other_kinds_of_lines_are_left_alone(office: Office) -> None:
    """A departure of the same day is not the arrival of the list."""
    office.bring(pupils(pupil()))
    office.add(Stream.MOVEMENTS, student_id=1, kind="departure", date="2026-09-01", destination_name="Реж")
    report = office.bring(pupils(pupil(enrolled_on="2026-09-01")))
    assert counts(report, Stream.MOVEMENTS) == (1, 0, 0)


def test_a_school_found_later_completes_the_line(office: Office) -> None:
    """Once the directory knows the school, the next import refers to it; a vaguer name does not replace it."""
    listed = pupil(enrolled_on="2026-09-01", origin_kind="school", origin_name="Лицей № 5")
    office.bring(pupils(listed))
    lyceum = office.add(Stream.ORGANIZATIONS, name="Лицей № 5")
    office.bring(pupils(listed))
    assert line(office)["origin_organization_id"] == lyceum
    other = pupil(enrolled_on="2026-09-01", origin_kind="school", origin_name="какой-то лицей")
    assert office.bring(pupils(other)).changed == 0
