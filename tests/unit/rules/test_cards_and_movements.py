"""What a card or a movement must hold before it may leave, and which school year a day belongs to."""

from __future__ import annotations

from datetime import date

import pytest

from sync_service.domain.rules import school_year
from sync_service.domain.rules.completeness import missing_for_new_card
from sync_service.domain.rules.movement_rules import KINDS, missing_before_leaving
from sync_service.domain.rules.outcome import Accepted, Refused


@pytest.mark.parametrize("kind", KINDS)
def test_every_movement_needs_date_order_number_and_order_date(kind: str) -> None:
    """Without an order no movement leaves."""
    missing = missing_before_leaving(kind=kind, date=None, order_number=" ", order_date=None)
    assert missing[:3] == ("date", "order_number", "order_date")


def test_a_departure_needs_its_destination() -> None:
    """A departure names a school of the directory or a free name; other kinds need none."""
    order = {"date": "2026-11-20", "order_number": "17-у", "order_date": "2026-11-19"}
    assert missing_before_leaving(kind="departure", **order) == ("destination_name",)
    assert missing_before_leaving(kind="departure", **order, destination_name="Школа № 2, г. Ревда") == ()
    assert missing_before_leaving(kind="departure", **order, destination_organization_id="42") == ()
    assert missing_before_leaving(kind="arrival", **order) == ()


def test_an_unknown_kind_is_a_mistake_of_the_caller() -> None:
    """A kind outside the code table is not silently let through."""
    with pytest.raises(ValueError, match="kind of movement"):
        missing_before_leaving(kind="Выбытие", date="2026-11-20", order_number="1", order_date="2026-11-20")


def test_an_empty_card_lacks_all_minimal_data() -> None:
    """The minimal data of the regulation are named as fields, in the order of a card."""
    assert missing_for_new_card(
        last_name=None,
        first_name="",
        birth_date=None,
        personal_file_no=" ",
        address=None,
        phones=[None, ""],
        guardian_last_names=[],
    ) == ("last_name", "first_name", "birth_date", "personal_file_no", "address", "phone", "guardians")


def test_one_phone_and_one_parent_are_enough() -> None:
    """The phone may be a parent's, and the patronymic is never missing."""
    assert (
        missing_for_new_card(
            last_name="Ли",
            first_name="Анна",
            birth_date="2015-05-05",
            personal_file_no="Л-1",
            address="с. Конево",
            phones=[None, "+79123456789"],
            guardian_last_names=["Ли"],
        )
        == ()
    )


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 8, 31), 2025),
        (date(2026, 9, 1), 2026),
        (date(2026, 12, 31), 2026),
        (date(2027, 1, 1), 2026),
        (date(2027, 8, 31), 2026),
    ],
)
def test_a_school_year_begins_in_september(day: date, year: int) -> None:
    """31 August is the last day of a school year, 1 September the first of the next."""
    assert school_year.school_year_of(day) == year
    first, last = school_year.bounds(year)
    assert first <= day <= last


@pytest.mark.parametrize(
    ("text", "year"),
    [("2026/2027", 2026), ("2026/27", 2026), ("2026 - 2027 учебный год", 2026), ("2026–2027", 2026), ("2026", 2026)],
)
def test_typed_school_years(text: str, year: int) -> None:
    """The usual spellings are read; the starting year names the school year."""
    assert school_year.parse(text) == Accepted(value=year)
    assert school_year.parse(school_year.label(year)) == Accepted(value=year)


@pytest.mark.parametrize(
    ("text", "code"), [("", "shape"), (None, "shape"), ("26/27", "shape"), ("2026/2028", "order")]
)
def test_refused_school_years(text: str | None, code: str) -> None:
    """Two years that do not follow each other are no school year."""
    outcome = school_year.parse(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
