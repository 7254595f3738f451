"""Subjects by grade and the weekly plan of a class, from which its lessons follow."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

from connectors.ecp.simulator.school_calendar import SchoolYear

TALKS = "Разговоры о важном"  # no marks are given for it
_ENGLISH = "Иностранный язык (английский)"
_SPORT = "Физическая культура"

# Lessons a week. An even plan would not need two lessons of one subject on a day; these do.
_PRIMARY = {
    "Русский язык": 5, "Математика": 4, "Литературное чтение": 4, "Окружающий мир": 2, _SPORT: 2,
    "Изобразительное искусство": 1, "Музыка": 1, "Труд (технология)": 1, TALKS: 1,
}  # fmt: skip
_MIDDLE = {
    "Русский язык": 6, "Литература": 3, "Математика": 5, _ENGLISH: 3, "История": 2, "География": 1,
    "Биология": 1, _SPORT: 2, "Труд (технология)": 2, "Изобразительное искусство": 1, "Музыка": 1, TALKS: 1,
}  # fmt: skip
_UPPER = {
    "Русский язык": 4, "Литература": 2, "Алгебра": 6, "Геометрия": 2, "Вероятность и статистика": 1,
    "Информатика": 1, _ENGLISH: 3, "История": 2, "Обществознание": 1, "География": 2, "Биология": 2,
    "Физика": 2, _SPORT: 2, "Труд (технология)": 1, TALKS: 1,
}  # fmt: skip
_SENIOR = {
    "Русский язык": 2, "Литература": 3, "Алгебра и начала математического анализа": 6, "Геометрия": 2,
    "Вероятность и статистика": 1, "Информатика": 1, _ENGLISH: 3, "История": 2, "Обществознание": 3,
    "География": 1, "Биология": 1, "Физика": 2, "Химия": 1, _SPORT: 2, TALKS: 1,
}  # fmt: skip


def weekly_hours(grade: int) -> dict[str, int]:
    """Subjects of a grade with their lessons a week."""
    if grade <= 4:
        return _PRIMARY if grade == 1 else {**_PRIMARY, _ENGLISH: 2}
    if grade <= 6:
        return _MIDDLE
    if grade <= 9:
        return _UPPER if grade == 7 else {**_UPPER, "Химия": 2}
    return _SENIOR


def weekly_plan(grade: int, source: random.Random) -> list[list[str]]:
    """Subjects of Monday to Friday in their order; the week opens with «Разговоры о важном»."""
    hours = weekly_hours(grade)
    days: list[list[str]] = [[TALKS], [], [], [], []]
    for subject in sorted(hours, key=lambda name: (-hours[name], name)):
        if subject == TALKS:
            continue
        for _ in range(hours[subject]):
            fewest = min(days, key=lambda day: (day.count(subject), len(day), source.random()))
            fewest.append(subject)
    for day in days:
        opening = day[:1] if day[0] == TALKS else []
        rest = day[len(opening) :]
        source.shuffle(rest)
        day[:] = opening + rest
    return days


def lessons_of(plan: list[list[str]], year: SchoolYear, first: date, last: date) -> Iterator[tuple[date, int, str]]:
    """The lessons of a class between the two days: day, place in the day, subject."""
    for day in year.lesson_days(first, last):
        for place, subject in enumerate(plan[day.weekday()], start=1):
            yield day, place, subject
