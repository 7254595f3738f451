"""The lessons a teacher fills in: some within the fourteen days of regulation 5.4, some that are late.

Days are chosen from the region's timetable. Where a day in the calendar leaves none that are recent (summer,
long holidays, a first of September at the weekend), consultations are added to the timetable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sync_service.demo.people import SchoolClass
from sync_service.demo.region import Item, Region
from sync_service.domain.rules.school_year import bounds

# A day or two inside and outside the fourteen days, so that a story told over midnight stays the same.
RECENT = timedelta(days=12)
LATE = timedelta(days=17)
LATE_DAYS = 4
MOST_CLASSES = 4
UNMARKED = "Разговоры о важном"
CONSULTATIONS = ("Русский язык", "Математика")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson as a class report addresses it; ``ordinal`` counts the lessons of its subject on its day."""

    lesson_id: str
    subject: str
    date: date
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is filled in for one class."""

    school_class: SchoolClass
    recent: tuple[Lesson, ...]
    late: tuple[Lesson, ...]

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        return self.late + self.recent


def choose(region: Region, classes: Sequence[SchoolClass], today: date) -> list[Chosen]:
    """Up to four classes above grade 1, each with its lessons; recent ones are never missing."""
    graded = [one for one in classes if one.grade > 1]
    step = max(len(graded) // MOST_CLASSES, 1)
    reported = graded[::step][:MOST_CLASSES]
    timetable = _timetable(region)
    idle = [one for one in reported if not _recent(timetable.get(one.class_id, ()), today)]
    if idle:
        region.add_lessons(_consultations(idle, today))
        timetable = _timetable(region)
    return [
        Chosen(
            school_class=one,
            recent=_recent(timetable[one.class_id], today),
            late=_late(timetable[one.class_id], today),
        )
        for one in reported
    ]


def _timetable(region: Region) -> Mapping[str, Sequence[Lesson]]:
    """The lessons of every class."""
    subjects = {item["id"]: item["name"] for item in region.dump("subjects")}
    found: defaultdict[str, list[Lesson]] = defaultdict(list)
    times: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for item in sorted(region.dump("lessons"), key=lambda item: (item["lessonDate"], item["lessonNumber"])):
        slot = (item["classId"], item["lessonDate"], item["subjectId"])
        times[slot] += 1
        if subjects[item["subjectId"]] != UNMARKED:
            found[item["classId"]].append(
                Lesson(
                    lesson_id=item["id"],
                    subject=subjects[item["subjectId"]],
                    date=date.fromisoformat(item["lessonDate"]),
                    ordinal=times[slot],
                )
            )
    return found


def _recent(lessons: Sequence[Lesson], today: date) -> tuple[Lesson, ...]:
    return tuple(lesson for lesson in lessons if today - RECENT <= lesson.date <= today)


def _late(lessons: Sequence[Lesson], today: date) -> tuple[Lesson, ...]:
    """The lessons of the last few days for which it is too late."""
    late = [lesson for lesson in lessons if lesson.date <= today - LATE]
    days = sorted({lesson.date for lesson in late})[-LATE_DAYS:]
    return tuple(lesson for lesson in late if lesson.date in days)


def _consultations(classes: Sequence[SchoolClass], today: date) -> list[Item]:
    """Two lessons on each of up to five days before today, on working days where there are any."""
    begins, _ = bounds(classes[0].school_year)
    days = [day for back in range(RECENT.days) if (day := today - timedelta(days=back)) >= begins]
    days = [day for day in days if day.weekday() < 5] or days
    return [
        {"class": one.name, "subject": subject, "date": day.isoformat(), "number": number}
        for one in classes
        for day in days[:5]
        for number, subject in enumerate(CONSULTATIONS, start=1)
    ]


def already_noted(region: Region) -> dict[tuple[str, str], str | None]:
    """(student, lesson) pairs the region has something about: the mark, where there is one plain mark."""
    known: dict[tuple[str, str], str | None] = {}
    for item in region.dump("marks"):
        place = (item["studentId"], item["lessonId"])
        plain = item["weight"] == 1 and item["ordinal"] == 1 and place not in known
        known[place] = item["grade"] if plain else None
    known |= {(item["studentId"], item["lessonId"]): None for item in region.dump("attendance")}
    return known
