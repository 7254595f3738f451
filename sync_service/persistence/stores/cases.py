"""Notes and marks on cases of any queue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sync_service.domain.cases import CaseMark, CaseNote, Queue
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema.people import case_marks, case_notes
from sync_service.persistence.transactions import Transaction

_NOTES = "SELECT author, at, note FROM case_notes WHERE case_id = ? AND queue = ? AND school_id = ? ORDER BY id"
_MARKS = (
    "SELECT case_id, postponed_until, passed_to, passed_by, passed_at, open_by, open_at FROM case_marks"
    " WHERE school_id = ? AND queue = ? AND case_id {ints}"
)
_LAST_NOTES = (
    "SELECT case_id, author, at, note FROM case_notes WHERE id IN (SELECT max(id) FROM case_notes"
    " WHERE school_id = ? AND queue = ? AND case_id {ints} GROUP BY case_id)"
)
_COLUMNS = ("postponed_until", "passed_to", "passed_by", "passed_at", "open_by", "open_at")
_AGAIN = "ON CONFLICT (school_id, queue, case_id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _COLUMNS
)


class Cases:
    """What people wrote beside a case."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add_note(self, queue: Queue, case_id: int, *, author: str, text: str) -> None:
        row: tuple[Any, ...] = (queue.value, case_id, author, stamp(self._tx.now()), text)
        self._tx.insert_new(case_notes, ("queue", "case_id", "author", "at", "note"), [row])

    def notes(self, queue: Queue, case_id: int) -> list[CaseNote]:
        """Oldest first."""
        rows = self._tx.query(_NOTES, case_id, queue.value, self._tx.school)
        return [CaseNote(author=author, at=moment(at), text=text) for author, at, text in rows]

    def last_notes(self, queue: Queue, case_ids: Iterable[int]) -> dict[int, CaseNote]:
        wanted = list(case_ids)
        rows = self._tx.query(_LAST_NOTES, self._tx.school, queue.value, wanted) if wanted else []
        return {case_id: CaseNote(author=author, at=moment(at), text=text) for case_id, author, at, text in rows}

    def marks(self, queue: Queue, case_ids: Iterable[int]) -> dict[int, CaseMark]:
        wanted = list(case_ids)
        rows = self._tx.query(_MARKS, self._tx.school, queue.value, wanted) if wanted else []
        return {
            case_id: CaseMark(
                postponed_until=until,
                passed_to=passed,
                passed_by=passed_by,
                passed_at=moment_or_none(passed_at),
                open_by=by,
                open_at=moment_or_none(opened),
            )
            for case_id, until, passed, passed_by, passed_at, by, opened in rows
        }

    def mark(self, queue: Queue, case_id: int, mark: CaseMark) -> None:
        row = (
            self._tx.school,
            queue.value,
            case_id,
            mark.postponed_until,
            mark.passed_to,
            mark.passed_by,
            stamp_or_none(mark.passed_at),
            mark.open_by,
            stamp_or_none(mark.open_at),
        )
        self._tx.insert(case_marks, ("school_id", "queue", "case_id", *_COLUMNS), [row], _AGAIN)
