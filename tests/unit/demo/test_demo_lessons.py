"""Lessons of the class reports on any day of the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sync_service.demo import casting, lessons, people
from sync_service.domain.rules.edit_windows import Allowed, NeedsPermit, may_edit_lesson
from tests.unit.demo.stage import small_region

# An ordinary day, weekends, holidays of each season, both ends of the school year, a first of September at a
# weekend, a leap day, and every month of the summer.
DAYS = [
    date(2026, 11, 20),
    date(2026, 11, 22),
    date(2026, 11, 4),
    date(2027, 1, 10),
    date(2024, 1, 14),
    date(2028, 2, 29),
    date(2026, 5, 31),
    date(2026, 6, 20),
    date(2026, 7, 15),
    date(2026, 8, 1),
    date(2026, 8, 31),
    date(2026, 9, 1),
    date(2030, 9, 1),
    date(2026, 9, 17),
    date(2026, 12, 31),
]


@pytest.mark.parametrize("day", DAYS, ids=date.isoformat)
def test_every_day_has_lessons_that_may_be_filled_in(day: date) -> None:
    """Recent lessons are open and not ahead; late ones need a permit, and are there once two weeks of the school
    year are over; no lesson lies outside the class's school year."""
    with small_region(day) as region:
        classes = casting.gather(region, day).classes
        chosen = lessons.choose(region, classes, day)
        again = lessons.choose(region, classes, day)
    assert [one.school_class.grade for one in chosen] == [5, 8]
    begins = date(chosen[0].school_class.school_year, 9, 1)
    assert begins <= day < date(begins.year + 1, 9, 1)
    for one in chosen:
        assert one.recent
        for lesson in one.lessons:
            assert begins <= lesson.date <= day
        # A story told over midnight stays the same.
        for today in (day, day + timedelta(days=1)):
            assert all(isinstance(may_edit_lesson(lesson.date, today), Allowed) for lesson in one.recent)
            assert all(isinstance(may_edit_lesson(lesson.date, today), NeedsPermit) for lesson in one.late)
        assert bool(one.late) == (day - begins >= timedelta(days=16 + 1))
    assert again == chosen, "choosing twice adds no lesson"


def test_lessons_of_one_subject_on_one_day_are_told_apart() -> None:
    """Ordinals count the lessons of a subject on its day from 1, so that every cell has one lesson."""
    day = date(2026, 11, 20)
    with small_region(day) as region:
        timetable = lessons._timetable(region)
    doubled = 0
    for found in timetable.values():
        places: dict[tuple[str, date], list[int]] = {}
        for lesson in found:
            places.setdefault((lesson.subject, lesson.date), []).append(lesson.ordinal)
        assert all(ordinals == list(range(1, len(ordinals) + 1)) for ordinals in places.values())
        doubled += sum(len(ordinals) > 1 for ordinals in places.values())
    assert doubled


def test_a_full_school_reports_four_classes_of_different_grades() -> None:
    """Several reports, none of grade 1, where no marks are given."""
    classes = [
        people.SchoolClass(class_id=f"{grade}{letter}", name=f"{grade}{letter}", grade=grade, school_year=2026)
        for grade in range(1, 12)
        for letter in "АБ"
    ]
    day = date(2026, 11, 20)
    with small_region(day) as region:
        region.add_lessons(
            [{"class": one.name, "subject": "Математика", "date": day.isoformat(), "number": 1} for one in classes]
        )
        ids = {item["name"]: item["id"] for item in region.dump("classes")}
        known = [
            people.SchoolClass(class_id=ids[one.name], name=one.name, grade=one.grade, school_year=2026)
            for one in classes
        ]
        chosen = lessons.choose(region, known, day)
    grades = [one.school_class.grade for one in chosen]
    assert len(grades) == len(set(grades)) == 4
    assert min(grades) > 1
