"""Telephone numbers: +7XXXXXXXXXX, several in one cell, with remarks and extensions.

Vectors: tests/data/phone_vectors.csv. Written decisions:

- `normalise` reads exactly one number; `in_cell` reads what people type in a cell: several numbers, remarks
  in words («мама», «раб.»), which are dropped.
- A number without its area code («371-23-45») is refused: the area would be a guess. So is a ten-digit
  number beginning with 79 or 89: it is an eleven-digit one that lost a digit, since no area has those codes.
- An extension is kept apart: the canonical form has no room for it.
- Numbers outside +7 are refused with their own reason, since the region stores only +7XXXXXXXXXX.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import ascii_digits, plain_hyphens, squeeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A number as +7XXXXXXXXXX and the extension to ask for, if any."""

    number: str
    extension: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhonesInCell:
    """Every number read from one cell, in order, and why other pieces were refused."""

    phones: tuple[Phone, ...]
    refused: tuple[Refused, ...]


_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?[eе][+-]?\d+", re.IGNORECASE)
_EXTENSION = re.compile(r"[\s,;(]*(?:доб(?:авочный)?|вн(?:утр)?|ext|x|#)\.?[\s:]*(\d{1,6})\)?\.?\s*$", re.IGNORECASE)
_SHAPE = re.compile(r"\+?[\d\s().\-]+")
_BETWEEN_NUMBERS = re.compile(r"[,;/\n\r]+|\s+(?:и|или)\s+|(?<=\d)\s+(?=\+7|8[\s(\-]*\d{3,5}[\s)\-]*\d)")
_REMARK = re.compile(r"\([^\d()]*\)|[A-Za-zА-Яа-яЁё][A-Za-zА-Яа-яЁё.:'\- ]*")

_EMPTY = Refused(code="empty", reason="телефон не заполнен")
_DAMAGED = Refused(code="damaged", reason="телефон испорчен программой таблиц: часть цифр утрачена")
_CHARACTERS = Refused(code="characters", reason="в телефоне есть лишние знаки")
_LENGTH = Refused(code="length", reason="в телефоне должно быть 11 цифр, с кодом города или оператора")
_AREA = Refused(code="area", reason="такого кода города или оператора нет")
_FOREIGN = Refused(code="foreign", reason="номер другой страны: система принимает только номера +7")


def normalise(text: str | None) -> Outcome[Phone]:
    """Exactly one number; refused as empty, damaged, characters, length, area or foreign."""
    typed = plain_hyphens(ascii_digits(squeeze(text or "")))
    if not typed:
        return _EMPTY
    if _SCIENTIFIC.fullmatch(typed.replace(" ", "")):
        return _DAMAGED
    extension = _EXTENSION.search(typed)
    if extension:
        typed = typed[: extension.start()]
    if not _SHAPE.fullmatch(typed):
        return _CHARACTERS
    digits = re.sub(r"\D", "", typed)
    if typed.startswith("+") and not digits.startswith("7"):
        return _FOREIGN
    national = _national(digits, international=typed.startswith("+"))
    if national is None:
        return _LENGTH
    if national[0] in "0125" or (len(digits) == 10 and national[:2] in ("79", "89")):
        return _AREA
    return Accepted(value=Phone(number=f"+7{national}", extension=extension[1] if extension else None))


def in_cell(text: str | None) -> PhonesInCell:
    """Every number of a cell in order, without repeats; remarks in words are dropped."""
    whole = normalise(text)
    if isinstance(whole, Accepted) or whole.code in ("empty", "damaged"):
        outcomes = [whole]
    else:
        outcomes = [_without_remarks(piece) for piece in _BETWEEN_NUMBERS.split(ascii_digits(text or ""))]
    phones: dict[str, Phone] = {}
    for outcome in outcomes:
        if isinstance(outcome, Accepted):
            phones.setdefault(outcome.value.number, outcome.value)
    refused = (outcome for outcome in outcomes if isinstance(outcome, Refused) and outcome.code != "empty")
    return PhonesInCell(phones=tuple(phones.values()), refused=tuple(refused))


def formatted(number: str) -> str:
    """8 (XXX) XXX-XX-XX of a canonical number: the form without a plus, safe in a table; ValueError else."""
    if not re.fullmatch(r"\+7\d{10}", number):
        raise ValueError("a canonical phone is +7 and ten digits; normalise it first")
    return f"8 ({number[2:5]}) {number[5:8]}-{number[8:10]}-{number[10:]}"


def _without_remarks(piece: str) -> Outcome[Phone]:
    as_typed = normalise(piece)
    if not isinstance(as_typed, Refused) or as_typed.code != "characters":
        return as_typed
    return normalise(_REMARK.sub(" ", piece))


def _national(digits: str, *, international: bool) -> str | None:
    if len(digits) == 11 and digits[0] in ("7" if international else "78"):
        return digits[1:]
    if len(digits) == 10 and not international:
        return digits
    return None
