"""СНИЛС: eleven digits with a checksum, kept as digits and shown as XXX-XXX-XXX YY.

Source: the numbering rule of the Pension Fund as in the vectors of tests/data/snils_vectors.csv:
Σ digit × (9 … 1), modulo 101, 100 becomes 00; numbers up to 001-001-998 carry no checksum.

Written decisions for the vectors marked POLICY and CONFLICT:

- numbers up to 001-001-998 are accepted with any control digits: the official rule checks only greater ones;
- 000-000-000 00 means «not given» (a form's placeholder), hence None and not a number, although it is
  arithmetically consistent; 000-000-000 with other control digits is refused;
- extra digits (112-233-445-95-000) are refused by length: cutting them off would be a guess;
- ten digits or fewer are refused, too: a leading zero lost in Excel cannot be told from a lost digit
  elsewhere, even where the checksum of the padded number fits by chance (1 in 101).
"""

from __future__ import annotations

import re

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import ascii_digits, plain_hyphens, squeeze

LAST_UNCHECKED = 1_001_998

_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?[eе][+-]?\d+", re.IGNORECASE)
_SEPARATORS = re.compile(r"[ .\-]")

_DAMAGED = Refused(code="damaged", reason="СНИЛС испорчен программой таблиц: часть цифр утрачена")
_CHARACTERS = Refused(code="characters", reason="в СНИЛС есть знаки, кроме цифр, дефисов и пробелов")
_LENGTH = Refused(code="length", reason="в СНИЛС должно быть 11 цифр")
_CHECKSUM = Refused(code="checksum", reason="контрольные цифры СНИЛС не сходятся")


def control_digits(number: str) -> str:
    """The two control digits of a nine-digit number."""
    total = sum(int(digit) * weight for digit, weight in zip(number, range(9, 0, -1), strict=True))
    return f"{total % 101 % 100:02d}"


def is_valid(digits: str) -> bool:
    """Whether these are eleven digits of an existing form of number with fitting control digits."""
    if len(digits) != 11 or not (digits.isascii() and digits.isdigit()):
        return False
    number = digits[:9]
    if int(number) <= LAST_UNCHECKED:
        return int(number) > 0
    return control_digits(number) == digits[9:]


def normalise(text: str | None) -> Outcome[str | None]:
    """Eleven digits, None when nothing was given, or one of damaged, characters, length, checksum."""
    typed = plain_hyphens(ascii_digits(squeeze(text or "")))
    if _SCIENTIFIC.fullmatch(typed.replace(" ", "")):
        return _DAMAGED
    digits = _SEPARATORS.sub("", typed)
    if not digits:
        return Accepted(value=None)
    if not (digits.isascii() and digits.isdigit()):
        return _CHARACTERS
    if len(digits) != 11:
        return _LENGTH
    if digits == "0" * 11:
        return Accepted(value=None)
    return Accepted(value=digits) if is_valid(digits) else _CHECKSUM


def formatted(digits: str) -> str:
    """XXX-XXX-XXX YY of eleven digits; ValueError on anything else."""
    if len(digits) != 11 or not digits.isdigit():
        raise ValueError("a canonical СНИЛС has 11 digits; normalise it first")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:9]} {digits[9:]}"
