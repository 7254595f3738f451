"""Birth certificates and passports: one canonical form of series and number."""

from __future__ import annotations

import pytest

from sync_service.domain.rules import birth_certificate
from sync_service.domain.rules.birth_certificate import Document
from sync_service.domain.rules.outcome import Accepted, Refused
from tests.unit.rules.vectors import rows

EXPECTED = {
    "II-ЗЮ 126885": ("II-ЗЮ", "126885"),
    "III-ЖЗ 957612": ("III-ЖЗ", "957612"),
    "IVИФ 602140": ("IV-ИФ", "602140"),
    "IЭР 426906": ("I-ЭР", "426906"),
    "V-ЕИ 757431": ("V-ЕИ", "757431"),
    "iiаб654321": ("II-АБ", "654321"),
    "IIГФ654321": ("II-ГФ", "654321"),
    # POLICY rows, decided in the module's docstring
    "XIX-ёЪ №123456": ("XIX-ЁЪ", "123456"),
    "III-AИ 123456": ("III-АИ", "123456"),
    "ІІ-АБ 123456": ("II-АБ", "123456"),
}
VECTORS = rows("birth_certificate_vectors.csv")


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["input"])
def test_every_vector_has_its_decision(row: dict[str, str]) -> None:
    """Valid and POLICY vectors give series and number; invalid ones are refused."""
    outcome = birth_certificate.normalise(row["input"])
    if row["expected"].startswith("invalid"):
        assert isinstance(outcome, Refused)
        assert outcome.code == "document"
    else:
        series, number = EXPECTED[row["input"]]
        assert outcome == Accepted(value=Document(series=series, number=number))


@pytest.mark.parametrize(
    ("text", "series", "number"),
    [
        ("IV-АИ № 123456", "IV-АИ", "123456"),
        ("1V-АИ 123456", "IV-АИ", "123456"),
        ("ІУ-АИ 123456", "IV-АИ", "123456"),
        ("ХІІ-АИ 123456", "XII-АИ", "123456"),
        ("Ш-АИ 123456", "III-АИ", "123456"),
        ("П-АИ 123456", "II-АИ", "123456"),
        ("IV-АИ N 123456", "IV-АИ", "123456"),
        ("серия IV-АИ номер 123456", "IV-АИ", "123456"),
        ("I-ПХ 123456", "I-ПХ", "123456"),
        ("6512 123456", "6512", "123456"),
        ("65 12 № 123456", "6512", "123456"),
    ],
)
def test_typed_forms_become_canonical(text: str, series: str, number: str) -> None:
    """Cyrillic letters and digits in the Roman part, «№» and spaces are spelling."""
    assert birth_certificate.normalise(text) == Accepted(value=Document(series=series, number=number))


@pytest.mark.parametrize("text", ["IIX-АИ 123456", "IIII-АИ 123456", "IV-АБВ 123456", "IV-АИ 12345", "hello"])
def test_what_is_no_document_is_refused(text: str) -> None:
    """A wrong numeral, wrong letters or a wrong length are not repaired."""
    assert isinstance(birth_certificate.normalise(text), Refused)


def test_series_and_number_in_two_cells() -> None:
    """Two cells give the same document as one; half a document is refused; none is None."""
    assert birth_certificate.normalise_pair("IV-АИ", "123456") == birth_certificate.normalise("IV-АИ 123456")
    half = birth_certificate.normalise_pair("IV-АИ", " ")
    assert isinstance(half, Refused)
    assert half.code == "half"
    assert birth_certificate.normalise_pair(None, "") == Accepted(value=None)
