"""A class report → current marks, absences and final marks, each with the cell it stands in.

The meaning of a letter comes from the legend of the file; what has no meaning is reported with its address
and never guessed. Averages are checked against the visible marks and reported where they differ, and
repaired nowhere: the marks are the record, the average is a figure about them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from connectors.files.limits import DEFAULT_LIMITS, FileLimits
from connectors.files.problems import in_cell, in_row
from connectors.files.report_blocks import Block, BlockReader, Day
from connectors.files.tables import Sheet, Table, address, read_table
from mappings.files import class_report_layout
from sync_service.domain.rules import cell_symbols, names
from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import squeeze
from sync_service.domain.school_files import (
    FileRejected,
    ParsedAbsence,
    ParsedClassReport,
    ParsedFinalMark,
    ParsedMark,
    RowProblem,
    Severity,
)

AVERAGE_TOLERANCE = 0.00501
"""Exports round averages to two decimals or not at all."""

_SEPARATORS = re.compile(r"[\s/]+")
_CORRECT = "Исправьте ячейку в журнале или в файле и загрузите отчёт снова."


def read_class_report(content: bytes, *, limits: FileLimits = DEFAULT_LIMITS) -> ParsedClassReport:
    """Every filled cell of the report; `FileRejected` when the file is no such report."""
    return report_of(read_table(content, limits))


def is_class_report(table: Table) -> bool:
    """Whether some sheet has the table of a class report."""
    return bool(_sheets_with_blocks(table))


def report_of(table: Table) -> ParsedClassReport:
    """The same from a table that has been read already."""
    sheets = _sheets_with_blocks(table)
    if not sheets:
        raise FileRejected(
            code="unknown_layout",
            reason="В файле нет таблиц отчёта об успеваемости: строки «Ученик: …» и заголовка «Предмет».",
            remedy="Проверьте, тот ли это файл; если буквы нечитаемы, выгрузите отчёт в Excel.",
        )
    if len(sheets) > 1:
        raise FileRejected(
            code="several_sheets",
            reason="Отчёт занимает несколько листов.",
            remedy="Сохраните каждый лист отдельным файлом.",
        )
    reader = BlockReader(sheet=sheets[0])
    scope, blocks = reader.read()
    cells = _CellReader(sheet=sheets[0], problems=reader.problems)
    usable = _without_namesakes(blocks, reader.problems)
    for block in usable:
        cells.read(block)
    return ParsedClassReport(
        school_name=reader.school_name,
        school_year=scope.school_year,
        class_name=scope.class_name,
        period_from=scope.first.isoformat(),
        period_to=scope.last.isoformat(),
        pupils=tuple(block.pupil for block in usable),
        marks=tuple(cells.marks),
        absences=tuple(cells.absences),
        final_marks=tuple(cells.final_marks),
        problems=tuple(sorted(reader.problems, key=lambda problem: problem.row or 0)),
    )


def _sheets_with_blocks(table: Table) -> list[Sheet]:
    layout = class_report_layout()

    def has_block(sheet: Sheet) -> bool:
        firsts = [squeeze(sheet.text(row, 1)) for row in range(1, sheet.height + 1)]
        has_pupil = any(layout.line_of(text.partition(":")[0]) == "pupil" for text in firsts if ":" in text)
        return has_pupil and any(layout.header_of(text) == "subject" for text in firsts)

    return [sheet for sheet in table.sheets if has_block(sheet)]


def _without_namesakes(blocks: tuple[Block, ...], problems: list[RowProblem]) -> list[Block]:
    """A report knows pupils by name only: two blocks of one name may be two children."""
    keys = [
        names.full_name_key(block.pupil.last_name, block.pupil.first_name, block.pupil.patronymic) for block in blocks
    ]
    times = Counter(keys)
    usable = []
    for block, key in zip(blocks, keys, strict=True):
        if times[key] == 1:
            usable.append(block)
            continue
        problems.append(
            in_row(
                block.row,
                field=None,
                code="namesakes",
                reason="в отчёте несколько таблиц с одним и тем же именем ученика, отметки не загружены",
                remedy="Внесите отметки этих учеников в журнал вручную.",
                severity="rejected",
            )
        )
    return usable


@dataclass(slots=True)
class _CellReader:
    """Reads the cells of one block after another and collects what they say."""

    sheet: Sheet
    problems: list[RowProblem]
    marks: list[ParsedMark] = field(default_factory=list)
    absences: list[ParsedAbsence] = field(default_factory=list)
    final_marks: list[ParsedFinalMark] = field(default_factory=list)

    def read(self, block: Block) -> None:
        for row, subject in block.subjects.items():
            visible: list[int] = []
            whole = True
            for column in self.sheet.filled_columns(row):
                if column == 1 or column == block.average or column in block.ignored:
                    continue
                if column == block.final_mark:
                    self._final_mark(block, row, column, subject)
                elif column in block.days:
                    marks = self._cell(block, row, column, subject)
                    whole = whole and marks is not None
                    visible += marks or []
                else:
                    whole = False
                    self._report(row, column, "no_day", "над этой ячейкой нет дня занятия", "rejected")
            if whole and block.average is not None:
                self._check_average(row, block.average, visible)

    def _cell(self, block: Block, row: int, column: int, subject: str) -> list[int] | None:
        """The marks of a lesson's cell as numbers; None when the cell was rejected."""
        content = self._content(block, row, column)
        if isinstance(content, Refused):
            self._report(row, column, content.code, content.reason, "rejected")
            return None
        day: Day = block.days[column]
        place = address(row, column)
        marks, symbol = content.value
        if symbol is not None:
            self.absences.append(
                ParsedAbsence(
                    pupil=block.pupil, subject=subject, date=day.date, ordinal=day.ordinal, symbol=symbol, cell=place
                )
            )
        self.marks += [
            ParsedMark(
                pupil=block.pupil,
                subject=subject,
                date=day.date,
                ordinal=day.ordinal,
                position=position,
                value=mark,
                cell=place,
            )
            for position, mark in enumerate(marks, start=1)
        ]
        return [int(mark) for mark in marks]

    def _content(self, block: Block, row: int, column: int) -> Outcome[tuple[list[str], str | None]]:
        """Marks and at most one symbol. One token without a meaning rejects the cell: half a cell would be
        a guess about the other half."""
        if refused := self._without_text(row, column):
            return refused
        marks: list[str] = []
        symbols: list[str] = []
        for token in filter(None, _SEPARATORS.split(squeeze(self.sheet.text(row, column)))):
            mark = cell_symbols.current_mark(token)
            if isinstance(mark, Accepted):
                marks.append(mark.value)
                continue
            symbol = block.legend.get(cell_symbols.symbol_key(token)) or cell_symbols.attendance(token)
            if isinstance(symbol, Refused):
                return symbol
            symbols.append(symbol.value)
        if len(symbols) > 1:
            return Refused(code="several_symbols", reason="в ячейке больше одного обозначения посещаемости")
        return Accepted(value=(marks, symbols[0] if symbols else None))

    def _final_mark(self, block: Block, row: int, column: int, subject: str) -> None:
        mark = self._without_text(row, column) or cell_symbols.final_mark(self.sheet.text(row, column))
        if isinstance(mark, Refused):
            self._report(row, column, mark.code, mark.reason, "rejected")
            return
        self.final_marks.append(
            ParsedFinalMark(pupil=block.pupil, subject=subject, value=mark.value, cell=address(row, column))
        )

    def _without_text(self, row: int, column: int) -> Refused | None:
        """Why the cell has no text that could be read, if so."""
        if self.sheet.is_unreadable(row, column):
            return Refused(code="no_value", reason="в ячейке ошибка или формула, результат которой не сохранён")
        if isinstance(self.sheet.value(row, column), date):
            return Refused(code="became_date", reason="программа таблиц превратила отметки в дату")
        return None

    def _check_average(self, row: int, column: int, visible: list[int]) -> None:
        text = squeeze(self.sheet.text(row, column)).replace(",", ".")
        if not text or self.sheet.is_unreadable(row, column):
            return
        try:
            stated = float(text)
        except ValueError:
            self._report(row, column, "average_unreadable", "средняя оценка — не число", "warning")
            return
        expected = sum(visible) / len(visible) if visible else 0.0
        # Written so that a stated «nan» is off as well.
        if not abs(stated - expected) <= AVERAGE_TOLERANCE:
            self._report(row, column, "average_off", "средняя оценка не сходится с отметками этой строки", "warning")

    def _report(self, row: int, column: int, code: str, reason: str, severity: Severity) -> None:
        remedy = _CORRECT if severity == "rejected" else "Отметки загружены; сверьте строку с журналом."
        self.problems.append(
            in_cell(row, column, field=None, code=code, reason=reason, remedy=remedy, severity=severity)
        )
