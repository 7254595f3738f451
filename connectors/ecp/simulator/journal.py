"""The journal of a school so far: current marks, absences, and final marks of the quarters that are over."""

from __future__ import annotations

import random

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.people import People
from connectors.ecp.simulator.timetable import TALKS
from connectors.ecp.simulator.world import World

_WORKS = ("Ответ на уроке", "Домашняя работа", "Самостоятельная работа", "Контрольная работа")
_WEIGHTS = {"Контрольная работа": 3, "Самостоятельная работа": 2}
_GRADES, _GRADE_SUMS = ("5", "4", "3", "2"), (30, 70, 94, 100)
_ABSENCES = (
    ("ОТ", None),
    ("УП", "Заявление родителей"),
    ("Б", "Справка"),
    ("НП", None),
    ("ОП", None),
    ("осв.", None),
)
_ABSENCE_SUMS = (15, 35, 75, 85, 97, 100)
_FINALS, _FINAL_SUMS = ("5", "4", "3", "2", "н/а", "осв."), (28, 72, 96, 97, 99, 100)

Lesson = tuple[str, str]  # lesson, subject


def fill_journal(world: World, organization: Organization, people: People, *, marks: int, absences: int) -> None:
    """Give ``marks`` marks in all to pupils above grade 1, ``absences`` to every pupil, and final marks."""
    lessons = _given_lessons(world, organization)
    grades = {entry.id: entry.item()["parallel"] for entry in organization.shelves["classes"].entries.values()}
    classes = {student: standing.class_id or "" for student, standing in organization.standings.items()}
    graded = [
        student for student, class_id in classes.items() if grades.get(class_id, 1) > 1 and lessons.get(class_id)
    ]
    teachers = _teachers(organization, people)
    if graded:
        for place, student in enumerate(graded):
            count = marks // len(graded) + (place < marks % len(graded))
            _give_marks(world, organization, people.source, student, lessons[classes[student]], teachers, count)
            _give_finals(world, organization, people.source, student, lessons[classes[student]])
    for student, class_id in classes.items():
        given = lessons.get(class_id, [])
        _note_absences(world, organization, people.source, student, given, min(absences, len(given)))


def _given_lessons(world: World, organization: Organization) -> dict[str, list[Lesson]]:
    """Lessons up to today by class, without the one no marks are given for."""
    talks = organization.shelves["subjects"].by_key(("name",), {"name": TALKS})
    unmarked = {entry.id for entry in talks}
    today = world.clock.today().isoformat()
    found: dict[str, list[Lesson]] = {}
    for entry in organization.shelves["lessons"].entries.values():
        lesson = entry.item()
        if lesson["lessonDate"] <= today and lesson["subjectId"] not in unmarked:
            found.setdefault(lesson["classId"], []).append((entry.id, lesson["subjectId"]))
    return found


def _teachers(organization: Organization, people: People) -> dict[str, str]:
    return {subject: people.teacher() for subject in organization.shelves["subjects"].entries}


def _give_marks(
    world: World,
    organization: Organization,
    source: random.Random,
    student: str,
    lessons: list[Lesson],
    teachers: dict[str, str],
    count: int,
) -> None:
    at = world.now()
    ordinal = 1
    while count > 0:  # more marks than lessons: second marks in the same cells, and so on
        for lesson_id, subject in source.sample(lessons, min(count, len(lessons))):
            work = source.choice(_WORKS)
            mark: Json = {
                "studentId": student,
                "lessonId": lesson_id,
                "grade": source.choices(_GRADES, cum_weights=_GRADE_SUMS)[0],
                "weight": _WEIGHTS.get(work, 1),
                "ordinal": ordinal,
                "comment": "Молодец!" if source.random() < 0.03 else None,
                "workType": work,
                "teacherName": teachers[subject],
            }
            organization.create("marks", mark, item_id=world.guids(), at=at)
        count -= len(lessons)
        ordinal += 1


def _note_absences(
    world: World,
    organization: Organization,
    source: random.Random,
    student: str,
    lessons: list[Lesson],
    count: int,
) -> None:
    for lesson_id, _ in source.sample(lessons, count):
        code, reason = source.choices(_ABSENCES, cum_weights=_ABSENCE_SUMS)[0]
        absence = {"studentId": student, "lessonId": lesson_id, "absenceCode": code, "reason": reason}
        organization.create("attendance", absence, item_id=world.guids(), at=world.now())


def _give_finals(
    world: World, organization: Organization, source: random.Random, student: str, lessons: list[Lesson]
) -> None:
    today = world.clock.today().isoformat()
    subjects = list(dict.fromkeys(subject for _, subject in lessons))
    for entry in list(organization.shelves["periods"].entries.values()):
        period = entry.item()
        if period["periodType"] != "QUARTER" or period["dateEnd"] >= today:
            continue
        for subject in subjects:
            final = {
                "studentId": student,
                "subjectId": subject,
                "periodId": entry.id,
                "gradeKind": "PERIOD",
                "finalyGrade": source.choices(_FINALS, cum_weights=_FINAL_SUMS)[0],
            }
            organization.create("final-marks", final, item_id=world.guids(), at=world.now())
