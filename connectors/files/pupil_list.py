"""A pupil list as schools keep it → pupils with their guardians, and everything a person should look at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import PurePath

from connectors.files.limits import DEFAULT_LIMITS, FileLimits
from connectors.files.problems import in_row
from connectors.files.pupil_columns import Header, find_header
from connectors.files.pupil_merge import grouped, merged
from connectors.files.pupil_row import PupilRow, RowReader
from connectors.files.tables import Sheet, Table, column_letters, read_table
from sync_service.domain.rules import class_names, school_year
from sync_service.domain.rules.outcome import Accepted, Refused
from sync_service.domain.rules.text import plain_hyphens
from sync_service.domain.school_files import (
    FileRejected,
    ParsedPupil,
    ParsedPupilList,
    RowProblem,
)

_SCHOOL_YEAR = re.compile(r"(?<!\d)20\d\d ?[/-] ?(?:20)?\d\d(?!\d)(?![.\-]\d)")


def read_pupil_list(
    content: bytes, *, file_name: str, today: date, limits: FileLimits = DEFAULT_LIMITS
) -> ParsedPupilList:
    """Every pupil of a CSV or XLSX list; `FileRejected` when it is no such list.

    `file_name` may name the class; `today` is the day in the school's zone and bounds dates of birth.
    """
    return pupils_of(read_table(content, limits), file_name=file_name, today=today)


def pupils_of(table: Table, *, file_name: str, today: date) -> ParsedPupilList:
    """The same from a table that has been read already."""
    sheet, header, problems = _the_list(table)
    if not any(sheet.filled_columns(row) for row in range(header.last_row + 1, sheet.height + 1)):
        raise FileRejected(
            code="no_rows", reason="Под заголовком нет ни одной строки.", remedy="Выгрузите список ещё раз."
        )
    titles = _titles(sheet, header)
    class_of_file = _class_of_file(header, titles, file_name)
    rows, rejected = _rows(RowReader(sheet=sheet, header=header, today=today), sheet, header)
    problems += rejected
    pupils: list[ParsedPupil] = []
    for group in grouped(rows, problems):
        pupil = merged(group, class_of_file, problems)
        if pupil is not None:
            pupils.append(pupil)
    return ParsedPupilList(
        school_year=_school_year((*titles, PurePath(file_name).stem)),
        pupils=_without_shared_snils(pupils, problems),
        problems=tuple(sorted(problems, key=lambda problem: problem.row or 0)),
    )


def _the_list(table: Table) -> tuple[Sheet, Header, list[RowProblem]]:
    found = [(sheet, header) for sheet in table.sheets if (header := find_header(sheet)) is not None]
    if not found:
        raise FileRejected(
            code="unknown_layout",
            reason="В файле нет строки с названиями столбцов списка учеников (Фамилия, Имя, Дата рождения, …).",
            remedy="Проверьте, тот ли это файл; если буквы нечитаемы, сохраните его как «CSV UTF-8».",
        )
    if len(found) > 1:
        raise FileRejected(
            code="several_lists",
            reason="В книге несколько листов со списками учеников.",
            remedy="Сохраните каждый лист отдельным файлом.",
        )
    sheet, header = found[0]
    problems = [
        RowProblem(
            row=None,
            cell=None,
            column=None,
            code="sheet_ignored",
            reason=f"Лист {other.number} не похож на список учеников и не прочитан.",
            remedy="Если там есть ученики, сохраните лист отдельным файлом.",
            severity="warning",
        )
        for other in table.sheets
        if other is not sheet
    ]
    problems += [
        RowProblem(
            row=header.last_row,
            cell=None,
            column=column_letters(column),
            code="column_ignored",
            reason=f"Столбец {column_letters(column)} с таким названием системе неизвестен и не прочитан.",
            remedy="Если он нужен, переименуйте его; остальные столбцы загружены.",
            severity="warning",
        )
        for column in header.unknown
    ]
    return sheet, header, problems


def _titles(sheet: Sheet, header: Header) -> tuple[str, ...]:
    return tuple(
        sheet.text(row, column) for row in range(1, header.first_row) for column in sheet.filled_columns(row)
    )


def _class_of_file(header: Header, titles: tuple[str, ...], file_name: str) -> str | None:
    """The class that a list without a class column is about."""
    if "class_name" in header.columns:
        return None
    mentioned = [class_names.in_text(text) for text in (*titles, PurePath(file_name).stem)]
    found = {outcome.value.name for outcome in mentioned if isinstance(outcome, Accepted)}
    several = any(isinstance(outcome, Refused) and outcome.code == "several" for outcome in mentioned)
    if len(found) == 1 and not several:
        return found.pop()
    reason = "В списке нет столбца «Класс», а в названии файла "
    raise FileRejected(
        code="class_unknown",
        reason=reason + ("и заголовке упомянуто несколько классов." if found or several else "класс не указан."),
        remedy="Добавьте столбец «Класс» или назовите файл по классу, например «8А.xlsx».",
    )


def _school_year(texts: Iterable[str]) -> int | None:
    found = set()
    for text in texts:
        for match in _SCHOOL_YEAR.finditer(plain_hyphens(text.replace("_", " "))):
            outcome = school_year.parse(match.group())
            if isinstance(outcome, Accepted):
                found.add(outcome.value)
    return found.pop() if len(found) == 1 else None


def _rows(reader: RowReader, sheet: Sheet, header: Header) -> tuple[list[PupilRow], list[RowProblem]]:
    rows: list[PupilRow] = []
    problems: list[RowProblem] = []
    above: PupilRow | None = None
    for number in range(header.last_row + 1, sheet.height + 1):
        if not sheet.filled_columns(number):
            continue
        if reader.continues(number):
            if above is None:
                problems.append(
                    in_row(
                        number,
                        field="last_name",
                        code="no_pupil_above",
                        reason="указан родитель, но не понятно, чей: ученик выше не прочитан",
                        remedy="Исправьте строку ученика и загрузите файл снова.",
                        severity="rejected",
                    )
                )
            else:
                rows.append(reader.read_continuation(number, above))
            continue
        outcome = reader.read(number)
        if isinstance(outcome, PupilRow):
            rows.append(outcome)
            above = outcome
        else:
            problems += outcome
            above = None
    return rows, problems


def _without_shared_snils(pupils: list[ParsedPupil], problems: list[RowProblem]) -> tuple[ParsedPupil, ...]:
    """A СНИЛС that two pupils share belongs to one of them at most; it would link the wrong child."""
    shared = {number for number, times in Counter(pupil.snils for pupil in pupils).items() if number and times > 1}
    for pupil in pupils:
        if pupil.snils in shared:
            problems.append(
                in_row(
                    pupil.rows[0],
                    field="snils",
                    code="shared",
                    reason="тот же СНИЛС указан у другого ученика, значение не загружено",
                    remedy="Сверьте СНИЛС с документом и впишите его в карточку.",
                    severity="warning",
                )
            )
    return tuple(replace(pupil, snils=None) if pupil.snils in shared else pupil for pupil in pupils)
