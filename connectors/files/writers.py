"""Writes the two layouts that the readers know: a pupil list as CSV and a class report as XLSX.

What is written is read back as the same values (but for the addresses of cells). Cells that a spreadsheet
would take for a formula are neutralised: with an apostrophe in CSV, as plain text in XLSX.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Literal

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from sync_service.domain.rules import phones, school_year, snils
from sync_service.domain.school_files import ParsedClassReport, ParsedGuardian, ParsedPupil, ReportPupil

LEGEND = (("Н", "Неуважительная", "НП"), ("О", "Опоздание", "ОП"), ("Б", "Болезнь", "Б"), ("У", "Уважительная", "УП"))
"""Letter in the report, its wording in the legend, the attendance symbol."""

_LETTERS = {symbol: letter for letter, _, symbol in LEGEND}
_MONTHS = (
    "Январь",
    "Февраль",
    "Март",
    "Апрель",
    "Май",
    "Июнь",
    "Июль",
    "Август",
    "Сентябрь",
    "Октябрь",
    "Ноябрь",
    "Декабрь",
)
_RISKY = re.compile(r"'*[=+\-@\t\r]")

_BASE_HEADERS = (
    "Фамилия ученика",
    "Имя ученика",
    "Отчество ученика",
    "Пол",
    "Дата рождения ученика",
    "СНИЛС",
    "Номер личного дела",
    "Дата приема в школу",
    "Класс",
    "Дата зачисления/перевода",
    "Номер приказа",
    "Дата приказа",
    "Место жительства",
    "Родитель (ФИО)",
    "Степень родства",
    "Телефон",
    "E-mail",
)
_EXTRA_HEADERS = (
    "Домашний телефон",
    "Серия документа",
    "Номер документа",
    "Телефон ученика",
    "E-mail ученика",
    "Откуда прибыл",
    "Движение в прежней школе ведётся",
    "Ранее не обучался",
)


def pupil_list_csv(pupils: Iterable[ParsedPupil], *, encoding: Literal["cp1251", "utf-8-sig"] = "utf-8-sig") -> bytes:
    """A list with one row per guardian, «;» between cells; columns beyond the usual ones only where needed.

    ValueError when a name cannot be written in Windows-1251: write UTF-8 then.
    """
    rows = [
        _base_cells(pupil, guardian) + _extra_cells(pupil, guardian)
        for pupil in pupils
        for guardian in pupil.guardians or (None,)
    ]
    width = len(_BASE_HEADERS)
    needed = [
        column for column in range(width + len(_EXTRA_HEADERS)) if column < width or any(row[column] for row in rows)
    ]
    headers = _BASE_HEADERS + _EXTRA_HEADERS
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(headers[column] for column in needed)
    writer.writerows([neutralised(row[column]) for column in needed] for row in rows)
    try:
        return file.getvalue().encode(encoding)
    except UnicodeEncodeError as error:
        position = file.getvalue().count("\n", 0, error.start) + 1
        raise ValueError(f"row {position} has a letter outside Windows-1251; write utf-8-sig") from None


def neutralised(text: str) -> str:
    """The text with an apostrophe in front when a spreadsheet would run it as a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def class_report_xlsx(report: ParsedClassReport, *, subjects: Sequence[str] = ()) -> bytes:
    """The report as a workbook; every block lists `subjects` besides those its pupil has cells in.

    Addresses in the values are not read: the layout decides where a cell stands. Symbols without a letter in
    the legend (ОТ, осв) are written as they are.
    """
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "Лист1"
    _put(sheet, 1, 1, report.school_name or "")
    _put(sheet, 2, 1, "Отчет об успеваемости и посещаемости ученика")
    cells = _cells_by_pupil(report)
    row = 3
    for pupil in report.pupils:
        row = _write_block(sheet, row, report, pupil, cells[pupil], subjects)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


class _Cells:
    """What one pupil's block holds: the text of each lesson's cell, its marks, the final marks."""

    def __init__(self) -> None:
        self.marks: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
        self.symbols: dict[tuple[str, str, int], str] = {}
        self.final: dict[str, str] = {}

    def columns(self) -> list[tuple[str, int]]:
        """Day columns in order: as many of a date as its largest ordinal asks for."""
        largest: Counter[str] = Counter()
        for _, day, ordinal in (*self.marks, *self.symbols):
            largest[day] = max(largest[day], ordinal)
        return [(day, ordinal) for day in sorted(largest) for ordinal in range(1, largest[day] + 1)]

    def subjects(self) -> set[str]:
        return {subject for subject, _, _ in (*self.marks, *self.symbols)} | self.final.keys()

    def text(self, subject: str, day: str, ordinal: int) -> str:
        marks, symbol = self.marks.get((subject, day, ordinal), []), self.symbols.get((subject, day, ordinal))
        letter = _LETTERS.get(symbol, symbol) if symbol else ""
        return f"{letter}{'  ' if len(marks) > 1 else ' '}{'/'.join(marks)}".strip()


def _cells_by_pupil(report: ParsedClassReport) -> defaultdict[ReportPupil, _Cells]:
    cells: defaultdict[ReportPupil, _Cells] = defaultdict(_Cells)
    for mark in sorted(report.marks, key=lambda mark: mark.position):
        cells[mark.pupil].marks[mark.subject, mark.date, mark.ordinal].append(mark.value)
    for absence in report.absences:
        cells[absence.pupil].symbols[absence.subject, absence.date, absence.ordinal] = absence.symbol
    for final in report.final_marks:
        cells[final.pupil].final[final.subject] = final.value
    return cells


def _write_block(
    sheet: Worksheet, row: int, report: ParsedClassReport, pupil: ReportPupil, cells: _Cells, subjects: Sequence[str]
) -> int:
    """Writes one block from `row` and returns the row after it."""
    first, last = date.fromisoformat(report.period_from), date.fromisoformat(report.period_to)
    name = " ".join(filter(None, (pupil.last_name, pupil.first_name, pupil.patronymic)))
    for line in (
        f"Учебный год: {school_year.label(report.school_year)}",
        f"Класс: {report.class_name}",
        f"Период: с {first:%d.%m.%y} по {last:%d.%m.%y}",
        f"Ученик: {name}",
    ):
        _put(sheet, row, 1, line)
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=6)
        row += 1
    columns = cells.columns()
    _write_header(sheet, row, columns)
    after = len(columns) + 2
    row += 2
    for subject in sorted(cells.subjects() | set(subjects)):
        _put(sheet, row, 1, subject)
        marks: list[int] = []
        for column, (day, ordinal) in enumerate(columns, start=2):
            if text := cells.text(subject, day, ordinal):
                _put(sheet, row, column, text)
            marks += map(int, cells.marks.get((subject, day, ordinal), ()))
        sheet.cell(row, after).value = sum(marks) / len(marks) if marks else 0
        sheet.cell(row, after + 1).value = 0
        if final := cells.final.get(subject):
            _put(sheet, row, after + 2, final)
        row += 1
    for letter, wording, _ in LEGEND:
        _put(sheet, row, 1, letter)
        _put(sheet, row, 2, wording)
        row += 1
    return row


def _write_header(sheet: Worksheet, row: int, columns: list[tuple[str, int]]) -> None:
    _put(sheet, row, 1, "Предмет")
    numbered = enumerate(columns, start=2)
    for month, group in groupby(numbered, key=lambda item: item[1][0][:7]):
        places = [column for column, _ in group]
        _put(sheet, row, places[0], _MONTHS[int(month[5:]) - 1])
        if len(places) > 1:
            sheet.merge_cells(f"{get_column_letter(places[0])}{row}:{get_column_letter(places[-1])}{row}")
    for column, (day, _) in enumerate(columns, start=2):
        sheet.cell(row + 1, column).value = int(day[8:])
    for offset, header in enumerate(("Средняя оценка", "Средневзвешенный \n балл", "Итоговая оценка за период")):
        _put(sheet, row, len(columns) + 2 + offset, header)


def _put(sheet: Worksheet, row: int, column: int, text: str) -> None:
    cell = sheet.cell(row, column)
    cell.value = text
    cell.data_type = "s"  # also where the text begins like a formula


def _base_cells(pupil: ParsedPupil, guardian: ParsedGuardian | None) -> list[str]:
    return [
        pupil.last_name,
        pupil.first_name,
        pupil.patronymic or "",
        pupil.sex or "",
        _russian(pupil.birth_date),
        snils.formatted(pupil.snils) if pupil.snils else "",
        pupil.personal_file_no or "",
        _russian(pupil.admitted_on),
        pupil.class_name,
        _russian(pupil.enrolled_on),
        pupil.order_number or "",
        _russian(pupil.order_date),
        pupil.address or "",
        " ".join(filter(None, (guardian.last_name, guardian.first_name, guardian.patronymic))) if guardian else "",
        (guardian.relation_note or guardian.relation) if guardian else "",
        _phone(guardian.phone if guardian else None),
        (guardian.email or "") if guardian else "",
    ]


def _extra_cells(pupil: ParsedPupil, guardian: ParsedGuardian | None) -> list[str]:
    keeps_movement = {"school": "да", "other_district": "нет"}
    return [
        _phone(guardian.home_phone if guardian else None),
        pupil.document_series or "",
        pupil.document_number or "",
        _phone(pupil.phone),
        pupil.email or "",
        pupil.origin_name or "",
        keeps_movement.get(pupil.origin_kind or "", ""),
        "да" if pupil.origin_kind == "none" else "",
    ]


def _russian(iso: str | None) -> str:
    return f"{date.fromisoformat(iso):%d.%m.%Y}" if iso else ""


def _phone(number: str | None) -> str:
    return phones.formatted(number) if number else ""
