"""The region's register of persons: who is known, where enrolled, and how a search finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.ecp.simulator.fields import Json, name_key

CARD = (
    "lastName",
    "firstName",
    "surName",
    "genderCode",
    "birthDate",
    "snils",
    "docSeries",
    "docNumber",
    "address",
    "phone",
)

NameKey = tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class Person:
    """A human being of the region; ``organization_id`` is the school of today, None when free to be enrolled."""

    id: str
    card: Json
    organization_id: str | None = None
    student_id: str | None = None  # the card at that school
    last_organization_id: str | None = None

    def standing(self, asking: str) -> str:
        """How the region describes this person to the school ``asking``."""
        if self.organization_id is None:
            return "available"
        return "enrolled_here" if self.organization_id == asking else "enrolled"

    def candidate(self, asking: str) -> Json:
        """The person as the list «доступные для зачисления» shows it."""
        return {
            "personId": self.id,
            "lastName": self.card["lastName"],
            "firstName": self.card["firstName"],
            "surName": self.card["surName"],
            "birthDate": self.card["birthDate"],
            "snils": self.card["snils"],
            "status": self.standing(asking),
            "organizationId": self.organization_id or self.last_organization_id,
        }


def _names(card: Json) -> NameKey:
    return (
        name_key(card.get("lastName")),
        name_key(card.get("firstName")),
        name_key(card.get("surName")),
        card.get("birthDate"),
    )


class Register:
    """Persons by id, by СНИЛС, and by full name with birth date."""

    def __init__(self) -> None:
        self._by_id: dict[str, Person] = {}
        self._by_snils: dict[str, list[Person]] = {}
        self._by_names: dict[NameKey, list[Person]] = {}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, person_id: object) -> Person | None:
        """The person with this id."""
        return self._by_id.get(person_id) if isinstance(person_id, str) else None

    def by_snils(self, snils: object) -> list[Person]:
        """Everybody with this СНИЛС; more than one only where a scenario made it so."""
        return list(self._by_snils.get(snils, ())) if isinstance(snils, str) else []

    def find(self, wanted: Json) -> list[Person]:
        """СНИЛС decides when it is given and found; else full name and birth date."""
        return self.by_snils(wanted.get("snils")) or list(self._by_names.get(_names(wanted), ()))

    def add(self, person: Person) -> None:
        """Take ``person`` into the register."""
        self._by_id[person.id] = person
        self._index(person)

    def change(self, person: Person, card: Json) -> None:
        """Give ``person`` the values of ``card`` that belong to a person."""
        self._unindex(person)
        person.card.update({name: card[name] for name in CARD if name in card})
        self._index(person)

    def _index(self, person: Person) -> None:
        self._by_names.setdefault(_names(person.card), []).append(person)
        if person.card.get("snils"):
            self._by_snils.setdefault(person.card["snils"], []).append(person)

    def _unindex(self, person: Person) -> None:
        self._by_names[_names(person.card)].remove(person)
        if person.card.get("snils"):
            self._by_snils[person.card["snils"]].remove(person)
