"""Identity documents of pupils: birth certificates «IV-АИ № 123456» and passports «1234 567890».

Source: DOMAIN.md section 4 (Roman numeral, hyphen, two Cyrillic letters, six digits; a passport has four and
six digits) and the vectors of tests/data/birth_certificate_vectors.csv.

Written decisions for the vectors marked POLICY:

- spaces, dashes and «№» are layout: «XIX-ёЪ №123456» is accepted and becomes XIX-ЁЪ, 123456;
- Latin look-alikes among the two letters become Cyrillic («III-AИ» → III-АИ);
- the Roman part may be typed with Cyrillic Х, У, І, П, Ш or the digit 1; it must read as a canonical Roman
  numeral up to 89, so that «IIX» is refused and not repaired.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import all_look_alikes, ascii_digits, plain_hyphens, squeeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Series and number of an identity document, as they are kept and compared."""

    series: str
    number: str


_ROMAN = re.compile(r"L?X{0,3}(?:IX|IV|V?I{0,3})")
_ROMAN_LOOK_ALIKES = str.maketrans(
    {"І": "I", "Ӏ": "I", "1": "I", "|": "I", "У": "V", "Ү": "V", "Х": "X", "П": "II", "Ш": "III"}
)
_CERTIFICATE = re.compile(r"([A-ZА-ЯЁІӀҮ1|]+?)([A-ZА-ЯЁ]{2})(\d{6})")
_PASSPORT = re.compile(r"(\d{4})(\d{6})")
_LAYOUT = re.compile(r"[\s\-.,:№#]|N[O0º°]?(?=\s*\d)")

_REFUSED = Refused(code="document", reason="серия и номер не похожи ни на свидетельство о рождении, ни на паспорт")


def normalise(text: str | None) -> Outcome[Document | None]:
    """Series and number of a certificate or passport typed in one cell; None when nothing was given."""
    typed = plain_hyphens(ascii_digits(squeeze(text or ""))).upper()
    compact = _LAYOUT.sub("", typed.replace("СЕРИЯ", "").replace("НОМЕР", ""))
    if not compact:
        return Accepted(value=None)
    if passport := _PASSPORT.fullmatch(compact):
        return Accepted(value=Document(series=passport[1], number=passport[2]))
    certificate = _CERTIFICATE.fullmatch(compact)
    if certificate is None:
        return _REFUSED
    roman = certificate[1].translate(_ROMAN_LOOK_ALIKES)
    letters = all_look_alikes(certificate[2])
    if not _ROMAN.fullmatch(roman) or not re.fullmatch("[А-ЯЁ]{2}", letters):
        return _REFUSED
    return Accepted(value=Document(series=f"{roman}-{letters}", number=certificate[3]))


def normalise_pair(series: str | None, number: str | None) -> Outcome[Document | None]:
    """The same for series and number typed in two cells; one of them alone is refused."""
    if bool(squeeze(series or "")) != bool(squeeze(number or "")):
        return Refused(code="half", reason="указана только серия или только номер документа")
    return normalise(f"{series or ''} {number or ''}")
