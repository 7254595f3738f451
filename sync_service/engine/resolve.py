"""Resolve conflicts and undo resolutions (invariant 9, DESIGN.md 4).

A decision names the stamp it was made on; when either side has moved since, it is refused and the case comes
back with the new values. For the school's value the regional value becomes the base it is pushed against, so
that the decision does not reopen; for the region's value the row is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync_service.domain.actions import DELETE_KINDS, DELETION, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, ConflictState, FieldClash, Side
from sync_service.domain.errors import DecisionError, RecordError
from sync_service.domain.links import ClosedBy, Link, LinkChange, Snapshot
from sync_service.domain.outbox import EntryState
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.stores import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a decision has led to: fields written here, groups on their way to the region."""

    conflict_id: int
    written: tuple[str, ...]
    pushed: tuple[str, ...]


def resolve(desk: Desk, conflict_id: int, choices: Sequence[Choice], *, stamp: str | None = None) -> Resolution:
    """Carry out a decision for every group of the case.

    ``stamp`` is the one shown to the person; None decides on the values as stored. Raises DecisionError when
    the case is gone or decided, a group is left out, or (``stale``) the values have changed since.
    """
    with desk.db.write(desk.school.school_id) as uow:
        conflict, link = _open_case(uow, conflict_id)
        row = _fresh_row(desk, uow, conflict, link, stamp)
        if conflict.kind in DELETE_KINDS:
            done = _resolve_deletion(desk, uow, conflict, link, row, choices)
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


def choose_all(conflict: Conflict, side: Side) -> tuple[Choice, ...]:
    """The same side for every group of the case."""
    return tuple(Choice(group=group, side=side) for group in sorted(conflict.groups))


def _open_case(uow: UnitOfWork, conflict_id: int) -> tuple[Conflict, Link]:
    conflict = uow.conflicts.get(conflict_id)
    if conflict is None:
        raise not_found("Расхождение", conflict_id)
    if conflict.state is not ConflictState.OPEN:
        who = f" ({conflict.decided_by}, {conflict.decided_at:%d.%m.%Y %H:%M} UTC)" if conflict.decided_at else ""
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
    if conflict.kind in DELETE_KINDS and _deletion_is_stale(conflict, link, row):
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: запись в школе изменилась, пока вы решали. "
            "Новые значения появятся после следующего обмена.",
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


def _deletion_is_stale(conflict: Conflict, link: Link, row: Values | None) -> bool:
    """Whether the row is not what the question showed: it is back, gone, or was edited since."""
    if conflict.kind is ConflictKind.DELETED_IN_SCHOOL or row is None:
        return (row is None) != (conflict.kind is ConflictKind.DELETED_IN_SCHOOL)
    shown = link.base.local | {c.field: c.local for c in conflict.clashes}
    return any(value != shown.get(name) for name, value in row.items())


def _resolve_groups(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, row: Values, choices: Sequence[Choice]
) -> Resolution:
    chosen = {choice.group: choice for choice in choices}
    if missing := sorted(conflict.groups - set(chosen)):
        raise DecisionError(f"Расхождение {conflict.conflict_id}: не выбрано значение для {', '.join(missing)}.")
    base_local, base_remote = dict(link.base.local), dict(link.base.remote)
    writes: Values = {}
    pushed: list[str] = []
    for group in sorted(conflict.groups):
        clashes = [c for c in conflict.clashes if c.group == group]
        outcome = _outcome(desk, conflict, chosen[group], clashes)
        for clash in clashes:
            # The regional value the decision was made on is agreed to be known (invariant 3).
            base_local[clash.field] = base_remote[clash.field] = clash.remote
            if outcome[clash.field] != clash.local:
                writes[clash.field] = outcome[clash.field]
        if any(outcome[c.field] != c.remote for c in clashes):
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


def _outcome(desk: Desk, conflict: Conflict, choice: Choice, clashes: Sequence[FieldClash]) -> Values:
    match choice.side:
        case Side.LOCAL:
            return {c.field: c.local for c in clashes}
        case Side.GIS:
            return {c.field: c.remote for c in clashes}
        case Side.VALUE:
            typed = choice.values or {}
            known = {c.field for c in clashes}
            if not typed or not set(typed) <= known:
                raise DecisionError(
                    f"Расхождение {conflict.conflict_id}: другое значение бывает у полей {', '.join(sorted(known))}."
                )
            merged = {c.field: typed.get(c.field, c.local) for c in clashes}
            try:
                cleaned = desk.normalise(conflict.stream, dict(merged))
            except RecordError as error:
                raise DecisionError(f"Расхождение {conflict.conflict_id}: {error}") from error
            return {name: cleaned.get(name) for name in merged}


def _resolve_deletion(
    desk: Desk,
    uow: UnitOfWork,
    conflict: Conflict,
    link: Link,
    row: Values | None,
    choices: Sequence[Choice],
) -> Resolution:
    """School's side of «deleted here» is the deletion; of «deleted there» it is the record."""
    if len(choices) != 1 or choices[0].side is Side.VALUE:
        raise DecisionError(f"Расхождение {conflict.conflict_id}: выберите сторону — школа или ГИС.")
    if conflict.stream is Stream.STUDENTS and _deletes(conflict, choices[0].side):
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: карточки учеников не удаляются, ученик выбывает движением."
        )
    pushed: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    match conflict.kind, choices[0].side:
        case ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL:
            uow.outbox.enqueue(conflict.stream, {link.local_id: (DELETION,)})
            # The regional values the decision was made on are agreed to be known (invariant 3).
            seen = {c.field: c.remote for c in conflict.clashes if c.field != DELETION}
            base = Snapshot(link.base.local | seen, link.base.remote | seen)
            uow.links.update(
                [
                    LinkChange(
                        link_id=link.link_id, version=link.version, change_version=link.change_version, base=base
                    )
                ]
            )
            pushed = (DELETION,)
        case ConflictKind.DELETED_IN_SCHOOL, _:
            restored = {c.field: c.remote for c in conflict.clashes if c.field != DELETION}
            _restore(uow, conflict.stream, link, {**link.base.remote, **restored})
            written = tuple(restored)
        case ConflictKind.DELETED_IN_REGION, Side.LOCAL:
            # The record is sent as a new one: its old link is closed and keeps the proof.
            _close(uow, link)
            uow.outbox.enqueue(conflict.stream, {link.local_id: desk.policies[conflict.stream].groups})
            pushed = tuple(desk.policies[conflict.stream].groups)
        case _:
            uow.staging.delete(conflict.stream, [link.local_id])
            _close(uow, link)
            written = (DELETION,)
    item = AuditItem(
        stream=conflict.stream,
        act=Act.DECIDE,
        local_id=link.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, link.local_id, row or link.base.local),
        before=row if written == (DELETION,) else None,
    )
    journal(uow, desk, Act.DECIDE, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))
    return Resolution(conflict_id=conflict.conflict_id, written=written, pushed=pushed)


def _deletes(conflict: Conflict, side: Side) -> bool:
    return (conflict.kind is ConflictKind.DELETED_IN_SCHOOL) == (side is Side.LOCAL)


def _close(uow: UnitOfWork, link: Link) -> None:
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


def _restore(uow: UnitOfWork, stream: Stream, link: Link, values: Values) -> None:
    """Bring a deleted row back under its own id: marks and movements of a pupil refer to it."""
    uow.staging.restore(stream, link.local_id, values)
    base = Snapshot.agreed(values)
    uow.links.update(
        [LinkChange(link_id=link.link_id, version=link.version, change_version=link.change_version, base=base)]
    )


# --- undo --------------------------------------------------------------------------------------------------------


def undo(desk: Desk, conflict_id: int) -> Resolution:
    """Take a decision back: the case is open again with the values it was decided on.

    What has not left yet is simply withdrawn. What the region has already taken is compensated: it gets back
    what it held, under a version check, and the case opens when it has confirmed. Refused when either side has
    moved on since: newer data is never overwritten.
    """
    with desk.db.write(desk.school.school_id) as uow:
        conflict = uow.conflicts.get(conflict_id)
        if conflict is None:
            raise not_found("Расхождение", conflict_id)
        if conflict.state is not ConflictState.RESOLVED:
            raise DecisionError(f"Расхождение {conflict_id}: нечего отменять.")
        if conflict.kind in DELETE_KINDS:
            raise DecisionError(
                f"Расхождение {conflict_id}: решение об удалении отменяется новой записью в журнале школы или ГИС."
            )
        link = uow.links.by_local(conflict.stream, [conflict.local_id]).get(conflict.local_id)
        raw = uow.staging.rows(conflict.stream, [conflict.local_id]).get(conflict.local_id)
        if link is None or raw is None:
            raise DecisionError(f"Расхождение {conflict_id}: записи или её связи с ГИС больше нет.", stale=True)
        if uow.conflicts.open_for([link.link_id]):
            raise DecisionError(f"Расхождение {conflict_id}: по этой записи открыто новое. Решите сначала его.")
        row = desk.normalise(conflict.stream, raw)
        done = _undo_groups(desk, uow, conflict, link, row)
        uow.commit()
    return done


def _undo_groups(desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, row: Values) -> Resolution:
    chosen = {choice.group: choice for choice in conflict.choices}
    restore: Values = {}
    compensate = False
    base_local, base_remote = dict(link.base.local), dict(link.base.remote)
    for clash in conflict.clashes:
        decided = _outcome(
            desk, conflict, chosen[clash.group], [c for c in conflict.clashes if c.group == clash.group]
        )
        if row.get(clash.field) != decided[clash.field]:
            raise DecisionError(
                f"Расхождение {conflict.conflict_id}: поле {clash.field} в школе с тех пор изменили. "
                "Отмена затёрла бы новое значение.",
                stale=True,
            )
        if decided[clash.field] != clash.local:
            restore[clash.field] = clash.local
        if link.base.remote.get(clash.field) != clash.remote:
            if link.base.remote.get(clash.field) != decided[clash.field]:
                raise DecisionError(
                    f"Расхождение {conflict.conflict_id}: поле {clash.field} в ГИС с тех пор изменили. "
                    "Отмена затёрла бы новое значение.",
                    stale=True,
                )
            compensate = True
    in_flight = uow.outbox.by_local(conflict.stream, [link.local_id]).get(link.local_id)
    if in_flight is not None and in_flight.state in (EntryState.LEASED, EntryState.UNKNOWN):
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: изменение сейчас отправляется. Повторите через минуту."
        )
    if restore:
        uow.staging.update(conflict.stream, [(link.local_id, restore)])
    if compensate:
        state = ConflictState.UNDOING
        uow.outbox.enqueue(conflict.stream, {link.local_id: sorted(conflict.groups)})
    else:
        state = ConflictState.OPEN
        for clash in conflict.clashes:
            base_local.pop(clash.field, None)
            base_remote.pop(clash.field, None)
            if clash.has_base:
                base_local[clash.field], base_remote[clash.field] = clash.base_local, clash.base_remote
        uow.links.update(
            [
                LinkChange(
                    link_id=link.link_id,
                    version=link.version,
                    change_version=link.change_version,
                    base=Snapshot(base_local, base_remote),
                )
            ]
        )
    uow.conflicts.save([replace(conflict, state=state, choices=(), decided_at=None, decided_by=None)])
    item = AuditItem(
        stream=conflict.stream,
        act=Act.UNDO,
        local_id=link.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, link.local_id, row),
        base_local=None if compensate else base_local,
        base_remote=None if compensate else base_remote,
        before={f: row.get(f) for f in restore} or None,
    )
    journal(uow, desk, Act.UNDO, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))
    return Resolution(
        conflict_id=conflict.conflict_id,
        written=tuple(restore),
        pushed=tuple(sorted(conflict.groups)) if compensate else (),
    )
