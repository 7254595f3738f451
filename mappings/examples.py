"""Canonical values made up for the round-trip check: one of each kind, repeatable from a seed."""

from __future__ import annotations

from datetime import date
from random import Random

from sync_service.domain.rules import names, snils

CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"


def some_id(random: Random) -> str:
    return f"{random.getrandbits(128):032x}"


def some_text(random: Random) -> str:
    letters = CYRILLIC + CYRILLIC.upper() + "abcXYZ0123456789"
    words = ["".join(random.choices(letters, k=random.randint(1, 8))) for _ in range(random.randint(1, 3))]
    return " ".join(words)


def some_name(random: Random) -> str:
    parts = ["".join(random.choices(CYRILLIC, k=random.randint(3, 9))) for _ in range(random.randint(1, 2))]
    return names.tidy_name("-".join(parts)) or "Иванова"


def some_day(random: Random) -> str:
    first = date(1990, 1, 1).toordinal()
    return date.fromordinal(random.randint(first, first + 20_000)).isoformat()


def some_phone(random: Random) -> str:
    return f"+7{random.choice('34689')}{random.randint(0, 99_999_999):09d}"


def some_snils(random: Random) -> str:
    number = f"{random.randint(snils.LAST_UNCHECKED + 1, 999_999_999):09d}"
    return number + snils.control_digits(number)


def some_series(random: Random) -> str:
    return f"{random.choice(['I', 'II', 'III', 'IV', 'V', 'IX'])}-{''.join(random.choices('АИЮТ', k=2))}"
