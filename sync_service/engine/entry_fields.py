"""What a person typed into a form of «Движение», read by the school's own rules: every problem is told at once.

A problem names its field, what is wrong and what to do; the form is shown again with everything that was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from sync_service.domain.errors import DecisionError
from sync_service.domain.rules import dates, phones, snils
from sync_service.domain.rules.names import tidy_name, tidy_patronymic
from sync_service.domain.rules.outcome import Outcome, Refused
from sync_service.domain.rules.text import squeeze

Value = TypeVar("Value")

LONGEST = 250
_AGAIN = {
    "birth_date": "Впишите дату рождения, как в свидетельстве: 03.02.2015.",
    "date": "Впишите день по приказу: 14.09.2026.",
    "order_date": "Впишите дату приказа: 11.09.2026.",
    "snils": "Сверьте с документом: 11 цифр, например 112-233-445 95.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """``field`` is the name of the form's field; ``text`` says what is wrong and what to do."""

    field: str
    text: str


class EntryRefused(DecisionError):
    """Nothing was written: the form has these problems."""

    def __init__(self, problems: tuple[FieldProblem, ...], *, offers: tuple[int, ...] = ()) -> None:
        super().__init__(" ".join(problem.text for problem in problems))
        self.problems = problems
        self.offers = offers  # parents' cards that fit what was typed and were not offered yet


@dataclass(slots=True, kw_only=True)
class Reading:
    """The typed text by field name, and what is wrong with it so far."""

    typed: Mapping[str, str]
    today: date
    problems: list[FieldProblem] = field(default_factory=list)

    def refuse(self, name: str, text: str) -> None:
        """One problem per field: the first that is found."""
        if name not in {problem.field for problem in self.problems}:
            self.problems.append(FieldProblem(field=name, text=text))

    def check(self) -> None:
        """Raise EntryRefused when anything is wrong."""
        if self.problems:
            raise EntryRefused(tuple(self.problems))

    def raw(self, name: str) -> str:
        return squeeze(self.typed.get(name, ""))

    def text(self, name: str, missing: str = "") -> str | None:
        """Tidy text; with ``missing`` an empty field is refused by these words."""
        value = self.raw(name)
        if len(value) > LONGEST:
            self.refuse(name, f"Слишком длинно: оставьте не больше {LONGEST} знаков.")
            return None
        if not value and missing:
            self.refuse(name, missing)
        return value or None

    def name(self, name: str, missing: str = "") -> str | None:
        return tidy_name(self.text(name, missing))

    def patronymic(self, name: str) -> str | None:
        return tidy_patronymic(self.text(name))

    def day(self, name: str, missing: str = "", *, past: str = "") -> str | None:
        """An ISO day; with ``past`` one after today is refused by these words."""
        if not self.raw(name):
            if missing:
                self.refuse(name, missing)
            return None
        day = self._accept(name, dates.normalise(self.raw(name), latest=self.today))
        if day is not None and past and day > self.today.isoformat():
            self.refuse(name, past)
        return day

    def snils(self, name: str) -> str | None:
        return self._accept(name, snils.normalise(self.raw(name)))

    def phone(self, name: str) -> str | None:
        """One number; an empty field is no number."""
        if not self.raw(name):
            return None
        read = self._accept(name, phones.normalise(self.raw(name)))
        return None if read is None else read.number

    def number(self, name: str) -> int | None:
        """The number of a record that was chosen; 0 and anything else is none."""
        value = self.typed.get(name, "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 and int(value) else None

    def _accept(self, name: str, outcome: Outcome[Value]) -> Value | None:
        if isinstance(outcome, Refused):
            reason = outcome.reason[:1].upper() + outcome.reason[1:]
            self.refuse(name, f"{reason}. {_AGAIN.get(name, 'Исправьте или оставьте поле пустым.')}")
            return None
        return outcome.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The director's order and the day it is about."""

    date: str
    number: str
    order_date: str


def read_order(reading: Reading) -> Order:
    """Movement follows the director's orders: day, number and date are required (regulation 3.5)."""
    number = reading.text("order_number", "Впишите номер приказа директора.")
    ordered = reading.day(
        "order_date",
        "Впишите дату приказа директора.",
        past="Дата приказа ещё не наступила: впишите дату подписанного приказа.",
    )
    day = reading.day("date", "Впишите, с какого дня: этот день стоит в приказе.")
    return Order(date=day or "", number=number or "", order_date=ordered or "")
