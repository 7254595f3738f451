"""Telephone numbers become +7XXXXXXXXXX or say why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules import phones
from sync_service.domain.rules.outcome import Accepted, Refused
from sync_service.domain.rules.phones import Phone
from tests.unit.rules.vectors import rows

VECTORS = rows("phone_vectors.csv")


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["input"])
def test_every_vector(row: dict[str, str]) -> None:
    """Valid vectors give the number and its extension; invalid ones are refused."""
    outcome = phones.normalise(row["input"])
    if row["valid"] == "True":
        assert outcome == Accepted(value=Phone(number=row["e164"], extension=row["extension"] or None))
    else:
        assert isinstance(outcome, Refused)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (None, "empty"),
        ("8,90039E+10", "damaged"),
        ("8912345678", "area"),
        ("7912345678", "area"),
        ("+7 000 000 00 00", "area"),
        ("8 112 345 67 89", "area"),
        ("8 212 345 67 89", "area"),
        ("8 512 345 67 89", "area"),
        ("371-23-45", "length"),
        ("+998 90 123-45-67", "foreign"),
        ("нет", "characters"),
    ],
)
def test_refusals_have_a_code(text: str | None, code: str) -> None:
    """Each way of being wrong has its own code; a ten-digit number that lost a digit is not completed."""
    outcome = phones.normalise(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("cell", "numbers", "refused"),
    [
        ("89123456789, 89120000000", ("+79123456789", "+79120000000"), 0),
        ("8(343)371-23-45; +7 912 345 67 89 (мама)", ("+73433712345", "+79123456789"), 0),
        ("8 912 345 67 89 8 912 345 67 80", ("+79123456789", "+79123456780"), 0),
        ("мама 89123456789 / папа: 89123456780", ("+79123456789", "+79123456780"), 0),
        ("89123456789\n+79123456789", ("+79123456789",), 0),
        ("371-23-45, 89123456789", ("+79123456789",), 1),
        ("нет", (), 0),
        ("", (), 0),
        ("8,90039E+10", (), 1),
    ],
)
def test_several_numbers_in_one_cell(cell: str, numbers: tuple[str, ...], refused: int) -> None:
    """All numbers are read in order, remarks are dropped, repeats count once, refusals are kept."""
    found = phones.in_cell(cell)
    assert tuple(phone.number for phone in found.phones) == numbers
    assert len(found.refused) == refused


def test_an_extension_stays_with_its_number() -> None:
    """«доб. 12» is an extension and no second number."""
    assert phones.in_cell("8(34376)3-31-99 доб. 12").phones == (Phone(number="+73437633199", extension="12"),)


@given(st.integers(min_value=0, max_value=9_999_999))
def test_formatted_numbers_are_read_back(tail: int) -> None:
    """What we write for people is what we read, and it never begins with a plus sign."""
    number = f"+7912{tail:07d}"
    shown = phones.formatted(number)
    assert shown.startswith("8")
    assert phones.normalise(shown) == Accepted(value=Phone(number=number))


def test_only_canonical_numbers_are_formatted() -> None:
    """Formatting anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="normalise it first"):
        phones.formatted("89123456789")
