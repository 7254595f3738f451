"""Children who came lately: each stands for one case of the release watch (regulation 3.5).

What the region knows of them is brought about here, so that every case takes its course in the story.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from connectors.ecp.simulator.people import Family, People
from sync_service.demo.people import Listed, SchoolClass, guardian_of, pupil_of
from sync_service.demo.region import SEED, Item, Region
from sync_service.domain.rules.school_year import bounds
from sync_service.domain.school_files import ParsedPupil


class Newcomers:
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
        # Children who come from different schools are no siblings of each other.
        family = next(drawn for drawn in iter(self._people.family, None) if not drawn.children)
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
            guardian_of({**card, "email": card["email"] and f"new.{card['email']}"}, relation)
            for card, relation, _ in family.guardians
        ]
        pupil = replace(
            pupil_of(child, school_class.name, guardians),
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
            personal_file_no=f"{elder.last_name[0]}-{700 + self._number}",
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
