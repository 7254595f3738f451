"""Marks whose place in the cell is taken by another mark of the region."""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.links import LocalId
from sync_service.domain.outbox import AttemptItem
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Stream
from sync_service.engine.stores import UnitOfWork


def move_up(uow: UnitOfWork, marks: Sequence[AttemptItem]) -> None:
    """Give marks the next free place of their cell: the region counts another mark at theirs."""
    ours = uow.staging.rows(Stream.MARKS, [mark.local_id for mark in marks])
    cells = uow.staging.where(Stream.MARKS, "lesson_id", {row["lesson_id"] for row in ours.values()})
    last: dict[tuple[Scalar, Scalar], int] = {}
    for row in cells.values():
        cell = row["student_id"], row["lesson_id"]
        last[cell] = max(last.get(cell, 0), int(row["position"] or 1))
    changes: list[tuple[LocalId, Values]] = []
    for mark_id, row in ours.items():
        cell = row["student_id"], row["lesson_id"]
        last[cell] = last.get(cell, 0) + 1
        changes.append((mark_id, {"position": last[cell]}))
    uow.staging.update(Stream.MARKS, changes)
