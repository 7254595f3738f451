"""Realistic Russian people, drawn by the popularity of names from a seeded source."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from itertools import accumulate

from connectors.ecp.simulator.fields import Json, snils_checksum

MALE, FEMALE = "1", "2"
SIBLING_SHARE = 0.15
_STREETS = (
    "Ленина", "Мира", "Малышева", "Куйбышева", "8 Марта", "Белинского", "Восточная", "Луначарского",
    "Первомайская", "Сакко и Ванцетти", "Бажова", "Чапаева", "Космонавтов", "Победы", "Уральская", "Советская",
)  # fmt: skip
_MOBILE = ("912", "922", "950", "904", "902", "982", "965")
_ROMAN = ("I", "II", "III", "IV", "V")
_LETTERS = "АИЮКДЕЖР"


@dataclass(frozen=True, slots=True)
class Weighted:
    """Names with the running sum of their popularity."""

    names: tuple[str, ...]
    sums: tuple[int, ...]

    def draw(self, source: random.Random) -> str:
        return source.choices(self.names, cum_weights=self.sums)[0]


@dataclass(frozen=True, slots=True)
class NameBook:
    """The name lists of the package."""

    surnames: Weighted
    male: Weighted
    female: Weighted
    fathers: Weighted
    patronymics: dict[str, tuple[str, str]]


def _rows(name: str) -> list[list[str]]:
    text = resources.files("connectors.ecp.simulator").joinpath("names", name).read_text("utf-8")
    return list(csv.reader(text.splitlines()[1:], delimiter="\t"))


def _weighted(rows: list[list[str]]) -> Weighted:
    return Weighted(tuple(row[0] for row in rows), tuple(accumulate(int(row[1]) for row in rows)))


@cache
def name_book() -> NameBook:
    """The lists, read once; fathers are the male names a patronymic is known for."""
    male = _rows("first_names_male.tsv")
    patronymics = {father: (his, hers) for father, his, hers in _rows("patronymics.tsv")}
    return NameBook(
        surnames=_weighted(_rows("surnames_male.tsv")),
        male=_weighted(male),
        female=_weighted(_rows("first_names_female.tsv")),
        fathers=_weighted([row for row in male if row[0] in patronymics]),
        patronymics=patronymics,
    )


def feminine(surname: str) -> str:
    """The feminine form of a masculine surname; those that do not decline stay as they are."""
    if surname.endswith(("ский", "цкий")):
        return surname[:-2] + "ая"
    return surname + "а" if surname.endswith(("ов", "ев", "ёв", "ин", "ын")) else surname


@dataclass(slots=True)
class Family:
    """Parents with the children drawn for them; guardians are shared by siblings."""

    surname: str
    father: str
    address: str
    guardians: list[tuple[Json, str, str | None]] = field(default_factory=list)  # card, relation, note
    children: int = 0


class People:
    """Draws families, children and their documents; the same seed draws the same people, never a taken СНИЛС."""

    def __init__(self, seed: int, *, taken: Iterable[str] = (), city: str = "г. Екатеринбург") -> None:
        self.source = random.Random(seed)
        self._city = city
        self._book = name_book()
        self._families: list[Family] = []
        self._snils = set(taken)
        self._emails = 0

    def family(self) -> Family:
        """The family of the next child: sometimes one that already has a child here."""
        source = self.source
        if self._families and source.random() < SIBLING_SHARE:
            return source.choice(self._families[-60:])
        family = self._new_family()
        self._families.append(family)
        return family

    def child(self, born_from: date, born_to: date, family: Family | None = None) -> Json:
        """The card of a child born between the two days, both included."""
        source, book = self.source, self._book
        family = family or self._new_family()
        family.children += 1
        sex = source.choice((MALE, FEMALE))
        born = born_from + timedelta(days=source.randrange((born_to - born_from).days + 1))
        his, hers = book.patronymics[family.father]
        return {
            "lastName": family.surname if sex == MALE else feminine(family.surname),
            "firstName": (book.male if sex == MALE else book.female).draw(source),
            "surName": None if source.random() < 0.01 else (his if sex == MALE else hers),
            "genderCode": sex,
            "birthDate": born.isoformat(),
            "snils": None if source.random() < 0.03 else self.snils(),
            "docSeries": f"{source.choice(_ROMAN)}-{source.choice(_LETTERS)}{source.choice(_LETTERS)}",
            "docNumber": f"{source.randrange(100_000, 1_000_000)}",
            "address": family.address,
            "phone": self.phone() if born.year < 2015 and source.random() < 0.5 else None,
        }

    def snils(self) -> str:
        """A number nobody else here has, with a valid checksum."""
        while True:
            digits = f"{self.source.randrange(20_000_000, 220_000_000):09d}"
            snils = f"{digits[:3]}-{digits[3:6]}-{digits[6:]} {snils_checksum(digits)}"
            if snils not in self._snils:
                self._snils.add(snils)
                return snils

    def phone(self) -> str:
        """A mobile number."""
        return f"+7{self.source.choice(_MOBILE)}{self.source.randrange(10**7):07d}"

    def teacher(self) -> str:
        """A teacher as a journal names her: «Иванова А. П.»."""
        surname = feminine(self._book.surnames.draw(self.source))
        first, patronymic = self._book.female.draw(self.source), self._book.fathers.draw(self.source)
        return f"{surname} {first[0]}. {patronymic[0]}."

    def _new_family(self) -> Family:
        source, book = self.source, self._book
        surname = book.surnames.draw(source)
        father = book.fathers.draw(source)
        street, house, flat = source.choice(_STREETS), source.randrange(1, 120), source.randrange(1, 200)
        family = Family(surname, father, f"{self._city}, ул. {street}, д. {house}, кв. {flat}")
        fate = source.random()
        if fate < 0.95:
            family.guardians.append((self._guardian(feminine(surname), FEMALE), "MOTHER", None))
        if fate < 0.70:
            family.guardians.append((self._guardian(surname, MALE, father), "FATHER", None))
        if fate >= 0.95:
            family.guardians.append((self._guardian(feminine(surname), FEMALE), "GUARDIAN", "бабушка"))
        return family

    def _guardian(self, surname: str, sex: str, first: str | None = None) -> Json:
        source, book = self.source, self._book
        first = first or (book.male if sex == MALE else book.female).draw(source)
        his, hers = book.patronymics[book.fathers.draw(source)]
        self._emails += 1
        return {
            "lastName": surname,
            "firstName": first,
            "surName": his if sex == MALE else hers,
            "mobilePhone": None if source.random() < 0.02 else self.phone(),
            "homePhone": f"+7343{source.randrange(10**7):07d}" if source.random() < 0.1 else None,
            "email": f"parent{self._emails}@example.ru" if source.random() < 0.5 else None,
        }
