"""Undo decisions about conflicts (invariant 9): the case is open again, as it was before the decision.

What has not left yet is simply withdrawn. What the region has already taken is compensated under a version
check, and the case opens when the region has confirmed. Refused when either side has moved on since: newer
data is never overwritten.
"""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.actions import DELETE_KINDS, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictState, reopened
from sync_service.domain.errors import DecisionError
from sync_service.domain.linked import base_before
from sync_service.domain.links import Link
from sync_service.domain.records import Values
from sync_service.engine import queries_words as words
from sync_service.engine.decisions import Desk, Resolution, journal, not_found
from sync_service.engine.resolve import outcome
from sync_service.engine.resolve_deletion import move_base
from sync_service.engine.stores import UnitOfWork
from sync_service.engine.undo_deletion import idle_entry, undo_deletion


def undo(desk: Desk, conflict_id: int) -> Resolution:
    """Take a decision back. Raises DecisionError, ``stale`` when it would overwrite what came after it."""
    with desk.db.write(desk.school.school_id) as uow:
        conflict = uow.conflicts.get(conflict_id)
        if conflict is None:
            raise not_found("Расхождение", conflict_id)
        if conflict.state is not ConflictState.RESOLVED:
            raise DecisionError(f"Расхождение {conflict_id}: {_WHY_NOT[conflict.state]}", stale=True)
        raw = uow.staging.rows(conflict.stream, [conflict.local_id]).get(conflict.local_id)
        row = None if raw is None else desk.normalise(conflict.stream, raw)
        if conflict.kind in DELETE_KINDS:
            done = undo_deletion(desk, uow, conflict, row)
        else:
            link = uow.links.by_local(conflict.stream, [conflict.local_id]).get(conflict.local_id)
            if link is None or link.link_id != conflict.link_id or row is None:
                raise DecisionError(f"Расхождение {conflict_id}: записи или её связи с ГИС больше нет.", stale=True)
            if uow.conflicts.open_for([link.link_id]):
                raise DecisionError(f"Расхождение {conflict_id}: по этой записи открыто новое. Решите сначала его.")
            done = _undo_groups(desk, uow, conflict, link, row)
        uow.commit()
    return done


_WHY_NOT = {
    ConflictState.OPEN: "решения нет или его уже отменили. Обновите список.",
    ConflictState.CONVERGED: "стороны сошлись сами, отменять нечего.",
    ConflictState.UNDOING: "решение уже отменяется. Обновите список.",
}


def _undo_groups(desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, row: Values) -> Resolution:
    chosen = {choice.group: choice for choice in conflict.choices}
    restore: Values = {}
    compensate = False
    for clash in conflict.clashes:
        decided = outcome(
            desk, conflict, chosen[clash.group], [c for c in conflict.clashes if c.group == clash.group]
        )
        if row.get(clash.field) != decided[clash.field]:
            raise _moved_on(conflict, clash.field, "школе")
        if decided[clash.field] != clash.local:
            restore[clash.field] = clash.local
        if link.base.remote.get(clash.field) != clash.remote:
            if link.base.remote.get(clash.field) != decided[clash.field]:
                raise _moved_on(conflict, clash.field, "ГИС")
            compensate = True
    idle_entry(uow, conflict)
    if restore:
        uow.staging.update(conflict.stream, [(link.local_id, restore)])
    base = base_before(link.base, conflict)
    open_again = reopened(conflict, conflict.clashes)
    if compensate:
        open_again = replace(open_again, state=ConflictState.UNDOING)
        uow.outbox.enqueue(conflict.stream, {link.local_id: sorted(conflict.groups)})
    else:
        move_base(uow, link, base)
    uow.conflicts.save([open_again])
    item = AuditItem(
        stream=conflict.stream,
        act=Act.UNDO,
        local_id=link.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, link.local_id, row),
        base_local=None if compensate else base.local,
        base_remote=None if compensate else base.remote,
        before={f: row.get(f) for f in restore} or None,
    )
    journal(uow, desk, Act.UNDO, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))
    return Resolution(
        conflict_id=conflict.conflict_id,
        written=tuple(restore),
        pushed=tuple(sorted(conflict.groups)) if compensate else (),
    )


def _moved_on(conflict: Conflict, field: str, where: str) -> DecisionError:
    return DecisionError(
        f"Расхождение {conflict.conflict_id}: поле «{words.titles([field])}» в {where} с тех пор изменили. "
        "Отмена затёрла бы новое значение.",
        stale=True,
    )
