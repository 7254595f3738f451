"""Decisions about deletions: one side no longer has the record, the other changed it or must not lose it.

The school's side of «deleted here» is the deletion, of «deleted there» the record; the region's the other way
round. The journal keeps what an undo needs: the row that was deleted, or the values a row was restored with.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.actions import DELETION, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import ClosedBy, Link, LinkChange, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, Resolution, journal
from sync_service.engine.recalling import is_recalled, leave_there
from sync_service.engine.stores import UnitOfWork


def deletion_is_stale(conflict: Conflict, link: Link, row: Values | None) -> bool:
    """Whether the row is not what the question showed: it is back, gone, or was edited since."""
    if conflict.kind is ConflictKind.DELETED_IN_SCHOOL or row is None:
        return (row is None) != (conflict.kind is ConflictKind.DELETED_IN_SCHOOL)
    shown = link.base.local | {c.field: c.local for c in conflict.clashes}
    return any(value != shown.get(name) for name, value in row.items())


def resolve_deletion(
    desk: Desk,
    uow: UnitOfWork,
    conflict: Conflict,
    link: Link,
    row: Values | None,
    choices: Sequence[Choice],
) -> Resolution:
    """Delete on the other side as well, or bring the record back there."""
    if len(choices) != 1 or choices[0].side is Side.VALUE:
        raise DecisionError(f"Расхождение {conflict.conflict_id}: выберите сторону — школа или ГИС.")
    if conflict.stream is Stream.STUDENTS and _deletes(conflict, choices[0].side):
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: карточки учеников не удаляются, ученик выбывает движением."
        )
    pushed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    moved: Values | None = None
    before: Values | None = None
    # The regional values the decision was made on are agreed to be known (invariant 3).
    seen = {c.field: c.remote for c in conflict.clashes if c.field != DELETION}
    match conflict.kind, choices[0].side:
        case ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL:
            uow.outbox.enqueue(conflict.stream, {link.local_id: (DELETION,)})
            move_base(uow, link, Snapshot(link.base.local | seen, link.base.remote | seen))
            moved, pushed = seen, (DELETION,)
        case ConflictKind.DELETED_IN_SCHOOL, _ if is_recalled(link):
            # It stands under another pupil than the row that it was sent from.
            leave_there(desk, uow, conflict.stream, [link], f"conflict:{conflict.conflict_id}")
        case ConflictKind.DELETED_IN_SCHOOL, _:
            # Under its own id: marks and movements of a pupil refer to it.
            moved = {**link.base.remote, **seen}
            uow.staging.restore(conflict.stream, link.local_id, moved)
            move_base(uow, link, Snapshot.agreed(moved))
            written = tuple(seen)
        case ConflictKind.DELETED_IN_REGION, Side.LOCAL:
            # The record is sent as a new one: its old link is closed and keeps the proof.
            close(uow, link)
            uow.outbox.enqueue(conflict.stream, {link.local_id: desk.policies[conflict.stream].groups})
            pushed = tuple(desk.policies[conflict.stream].groups)
        case _:
            before = uow.staging.rows(conflict.stream, [link.local_id]).get(link.local_id)
            uow.staging.delete(conflict.stream, [link.local_id])
            close(uow, link)
            written = (DELETION,)
    item = AuditItem(
        stream=conflict.stream,
        act=Act.DECIDE,
        local_id=link.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, link.local_id, row or link.base.local),
        base_local=moved or None,
        before=before,
    )
    journal(uow, desk, Act.DECIDE, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))
    return Resolution(conflict_id=conflict.conflict_id, written=written, pushed=pushed)


def _deletes(conflict: Conflict, side: Side) -> bool:
    return (conflict.kind is ConflictKind.DELETED_IN_SCHOOL) == (side is Side.LOCAL)


def move_base(uow: UnitOfWork, link: Link, base: Snapshot) -> None:
    """The link is live, with this base; its versions stay."""
    uow.links.update(
        [LinkChange(link_id=link.link_id, version=link.version, change_version=link.change_version, base=base)]
    )


def close(uow: UnitOfWork, link: Link) -> None:
    """The link stays as the proof of what was shared."""
    uow.links.update(
        [
            LinkChange(
                link_id=link.link_id,
                version=link.version,
                change_version=link.change_version,
                closed_by=ClosedBy.DECISION,
            )
        ]
    )
