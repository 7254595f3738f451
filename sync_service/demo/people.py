"""The pupils of our school as the region has them, in the words of a school's own list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sync_service.demo.region import Item, Region
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil, Relation, Sex

_ARRIVAL = "Зачисление"
_SEXES: Mapping[str, Sex] = {"1": "М", "2": "Ж"}
_RELATIONS: Mapping[str, Relation] = {
    "MOTHER": "мать",
    "FATHER": "отец",
    "GUARDIAN": "опекун",
    "TRUSTEE": "попечитель",
    "OTHER": "иной",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolClass:
    """A class as the region has it."""

    class_id: str
    name: str
    grade: int
    school_year: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One pupil of the list; ``student_id`` is the regional card and ``person_id`` the regional person, where
    there is one."""

    pupil: ParsedPupil
    school_class: SchoolClass
    student_id: str | None = None
    person_id: str | None = None
    arrived_on: date


def read_classes(region: Region) -> dict[str, SchoolClass]:
    """The classes by regional id, in the order of grades."""
    found = [
        SchoolClass(
            class_id=item["id"],
            name=item["name"],
            grade=int(item["parallel"]),
            school_year=int(item["schoolYear"]),
        )
        for item in region.dump("classes")
    ]
    return {one.class_id: one for one in sorted(found, key=lambda one: (one.grade, one.name))}


def read_enrolled(region: Region, classes: Mapping[str, SchoolClass]) -> list[Listed]:
    """The pupils of the region's cards, class by class in the order of the alphabet."""
    guardians = {item["id"]: item for item in region.dump("guardians")}
    parents: defaultdict[str, list[ParsedGuardian]] = defaultdict(list)
    for tie in region.dump("guardianships"):
        parents[tie["studentId"]].append(guardian_of(guardians[tie["guardianId"]], tie["relationCode"]))
    arrivals: dict[str, Item] = {}
    current: dict[str, SchoolClass] = {}
    for move in sorted(region.dump("movements"), key=lambda item: item["movementDate"]):
        if move["movementType"] == _ARRIVAL:
            arrivals[move["studentId"]] = move
        if move["classToId"]:
            current[move["studentId"]] = classes[move["classToId"]]
    listed = []
    for card in region.dump("students"):
        arrival = arrivals[card["id"]]
        pupil = pupil_of(card, current[card["id"]].name, parents[card["id"]])
        pupil = replace(
            pupil,
            admitted_on=card["admissionDate"],
            enrolled_on=arrival["movementDate"],
            order_number=arrival["orderNumber"],
            order_date=arrival["orderDate"],
        )
        listed.append(
            Listed(
                pupil=pupil,
                school_class=current[card["id"]],
                student_id=card["id"],
                person_id=card["personId"],
                arrived_on=date.fromisoformat(arrival["movementDate"]),
            )
        )
    return sorted(listed, key=lambda one: (one.school_class.grade, one.school_class.name, one.pupil.last_name))


def pupil_of(card: Item, class_name: str, guardians: Iterable[ParsedGuardian]) -> ParsedPupil:
    """A regional card, without the order that brought the pupil here."""
    snils = card["snils"]
    return ParsedPupil(
        rows=(),
        last_name=card["lastName"],
        first_name=card["firstName"],
        patronymic=card["surName"],
        birth_date=card["birthDate"],
        class_name=class_name,
        sex=_SEXES[card["genderCode"]],
        snils="".join(filter(str.isdigit, snils)) if snils else None,
        document_series=card["docSeries"],
        document_number=card["docNumber"],
        personal_file_no=card.get("personalFileNumber"),
        address=card["address"],
        phone=card["phone"],
        guardians=tuple(guardians),
    )


def guardian_of(card: Item, relation: str) -> ParsedGuardian:
    """A parent as the school's list has one; a note such as «бабушка» is the region's alone."""
    return ParsedGuardian(
        last_name=card["lastName"],
        first_name=card["firstName"],
        patronymic=card["surName"],
        relation=_RELATIONS[relation],
        phone=card["mobilePhone"],
        home_phone=card["homePhone"],
        email=card["email"],
    )
