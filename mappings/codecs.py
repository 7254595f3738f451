"""Named codecs: how one field is read from the region, written to it, and tidied when typed locally.

``decode`` turns what the region sent into the canonical value, ``encode`` the canonical value into what the
region expects, ``clean`` what a person or a program wrote to the staging table into the canonical value. None
of them ever sees None: absence is not a matter of form. Each raises RecordError whose message is Russian and
never repeats the value. For every canonical value v: ``clean(v) == v`` and ``decode(encode(v)) == v``.

Clean values take a short path, because a pull decodes half a million of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from random import Random
from typing import Any

from mappings import examples
from sync_service.domain.errors import RecordError
from sync_service.domain.records import Scalar
from sync_service.domain.rules import birth_certificate, dates, names, phones, snils
from sync_service.domain.rules.outcome import Refused
from sync_service.domain.rules.text import squeeze

Decode = Callable[[Any], Scalar]

LONGEST_ID = 200  # characters; the contract has 36
LARGEST = 2_147_483_647  # what an integer column holds on every database we support
LONGEST = 10_000  # characters of one text; the regional fields are far shorter

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
_RUSSIAN = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")
_YEAR = re.compile(r"20\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One way of writing values. ``example`` makes a canonical value for the round-trip check.

    ``fold``: two values differing only in ё/е or case agree (names of people).
    """

    name: str
    decode: Decode
    encode: Callable[[Any], object]
    clean: Decode
    example: Callable[[Random], Scalar]
    fold: bool = False


def wrong_type(expected: str) -> RecordError:
    return RecordError(f"ожидается {expected}", code="wrong_type")


def plain_text(raw: Any) -> str | None:
    """NFC text trimmed at both ends; None for a blank one. Control characters are refused."""
    if type(raw) is not str:
        raise wrong_type("текст")
    if raw.isascii() and raw.isprintable() and len(raw) <= LONGEST:
        return raw.strip() or None
    text = unicodedata.normalize("NFC", raw).strip()
    if len(text) > LONGEST:
        raise RecordError("текст длиннее допустимого", code="too_long")
    if _CONTROL.search(text) or not _encodable(text):
        raise RecordError("в тексте есть управляющие знаки", code="control_characters")
    return text or None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: no database takes it
        return False
    return True


def is_identifier(raw: Any) -> bool:
    """Whether something may be a regional id: what a database keeps, an index takes and a person can read."""
    return type(raw) is str and 0 < len(raw) <= LONGEST_ID and raw.isprintable() and not raw.isspace()


def reference(raw: Any) -> str:
    """A regional id exactly as the region writes it."""
    if is_identifier(raw):
        return str(raw)
    raise wrong_type("идентификатор")


def _local_reference(raw: Any) -> Scalar:
    if type(raw) is int or (type(raw) is str and raw):
        return raw
    raise wrong_type("идентификатор")


def whole_number(raw: Any) -> int:
    if type(raw) is not int:
        raise wrong_type("целое число")
    if not -LARGEST <= raw <= LARGEST:
        raise RecordError("число вне допустимых пределов", code="out_of_range")
    return raw


def _boolean(raw: Any) -> bool:
    if type(raw) is not bool:
        raise wrong_type("да или нет")
    return raw


def _local_boolean(raw: Any) -> bool:
    if raw in (0, 1):  # SQLite has no other booleans
        return bool(raw)
    raise wrong_type("да или нет")


def _iso_from_iso(raw: Any) -> str | None:
    if type(raw) is not str:
        raise wrong_type("дата ГГГГ-ММ-ДД")
    if len(raw) == 10 and raw[4] == "-" == raw[7] and "1900" <= raw < "2100":
        try:
            date.fromisoformat(raw)
        except ValueError:
            raise RecordError("такого дня в календаре нет", code="broken_date") from None
        return raw
    text = raw.strip()
    if text and not _ISO.fullmatch(text):
        raise RecordError("дата не вида ГГГГ-ММ-ДД", code="broken_date")
    return _any_date(text)


def _iso_from_russian(raw: Any) -> str | None:
    if type(raw) is not str:
        raise wrong_type("дата ДД.ММ.ГГГГ")
    text = raw.strip()
    if text and not _RUSSIAN.fullmatch(text):
        raise RecordError("дата не вида ДД.ММ.ГГГГ", code="broken_date")
    return _any_date(text)


def _russian_from_iso(value: Any) -> str:
    year, month, day = str(value).split("-")
    return f"{day}.{month}.{year}"


def _any_date(raw: Any) -> str | None:
    if type(raw) is not str:
        raise wrong_type("дата")
    if not raw or raw.isspace():
        return None
    outcome = dates.normalise(raw)
    if isinstance(outcome, Refused):
        raise RecordError(outcome.reason, code="broken_date")
    return outcome.value


def _clean_date(raw: Any) -> str | None:
    return _iso_from_iso(raw) if type(raw) is str and _ISO.fullmatch(raw) else _any_date(raw)


def _phone(raw: Any) -> str | None:
    text = plain_text(raw)
    if text is None or (len(text) == 12 and text.startswith("+7") and text.isascii() and text[2] in "346789"):
        return text if text is None or text[1:].isdigit() else _any_phone(text)
    return _any_phone(text)


def _any_phone(text: str) -> str:
    outcome = phones.normalise(text)
    if isinstance(outcome, Refused):
        raise RecordError(outcome.reason, code=f"phone_{outcome.code}")
    if outcome.value.extension:
        raise RecordError("добавочный номер хранить негде", code="phone_extension")
    return outcome.value.number


def _snils(raw: Any) -> str | None:
    if type(raw) is not str:
        raise wrong_type("текст")
    outcome = snils.normalise(raw)
    if isinstance(outcome, Refused):
        raise RecordError(outcome.reason, code=f"snils_{outcome.code}")
    return outcome.value


def _formatted_snils(value: Any) -> str:
    return snils.formatted(str(_snils(value)))


def _school_year(raw: Any) -> int | None:
    if type(raw) is not str:
        raise wrong_type("год текстом")
    text = raw.strip()
    if text and not _YEAR.fullmatch(text):
        raise RecordError("учебный год не вида 2026", code="broken_school_year")
    return int(text) if text else None


def _local_school_year(raw: Any) -> int:
    year = whole_number(raw)
    if not 2000 <= year <= 2099:
        raise RecordError("учебный год вне разумных пределов", code="broken_school_year")
    return year


@lru_cache(maxsize=8192)
def _tidy_name(text: str) -> str | None:
    return names.tidy_name(text)


@lru_cache(maxsize=8192)
def _tidy_patronymic(text: str) -> str | None:
    return names.tidy_patronymic(text)


def _name(raw: Any) -> str | None:
    text = plain_text(raw)
    return None if text is None else _tidy_name(text)


def _patronymic(raw: Any) -> str | None:
    text = plain_text(raw)
    return None if text is None else _tidy_patronymic(text)


def _document_series(raw: Any) -> str | None:
    text = plain_text(raw)
    if text is None:
        return None
    # A certificate's series is read together with a number; any other document keeps the text as it is.
    outcome = birth_certificate.normalise(f"{text} 000000")
    if isinstance(outcome, Refused) or outcome.value is None:
        return squeeze(text)
    return outcome.value.series


def _same(value: Any) -> object:
    return value


def _codec(
    name: str,
    decode: Decode,
    example: Callable[[Random], Scalar],
    *,
    encode: Callable[[Any], object] = _same,
    clean: Decode | None = None,
    fold: bool = False,
) -> Codec:
    return Codec(name=name, decode=decode, encode=encode, clean=clean or decode, example=example, fold=fold)


CODECS: dict[str, Codec] = {
    codec.name: codec
    for codec in (
        _codec("text", plain_text, examples.some_text),
        _codec("name", _name, examples.some_name, fold=True),
        _codec("patronymic", _patronymic, examples.some_name, fold=True),
        _codec("ref", reference, examples.some_id, clean=_local_reference),
        _codec("int", whole_number, lambda random: random.randint(-1000, LARGEST)),
        _codec("bool", _boolean, lambda random: random.random() < 0.5, clean=_local_boolean),
        _codec("iso_date", _iso_from_iso, examples.some_day, clean=_clean_date),
        _codec("ru_date", _iso_from_russian, examples.some_day, encode=_russian_from_iso, clean=_clean_date),
        _codec(
            "school_year",
            _school_year,
            lambda random: random.randint(2000, 2099),
            encode=str,
            clean=_local_school_year,
        ),
        _codec("phone", _phone, examples.some_phone),
        _codec("snils", _snils, examples.some_snils, encode=_formatted_snils),
        _codec("document_series", _document_series, examples.some_series),
    )
}
