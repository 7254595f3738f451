"""Where an import, or a person in «Движение», writes: every change is counted and noted for the audit journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.school_files import RowProblem
from sync_service.domain.streams import Stream
from sync_service.engine.import_report import FileKind, ImportCounts, ImportReport
from sync_service.engine.stores import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New values of an existing row, and the row as it was; ``student_id`` is the pupil it is about."""

    local_id: LocalId
    values: Values
    row: Values
    student_id: LocalId


class Changes:
    """Writes of one import inside the caller's unit of work; the caller commits, or does not.

    Each method costs a constant number of statements.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        streams: Iterable[Stream],
        problems: Sequence[RowProblem] = (),
        *,
        act: Act = Act.IMPORT,
    ) -> None:
        self._uow = uow
        self._act = act
        self._counts = {stream: ImportCounts() for stream in streams}
        self._problems = list(problems)
        self._unaddressed = 0
        self._touched: dict[LocalId, Values | None] = {}
        self._replaced: list[AuditItem] = []

    def insert(self, stream: Stream, rows: Sequence[Values], students: Iterable[LocalId] = ()) -> list[LocalId]:
        """New rows, ids in their order. ``students`` are the pupils they are about; a new card is about itself."""
        if not rows:
            return []
        ids = self._uow.staging.insert(stream, rows)
        self._counts[stream].added += len(ids)
        for student_id in ids if stream is Stream.STUDENTS else students:
            self._touched.setdefault(student_id, None)
        return ids

    def update(self, stream: Stream, changes: Sequence[Change], *, unchanged: int = 0) -> None:
        """Write the changes that change something; ``unchanged`` more rows were compared and found equal."""
        real = [change for change in changes if change.values]
        counts = self._counts[stream]
        counts.updated += len(real)
        counts.unchanged += unchanged + len(changes) - len(real)
        if not real:
            return
        self._uow.staging.update(stream, [(change.local_id, change.values) for change in real])
        for change in real:
            before = {name: change.row.get(name) for name in change.values}
            if stream is Stream.STUDENTS:
                self._touched[change.local_id] = before
                continue
            self._touched.setdefault(change.student_id, None)
            self._replaced.append(
                AuditItem(
                    stream=stream,
                    act=self._act,
                    local_id=change.local_id,
                    student_id=change.student_id,
                    before=before,
                )
            )

    def report_problem(self, problem: RowProblem, *, cells: int = 0) -> None:
        """Tell a person. ``cells`` is the number of cells left out where one sentence speaks of several."""
        self._problems.append(problem)
        if cells:
            self._unaddressed += cells - 1

    def audit_items(self) -> tuple[AuditItem, ...]:
        """One item per pupil that something changed for, then every other row of which values were replaced."""
        touched = (
            AuditItem(
                stream=Stream.STUDENTS, act=self._act, local_id=student_id, student_id=student_id, before=before
            )
            for student_id, before in sorted(self._touched.items())
        )
        return (*touched, *self._replaced)

    def report(self, kind: FileKind, *, dry_run: bool) -> ImportReport:
        places = {
            problem.row if kind == "pupil_list" else (problem.row, problem.cell)
            for problem in self._problems
            if problem.severity == "rejected"
        }
        return ImportReport(
            kind=kind,
            dry_run=dry_run,
            streams=self._counts,
            rejected=len(places) + self._unaddressed,
            problems=tuple(sorted(self._problems, key=lambda problem: problem.row or 0)),
        )
