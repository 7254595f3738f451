"""Fills a region: our school with its classes, journal and families, the neighbours, and free persons."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.ecp.simulator.clock import SchoolClock
from connectors.ecp.simulator.enrolment import enrol, follow_movements
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.journal import fill_journal
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.people import Family, People
from connectors.ecp.simulator.persons import Person
from connectors.ecp.simulator.school_calendar import SchoolYear, school_year_of
from connectors.ecp.simulator.shapes import ARRIVAL, PROMOTION
from connectors.ecp.simulator.timetable import lessons_of, weekly_hours, weekly_plan
from connectors.ecp.simulator.world import World

AHEAD = timedelta(days=14)  # how far the timetable reaches beyond today
MARKS_PER_PUPIL = 80  # in the population of a benchmark
_LETTERS = "АБВГДЕЖЗИКЛМНПРСТ"

OUR_CARD: Json = {
    "name": "МАОУ «Средняя общеобразовательная школа № 12»",
    "shortName": "МАОУ СОШ № 12",
    "phone": "+73432100012",
    "email": "school12@example.ru",
    "districtName": "Верх-Исетский район",
    "keepsMovement": True,
}


def _neighbour(number: int, district: str, phone: str | None, *, keeps: bool = True) -> Json:
    return {
        "name": f"МАОУ «Средняя общеобразовательная школа № {number}»",
        "shortName": f"МАОУ СОШ № {number}",
        "phone": phone,
        "email": f"school{number}@example.ru",
        "districtName": district,
        "keepsMovement": keeps,
    }


NEIGHBOURS: tuple[Json, ...] = (
    _neighbour(68, "Верх-Исетский район", "+73432100068"),
    _neighbour(31, "Чкаловский район", "+73432100031"),
    _neighbour(7, "Кировский район", None),
    _neighbour(4, "Пригородный район", "+73435100004", keeps=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolSize:
    """How much there is of a school; ``marks`` is a total, spread evenly over pupils who get marks."""

    classes: tuple[tuple[str, int, int], ...]  # name, grade, pupils
    marks: int
    absences_per_pupil: int
    journal: bool = True

    @property
    def graded(self) -> int:
        """Pupils who get marks: none are given in grade 1."""
        return sum(pupils for _, grade, pupils in self.classes if grade > 1)


def _size(names: str, pupils: int, marks_per_pupil: int, absences: int) -> SchoolSize:
    classes = tuple((name, int(name[:-1]), pupils) for name in names.split())
    bare = SchoolSize(classes=classes, marks=0, absences_per_pupil=absences)
    return SchoolSize(classes=classes, marks=bare.graded * marks_per_pupil, absences_per_pupil=absences)


SMALL = _size("1А 5А 8А", 13, 15, 4)
SCHOOL = _size("1А 1Б 2А 2Б 3А 4А 5А 5Б 6А 7А 8А 9А 10А 11А", 22, 40, 6)
_NEIGHBOUR_SIZE = SchoolSize(
    classes=(("3А", 3, 6), ("6Б", 6, 6), ("9А", 9, 6)), marks=0, absences_per_pupil=0, journal=False
)
FREE_PERSONS = 8


def bench_size(marks: int) -> SchoolSize:
    """A school in which exactly ``marks`` marks are given, about eighty to a pupil."""
    pupils = max(marks // MARKS_PER_PUPIL, 1)
    count = max(-(-pupils // 25), 1)
    sizes = [pupils // count + (place < pupils % count) for place in range(count)]
    classes = tuple(
        (f"{2 + place % 10}{_LETTERS[place // 10 % len(_LETTERS)]}{place // 170 or ''}", 2 + place % 10, size)
        for place, size in enumerate(sizes)
    )
    return SchoolSize(classes=classes, marks=marks, absences_per_pupil=4)


def build_world(
    *,
    seed: int = 1,
    date: str,
    population: str = "small",
    marks: int | None = None,
    empty_school: bool = False,
) -> World:
    """A region on the morning of ``date`` (YYYY-MM-DD); equal arguments build equal regions, GUIDs included."""
    world = World.empty(seed=seed, clock=SchoolClock.opening_on(_day(date), frozen=True))
    people = People(seed)
    ours = world.add_organization(dict(OUR_CARD))
    neighbours = [world.add_organization(dict(card)) for card in NEIGHBOURS]
    size = school_size(population, marks)
    fill_school(world, ours, people, size, with_pupils=not empty_school)
    for organization in neighbours:
        keeps = organization.card["keepsMovement"]
        fill_school(world, organization, people, _NEIGHBOUR_SIZE, with_pupils=keeps)
    for place in range(FREE_PERSONS):
        card = people.child(*_born(SchoolYear(school_year_of(_day(date))), 2 + place % 9))
        last = neighbours[0].id if place % 2 else None
        world.persons.add(Person(id=world.guids(), card=card, last_organization_id=last))
    world.clock.freeze(False)
    return world


def school_size(population: str, marks: int | None = None) -> SchoolSize:
    """The size a population name stands for; ``marks`` overrides how many marks there are."""
    if population == "bench":
        return bench_size(100_000 if marks is None else marks)
    size = {"small": SMALL, "school": SCHOOL}[population]
    if marks is None:
        return size
    return SchoolSize(classes=size.classes, marks=marks, absences_per_pupil=size.absences_per_pupil)


def fill_school(
    world: World, organization: Organization, people: People, size: SchoolSize, *, with_pupils: bool
) -> None:
    """Periods, classes, subjects and timetable of the present school year; pupils and journal if wanted."""
    today = world.clock.today()
    year = SchoolYear(school_year_of(today))
    at = world.now()
    for period in year.periods():
        organization.create("periods", period, item_id=world.guids(), at=at)
    class_ids: dict[str, str] = {}
    for name, grade, _ in size.classes:
        card = {"schoolYear": str(year.year), "name": name, "parallel": grade}
        class_ids[name] = organization.create("classes", card, item_id=world.guids(), at=at).id
        add_subjects(world, organization, list(weekly_hours(grade)))
    if size.journal:
        for name, grade, _ in size.classes:
            add_lessons(world, organization, class_ids[name], name, grade, date.min, today + AHEAD)
    if not with_pupils:
        return
    for name, grade, pupils in size.classes:
        for _ in range(pupils):
            _new_pupil(world, organization, people, year, grade, class_ids[name])
    if size.journal:
        fill_journal(world, organization, people, marks=size.marks, absences=size.absences_per_pupil)


def add_subjects(world: World, organization: Organization, names: list[str]) -> dict[str, str]:
    """The ids of the subjects with these names; those that are missing are made."""
    shelf = organization.shelves["subjects"]
    ids = {}
    for name in names:
        known = shelf.by_key(("name",), {"name": name})
        ids[name] = (
            known[0].id
            if known
            else organization.create("subjects", {"name": name}, item_id=world.guids(), at=world.now()).id
        )
    return ids


def add_lessons(
    world: World, organization: Organization, class_id: str, name: str, grade: int, first: date, last: date
) -> list[str]:
    """Lessons of a class by its weekly plan on days of the present school year that have none yet."""
    year = SchoolYear(school_year_of(world.clock.today()))
    plan = weekly_plan(grade, random.Random(f"{world.seed}/{organization.id}/{name}"))
    subjects = add_subjects(world, organization, list(weekly_hours(grade)))
    shelf, at = organization.shelves["lessons"], world.now()
    taken: dict[date, bool] = {}
    made = []
    for day, number, subject in lessons_of(plan, year, first, last):
        key = {"classId": class_id, "lessonDate": day.isoformat()}
        if taken.setdefault(day, bool(shelf.by_key(("classId", "lessonDate"), key))):
            continue
        lesson = {**key, "subjectId": subjects[subject], "lessonNumber": number}
        made.append(organization.create("lessons", lesson, item_id=world.guids(), at=at).id)
    return made


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _born(year: SchoolYear, grade: int) -> tuple[date, date]:
    """When a pupil of ``grade`` was born: school is entered in the year of the seventh birthday."""
    born = year.year - 6 - grade
    return date(born, 1, 1), date(born, 12, 31)


def _new_pupil(
    world: World, organization: Organization, people: People, year: SchoolYear, grade: int, class_id: str
) -> None:
    family = people.family()
    card = people.child(*_born(year, grade), family)
    admitted = date(year.year - grade + 1, 9, 1).isoformat()
    number = len(organization.standings) + 1
    card |= {"personalFileNumber": f"{card['lastName'][0]}-{number}", "admissionDate": admitted}
    student_id = enrol(world, organization, card, person=None, at=world.now()).id
    _enter_movements(world, organization, student_id, year, grade, class_id, admitted)
    _attach_guardians(world, organization, student_id, family)


def _enter_movements(
    world: World,
    organization: Organization,
    student_id: str,
    year: SchoolYear,
    grade: int,
    class_id: str,
    admitted: str,
) -> None:
    """The arrival in grade 1, and the promotion into the present class: classes of past years are archived."""
    moves: list[Json] = [
        {
            "movementType": ARRIVAL,
            "movementDate": admitted,
            "orderNumber": "15-у",
            "orderDate": f"{admitted[:4]}-08-28",
            "classToId": class_id if grade == 1 else None,
            "originType": "NONE",
        }
    ]
    if grade > 1:
        moves.append(
            {
                "movementType": PROMOTION,
                "movementDate": f"{year.year}-09-01",
                "orderNumber": "42-у",
                "orderDate": f"{year.year}-05-29",
                "classToId": class_id,
            }
        )
    for move in moves:
        fields = {"studentId": student_id, **move}
        organization.create("movements", fields, item_id=world.guids(), at=world.now())
    follow_movements(world, organization, student_id)


def _attach_guardians(world: World, organization: Organization, student_id: str, family: Family) -> None:
    shelf = organization.shelves["guardians"]
    for card, relation, note in family.guardians:
        known = shelf.by_key(shelf.shape.keys[0], card)
        entry = known[0] if known else organization.create("guardians", card, item_id=world.guids(), at=world.now())
        link = {
            "studentId": student_id,
            "guardianId": entry.id,
            "relationCode": relation,
            "relationNote": note,
        }
        organization.create("guardianships", link, item_id=world.guids(), at=world.now())
