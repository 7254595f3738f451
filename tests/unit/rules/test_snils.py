"""СНИЛС: the official checksum, and written decisions for what suites disagree on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules import snils
from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from tests.unit.rules.vectors import rows

VECTORS = rows("snils_vectors.csv")
PLACEHOLDER = "000-000-000 00"


def value(outcome: Outcome[str | None]) -> str | None:
    assert isinstance(outcome, Accepted)
    return outcome.value


def code(outcome: Outcome[str | None]) -> str:
    assert isinstance(outcome, Refused)
    return outcome.code


@pytest.mark.parametrize("row", [row for row in VECTORS if row["expected"] == "valid"], ids=lambda row: row["input"])
def test_valid_vectors_become_eleven_digits(row: dict[str, str]) -> None:
    """Every vector marked valid is accepted as its digits, whatever the separators."""
    assert value(snils.normalise(row["input"])) == "".join(filter(str.isdigit, row["input"]))


@pytest.mark.parametrize(
    "row",
    [row for row in VECTORS if row["expected"] == "invalid" and row["input"]],
    ids=lambda row: row["input"],
)
def test_invalid_vectors_are_refused(row: dict[str, str]) -> None:
    """Every vector marked invalid is refused with a reason that does not repeat the number."""
    outcome = snils.normalise(row["input"])
    assert isinstance(outcome, Refused)
    assert row["input"] not in outcome.reason or row["input"] == "0"


def test_the_vector_file_is_read_whole() -> None:
    """All four kinds of vectors are present, so that a cut file cannot make the tests pass."""
    assert {row["expected"] for row in VECTORS} == {"valid", "invalid", "POLICY", "CONFLICT"}
    assert len(VECTORS) == 38


@pytest.mark.parametrize("text", ["001-001-998 00", "001-001-998 77"])
def test_numbers_without_a_checksum_are_accepted(text: str) -> None:
    """Up to 001-001-998 any control digits are accepted: the official rule checks only greater numbers."""
    assert value(snils.normalise(text)) == text.replace("-", "").replace(" ", "")


@pytest.mark.parametrize("text", [None, "", "  ", PLACEHOLDER, "00000000000", "-", "\u00a0"])
def test_nothing_and_the_placeholder_mean_missing(text: str | None) -> None:
    """An empty cell and the placeholder of zeros both mean that no number was given."""
    assert value(snils.normalise(text)) is None


def test_zeros_with_other_control_digits_are_no_number() -> None:
    """000-000-000 01 is neither the placeholder nor an existing number."""
    assert code(snils.normalise("000-000-000 01")) == "checksum"


def test_extra_digits_are_refused_by_length() -> None:
    """The CONFLICT vector: digits beyond eleven are not cut off."""
    assert code(snils.normalise("112-233-445-95-000")) == "length"


@pytest.mark.parametrize("text", ["1,12233E+10", "1.12233E+10", "1,12233e10", " 1,12233E+10 "])
def test_a_number_spoilt_by_a_spreadsheet_is_damaged(text: str) -> None:
    """Scientific notation has lost digits and is reported as damaged."""
    assert code(snils.normalise(text)) == "damaged"


@pytest.mark.parametrize(
    ("number", "control"),
    [
        ("112233445", "95"),
        ("087654303", "00"),
        ("001019899", "99"),
        ("001019989", "00"),
        ("001019998", "00"),
        ("001019999", "01"),
        ("102889999", "00"),
        ("102899988", "01"),
    ],
)
def test_control_digits_at_the_edges_of_the_modulus(number: str, control: str) -> None:
    """Sums of 100, 101, 102, 201, 202 and 203 give the control digits of the official algorithm."""
    assert snils.control_digits(number) == control
    assert snils.is_valid(number + control)


def test_unusual_spaces_and_dashes_are_layout() -> None:
    """No-break spaces, long dashes and invisible characters do not spoil a number."""
    assert value(snils.normalise("\ufeff112\u2011233\u2013445\u00a095")) == "11223344595"


@given(st.integers(min_value=1_001_999, max_value=999_999_999))
def test_format_and_normalise_are_inverse(number: int) -> None:
    """A number survives being shown and read again, and one wrong control digit is noticed."""
    digits = f"{number:09d}"
    digits += snils.control_digits(digits)
    assert value(snils.normalise(snils.formatted(digits))) == digits
    wrong = digits[:10] + str((int(digits[10]) + 1) % 10)
    assert code(snils.normalise(wrong)) == "checksum"


@pytest.mark.parametrize("text", ["", "1122334459", "112-233-445 95"])
def test_only_canonical_digits_are_formatted(text: str) -> None:
    """Formatting anything but eleven digits is a mistake of the caller, told without the number."""
    with pytest.raises(ValueError, match="normalise it first"):
        snils.formatted(text)
