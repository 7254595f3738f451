"""A class report goes into staging: pupils found by name within the class, marks, absences, final marks.

Cells are written with class, subject, date and ordinal in place of a lesson; their lesson is found later, where
the timetable leaves no doubt. What the report does not name is left alone: missing is not deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sync_service.domain.erasures import in_class
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.school_files import (
    FileRejected,
    ParsedAbsence,
    ParsedClassReport,
    ParsedMark,
    ReportPupil,
)
from sync_service.domain.streams import Stream
from sync_service.engine.import_cell_problems import (
    ReportCell,
    all_cells,
    cells_of,
    reject_contradictions,
    reject_final_marks,
    reject_pupil,
    reject_subject,
    report_new_card,
)
from sync_service.engine.import_cells import CellPlan, Wanted, plan_cells, without_repeats
from sync_service.engine.import_changes import Change, Changes
from sync_service.engine.import_directories import (
    SeveralRows,
    add_classes,
    find_classes,
    find_or_add_period,
    find_or_add_subjects,
)
from sync_service.engine.import_identity import AMBIGUOUS, ERASED, Doubt, Known, identify_reported, name_key
from sync_service.engine.stores import UnitOfWork

STREAMS = (
    Stream.PERIODS,
    Stream.CLASSES,
    Stream.SUBJECTS,
    Stream.STUDENTS,
    Stream.MARKS,
    Stream.FINAL_MARKS,
    Stream.ATTENDANCE,
)
FINAL_KIND = "period"


def import_class_report(uow: UnitOfWork, changes: Changes, parsed: ParsedClassReport) -> None:
    """Write the report into the caller's unit of work; FileRejected when its class is not certain.

    The number of statements does not depend on the number of pupils or cells.
    """
    found = find_classes(uow, [parsed.class_name], parsed.school_year)
    if isinstance(found[parsed.class_name], SeveralRows):
        raise FileRejected(
            code="ambiguous_class",
            reason="В этом учебном году под названием класса из отчёта есть несколько классов.",
            remedy="Напишите класс в отчёте точно так, как он называется в системе, и загрузите файл снова.",
        )
    class_id = add_classes(changes, found, [parsed.class_name], parsed.school_year)[parsed.class_name]
    is_new = found[parsed.class_name] is None
    students = _find_or_add_pupils(uow, changes, parsed, class_id, search=not is_new)
    wanted = _Resolved(uow, changes, parsed, students)
    _write_cells(uow, changes, Stream.MARKS, class_id, wanted.cells(parsed.marks))
    _write_cells(uow, changes, Stream.ATTENDANCE, class_id, wanted.cells(parsed.absences))
    _write_final_marks(uow, changes, parsed, wanted)


def _find_or_add_pupils(
    uow: UnitOfWork, changes: Changes, parsed: ParsedClassReport, class_id: LocalId, *, search: bool
) -> dict[ReportPupil, LocalId]:
    """The card of every pupil that is certain; an incomplete card for those whom nobody here is."""
    students = uow.staging.all_rows(Stream.STUDENTS) if search else {}
    current = uow.staging.current_class(students)
    been_there: set[LocalId] = set()
    for end in ("class_from_id", "class_to_id") if search else ():
        rows = uow.staging.where(Stream.MOVEMENTS, end, [class_id])
        been_there |= {LocalId(int(row["student_id"] or 0)) for row in rows.values()}
    identities = identify_reported(parsed.pupils, class_id, students, current, been_there)
    cells = cells_of(parsed)
    texts = {pupil: in_class(name_key(pupil), class_id) for pupil in parsed.pupils}
    erased = uow.erasures.named(texts.values())
    cards: dict[ReportPupil, LocalId] = {}
    strangers: list[ReportPupil] = []
    for pupil, identity in zip(parsed.pupils, identities, strict=True):
        if isinstance(identity, Known):
            cards[pupil] = identity.local_id
        elif isinstance(identity, Doubt):
            reject_pupil(changes, cells.get(pupil, []), AMBIGUOUS)
        elif texts[pupil] in erased:
            reject_pupil(changes, cells.get(pupil, []), ERASED)
        else:
            strangers.append(pupil)
            report_new_card(changes, parsed, pupil, cells.get(pupil, []))
    rows_to_add: list[Values] = [
        {
            "last_name": pupil.last_name,
            "first_name": pupil.first_name,
            "patronymic": pupil.patronymic,
            "incomplete": True,
            "listed_class_id": class_id,
        }
        for pupil in strangers
    ]
    changes.update(Stream.STUDENTS, (), unchanged=len(cards))
    added = changes.insert(Stream.STUDENTS, rows_to_add)
    return cards | dict(zip(strangers, added, strict=True))


class _Resolved:
    """Cells of the report with local ids; what cannot be resolved is reported once, here."""

    def __init__(
        self, uow: UnitOfWork, changes: Changes, parsed: ParsedClassReport, students: Mapping[ReportPupil, LocalId]
    ) -> None:
        self._changes = changes
        self._students = students
        self._subjects: dict[str, LocalId] = {}
        by_subject: dict[str, list[ReportCell]] = {}
        for cell in all_cells(parsed):
            if cell.pupil in students:
                by_subject.setdefault(cell.subject, []).append(cell)
        for subject, found in find_or_add_subjects(uow, changes, by_subject).items():
            if isinstance(found, int):
                self._subjects[subject] = LocalId(found)
            else:
                reject_subject(changes, by_subject[subject])

    def ids(self, cell: ReportCell) -> tuple[LocalId, LocalId] | None:
        """Pupil and subject of a cell; None when either is in doubt."""
        student_id, subject_id = self._students.get(cell.pupil), self._subjects.get(cell.subject)
        return None if student_id is None or subject_id is None else (student_id, subject_id)

    def cells(self, cells: Iterable[ParsedMark | ParsedAbsence]) -> list[Wanted]:
        """Each resolved cell once."""
        found: list[Wanted] = []
        for cell in cells:
            ids = self.ids(cell)
            if ids is None:
                continue
            position, content = (cell.position, cell.value) if isinstance(cell, ParsedMark) else (1, cell.symbol)
            found.append(
                Wanted(
                    student_id=ids[0],
                    subject_id=ids[1],
                    lesson_date=cell.date,
                    ordinal=cell.ordinal,
                    position=position,
                    content=content,
                    address=cell.cell,
                )
            )
        kept, contradicting = without_repeats(found, lambda item: item.key, lambda item: item.content)
        reject_contradictions(self._changes, (item.address for item in contradicting))
        return kept


def _write_cells(
    uow: UnitOfWork, changes: Changes, stream: Stream, class_id: LocalId, wanted: Sequence[Wanted]
) -> None:
    if not wanted:
        return
    dates = [item.lesson_date for item in wanted]
    pupils = {item.student_id for item in wanted}
    plan: CellPlan = plan_cells(uow.staging.cells(stream, pupils, min(dates), max(dates)), wanted)
    content = "value" if stream is Stream.MARKS else "symbol"
    rows: list[Values] = [
        {
            "student_id": item.student_id,
            "class_id": class_id,
            "subject_id": item.subject_id,
            "lesson_date": item.lesson_date,
            "lesson_ordinal": item.ordinal,
            content: item.content,
            **({"position": item.position, "weight": 1} if stream is Stream.MARKS else {}),
        }
        for item in plan.inserts
    ]
    changes.insert(stream, rows, [item.student_id for item in plan.inserts])
    changes.update(
        stream,
        [
            Change(
                local_id=cell.local_id,
                values={content: item.content},
                row={content: cell.content},
                student_id=item.student_id,
            )
            for cell, item in plan.updates
        ],
        unchanged=plan.unchanged,
    )


def _write_final_marks(uow: UnitOfWork, changes: Changes, parsed: ParsedClassReport, resolved: _Resolved) -> None:
    marks = [(ids, mark) for mark in parsed.final_marks if (ids := resolved.ids(mark)) is not None]
    if not marks:
        return
    period = find_or_add_period(uow, changes, parsed.school_year, parsed.period_from, parsed.period_to)
    if not isinstance(period, int):
        reject_final_marks(changes, [mark for _, mark in marks])
        return
    kept, contradicting = without_repeats(marks, lambda pair: pair[0], lambda pair: pair[1].value)
    reject_contradictions(changes, (mark.cell for _, mark in contradicting))
    pupils = {student_id for (student_id, _), _ in kept}
    stored = {
        (row["student_id"], row["subject_id"]): (local_id, row)
        for local_id, row in uow.staging.where(Stream.FINAL_MARKS, "student_id", pupils).items()
        if row["period_id"] == period and row["kind"] == FINAL_KIND
    }
    added: list[Values] = []
    students: list[LocalId] = []
    updates: list[Change] = []
    for ids, mark in kept:
        student_id, subject_id = ids
        if ids not in stored:
            added.append(
                {
                    "student_id": student_id,
                    "subject_id": subject_id,
                    "period_id": period,
                    "kind": FINAL_KIND,
                    "value": mark.value,
                }
            )
            students.append(student_id)
            continue
        local_id, row = stored[ids]
        values: Values = {"value": mark.value} if row["value"] != mark.value else {}
        updates.append(Change(local_id=local_id, values=values, row=row, student_id=student_id))
    changes.insert(Stream.FINAL_MARKS, added, students)
    changes.update(Stream.FINAL_MARKS, updates)
