"""Makes files for the tests of the readers, and opens the sample files of tests/data."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from connectors.files.pupil_list import read_pupil_list
from sync_service.domain.school_files import ParsedPupilList

FOLDER = Path(__file__).parents[2] / "data"
TODAY = date(2026, 11, 20)

HEADERS = ("Фамилия", "Имя", "Отчество", "Дата рождения", "Класс")
ANNA = ("Ли", "Анна", "Ивановна", "11.05.2012", "8А")
PARENT_HEADERS = (*HEADERS, "СНИЛС", "№ личного дела", "Родитель", "Степень родства", "Телефон", "E-mail")


def csv_of(rows: Iterable[Sequence[str]], *, encoding: str = "utf-8", delimiter: str = ";") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode(encoding)


def xlsx_of(rows: Iterable[Sequence[Any]], *, date1904: bool = False, more_sheets: Iterable[Any] = ()) -> bytes:
    workbook = Workbook()
    if date1904:
        workbook.epoch = CALENDAR_MAC_1904
    for number, sheet_rows in enumerate((rows, *more_sheets)):
        sheet = workbook.worksheets[0] if number == 0 else workbook.create_sheet()
        for row in sheet_rows:
            sheet.append(list(row))
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def with_part(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with one part changed (or added)."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, change(old.read(entry)) if entry == name else old.read(entry))
        if name not in old.namelist():
            new.writestr(name, change(b""))
    return file.getvalue()


def read(content: bytes, file_name: str = "список.csv") -> ParsedPupilList:
    return read_pupil_list(content, file_name=file_name, today=TODAY)


def column_of(cell: str) -> int:
    """Number of the column of an address, from 1."""
    number = 0
    for letter in re.sub(r"\d", "", cell):
        number = number * 26 + ord(letter) - 64
    return number
