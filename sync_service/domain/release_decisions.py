"""What the regional list «доступные для зачисления» means for an arriving pupil (DESIGN.md 5, regulation 3.5).

Pure. A region-wide search by name and birth date needs one more agreeing field: in a population of 500,000
pupils 17 pairs share both (invariant 8). A pupil is never created from a failed look-up: the caller does not
come here with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState

# A child who enters grade 1 by this day of the school year has not studied before; later ones are asked about.
FIRST_GRADE_LAST_DAY = "09-30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of the regional list; ``where`` is the school of study, or of the last one."""

    person_id: str
    available: bool
    values: Values  # last_name, first_name, patronymic, birth_date, snils
    where: RemoteId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the pupil came from, as the arrival says; ``keeps_movement`` None when it is not known."""

    kind: str | None = None  # school, other_district, none; None = unknown
    organization_id: RemoteId | None = None
    name: str | None = None
    phone: str | None = None
    keeps_movement: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The case of the regulation, the state, and what follows.

    ``ask_person`` names a regional person who may be the pupil: a person must say so first.
    """

    case: ReleaseCase
    state: ReleaseState
    person_id: str | None = None
    new_card: bool = False
    ask_person: Person | None = None
    where: RemoteId | None = None  # the school to phone, when the list told it


def decide_arrival(
    student: Values,
    origin: Origin,
    *,
    grade: int | None,
    arrived_on: str | None,
    persons: Sequence[Person],
    confirmed_person: str | None = None,
    refused_persons: frozenset[str] = frozenset(),
) -> Verdict:
    """Cases A, B, C, E and F for one unlinked pupil."""
    possible = [p for p in persons if not _contradicts(student, p) and p.person_id not in refused_persons]
    sure = _sure(student, origin, possible, confirmed_person)
    if len(sure) == 1:
        (person,) = sure
        if person.available:
            return Verdict(case=ReleaseCase.AVAILABLE, state=ReleaseState.RELEASED, person_id=person.person_id)
        return Verdict(
            case=ReleaseCase.NOT_RELEASED,
            state=ReleaseState.NOT_RELEASED,
            person_id=person.person_id,
            where=person.where,
        )
    if possible:
        asked = (sure or possible)[0]
        return Verdict(case=ReleaseCase.UNKNOWN_ORIGIN, state=ReleaseState.CLAIMED, ask_person=asked)
    return _absent_from_list(origin, grade=grade, arrived_on=arrived_on)


def _sure(student: Values, origin: Origin, possible: Sequence[Person], confirmed: str | None) -> list[Person]:
    """The persons with the strongest proof there is: a person's word, then СНИЛС, then the previous school."""
    proofs: tuple[Callable[[Person], bool], ...] = (
        lambda p: p.person_id == confirmed,
        lambda p: _same_snils(student, p) and not _born_another_day(student, p),
        lambda p: _came_from_there(student, origin, p),
    )
    return next((found for proof in proofs if (found := [p for p in possible if proof(p)])), [])


def _absent_from_list(origin: Origin, *, grade: int | None, arrived_on: str | None) -> Verdict:
    nothing_known = origin.kind is None and origin.name is None and origin.organization_id is None
    if origin.kind == "none" or (nothing_known and _first_grader(grade, arrived_on)):
        return Verdict(case=ReleaseCase.FIRST_TIME, state=ReleaseState.RELEASED, new_card=True)
    if origin.kind == "other_district" or origin.keeps_movement is False:
        return Verdict(case=ReleaseCase.OTHER_DISTRICT, state=ReleaseState.RELEASED, new_card=True)
    if origin.kind == "school" or origin.organization_id or origin.name:
        return Verdict(case=ReleaseCase.NOT_RELEASED, state=ReleaseState.NOT_RELEASED, where=origin.organization_id)
    return Verdict(case=ReleaseCase.UNKNOWN_ORIGIN, state=ReleaseState.CLAIMED)


def _first_grader(grade: int | None, arrived_on: str | None) -> bool:
    return grade == 1 and arrived_on is not None and "04-01" <= arrived_on[5:] <= FIRST_GRADE_LAST_DAY


def _contradicts(student: Values, person: Person) -> bool:
    """Another СНИЛС, or another birth date without an equal СНИЛС: that one is a slip to ask about."""
    if _same_snils(student, person):
        return False
    return bool(student.get("snils") and person.values.get("snils")) or _born_another_day(student, person)


def _same_snils(student: Values, person: Person) -> bool:
    return bool(student.get("snils")) and student["snils"] == person.values.get("snils")


def _born_another_day(student: Values, person: Person) -> bool:
    one, other = student.get("birth_date"), person.values.get("birth_date")
    return bool(one and other and one != other)


def _came_from_there(student: Values, origin: Origin, person: Person) -> bool:
    """Name and birth date, and where the person studies or studied is the school the pupil came from."""
    born = student.get("birth_date")
    if born is None or born != person.values.get("birth_date"):
        return False
    return origin.organization_id is not None and origin.organization_id == person.where


def decide_departure(release: Release | None, *, visible: bool) -> ReleaseState:
    """Case D: our leaver must appear in the list, else the mirror flag stays up."""
    if visible:
        return ReleaseState.VISIBLE
    return release.state if release is not None and release.state is ReleaseState.VISIBLE else ReleaseState.LEFT
