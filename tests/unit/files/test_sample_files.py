"""The sample files of a school come out exactly as their truth files say."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from typing import Any

import openpyxl
import pytest

from connectors.files.class_report import read_class_report
from connectors.files.school_file import read_school_file
from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedMark,
    ParsedPupil,
    ParsedPupilList,
    ReportPupil,
)
from tests.unit.files.samples import FOLDER, TODAY, column_of, read

LIST = FOLDER / "pupils_cp1251.csv"
REPORT = FOLDER / "netschool_class_report.xlsx"
SYMBOLS = {"Н": "НП", "О": "ОП", "Б": "Б", "У": "УП"}


@pytest.fixture(scope="module")
def pupils() -> ParsedPupilList:
    return read(LIST.read_bytes(), LIST.name)


@pytest.fixture(scope="module")
def report() -> ParsedClassReport:
    return read_class_report(REPORT.read_bytes())


@pytest.fixture(scope="module")
def truth() -> list[dict[str, str]]:
    with (FOLDER / "netschool_class_report.truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_truth(pupil: ParsedPupil) -> dict[str, Any]:
    return {
        "last_name": pupil.last_name,
        "first_name": pupil.first_name,
        "patronymic": pupil.patronymic,
        "sex": {"М": "M", "Ж": "F", None: None}[pupil.sex],
        "birth_date": pupil.birth_date,
        "snils": pupil.snils,
        "personal_file_no": pupil.personal_file_no,
        "class": pupil.class_name,
        "guardians": [
            {
                "relation": guardian.relation_note or guardian.relation,
                "name": f"{guardian.last_name} {guardian.first_name} {guardian.patronymic}",
                "phone": guardian.phone,
                "email": guardian.email,
            }
            for guardian in pupil.guardians
        ],
    }


def written(pupil: ReportPupil) -> str:
    return f"{pupil.last_name} {pupil.first_name} {pupil.patronymic}"


def test_the_pupil_list_equals_its_truth(pupils: ParsedPupilList) -> None:
    """Every pupil and every parent comes out as the truth file says, in its order."""
    expected = json.loads((FOLDER / "pupils_cp1251.truth.json").read_text(encoding="utf-8"))
    assert [as_truth(pupil) for pupil in pupils.pupils] == expected["pupils"]


def test_the_pupil_list_reports_what_its_truth_reports(pupils: ParsedPupilList) -> None:
    """Each damaged or wrong СНИЛС is reported once, as a warning; nothing else is."""
    expected = json.loads((FOLDER / "pupils_cp1251.truth.json").read_text(encoding="utf-8"))
    named = {row: f"{pupil.last_name} {pupil.first_name}" for pupil in pupils.pupils for row in pupil.rows}
    found = [
        {"pupil": named[problem.row or 0], "field": problem.column, "why": problem.code}
        for problem in pupils.problems
    ]
    assert found == expected["report"]
    assert {problem.severity for problem in pupils.problems} == {"warning"}


def test_every_row_of_the_list_belongs_to_one_pupil(pupils: ParsedPupilList) -> None:
    """No row is lost and none is used twice; dates beside the truth are read, too."""
    rows = sorted(row for pupil in pupils.pupils for row in pupil.rows)
    assert rows == list(range(2, 235))
    anna = pupils.pupils[0]
    assert (anna.admitted_on, anna.enrolled_on, anna.order_number, anna.order_date, anna.address) == (
        "2019-09-01",
        "2019-09-01",
        "167-у",
        "2019-08-27",
        "с. Конево, ул. Ленина, д. 70",
    )
    assert all(pupil.address and pupil.order_date and pupil.enrolled_on for pupil in pupils.pupils)


def test_the_relation_keeps_the_files_own_word(pupils: ParsedPupilList) -> None:
    """A grandmother is another representative, with her own word as a note; the five relations need none."""
    relations = {
        (guardian.relation, guardian.relation_note) for pupil in pupils.pupils for guardian in pupil.guardians
    }
    assert relations == {("мать", None), ("отец", None), ("опекун", None), ("иной", "бабушка")}


def test_the_class_report_names_its_scope(report: ParsedClassReport) -> None:
    """School, class, year and period stand above the blocks."""
    assert report.school_name == (
        'Муниципальное общеобразовательное учреждение "Средняя общеобразовательная школа № 900"'
    )
    assert (report.school_year, report.class_name) == (2026, "8А")
    assert (report.period_from, report.period_to) == ("2026-09-20", "2026-11-20")
    assert len(report.pupils) == 30


def test_every_lesson_cell_equals_the_truth(report: ParsedClassReport, truth: list[dict[str, str]]) -> None:
    """Every filled cell comes out with its date, column, absence and marks in order, and no other does."""
    marks: defaultdict[tuple[str, str, str, int], list[tuple[int, str]]] = defaultdict(list)
    symbols = {}
    for mark in report.marks:
        key = (written(mark.pupil), mark.subject, mark.date, column_of(mark.cell) - 2)
        marks[key].append((mark.position, mark.value))
    for absence in report.absences:
        key = (written(absence.pupil), absence.subject, absence.date, column_of(absence.cell) - 2)
        assert key not in symbols
        symbols[key] = absence.symbol
    found = {key: (symbols.get(key), marks.get(key, [])) for key in marks.keys() | symbols.keys()}

    expected = {}
    for row in truth:
        if row["kind"] == "cell":
            tokens = re.findall(r"[^\s/]", row["text"])
            letters = [SYMBOLS[token] for token in tokens if token in SYMBOLS]
            values = [token for token in tokens if token not in SYMBOLS]
            key = (row["pupil"], row["subject"], row["date"], int(row["column"]))
            expected[key] = (letters[0] if letters else None, list(enumerate(values, start=1)))
    assert found == expected
    assert len(expected) == 4432


def test_ordinals_count_the_columns_of_one_date(report: ParsedClassReport) -> None:
    """The second column of a date is its second lesson, in each pupil's own block."""
    sheet = openpyxl.load_workbook(REPORT).worksheets[0]
    ordinals = {}
    for row in range(1, sheet.max_row + 1):
        if sheet.cell(row, 1).value == "Предмет":
            seen: defaultdict[tuple[int, int], int] = defaultdict(int)
            month, months = 0, {"Сентябрь": 9, "Октябрь": 10, "Ноябрь": 11}
            for column in range(2, sheet.max_column + 1):
                header = sheet.cell(row, column).value
                month = months.get(str(header), 0) if header else month
                day = sheet.cell(row + 1, column).value
                if month and day:
                    seen[month, int(str(day))] += 1
                    ordinals[row, column] = (f"2026-{month:02d}-{int(str(day)):02d}", seen[month, int(str(day))])
    headers = sorted({row for row, _ in ordinals})
    assert max(ordinal for _, ordinal in ordinals.values()) > 1
    cells: list[ParsedMark | ParsedAbsence] = [*report.marks, *report.absences]
    for cell in cells:
        row = int(re.sub(r"\D", "", cell.cell))
        header = max(above for above in headers if above < row)
        assert ordinals[header, column_of(cell.cell)] == (cell.date, cell.ordinal)


def test_final_marks_equal_the_truth(report: ParsedClassReport, truth: list[dict[str, str]]) -> None:
    """Every final mark of the period comes out once."""
    found = sorted((written(mark.pupil), mark.subject, mark.value) for mark in report.final_marks)
    assert found == sorted((row["pupil"], row["subject"], row["text"]) for row in truth if row["kind"] == "final")
    assert len(found) == 570


def test_averages_that_do_not_match_are_reported(report: ParsedClassReport, truth: list[dict[str, str]]) -> None:
    """Exactly the averages that the truth calls off are reported, with their cell, and nothing is repaired."""
    sheet = openpyxl.load_workbook(REPORT).worksheets[0]
    found = []
    for problem in report.problems:
        assert (problem.code, problem.severity) == ("average_off", "warning")
        assert problem.row is not None
        assert problem.cell is not None
        name = next(
            str(sheet.cell(row, 1).value).removeprefix("Ученик: ")
            for row in range(problem.row, 0, -1)
            if str(sheet.cell(row, 1).value).startswith("Ученик: ")
        )
        found.append((name, sheet.cell(problem.row, 1).value, str(sheet[problem.cell].value)))
    expected = [(row["pupil"], row["subject"], row["text"]) for row in truth if row["kind"] == "average_off"]
    assert sorted(found, key=str) == sorted(expected)
    assert len(expected) == 6


def test_one_door_tells_the_two_files_apart(pupils: ParsedPupilList, report: ParsedClassReport) -> None:
    """The content alone decides what a file is: the names may lie."""
    assert read_school_file(LIST.read_bytes(), file_name="отчёт.xlsx", today=TODAY) == pupils
    assert read_school_file(REPORT.read_bytes(), file_name="список.csv", today=TODAY) == report


def test_problems_repeat_no_personal_value(pupils: ParsedPupilList, report: ParsedClassReport) -> None:
    """Sentences name the place only: no name, no number from the file."""
    sentences = [f"{problem.reason} {problem.remedy}" for problem in (*pupils.problems, *report.problems)]
    names = {pupil.last_name for pupil in pupils.pupils} | {pupil.first_name for pupil in pupils.pupils}
    assert sentences
    for sentence in sentences:
        assert not any(name in sentence for name in names)
        assert not re.search(r"\d{5,}", sentence)
