"""Who is on the school's list: the pupils the region knows, and the newcomers the story is about.

A newcomer stands for one case of the release watch (regulation 3.5). Everybody is invented.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from connectors.ecp.simulator.people import Family, People
from sync_service.demo.region import SEED, Item, Region
from sync_service.domain.rules.school_year import bounds
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody of the list, and the ones the story comes back to."""

    classes: tuple[SchoolClass, ...]
    enrolled: tuple[Listed, ...]
    newcomers: tuple[Listed, ...]
    to_be_released: Listed
    never_released: Listed
    of_unknown_origin: Listed
    edited: Listed

    @property
    def everybody(self) -> tuple[Listed, ...]:
        return self.enrolled + self.newcomers

    @property
    def school_year(self) -> int:
        return self.classes[0].school_year

    @property
    def begins(self) -> date:
        """The first day of the school year."""
        return bounds(self.school_year)[0]


def gather(region: Region, today: date) -> Cast:
    """Read our school from the region and bring the newcomers into the world."""
    classes = _classes(region)
    enrolled = _enrolled(region, classes)
    newcomers = _Newcomers(region, classes, enrolled, today)
    available = newcomers.available(count=min(6, len(enrolled) // 12))
    to_be_released, never_released = newcomers.not_released(count=2)
    district = newcomers.from_other_district()
    beginners = newcomers.first_graders(count=3)
    unknown = newcomers.of_unknown_origin()
    return Cast(
        classes=tuple(classes.values()),
        enrolled=tuple(enrolled),
        newcomers=(*available, to_be_released, never_released, district, *beginners, unknown),
        to_be_released=to_be_released,
        never_released=never_released,
        of_unknown_origin=unknown,
        edited=next(one for one in enrolled if one.school_class.grade > 1 and one.pupil.snils),
    )


def answered(listed: Listed, *, origin: str) -> ParsedPupil:
    """The row of the list after somebody has asked where the pupil came from."""
    return replace(listed.pupil, origin_kind="other_district", origin_name=origin)


def _classes(region: Region) -> dict[str, SchoolClass]:
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


def _enrolled(region: Region, classes: Mapping[str, SchoolClass]) -> list[Listed]:
    """The pupils of the region's cards, class by class in the order of the alphabet."""
    guardians = {item["id"]: item for item in region.dump("guardians")}
    parents: defaultdict[str, list[ParsedGuardian]] = defaultdict(list)
    for tie in region.dump("guardianships"):
        parents[tie["studentId"]].append(_guardian(guardians[tie["guardianId"]], tie["relationCode"]))
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
        pupil = _pupil(card, current[card["id"]].name, parents[card["id"]])
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


def _pupil(card: Item, class_name: str, guardians: Iterable[ParsedGuardian]) -> ParsedPupil:
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


def _guardian(card: Item, relation: str) -> ParsedGuardian:
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


class _Newcomers:
    """Draws children who came lately and tells the region what it is to know of them."""

    def __init__(
        self, region: Region, classes: Mapping[str, SchoolClass], enrolled: Sequence[Listed], today: date
    ) -> None:
        self._region = region
        self._classes = list(classes.values())
        self._enrolled = enrolled
        self._today = today
        taken = [card["snils"] for card in region.dump("students") if card["snils"]]
        self._people = People(SEED + 1, taken=taken)
        self._random = random.Random(f"{SEED}/{today}")  # noqa: S311 - who comes from where, no secret
        self._begins, _ = bounds(self._classes[0].school_year)
        self._keeping = [one for one in region.neighbours() if one["keepsMovement"] and one["phone"]]
        self._other = next(one for one in region.neighbours() if not one["keepsMovement"])
        self._number = 0

    def available(self, count: int) -> list[Listed]:
        """Case A: released by their schools, to be enrolled without a new card."""
        return [self._from_school("available", grade=None, days_ago=5 + 4 * place) for place in range(count)]

    def not_released(self, count: int) -> list[Listed]:
        """Case B: still enrolled at a school that keeps movement."""
        return [self._from_school("enrolled", grade=6, days_ago=24 - place) for place in range(count)]

    def from_other_district(self) -> Listed:
        """Case C: from a district where movement is not kept; the region does not know the child."""
        child, family = self._child(self._older(6))
        listed = self._listed(child, family, self._older(6), days_ago=9)
        return replace(
            listed,
            pupil=replace(listed.pupil, origin_kind="other_district", origin_name=str(self._other["name"])),
        )

    def first_graders(self, count: int) -> list[Listed]:
        """Case E: have not studied before; the first is a sibling of a pupil whose parents have cards already."""
        beginners = []
        for place in range(count):
            first = [one for one in self._classes if one.grade == 1]
            school_class = first[place % len(first)]
            child, family = self._child(school_class)
            listed = self._listed(child, family, school_class, arrived_on=self._begins)
            pupil = replace(listed.pupil, origin_kind="none")
            if place == 0:
                pupil = self._as_sibling(pupil)
            beginners.append(replace(listed, pupil=pupil))
        return beginners

    def of_unknown_origin(self) -> Listed:
        """Case F: nobody wrote down where the child came from."""
        school_class = self._older(7)
        child, family = self._child(school_class)
        return self._listed(child, family, school_class, days_ago=6)

    def _from_school(self, status: str, *, grade: int | None, days_ago: int) -> Listed:
        school_class = self._older(grade or self._random.randrange(2, 12))
        previous = self._keeping[self._number % len(self._keeping)]
        child, family = self._child(school_class)
        child = {**child, "snils": child["snils"] or self._people.snils()}
        (person,) = self._region.add_persons([{**child, "status": status, "organizationId": previous["id"]}])
        listed = self._listed(child, family, school_class, days_ago=days_ago)
        pupil = replace(listed.pupil, origin_kind="school", origin_name=str(previous["name"]))
        return replace(listed, pupil=pupil, person_id=person["personId"])

    def _child(self, school_class: SchoolClass) -> tuple[Item, Family]:
        born = school_class.school_year - 6 - school_class.grade
        family = self._people.family()
        return self._people.child(date(born, 1, 1), date(born, 12, 31), family), family

    def _listed(
        self,
        child: Item,
        family: Family,
        school_class: SchoolClass,
        *,
        days_ago: int = 0,
        arrived_on: date | None = None,
    ) -> Listed:
        self._number += 1
        day = arrived_on or self._day(days_ago)
        guardians = [
            _guardian({**card, "email": card["email"] and f"new.{card['email']}"}, relation)
            for card, relation, _ in family.guardians
        ]
        pupil = replace(
            _pupil(child, school_class.name, guardians),
            personal_file_no=f"{child['lastName'][0]}-{700 + self._number}",
            admitted_on=day.isoformat(),
            enrolled_on=day.isoformat(),
            order_number=f"{120 + self._number}-у",
            order_date=day.isoformat(),
        )
        return Listed(pupil=pupil, school_class=school_class, arrived_on=day)

    def _as_sibling(self, pupil: ParsedPupil) -> ParsedPupil:
        """A brother or sister of a pupil of the school: the same parents at the same address, whose cards are to
        be attached and never made anew."""
        elder = next(
            one.pupil
            for one in self._enrolled
            if one.school_class.grade > 1 and one.pupil.sex == pupil.sex and len(one.pupil.guardians) > 1
        )
        return replace(
            pupil,
            last_name=elder.last_name,
            patronymic=elder.patronymic,
            personal_file_no=f"{elder.last_name[0]}-{699 + self._number}",
            address=elder.address,
            guardians=elder.guardians,
        )

    def _older(self, grade: int) -> SchoolClass:
        """The class above grade 1 that is nearest to ``grade``."""
        return min(
            (one for one in self._classes if one.grade > 1), key=lambda one: (abs(one.grade - grade), one.name)
        )

    def _day(self, days_ago: int) -> date:
        """A working day of this school year about so long ago."""
        day = self._today - timedelta(days=days_ago)
        return max(self._begins, day - timedelta(days=max(0, day.weekday() - 4)))
