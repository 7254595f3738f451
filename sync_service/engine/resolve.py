"""Resolve conflicts (invariant 9). Decisions about deletions stand in ``resolve_deletion``, undoing in ``undo``.

A decision names the stamp it was made on; when either side has moved since, it is refused and the case comes
back with the new values. For the school's value the regional value becomes the base it is pushed against, so
that the decision does not reopen; for the region's value the row is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_service.domain.actions import DELETE_KINDS, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, ConflictState, FieldClash, Side
from sync_service.domain.deletions import deletion_clashes
from sync_service.domain.errors import DecisionError, RecordError
from sync_service.domain.links import Link, LinkChange, Snapshot
from sync_service.domain.records import Values
from sync_service.engine import queries_words as words
from sync_service.engine.decisions import Desk, Resolution, journal, not_found
from sync_service.engine.resolve_deletion import deletion_is_stale, resolve_deletion
from sync_service.engine.stores import UnitOfWork


def resolve(desk: Desk, conflict_id: int, choices: Sequence[Choice], *, stamp: str | None = None) -> Resolution:
    """Carry out a decision for every group of the case.

    ``stamp`` is the one shown to the person; None decides on the values as stored. Raises DecisionError when
    the case is gone or decided, a group is left out, or (``stale``) the values have changed since.
    """
    with desk.db.write(desk.school.school_id) as uow:
        conflict, link = _open_case(desk, uow, conflict_id)
        row = _fresh_row(desk, uow, conflict, link, stamp)
        if conflict.kind in DELETE_KINDS:
            done = resolve_deletion(desk, uow, conflict, link, row, choices)
        else:
            done = _resolve_groups(desk, uow, conflict, link, row or {}, choices)
        decided = replace(
            conflict,
            state=ConflictState.RESOLVED,
            choices=tuple(choices),
            decided_at=desk.now(),
            decided_by=desk.actor,
        )
        uow.conflicts.save([decided])
        uow.outbox.wake(conflict.stream, [f"conflicts:{link.link_id}"])
        uow.commit()
    return done


def _open_case(desk: Desk, uow: UnitOfWork, conflict_id: int) -> tuple[Conflict, Link]:
    conflict = uow.conflicts.get(conflict_id)
    if conflict is None:
        raise not_found("Расхождение", conflict_id)
    if conflict.state is not ConflictState.OPEN:
        who = desk.said(conflict.decided_by, conflict.decided_at)
        raise DecisionError(f"Расхождение {conflict_id} уже решено{who}. Обновите список.", stale=True)
    link = uow.links.by_local(conflict.stream, [conflict.local_id]).get(conflict.local_id)
    if link is None:
        raise DecisionError(
            f"Расхождение {conflict_id}: запись больше не связана с ГИС. Обновите список.", stale=True
        )
    return conflict, link


def _fresh_row(desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, stamp: str | None) -> Values | None:
    """Today's row; refuses a decision that was made on other values and stores the new ones in the case."""
    raw = uow.staging.rows(conflict.stream, [link.local_id]).get(link.local_id)
    row = None if raw is None else desk.normalise(conflict.stream, raw)
    if stamp is not None and stamp != conflict.stamp:
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: значения изменились, пока вы решали. Посмотрите новые.",
            stale=True,
        )
    if conflict.kind in DELETE_KINDS and deletion_is_stale(conflict, link, row):
        if conflict.kind is ConflictKind.DELETED_IN_REGION and row is not None:
            uow.conflicts.save([replace(conflict, clashes=deletion_clashes(link.base, row, conflict.kind))])
            uow.commit()
            raise DecisionError(
                f"Расхождение {conflict.conflict_id}: запись в школе изменилась, пока вы решали. "
                "Посмотрите новые значения и решите снова.",
                stale=True,
            )
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: запись в школе за это время "
            f"{'удалили' if row is None else 'вернули'}. Вопрос обновится при следующей сверке.",
            stale=True,
        )
    if row is not None and conflict.kind not in DELETE_KINDS:
        moved = tuple(replace(c, local=row.get(c.field)) for c in conflict.clashes)
        if moved != conflict.clashes:
            uow.conflicts.save([replace(conflict, clashes=moved)])
            uow.commit()
            raise DecisionError(
                f"Расхождение {conflict.conflict_id}: значение в школе изменилось. Посмотрите новое и решите снова.",
                stale=True,
            )
    return row


def _resolve_groups(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, row: Values, choices: Sequence[Choice]
) -> Resolution:
    chosen = {choice.group: choice for choice in choices}
    if missing := [c for c in conflict.clashes if c.group not in chosen]:
        named = ", ".join(f"{words.titles([c.field])} ({c.group})" for c in missing)  # the group is what one types
        raise DecisionError(f"Расхождение {conflict.conflict_id}: не выбрано: {named}.")
    base_local, base_remote = dict(link.base.local), dict(link.base.remote)
    writes: Values = {}
    pushed: list[str] = []
    for group in sorted(conflict.groups):
        clashes = [c for c in conflict.clashes if c.group == group]
        values = outcome(desk, conflict, chosen[group], clashes)
        for clash in clashes:
            # The regional value the decision was made on is agreed to be known (invariant 3).
            base_local[clash.field] = base_remote[clash.field] = clash.remote
            if values[clash.field] != clash.local:
                writes[clash.field] = values[clash.field]
        if any(values[c.field] != c.remote for c in clashes):
            pushed.append(group)
    if writes:
        uow.staging.update(conflict.stream, [(link.local_id, writes)])
    base = Snapshot(base_local, base_remote)
    uow.links.update(
        [LinkChange(link_id=link.link_id, version=link.version, change_version=link.change_version, base=base)]
    )
    if pushed:
        uow.outbox.enqueue(conflict.stream, {link.local_id: pushed})
    fields = [c.field for c in conflict.clashes]
    item = AuditItem(
        stream=conflict.stream,
        act=Act.DECIDE,
        local_id=link.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, link.local_id, row),
        base_local={f: base_local[f] for f in fields},
        before={f: row.get(f) for f in writes} or None,
    )
    journal(uow, desk, Act.DECIDE, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))
    return Resolution(conflict_id=conflict.conflict_id, written=tuple(writes), pushed=tuple(pushed))


def outcome(desk: Desk, conflict: Conflict, choice: Choice, clashes: Sequence[FieldClash]) -> Values:
    """The values a decision gives the fields of one group; DecisionError for typed values that cannot be."""
    match choice.side:
        case Side.LOCAL:
            return {c.field: c.local for c in clashes}
        case Side.GIS:
            return {c.field: c.remote for c in clashes}
        case Side.VALUE:
            typed = choice.values or {}
            known = {c.field for c in clashes}
            if not typed or not set(typed) <= known:
                fields = words.titles(sorted(known))
                raise DecisionError(f"Расхождение {conflict.conflict_id}: другое значение бывает у полей: {fields}.")
            merged = {c.field: typed.get(c.field, c.local) for c in clashes}
            try:
                cleaned = desk.normalise(conflict.stream, dict(merged))
            except RecordError as error:
                raise DecisionError(f"Расхождение {conflict.conflict_id}: {error}") from error
            return {name: cleaned.get(name) for name in merged}
