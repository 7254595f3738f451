"""What a person is told about a class report that did not go in whole: cells, never names (invariant 15)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedFinalMark,
    ParsedMark,
    ReportPupil,
)
from sync_service.engine.import_changes import Changes
from sync_service.engine.import_identity import Doubt
from sync_service.engine.import_report import in_report

ReportCell = ParsedMark | ParsedAbsence | ParsedFinalMark


def all_cells(parsed: ParsedClassReport) -> Iterable[ReportCell]:
    yield from parsed.marks
    yield from parsed.absences
    yield from parsed.final_marks


def cells_of(parsed: ParsedClassReport) -> dict[ReportPupil, list[ReportCell]]:
    cells: dict[ReportPupil, list[ReportCell]] = {}
    for cell in all_cells(parsed):
        cells.setdefault(cell.pupil, []).append(cell)
    return cells


def _row_of(address: str) -> int:
    return int(re.sub(r"\D", "", address))


def _first(cells: Sequence[ReportCell]) -> str | None:
    """The topmost cell, then the leftmost."""
    return min((cell.cell for cell in cells), key=lambda cell: (_row_of(cell), len(cell), cell), default=None)


def _place(cell: str) -> str:
    """A pupil of the report without naming anybody."""
    return f"Таблица ученика, первая отметка в ячейке {cell}"


_REFUSED = {
    "ambiguous_pupil": (
        "в классе несколько карточек с этим именем, не загружено отметок",
        "Внесите отметки этих учеников в журнал вручную или объедините лишние карточки.",
    ),
    "erased": (
        "данные этого ученика уничтожены по акту, не загружено отметок",
        "Если ученик снова зачислен, попросите администратора снять отметку акта и загрузите файл снова.",
    ),
}


def reject_pupil(changes: Changes, cells: Sequence[ReportCell], doubt: Doubt) -> None:
    """Cells of a pupil who may be several, or whose data was destroyed; a table without cells loses nothing."""
    cell = _first(cells)
    if cell is None:
        return
    reason, remedy = _REFUSED[doubt.code]
    changes.report_problem(
        in_report(
            _place(cell),
            row=_row_of(cell),
            cell=cell,
            code=doubt.code,
            reason=f"{reason}: {len(cells)}",
            remedy=remedy,
            severity="rejected",
        ),
        cells=len({cell.cell for cell in cells}),
    )


def report_new_card(
    changes: Changes, parsed: ParsedClassReport, pupil: ReportPupil, cells: Sequence[ReportCell]
) -> None:
    cell = _first(cells)
    changes.report_problem(
        in_report(
            _place(cell) if cell else f"Таблица ученика без отметок, {parsed.pupils.index(pupil) + 1}-я по порядку",
            row=_row_of(cell) if cell else None,
            cell=cell,
            code="new_incomplete_card",
            reason="в классе нет ученика с этим именем, заведена неполная карточка",
            remedy="Дополните карточку или загрузите список учеников; до этого она не отправляется.",
            severity="warning",
        )
    )


def reject_subject(changes: Changes, cells: Sequence[ReportCell]) -> None:
    cell = _first(cells) or ""
    changes.report_problem(
        in_report(
            f"Предмет в строке {_row_of(cell)}",
            row=_row_of(cell),
            cell=cell,
            code="ambiguous_subject",
            reason=f"под этим названием в системе несколько предметов, не загружено отметок: {len(cells)}",
            remedy="Напишите предмет в отчёте точно так, как он называется в системе, и загрузите файл снова.",
            severity="rejected",
        ),
        cells=len({cell.cell for cell in cells}),
    )


def reject_final_marks(changes: Changes, marks: Sequence[ParsedFinalMark]) -> None:
    cell = _first(marks) or ""
    changes.report_problem(
        in_report(
            f"Итоговые оценки, первая в ячейке {cell}",
            row=_row_of(cell),
            cell=cell,
            code="ambiguous_period",
            reason=f"на эти даты в системе несколько учебных периодов, не загружено оценок: {len(marks)}",
            remedy="Оставьте один период с этими датами и загрузите файл снова.",
            severity="rejected",
        ),
        cells=len(marks),
    )


def reject_contradictions(changes: Changes, addresses: Iterable[str]) -> None:
    """Cells of a second row of one subject that contradict the first."""
    for address in addresses:
        changes.report_problem(
            in_report(
                f"Ячейка {address}",
                row=_row_of(address),
                cell=address,
                code="contradiction",
                reason="другая строка того же предмета говорит об этом занятии иное, загружена первая",
                remedy="Оставьте в отчёте одну строку предмета и загрузите файл снова.",
                severity="rejected",
            )
        )
