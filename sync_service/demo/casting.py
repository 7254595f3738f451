"""Who is on the school's list: the pupils the region knows, and the newcomers the story is about. All invented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sync_service.demo.newcomers import Newcomers
from sync_service.demo.people import Listed, SchoolClass, read_classes, read_enrolled
from sync_service.demo.region import Region
from sync_service.domain.rules.school_year import bounds
from sync_service.domain.school_files import ParsedPupil


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
    classes = read_classes(region)
    enrolled = read_enrolled(region, classes)
    newcomers = Newcomers(region, classes, enrolled, today)
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
