"""The fields of every stream, with the checks the region makes of each value it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

Json = dict[str, Any]
Check = Callable[[Any], str | None]  # a reason in Russian, or None when the value is acceptable

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SNILS = re.compile(r"(\d{3})-(\d{3})-(\d{3}) (\d{2})", re.ASCII)
_PHONE = re.compile(r"\+7\d{10}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
UNCHECKED_SNILS = 1001998  # numbers up to 001-001-998 were given out before the checksum existed


def snils_checksum(digits: str) -> str:
    """The two control digits of the nine ``digits`` of a СНИЛС."""
    total = sum(int(digit) * weight for digit, weight in zip(digits, range(9, 0, -1), strict=True))
    return f"{total % 101 % 100:02d}"


def check_date(value: Any) -> str | None:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return "такого дня нет"
        return None
    return "ожидается дата ГГГГ-ММ-ДД"


def check_snils(value: Any) -> str | None:
    found = _SNILS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "ожидается СНИЛС в виде XXX-XXX-XXX YY"
    number = found[1] + found[2] + found[3]
    if int(number) > UNCHECKED_SNILS and snils_checksum(number) != found[4]:
        return "контрольное число СНИЛС не сходится"
    return None


def check_flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "ожидается true или false"


def text(longest: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str) or not value.strip():
            return "ожидается непустой текст"
        return None if len(value) <= longest else f"не больше {longest} знаков"

    return check


def shaped(pattern: re.Pattern[str], wanted: str) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, str) and len(value) <= 200 and pattern.fullmatch(value):
            return None
        return f"ожидается {wanted}"

    return check


def whole(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"ожидается целое число от {low} до {high}"

    return check


def one_of(*allowed: str) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        return "ожидается одно из: " + ", ".join(allowed)

    return check


check_phone = shaped(_PHONE, "телефон в виде +7XXXXXXXXXX")
check_email = shaped(_EMAIL, "адрес электронной почты")
check_guid = text(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of an item; ``refers_to`` names the stream whose live item it must point at."""

    name: str
    check: Check
    required: bool = False
    refers_to: str | None = None
    default: Any = None
    free_text: bool = False  # a normalising server rewrites these


def name_key(value: Any) -> Any:
    """Text as names are compared: case, ё and outer spaces do not count; other values as they are."""
    return value.strip().casefold().replace("ё", "е") if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShape:
    """A stream: its fields, the keys it is found by, and what of an item outlives its deletion."""

    name: str
    fields: tuple[Field, ...]
    writable: bool = True
    keys: tuple[tuple[str, ...], ...] = ()  # what a search by key may give; the first is unique unless None
    lookups: tuple[tuple[str, ...], ...] = ()  # further indexes of our own
    kept: tuple[str, ...] = ()  # fields a tombstone keeps
    folded: bool = False  # keys are names, compared by name_key

    def key(self, names: tuple[str, ...], item: Json) -> tuple[Any, ...]:
        """The value of the key ``names`` in ``item``, ready for comparison."""
        if self.folded:
            return tuple([name_key(item.get(name)) for name in names])
        return tuple([item.get(name) for name in names])

    def filled(self, given: Json) -> Json:
        """All fields in their order: what was given, defaults for the rest."""
        return {
            field.name: given[field.name] if given.get(field.name) is not None else field.default
            for field in self.fields
        }
