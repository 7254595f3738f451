"""A school's own files, generated: a pupil list and class reports, and what the region should hold of them.

Files are written by the product's writers; the expectations are kept in regional terms beside them, so that
nothing the synchronisation computes is compared with itself.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from connectors.ecp.simulator.people import People
from connectors.files.writers import class_report_xlsx, pupil_list_csv
from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedGuardian,
    ParsedMark,
    ParsedPupil,
    ReportPupil,
)
from tests.acceptance.office import DAY, Item, Office

RELATIONS: dict[str, Literal["мать", "отец", "опекун"]] = {"MOTHER": "мать", "FATHER": "отец", "GUARDIAN": "опекун"}
SCHOOL_YEAR = 2026
WINDOW = timedelta(days=14)  # regulation 5.4: day 14 included
SYMBOLS = ("УП", "Б", "НП", "ОП")

Cell = tuple[str, str, Any, str]
"""A pupil's name, the lesson's regional id, the place in the cell (None for an absence), mark or symbol."""


def draw_pupil(people: People, class_name: str, *, origin: Item | None = None, **changes: Any) -> ParsedPupil:
    """A child of the class with a СНИЛС and the parents, who came from ``origin`` on 2 November."""
    born = SCHOOL_YEAR - 6 - int(class_name[:-1])
    family = people.family()
    card = people.child(date(born, 1, 1), date(born, 12, 31), family)
    number = people.source.randrange(100, 1000)
    values: Item = {
        "rows": (),
        "last_name": card["lastName"],
        "first_name": card["firstName"],
        "patronymic": card["surName"],
        "sex": {"1": "М", "2": "Ж"}[card["genderCode"]],
        "birth_date": card["birthDate"],
        "snils": digits(card["snils"] or people.snils()),
        "document_series": card["docSeries"],
        "document_number": card["docNumber"],
        "personal_file_no": f"{card['lastName'][0]}-{number}",
        "address": card["address"],
        "phone": card["phone"],
        "class_name": class_name,
        "admitted_on": "2026-11-02",
        "enrolled_on": "2026-11-02",
        "order_number": f"{number}-у",
        "order_date": "2026-10-30",
        "origin_kind": "school" if origin else None,
        "origin_name": origin["name"] if origin else None,
        "guardians": tuple(
            ParsedGuardian(
                last_name=parent["lastName"],
                first_name=parent["firstName"],
                patronymic=parent["surName"],
                relation=RELATIONS[relation],
                phone=parent["mobilePhone"] or people.phone(),
                home_phone=parent["homePhone"],
                email=parent["email"],
            )
            for parent, relation, _ in family.guardians
        ),
    }
    return ParsedPupil(**(values | changes))


def digits(snils: str) -> str:
    return "".join(filter(str.isdigit, snils))


def as_person(pupil: ParsedPupil) -> Item:
    """The pupil as the region's register of persons writes one."""
    number = pupil.snils
    return {
        "lastName": pupil.last_name,
        "firstName": pupil.first_name,
        "surName": pupil.patronymic,
        "genderCode": {"М": "1", "Ж": "2", None: None}[pupil.sex],
        "birthDate": pupil.birth_date,
        "snils": f"{number[:3]}-{number[3:6]}-{number[6:9]} {number[9:]}" if number else None,
        "docSeries": pupil.document_series,
        "docNumber": pupil.document_number,
        "address": pupil.address,
        "phone": pupil.phone,
    }


def release_into_region(office: Office, pupils: Iterable[ParsedPupil], *, last_school: str) -> list[Item]:
    """The region has them in «доступные для зачисления»."""
    persons = [{**as_person(one), "status": "available", "organizationId": last_school} for one in pupils]
    found: list[Item] = office.region.admin("POST", "persons", {"persons": persons})["persons"]
    return found


def write_list(folder: Path, pupils: Sequence[ParsedPupil], name: str = "Список") -> Path:
    path = folder / f"{name} {SCHOOL_YEAR}-{SCHOOL_YEAR + 1}.csv"
    path.write_bytes(pupil_list_csv(pupils, encoding="cp1251"))
    return path


@dataclass(slots=True, kw_only=True)
class Journal:
    """Class reports of some pupils, and every cell in them."""

    paths: list[Path] = field(default_factory=list)
    marks: Counter[Cell] = field(default_factory=Counter)
    absences: Counter[Cell] = field(default_factory=Counter)
    days: dict[str, str] = field(default_factory=dict)  # lesson → its date

    def in_time(self, cells: Counter[Cell]) -> Counter[Cell]:
        """Those whose lesson is at most fourteen days ago."""
        return Counter({c: n for c, n in cells.items() if date.fromisoformat(self.days[c[1]]) >= DAY - WINDOW})


def write_reports(office: Office, pupils: Sequence[ParsedPupil], days: Iterable[date], *, seed: int = 5) -> Journal:
    """A report for each class of these pupils over the lessons of these days, filled in at random."""
    source, journal = random.Random(seed), Journal()
    subjects = {item["id"]: item["name"] for item in office.dump("subjects")}
    wanted = {day.isoformat() for day in days}
    for name in sorted({pupil.class_name for pupil in pupils}):
        (class_id,) = [item["id"] for item in office.dump("classes") if item["name"] == name]
        lessons = _lessons(office, class_id, wanted)
        journal.days |= {lesson["id"]: lesson["lessonDate"] for lesson, _ in lessons}
        _write_report(office.folder, journal, name, pupils, lessons, subjects, source)
    return journal


def _lessons(office: Office, class_id: str, days: set[str]) -> list[tuple[Item, int]]:
    """Lessons of the class with their ordinal among those of the same subject on the day."""
    times: defaultdict[tuple[str, str], int] = defaultdict(int)
    found = []
    for item in sorted(office.dump("lessons"), key=lambda item: (item["lessonDate"], item["lessonNumber"])):
        if item["classId"] == class_id and item["lessonDate"] in days:
            times[item["subjectId"], item["lessonDate"]] += 1
            found.append((item, times[item["subjectId"], item["lessonDate"]]))
    assert {item["lessonDate"] for item, _ in found} == days, "no lessons on a day of the report"
    return found


def _write_report(
    folder: Path,
    journal: Journal,
    class_name: str,
    pupils: Sequence[ParsedPupil],
    lessons: Sequence[tuple[Item, int]],
    subjects: dict[str, str],
    source: random.Random,
) -> None:
    marks: list[ParsedMark] = []
    absences: list[ParsedAbsence] = []
    named = [
        ReportPupil(last_name=one.last_name, first_name=one.first_name, patronymic=one.patronymic)
        for one in pupils
        if one.class_name == class_name
    ]
    for pupil in named:
        name = f"{pupil.last_name} {pupil.first_name}"
        for lesson, ordinal in lessons:
            place: Item = {
                "pupil": pupil,
                "subject": subjects[lesson["subjectId"]],
                "date": lesson["lessonDate"],
                "ordinal": ordinal,
                "cell": "",
            }
            chance = source.random()
            if chance < 0.05:
                symbol = source.choice(SYMBOLS)
                absences.append(ParsedAbsence(symbol=symbol, **place))
                journal.absences[name, lesson["id"], None, symbol] += 1
            elif chance < 0.30:
                for position in (1, 2) if chance < 0.08 else (1,):
                    value = source.choice("2345")
                    marks.append(ParsedMark(position=position, value=value, **place))
                    journal.marks[name, lesson["id"], position, value] += 1
    report = ParsedClassReport(
        school_name=None,
        school_year=SCHOOL_YEAR,
        class_name=class_name,
        period_from=min(lesson["lessonDate"] for lesson, _ in lessons),
        period_to=DAY.isoformat(),
        pupils=tuple(named),
        marks=tuple(marks),
        absences=tuple(absences),
        final_marks=(),
        problems=(),
    )
    path = folder / f"{class_name} успеваемость.xlsx"
    path.write_bytes(class_report_xlsx(report, subjects=sorted({subjects[one["subjectId"]] for one, _ in lessons})))
    journal.paths.append(path)


def marks_held(office: Office) -> Counter[Cell]:
    """The marks the region holds."""
    names = _names(office)
    return Counter(
        (names[item["studentId"]], item["lessonId"], item["ordinal"], item["grade"]) for item in office.dump("marks")
    )


def absences_held(office: Office) -> Counter[Cell]:
    """The absences the region holds."""
    names = _names(office)
    return Counter(
        (names[item["studentId"]], item["lessonId"], None, item["absenceCode"]) for item in office.dump("attendance")
    )


def _names(office: Office) -> dict[str, str]:
    return {item["id"]: f"{item['lastName']} {item['firstName']}" for item in office.dump("students")}
