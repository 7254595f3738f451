"""The school's files of the demo, dated today: a pupil list and class reports of the last weeks.

They are written by the ordinary writers and look as files of a school look: every row in another notation.
"""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from connectors.files.writers import class_report_xlsx, pupil_list_csv
from sync_service.demo.lessons import Lesson
from sync_service.demo.people import Listed, SchoolClass
from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedMark,
    ParsedPupil,
    ReportPupil,
)

ENCODING: Final = "cp1251"
UNTIDY_SHARE = 0.2
_MARKS, _MARK_SUMS = ("5", "4", "3", "2"), (30, 70, 95, 100)
_SYMBOLS, _SYMBOL_SUMS = ("УП", "Б", "НП", "ОП"), (25, 75, 85, 100)
_MARK_CHANCE, _ABSENCE_CHANCE = 0.22, 0.04


def write_list(folder: Path, pupils: Iterable[ParsedPupil], *, year: int, title: str, source: random.Random) -> Path:
    """A pupil list in Windows-1251, one row per parent; its name tells the school year."""
    path = folder / f"{title} {year}-{year + 1}.csv"
    path.write_bytes(untidy(pupil_list_csv(pupils, encoding=ENCODING), source))
    return path


def write_report(
    folder: Path,
    school_name: str,
    school_class: SchoolClass,
    pupils: Sequence[Listed],
    lessons: Sequence[Lesson],
    *,
    known: Mapping[tuple[str, str], str | None],
    today: date,
    source: random.Random,
) -> Path:
    """What the teachers of one class have noted at these lessons.

    ``known`` names the (student, lesson) pairs the region has something about: the report says the same where
    that is one mark it can show, else nothing. Nobody has marks from before the day of arrival. Namesakes are
    left out, since a report knows pupils by name only.
    """
    marks: list[ParsedMark] = []
    absences: list[ParsedAbsence] = []
    named = _without_namesakes(pupils)
    for listed, pupil in named.items():
        for lesson in lessons:
            if lesson.date < listed.arrived_on:
                continue
            place = (listed.student_id or "", lesson.lesson_id)
            if place in known:
                if same := known[place]:
                    marks.append(_mark(pupil, lesson, same, 1))
                continue
            chance = source.random()
            if chance < _ABSENCE_CHANCE:
                symbol = source.choices(_SYMBOLS, cum_weights=_SYMBOL_SUMS)[0]
                absences.append(_absence(pupil, lesson, symbol))
            elif chance < _ABSENCE_CHANCE + _MARK_CHANCE:
                for position in (1, 2) if source.random() < 0.05 else (1,):
                    value = source.choices(_MARKS, cum_weights=_MARK_SUMS)[0]
                    marks.append(_mark(pupil, lesson, value, position))
    report = ParsedClassReport(
        school_name=school_name,
        school_year=school_class.school_year,
        class_name=school_class.name,
        period_from=min(lesson.date for lesson in lessons).isoformat(),
        period_to=today.isoformat(),
        pupils=tuple(named.values()),
        marks=tuple(marks),
        absences=tuple(absences),
        final_marks=(),
        problems=(),
    )
    path = folder / f"{school_class.name} успеваемость.xlsx"
    path.write_bytes(class_report_xlsx(report, subjects=sorted({lesson.subject for lesson in lessons})))
    return path


def _without_namesakes(pupils: Sequence[Listed]) -> dict[Listed, ReportPupil]:
    bearers: defaultdict[ReportPupil, list[Listed]] = defaultdict(list)
    for listed in pupils:
        pupil = listed.pupil
        name = ReportPupil(last_name=pupil.last_name, first_name=pupil.first_name, patronymic=pupil.patronymic)
        bearers[name].append(listed)
    return {found[0]: name for name, found in bearers.items() if len(found) == 1}


def _mark(pupil: ReportPupil, lesson: Lesson, value: str, position: int) -> ParsedMark:
    return ParsedMark(
        pupil=pupil,
        subject=lesson.subject,
        date=lesson.date.isoformat(),
        ordinal=lesson.ordinal,
        position=position,
        value=value,
        cell="",
    )


def _absence(pupil: ReportPupil, lesson: Lesson, symbol: str) -> ParsedAbsence:
    return ParsedAbsence(
        pupil=pupil,
        subject=lesson.subject,
        date=lesson.date.isoformat(),
        ordinal=lesson.ordinal,
        symbol=symbol,
        cell="",
    )


def untidy(content: bytes, source: random.Random) -> bytes:
    """The same list as many hands have kept it: another notation in some cells, the same values everywhere."""
    rows = list(csv.reader(io.StringIO(content.decode(ENCODING), newline=""), delimiter=";"))
    header, body = rows[0], rows[1:]
    for row in body:
        for place, name in enumerate(header):
            if name in _HANDS and row[place] and source.random() < UNTIDY_SHARE:
                row[place] = source.choice(_HANDS[name])(row[place])
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=";", lineterminator="\r\n").writerows([header, *body])
    return file.getvalue().encode(ENCODING)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _iso(text: str) -> str:
    day, month, year = text.split(".")
    return f"{year}-{month}-{day}"


def _short_year(text: str) -> str:
    return f"{text[:6]}{text[8:]}"


def _eight(text: str) -> str:
    number = _digits(text)[-10:]
    return f"8({number[:3]}){number[3:6]}-{number[6:8]}-{number[8:]}"


def _spaced(text: str) -> str:
    number = _digits(text)[-10:]
    return f"8 {number[:3]} {number[3:6]} {number[6:8]} {number[8:]}"


def _doubled_space(text: str) -> str:
    return text.replace(" ", "  ", 1) + " "


def _hard_space(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


_HANDS: Mapping[str, Sequence[Callable[[str], str]]] = {
    "Фамилия ученика": (str.upper, _doubled_space),
    "Имя ученика": (_doubled_space,),
    "Пол": (str.lower,),
    "Дата рождения ученика": (_iso,),
    "Дата приема в школу": (_iso, _short_year),
    "Дата зачисления/перевода": (_iso, _short_year),
    "Дата приказа": (_iso, _short_year),
    "СНИЛС": (_digits, _hard_space),
    "Место жительства": (_doubled_space, _hard_space),
    "Родитель (ФИО)": (str.upper, _hard_space),
    "Степень родства": (str.capitalize,),
    "Телефон": (_digits, _eight, _spaced),
    "Домашний телефон": (_eight,),
}
