"""Cuts a class report into blocks, one per pupil: which rows are subjects, which columns are which days.

Every block has day columns of its own. The months stand in a merged header, so that a month is written only
above its first day; the year stands only in the line of the period. Rows below the subjects are the legend.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from connectors.files.problems import in_cell, in_row
from connectors.files.tables import Sheet, as_text, column_letters
from mappings.files import ClassReportLayout, class_report_layout
from sync_service.domain.rules import cell_symbols, class_names, dates, names, school_year
from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import squeeze
from sync_service.domain.school_files import FileRejected, ReportPupil, RowProblem

_PERIOD = re.compile(r"с\s+(\S+)\s+по\s+(\S+?)\.?", re.IGNORECASE)
_LEGEND_SYMBOL = re.compile(r"[^\W\d_]{1,3}\.?")
_LEGEND_MEANING = re.compile(r"[^\W\d_][^\d]{4,}")
_CORRECT = "Исправьте отчёт или выгрузите его заново."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the whole report is about; days are inclusive."""

    school_year: int
    class_name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day column: its date and its place, from 1, among the block's columns of that date."""

    date: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One pupil's block. Rows and columns count from 1."""

    pupil: ReportPupil
    row: int
    """Where the pupil's name stands."""
    days: dict[int, Day]
    average: int | None
    final_mark: int | None
    ignored: frozenset[int]
    """Columns that hold no days: weighted averages, and columns reported as unknown."""
    subjects: dict[int, str]
    legend: dict[str, Outcome[str]]


@dataclass(slots=True)
class _Draft:
    """A block while its rows are being collected."""

    row: int
    name: str
    header: int | None = None
    rows: list[int] = field(default_factory=list)
    legend: dict[str, Outcome[str]] = field(default_factory=dict)


@dataclass(slots=True)
class BlockReader:
    """Walks once down a sheet and collects what it finds; `read` may be called once."""

    sheet: Sheet
    problems: list[RowProblem] = field(default_factory=list)
    school_name: str | None = None
    _layout: ClassReportLayout = field(default_factory=class_report_layout)
    _lines: dict[str, set[str]] = field(default_factory=dict)
    _drafts: list[_Draft] = field(default_factory=list)

    def read(self) -> tuple[Scope, tuple[Block, ...]]:
        """Scope and usable blocks; the rest stands in `problems`. `FileRejected` when there is no scope."""
        for row in range(1, self.sheet.height + 1):
            if self.sheet.filled_columns(row):
                self._take(row)
        if not any(draft.header for draft in self._drafts):
            raise FileRejected(
                code="no_blocks",
                reason="В отчёте нет ни одного ученика с таблицей предметов.",
                remedy="Выгрузите отчёт об успеваемости и посещаемости за период ещё раз.",
            )
        scope = self._scope()
        common = self._common_legend()
        return scope, tuple(block for draft in self._drafts if (block := self._block(draft, scope, common)))

    def _take(self, row: int) -> None:
        first = squeeze(self.sheet.text(row, 1))
        label, colon, rest = first.partition(":")
        line = self._layout.line_of(label) if colon else None
        draft = self._drafts[-1] if self._drafts else None
        if line is not None:
            filled = [column for column in self.sheet.filled_columns(row) if column > 1]
            value = squeeze(rest) or (squeeze(self.sheet.text(row, filled[0])) if filled else "")
            if line == "pupil":
                self._drafts.append(_Draft(row=row, name=value))
            else:
                self._lines.setdefault(line, set()).add(value)
        elif self._layout.header_of(first) == "subject":
            if draft is None or draft.header is not None:
                self._drafts.append(draft := _Draft(row=row, name=""))
            draft.header = row
        elif draft is None or draft.header is None:
            self._take_title(row, first)
        elif row > draft.header + 1:
            self._take_below_header(row, first, draft)

    def _take_title(self, row: int, first: str) -> None:
        if self._layout.is_title(first):
            return
        if not self._drafts and self.school_name is None and first:
            self.school_name = first
        else:
            self.problems.append(
                in_row(
                    row,
                    field=None,
                    code="row_ignored",
                    reason="строка не относится ни к одному ученику и не прочитана",
                    remedy="Если в ней есть отметки, исправьте отчёт.",
                    severity="warning",
                )
            )

    def _take_below_header(self, row: int, first: str, draft: _Draft) -> None:
        filled = self.sheet.filled_columns(row)
        meaning = squeeze(self.sheet.text(row, 2))
        if filled == [1, 2] and _LEGEND_SYMBOL.fullmatch(first) and _LEGEND_MEANING.fullmatch(meaning):
            key, outcome = cell_symbols.symbol_key(first), cell_symbols.meaning_of_legend(meaning)
            if draft.legend.setdefault(key, outcome) != outcome:
                draft.legend[key] = Refused(code="two_meanings", reason="легенда даёт обозначению два значения")
        elif first:
            draft.rows.append(row)
        else:
            self._reject_row(row, "no_subject", "отметки стоят без названия предмета")

    def _scope(self) -> Scope:
        class_name = class_names.normalise(self._only("class_name", "класс"))
        period = _PERIOD.fullmatch(self._only("period", "период") or "")
        bounds = [dates.normalise(text) for text in period.groups()] if period else []
        days = [date.fromisoformat(bound.value) for bound in bounds if isinstance(bound, Accepted)]
        if not isinstance(class_name, Accepted) or len(days) != 2 or days[0] > days[1]:
            raise FileRejected(
                code="no_scope",
                reason="В отчёте не удалось прочитать строку «Класс» или «Период: с … по …».",
                remedy=_CORRECT,
            )
        first, last = days
        typed_year = self._only("school_year", "учебный год", required=False)
        year = school_year.school_year_of(first)
        stated = school_year.parse(typed_year) if typed_year is not None else Accepted(value=year)
        if stated != Accepted(value=year) or school_year.school_year_of(last) != year:
            raise FileRejected(
                code="other_year",
                reason="Период отчёта не лежит в указанном в нём учебном году.",
                remedy="Выгрузите отчёт за период одного учебного года.",
            )
        return Scope(school_year=year, class_name=class_name.value.name, first=first, last=last)

    def _only(self, line: str, named: str, *, required: bool = True) -> str | None:
        found = self._lines.get(line, set()) - {""}
        if len(found) > 1 or (required and not found):
            raise FileRejected(
                code="several_scopes" if found else "no_scope",
                reason=f"В отчёте указано несколько значений: {named}."
                if found
                else f"В отчёте не указано: {named}.",
                remedy="Выгрузите отчёт по одному классу и одному периоду.",
            )
        return next(iter(found), None)

    def _common_legend(self) -> dict[str, Outcome[str]]:
        """For blocks without a legend of their own: what all legends of the file agree on."""
        common: dict[str, Outcome[str]] = {}
        disputed = Refused(code="two_meanings", reason="легенды отчёта дают обозначению разные значения")
        for draft in self._drafts:
            for key, outcome in draft.legend.items():
                if common.setdefault(key, outcome) != outcome:
                    common[key] = disputed
        return common

    def _block(self, draft: _Draft, scope: Scope, common: dict[str, Outcome[str]]) -> Block | None:
        name = names.split_full_name(draft.name)
        if isinstance(name, Refused):
            self._reject_row(draft.row, "pupil", f"ученик не прочитан ({name.reason}), его отметки не загружены")
            return None
        if draft.header is None:
            self._reject_row(draft.row, "no_table", "под именем ученика нет таблицы предметов")
            return None
        months, special = self._header(draft.header)
        unknown = self._unknown_columns(draft.header, months, special)
        folded = Counter(squeeze(self.sheet.text(row, 1)).casefold() for row in draft.rows)
        subjects = {}
        for row in draft.rows:
            subject = squeeze(self.sheet.text(row, 1))
            if folded[subject.casefold()] > 1:
                self._reject_row(row, "repeated_subject", "предмет указан у ученика дважды, отметки не загружены")
            else:
                subjects[row] = subject
        return Block(
            pupil=ReportPupil(
                last_name=name.value.last_name, first_name=name.value.first_name, patronymic=name.value.patronymic
            ),
            row=draft.row,
            days=self._days(draft.header + 1, months, scope),
            average=special.get("average"),
            final_mark=special.get("final_mark"),
            ignored=unknown | {special[key] for key in ("weighted_average",) if key in special},
            subjects=subjects,
            legend=draft.legend or common,
        )

    def _header(self, header: int) -> tuple[dict[int, int], dict[str, int]]:
        """Columns with their month, and the columns that are no days by what they are."""
        months: dict[int, int] = {}
        special: dict[str, int] = {}
        month: int | None = None
        width = max(self.sheet.filled_columns(header) + self.sheet.filled_columns(header + 1))
        for column in range(2, width + 1):
            text = squeeze(self.sheet.text(header, column))
            if text:
                month = dates.month_number(text)
                key = self._layout.header_of(text)
                if key is not None and key not in special:
                    special[key] = column
            if month is not None:
                months[column] = month
        return months, special

    def _unknown_columns(self, header: int, months: dict[int, int], special: dict[str, int]) -> frozenset[int]:
        unknown = frozenset(self.sheet.filled_columns(header)) - {1} - months.keys() - set(special.values())
        for column in sorted(unknown):
            self.problems.append(
                RowProblem(
                    row=header,
                    cell=None,
                    column=column_letters(column),
                    code="column_ignored",
                    reason=f"Столбец {column_letters(column)} в таблице со строки {header} системе неизвестен "
                    "и не прочитан.",
                    remedy="Если в нём отметки, исправьте отчёт.",
                    severity="warning",
                )
            )
        return unknown

    def _days(self, row: int, months: dict[int, int], scope: Scope) -> dict[int, Day]:
        days: dict[int, Day] = {}
        seen: Counter[str] = Counter()
        for column, month in months.items():
            if column not in self.sheet.filled_columns(row):
                continue  # a gap; should something stand below it, that cell is reported by itself
            day = _day_in(scope, month, self.sheet.value(row, column))
            if day is None:
                self.problems.append(
                    in_cell(
                        row,
                        column,
                        field=None,
                        code="day",
                        reason="это не день периода отчёта; отметки этого столбца не загружены",
                        remedy=_CORRECT,
                        severity="rejected",
                    )
                )
                continue
            seen[day] += 1
            days[column] = Day(date=day, ordinal=seen[day])
        return days

    def _reject_row(self, row: int, code: str, reason: str) -> None:
        self.problems.append(in_row(row, field=None, code=code, reason=reason, remedy=_CORRECT, severity="rejected"))


def _day_in(scope: Scope, month: int, value: object) -> str | None:
    """The only day of the period with this number in this month; None when there is none."""
    if isinstance(value, date):
        found = value.isoformat()[:10]
        return found if scope.first.isoformat() <= found <= scope.last.isoformat() else None
    text = squeeze(as_text(value)) if isinstance(value, str | int | float) else ""
    if not re.fullmatch("[0-9]{1,2}", text):
        return None
    # A school year holds each month once, and the period lies within one school year.
    year = scope.school_year if month >= school_year.FIRST_MONTH else scope.school_year + 1
    try:
        day = date(year, month, int(text))
    except ValueError:
        return None
    return day.isoformat() if scope.first <= day <= scope.last else None
