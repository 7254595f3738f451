"""A town's pupils as two registers would hold them: popular names, families, and the errors people make.

Seeded: the same register every time. Names are drawn by their popularity, so that namesakes, twins and
siblings are as frequent as in life or more; every card knows whose it is.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.rules.snils import control_digits

FIRST_DAY, DAYS = date(2008, 9, 1), 365 * 11


@dataclass(frozen=True, slots=True)
class Town:
    """Two registers and the truth about them: which child a card is of."""

    school: dict[LocalId, Values]
    region: dict[RemoteId, Values]
    school_child: dict[LocalId, int]
    region_child: dict[RemoteId, int]

    @property
    def shared(self) -> int:
        return len(set(self.school_child.values()) & set(self.region_child.values()))


def _table(name: str) -> list[list[str]]:
    text = (files("connectors.ecp.simulator") / "names" / name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()[1:], delimiter="\t"))


class _Names:
    """Draws by popularity."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._drawn = {
            name: ([row[0] for row in rows], [int(row[1]) for row in rows])
            for name in ("surnames_male.tsv", "first_names_male.tsv", "first_names_female.tsv")
            if (rows := _table(name))
        }
        self._fathers = {row[0]: (row[1], row[2]) for row in _table("patronymics.tsv")}

    def draw(self, table: str) -> str:
        names, weights = self._drawn[table]
        return self._rng.choices(names, weights)[0]

    def family(self) -> tuple[str, str]:
        """(surname in the masculine form, the father's first name)."""
        father = self.draw("first_names_male.tsv")
        while father not in self._fathers:
            father = self.draw("first_names_male.tsv")
        return self.draw("surnames_male.tsv"), father

    def child(self, surname: str, father: str, sex: str) -> Values:
        girl = sex == "Ж"
        return {
            "last_name": feminine(surname) if girl else surname,
            "first_name": self.draw("first_names_female.tsv" if girl else "first_names_male.tsv"),
            "patronymic": self._fathers[father][1 if girl else 0],
            "sex": sex,
        }


def feminine(surname: str) -> str:
    if surname.endswith("ский"):
        return surname[:-2] + "ая"
    return surname + "а" if surname.endswith(("ов", "ев", "ёв", "ин")) else surname


def build_town(seed: int, *, children: int) -> Town:
    """``children`` children, nearly all of them in both registers, a few in one only."""
    rng = random.Random(seed)
    truth = _children(rng, _Names(rng), children)
    school, region = {}, {}
    school_child, region_child = {}, {}
    for number, (card, twin) in enumerate(truth):
        if rng.random() > 0.03:
            school[LocalId(number)] = _written(rng, card, twin, care=0.90)
            school_child[LocalId(number)] = number
        if rng.random() > 0.03:
            name = RemoteId(f"r{rng.getrandbits(48):012x}")
            region[name] = _written(rng, card, twin, care=0.95)
            region_child[name] = number
    order = sorted(region)
    return Town(school, {name: region[name] for name in order}, school_child, region_child)


def _children(rng: random.Random, names: _Names, count: int) -> list[tuple[Values, Values | None]]:
    """Children with their twin, if any; three in a hundred births are twins here, thrice as many as in life."""
    made: list[tuple[Values, Values | None]] = []
    while len(made) < count:
        surname, father = names.family()
        for _ in range(rng.choice((1, 1, 2))):
            born = str(FIRST_DAY + timedelta(days=rng.randrange(DAYS)))
            one = _numbered(rng, names.child(surname, father, rng.choice("МЖ")), born)
            if rng.random() < 0.03:
                other = _numbered(rng, names.child(surname, father, rng.choice("МЖ")), born)
                while other["first_name"] == one["first_name"]:
                    other = _numbered(rng, names.child(surname, father, rng.choice("МЖ")), born)
                made += [(one, other), (other, one)]
            else:
                made.append((one, None))
        if rng.random() < 0.002:  # a namesake born the same day, unrelated
            namesake, _ = rng.choice(made)
            made.append((_numbered(rng, namesake, str(namesake["birth_date"])), None))
    return made[:count]


def _numbered(rng: random.Random, card: Values, born: str) -> Values:
    digits = f"{rng.randrange(2_000_000, 999_999_999):09d}"
    return {
        **card,
        "birth_date": born,
        "snils": digits + control_digits(digits),
        "document_series": rng.choice(("III-АИ", "IV-АИ", "V-АИ")),
        "document_number": f"{rng.randrange(1_000_000):06d}",
    }


def _written(rng: random.Random, truth: Values, twin: Values | None, *, care: float) -> Values:
    """The card as somebody wrote it down; ``care`` is the share of cards without a slip."""
    card = dict(truth)
    if rng.random() < 0.35:
        card["snils"] = None
    if rng.random() < 0.25:
        card["document_series"] = card["document_number"] = None
    if rng.random() > care:
        rng.choice(_SLIPS)(rng, card)
    if twin is not None and rng.random() < 0.10:
        copied = rng.choice((("snils",), ("document_series", "document_number")))
        card.update({field: twin[field] for field in copied})
    return card


def _mistype(rng: random.Random, card: Values) -> None:
    field = rng.choice(("last_name", "first_name", "patronymic"))
    text = str(card[field])
    place = rng.randrange(len(text))
    card[field] = text[:place] + rng.choice(("", "а", "и", "о", text[place] * 2)) + text[place + 1 :]


def _misdate(rng: random.Random, card: Values) -> None:
    born = date.fromisoformat(str(card["birth_date"]))
    wrong = born + timedelta(days=rng.choice((-365, -30, -1, 1, 9, 30, 365)))
    swapped = date(born.year, born.day, born.month) if born.day <= 12 else wrong
    card["birth_date"] = str(rng.choice((wrong, swapped)))


def _swap(rng: random.Random, card: Values) -> None:
    card["last_name"], card["first_name"] = card["first_name"], card["last_name"]


def _change_surname(rng: random.Random, card: Values) -> None:
    card["last_name"] = (
        rng.choice(("Орлова", "Зайцева", "Ким")) if card["sex"] == "Ж" else rng.choice(("Орлов", "Ким"))
    )


def _drop(*fields: str) -> Callable[[random.Random, Values], None]:
    def drop(rng: random.Random, card: Values) -> None:
        card.update(dict.fromkeys(fields))

    return drop


def _plain_letters(rng: random.Random, card: Values) -> None:
    for field in ("last_name", "first_name", "patronymic"):
        card[field] = str(card[field]).replace("ё", "е").upper()


def _wrong_sex(rng: random.Random, card: Values) -> None:
    card["sex"] = "Ж" if card["sex"] == "М" else "М"


_SLIPS: tuple[Callable[[random.Random, Values], None], ...] = (
    _mistype,
    _mistype,
    _misdate,
    _swap,
    _change_surname,
    _drop("patronymic"),
    _drop("birth_date"),
    _plain_letters,
    _plain_letters,
    _wrong_sex,
)
