"""A raw grid with the coordinates a person sees, from CSV or XLSX; no meaning yet.

Rows and columns count from 1. Values of a workbook keep their type, so that a date that Excel made out of
«3/4» is still recognisable as a date.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from python_calamine import CalamineError, CalamineWorkbook

from connectors.files import xlsx_guard
from connectors.files.limits import DEFAULT_LIMITS, FileLimits
from connectors.files.sniff import FileKind, decoded, delimiter_of, kind_of
from sync_service.domain.school_files import FileRejected

Value: TypeAlias = str | int | float | bool | date | time | timedelta

_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet, or the whole of a CSV file."""

    number: int
    """Place in the workbook, from 1."""
    rows: list[list[Value]]
    unreadable: dict[int, dict[int, str]] = field(default_factory=dict)
    """Row → column of cells a reader sees as empty although they are not: «formula» without a result, «error»."""
    date1904: bool = False

    def value(self, row: int, column: int) -> Value:
        """The typed value; an empty text outside the used area."""
        try:
            return self.rows[row - 1][column - 1]
        except IndexError:
            return ""

    def text(self, row: int, column: int) -> str:
        """The value as text; empty for an empty cell."""
        return as_text(self.value(row, column))

    def is_unreadable(self, row: int, column: int) -> bool:
        """Whether something stands there that has no value."""
        return column in self.unreadable.get(row, ())

    def filled_columns(self, row: int) -> list[int]:
        """Columns of the row in which something stands, readable or not, in order."""
        cells = self.rows[row - 1] if row <= len(self.rows) else []
        readable = {column for column, cell in enumerate(cells, start=1) if as_text(cell).strip()}
        return sorted(readable | self.unreadable.get(row, {}).keys())

    @property
    def height(self) -> int:
        """Last used row."""
        return max(len(self.rows), *self.unreadable, 0)

    def is_blank(self) -> bool:
        """Whether nothing stands in the sheet."""
        return not self.unreadable and not any(as_text(cell).strip() for row in self.rows for cell in row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file as sheets, in order; blank ones are left out."""

    kind: FileKind
    sheets: tuple[Sheet, ...]


def read_table(content: bytes, limits: FileLimits = DEFAULT_LIMITS) -> Table:
    """The grid of a CSV or XLSX file; raises `FileRejected` for everything else, and for an empty one."""
    kind = kind_of(content, limits)
    sheets = _xlsx(content, limits) if kind is FileKind.XLSX else [_csv(content, limits)]
    filled = tuple(sheet for sheet in sheets if not sheet.is_blank())
    if not filled:
        raise FileRejected(
            code="empty", reason="В таблице нет ни одной заполненной ячейки.", remedy="Выгрузите список ещё раз."
        )
    return Table(kind=kind, sheets=filled)


def column_letters(column: int) -> str:
    """«A» for 1, «AA» for 27."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def address(row: int, column: int) -> str:
    """«B12» for row 12, column 2."""
    return f"{column_letters(column)}{row}"


def as_text(value: Value) -> str:
    """Text of a cell as a person would type it; whole numbers without a decimal point, dates as ISO."""
    match value:
        case str():
            # Undo the neutralisation of formulas that exports, ours among them, put in front.
            return value[1:] if _NEUTRALISED.match(value) else value
        case bool():
            return "да" if value else "нет"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time.min:
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _xlsx(content: bytes, limits: FileLimits) -> list[Sheet]:
    facts = xlsx_guard.inspect(content, limits)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            return [
                Sheet(
                    number=index + 1,
                    rows=[list(row) for row in workbook.get_sheet_by_index(index).to_python(skip_empty_area=False)],
                    unreadable=sheet.unreadable,
                    date1904=facts.date1904,
                )
                for index, (_, sheet) in enumerate(zip(workbook.sheet_names, facts.sheets, strict=True))
            ]
    except (CalamineError, ValueError, OverflowError, OSError):
        raise _unreadable_workbook() from None  # the reader's messages may repeat what stands in a cell
    except BaseException as error:
        # The reader is compiled code: its internal failures arrive as a BaseException of its own.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable_workbook() from None


def _unreadable_workbook() -> FileRejected:
    return FileRejected(
        code="broken",
        reason="Файл Excel не читается.",
        remedy="Откройте его в Excel или LibreOffice и сохраните заново как «Книга Excel (.xlsx)».",
    )


def _csv(content: bytes, limits: FileLimits) -> Sheet:
    text = decoded(content).text
    rows: list[list[Value]] = []
    first_line = text.split("\n", 1)[0].strip().casefold()
    # Excel's own directive; it is a line of the file but no row of the table.
    directive = first_line.startswith("sep=") and len(first_line) <= 5
    delimiter = (text[4] if len(first_line) == 5 else "\t") if directive else delimiter_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    widest = 0
    try:
        for row in reader:
            widest = max(widest, len(row))
            xlsx_guard.check_area(len(rows) + 1, widest, limits)
            rows.append(list(row))
    except csv.Error as error:
        raise FileRejected(
            code="broken_quotes",
            reason=f"Строку {len(rows) + 1} не удалось разобрать: кавычки не закрыты или стоят посреди значения.",
            remedy="Исправьте кавычки в этой строке или сохраните таблицу как «Книга Excel (.xlsx)».",
        ) from error
    if directive:
        rows[0] = []
    return Sheet(number=1, rows=rows)
