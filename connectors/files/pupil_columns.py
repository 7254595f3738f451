"""Finds the header of a pupil list: which row, which layout, which column holds which field."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from connectors.files.problems import FIELD_NAMES
from connectors.files.tables import Sheet, column_letters
from mappings.files import PupilListLayout, pupil_list_layouts
from sync_service.domain.school_files import FileRejected

SEARCHED_ROWS = 40
_LEAST_RECOGNISED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A recognised header. Columns count from 1."""

    layout: PupilListLayout
    first_row: int
    """Where the header begins; titles stand above."""
    last_row: int
    """Where it ends; pupils stand below."""
    columns: dict[str, int]
    unknown: tuple[int, ...]
    """Columns with a header that the layout does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    layout: PupilListLayout
    first_row: int
    last_row: int
    found: dict[str, list[int]]
    unknown: tuple[int, ...]
    missing: tuple[str, ...]


def find_header(sheet: Sheet) -> Header | None:
    """The header with the most recognised columns; None when the sheet has none that is even similar.

    Raises `FileRejected` when a header is recognised but lacks a required column or names a field twice.
    """
    candidates = [
        candidate
        for row in range(1, min(SEARCHED_ROWS, sheet.height) + 1)
        for layout in pupil_list_layouts()
        for candidate in (_single(sheet, row, layout), _double(sheet, row, layout))
        if len(candidate.found) >= _LEAST_RECOGNISED
    ]
    if not candidates:
        return None
    complete = [candidate for candidate in candidates if not candidate.missing]
    # A title above a header of one row must not count as its upper half. Of equals max() keeps the first:
    # the upper row, and the layout that is tried first.
    best = max(
        complete or candidates,
        key=lambda candidate: (len(candidate.found), candidate.first_row == candidate.last_row),
    )
    if best.missing:
        raise FileRejected(
            code="missing_column",
            reason=f"В заголовке (строка {best.last_row}) нет столбцов: {_named(best.missing)}.",
            remedy="Добавьте эти столбцы или исправьте их названия.",
        )
    doubled = {field: columns for field, columns in best.found.items() if len(columns) > 1}
    if doubled:
        letters = ", ".join(column_letters(column) for columns in doubled.values() for column in columns)
        raise FileRejected(
            code="duplicate_header",
            reason=f"Столбец «{_named(tuple(doubled))}» встречается дважды: {letters}.",
            remedy="Оставьте один из них или переименуйте лишний.",
        )
    return Header(
        layout=best.layout,
        first_row=best.first_row,
        last_row=best.last_row,
        columns={field: columns[0] for field, columns in best.found.items()},
        unknown=best.unknown,
    )


def _single(sheet: Sheet, row: int, layout: PupilListLayout) -> _Candidate:
    texts = {column: sheet.text(row, column) for column in sheet.filled_columns(row)}
    return _candidate(layout, row, row, texts)


def _double(sheet: Sheet, row: int, layout: PupilListLayout) -> _Candidate:
    """The row as upper and the next one as lower header; a merged upper cell covers the columns to its right."""
    texts: dict[int, str] = {}
    upper = ""
    lower_columns = sheet.filled_columns(row + 1)
    width = max([*sheet.filled_columns(row), *lower_columns], default=0)
    for column in range(1, width + 1):
        above, below = sheet.text(row, column).strip(), sheet.text(row + 1, column).strip()
        upper = above or upper
        if below:
            joined = f"{upper} {below}"
            texts[column] = joined if layout.field_of(joined) else below
        elif above:
            texts[column] = above
    return _candidate(layout, row, row + 1, texts)


def _candidate(layout: PupilListLayout, first_row: int, last_row: int, texts: dict[int, str]) -> _Candidate:
    found: defaultdict[str, list[int]] = defaultdict(list)
    unknown = []
    for column, text in texts.items():
        field = layout.field_of(text)
        if field is None:
            unknown.append(column)
        else:
            found[field].append(column)
    return _Candidate(
        layout=layout,
        first_row=first_row,
        last_row=last_row,
        found=dict(found),
        unknown=tuple(unknown),
        missing=layout.missing(set(found)),
    )


def _named(fields: tuple[str, ...]) -> str:
    return ", ".join(FIELD_NAMES.get(field, field) for field in fields)
