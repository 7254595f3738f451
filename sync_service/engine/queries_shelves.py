"""Which open conflicts wait for whom: due ones, those passed on, those put off, and what was said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sync_service.domain.cases import CaseMark, CaseNote, Queue, Shelf
from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.stores import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfCounts:
    """Open conflicts as people of one role see them. Who a case was passed to has it among the due ones too."""

    due: int
    passed: int
    later: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """What was said about a case that somebody passed on or put off; moments are ISO 8601 in UTC, ``until`` is
    an ISO day in the school's zone, ``note`` the last one."""

    passed_to: str | None
    passed_by: str | None
    passed_at: str | None
    until: str | None
    note: CaseNote | None


def open_conflicts(
    db: Database, school: School, today: date, role: Role, *, stream: Stream | None = None, shelf: Shelf = Shelf.DUE
) -> list[int]:
    """Open cases on a shelf, oldest first: the order in which the page walks through them."""
    with db.read(school.school_id) as uow:
        return uow.conflicts.open_ids(shelf, role, stream, on=today.isoformat())


def shelf_counts(db: Database, school: School, today: date, role: Role) -> ShelfCounts:
    with db.read(school.school_id) as uow:
        return ShelfCounts(
            **{shelf.value: uow.conflicts.on_shelf(shelf, role, on=today.isoformat()) for shelf in Shelf}
        )


def set_aside(db: Database, school: School, conflict_ids: Sequence[int]) -> dict[int, SetAside]:
    """Of these cases, those that were passed on or put off."""
    with db.read(school.school_id) as uow:
        marks = uow.cases.marks(Queue.CONFLICTS, conflict_ids)
        found = {case_id: mark for case_id, mark in marks.items() if mark.passed_to or mark.postponed_until}
        notes = uow.cases.last_notes(Queue.CONFLICTS, found)
    return {case_id: _aside(mark, notes.get(case_id)) for case_id, mark in found.items()}


def _aside(mark: CaseMark, note: CaseNote | None) -> SetAside:
    return SetAside(
        passed_to=mark.passed_to,
        passed_by=mark.passed_by,
        passed_at=mark.passed_at.isoformat() if mark.passed_at else None,
        until=mark.postponed_until,
        note=note,
    )
