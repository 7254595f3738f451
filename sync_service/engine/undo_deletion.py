"""Undo decisions about deletions: a record comes back where it was deleted, or goes where it was made anew.

    decided                        not sent yet            the region has it
    deleted here, take school      deletion withdrawn      the record is created anew, then the case opens
    deleted here, take region      the restored row is deleted here again
    deleted there, take school     creation withdrawn      the new record is deleted, then the case opens
    deleted there, take region     the row comes back under its id, as the journal kept it

What is created or deleted in the region goes the way of any change: school rules, attempt, version check. While
it is on its way the case is «undoing»; newer data on either side ends the undoing, and the decision stands.
"""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.actions import DELETION, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, Side, reopened
from sync_service.domain.deletions import deletion_clashes
from sync_service.domain.errors import DecisionError
from sync_service.domain.linked import base_before
from sync_service.domain.links import Link, LinkState
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.policies import Owner, StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream, children_of
from sync_service.engine.decisions import Desk, Resolution, journal
from sync_service.engine.resolve_deletion import move_base
from sync_service.engine.stores import UnitOfWork


def undo_deletion(desk: Desk, uow: UnitOfWork, conflict: Conflict, row: Values | None) -> Resolution:
    """Take the decision of a delete case back; the caller commits. ``row`` is today's, normalised."""
    link = uow.links.by_id(conflict.link_id)
    if link is None:
        raise _refused(conflict, "её связи с ГИС больше нет")
    if uow.conflicts.open_for([link.link_id]):
        raise DecisionError(f"Расхождение {conflict.conflict_id}: по этой записи открыто новое. Решите сначала его.")
    live = uow.links.by_local(conflict.stream, [conflict.local_id]).get(conflict.local_id)
    entry = idle_entry(uow, conflict)
    match conflict.kind, conflict.choices[0].side:
        case ConflictKind.DELETED_IN_SCHOOL, Side.LOCAL:
            return _recall_deletion(desk, uow, conflict, link, live, row, entry)
        case ConflictKind.DELETED_IN_SCHOOL, _:
            return _delete_again(desk, uow, conflict, link, live, row, entry)
        case ConflictKind.DELETED_IN_REGION, Side.LOCAL if live is None and row is not None:
            return _recall_creation(desk, uow, conflict, link, row, entry)
        case ConflictKind.DELETED_IN_REGION, Side.LOCAL:
            return _delete_creation(desk, uow, conflict, link, live, row)
        case _:
            return _bring_back(desk, uow, conflict, link, live, row)


def idle_entry(uow: UnitOfWork, conflict: Conflict) -> Entry | None:
    """The record's outbox entry; refuses while its change is under way, as nobody knows the outcome yet."""
    entry = uow.outbox.by_local(conflict.stream, [conflict.local_id]).get(conflict.local_id)
    if entry is not None and entry.state in (EntryState.LEASED, EntryState.UNKNOWN):
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: изменение сейчас отправляется. Повторите через минуту."
        )
    return entry


def _recall_deletion(
    desk: Desk,
    uow: UnitOfWork,
    conflict: Conflict,
    link: Link,
    live: Link | None,
    row: Values | None,
    entry: Entry | None,
) -> Resolution:
    """The deletion was sent, or is about to be."""
    if row is not None:
        raise _refused(conflict, "запись снова есть в базе школы")
    if link.state is LinkState.LIVE:
        _drop(uow, entry)
        base = base_before(link.base, conflict)
        move_base(uow, link, base)
        return _open(desk, uow, conflict, link, base.local)
    if live is not None or uow.links.by_remote(conflict.stream, [link.remote_id]):
        raise _refused(conflict, "запись снова есть в ГИС")
    groups = tuple(desk.policies[conflict.stream].groups)
    return _on_its_way(desk, uow, conflict, link, groups, link.base.local)


def _delete_again(
    desk: Desk,
    uow: UnitOfWork,
    conflict: Conflict,
    link: Link,
    live: Link | None,
    row: Values | None,
    entry: Entry | None,
) -> Resolution:
    """The row was restored here with the regional values; it goes when nobody has touched it since."""
    restored = _kept(uow, conflict).base_local
    if row is None or live is None or live.link_id != link.link_id or restored is None:
        raise _refused(conflict, "записи больше нет в базе школы или в ГИС")
    if any(row.get(name) != restored.get(name) for name in desk.policies[conflict.stream].by_field):
        raise _refused(conflict, "запись в базе школы с тех пор изменили")
    if (link.base.local, link.base.remote) != (restored, restored):
        raise _refused(conflict, "запись в ГИС с тех пор изменили")
    _drop(uow, entry)
    uow.staging.delete(conflict.stream, [conflict.local_id])
    base = base_before(link.base, conflict)
    move_base(uow, link, base)
    return _open(desk, uow, conflict, link, base.local, before=row, written=(DELETION,))


def _recall_creation(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, row: Values, entry: Entry | None
) -> Resolution:
    """The record was to be made anew in the region and has not left yet."""
    if uow.links.by_remote(conflict.stream, [link.remote_id]):
        raise _refused(conflict, "запись снова есть в ГИС")
    _drop(uow, entry)
    move_base(uow, link, link.base)
    again = replace(conflict, clashes=deletion_clashes(link.base, row, conflict.kind))
    return _open(desk, uow, again, link, row)


def _delete_creation(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, live: Link | None, row: Values | None
) -> Resolution:
    """The record was made anew in the region; it goes when neither side has touched it since."""
    if row is None or live is None or live.previous_id != link.link_id:
        raise _refused(conflict, "записи больше нет в базе школы или в ГИС")
    if conflict.stream is Stream.STUDENTS:
        raise DecisionError(
            f"Расхождение {conflict.conflict_id}: ученик уже снова зачислен в ГИС. Карточки учеников не удаляются: "
            "внесите выбытие в «Движение»."
        )
    if uow.conflicts.open_for([live.link_id]):
        raise DecisionError(f"Расхождение {conflict.conflict_id}: по этой записи открыто новое. Решите сначала его.")
    decided = link.base.local | {c.field: c.local for c in conflict.clashes if c.field != DELETION}
    if _differs(desk.policies[conflict.stream], decided, row, live.base.local):
        raise _refused(conflict, "запись с тех пор изменили")
    _refuse_with_children(uow, conflict)
    moved = replace(conflict, link_id=live.link_id)
    return _on_its_way(desk, uow, moved, live, (DELETION,), row)


def _differs(policy: StreamPolicy, decided: Values, *others: Values) -> bool:
    """Whether a field the school may write has another value by now."""
    ours = [f.field for f in policy.fields if f.owner is not Owner.GIS]
    return any(values.get(name) != decided.get(name) for values in others for name in ours)


def _refuse_with_children(uow: UnitOfWork, conflict: Conflict) -> None:
    for child, fields in children_of(conflict.stream).items():
        for field in fields:
            rows = uow.staging.where(child, field, [conflict.local_id])
            if rows and uow.links.remote_ids(child, rows):
                raise _refused(conflict, f"к записи в ГИС уже относятся записи «{child.value}»")


def _bring_back(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, live: Link | None, row: Values | None
) -> Resolution:
    """The row was deleted here; the journal kept it whole."""
    before = _kept(uow, conflict).before
    if before is None:
        raise _erased(conflict)
    if row is not None or live is not None:
        raise _refused(conflict, "запись снова есть в базе школы")
    if uow.links.by_remote(conflict.stream, [link.remote_id]):
        raise _refused(conflict, "запись снова есть в ГИС")
    uow.staging.restore(conflict.stream, conflict.local_id, before)
    move_base(uow, link, link.base)
    return _open(desk, uow, conflict, link, before, written=tuple(before))


def _kept(uow: UnitOfWork, conflict: Conflict) -> AuditItem:
    item = uow.audited.decided(f"conflict:{conflict.conflict_id}")
    if item is None:
        raise _erased(conflict)
    return item


def _drop(uow: UnitOfWork, entry: Entry | None) -> None:
    """What was to be sent is withdrawn, and what was wrong with it is of no interest any more."""
    if entry is not None:
        uow.outbox.remove([entry.entry_id])
        uow.quarantine.clear(entry.stream, local_ids=[entry.local_id])


def _open(
    desk: Desk,
    uow: UnitOfWork,
    conflict: Conflict,
    link: Link,
    about: Values,
    *,
    before: Values | None = None,
    written: tuple[str, ...] = (),
) -> Resolution:
    uow.conflicts.save([reopened(conflict, conflict.clashes)])
    _write_down(desk, uow, conflict, link, about, before)
    return Resolution(conflict_id=conflict.conflict_id, written=written, pushed=())


def _on_its_way(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, groups: tuple[str, ...], about: Values
) -> Resolution:
    """The decision and who made it stay in the case until the region has confirmed: it may yet stand."""
    uow.outbox.enqueue(conflict.stream, {conflict.local_id: groups})
    uow.conflicts.save([replace(conflict, state=ConflictState.UNDOING)])
    _write_down(desk, uow, conflict, link, about, None)
    return Resolution(conflict_id=conflict.conflict_id, written=(), pushed=groups)


def _write_down(
    desk: Desk, uow: UnitOfWork, conflict: Conflict, link: Link, about: Values, before: Values | None
) -> None:
    current = uow.links.by_id(link.link_id)
    base = current.base if current is not None and conflict.state is ConflictState.RESOLVED else None
    item = AuditItem(
        stream=conflict.stream,
        act=Act.UNDO,
        local_id=conflict.local_id,
        remote_id=link.remote_id,
        student_id=student_of(conflict.stream, conflict.local_id, about),
        base_local=base.local if base else None,
        base_remote=base.remote if base and base.remote != base.local else None,
        before=before,
    )
    journal(uow, desk, Act.UNDO, f"conflict:{conflict.conflict_id}", stream=conflict.stream, items=(item,))


def _refused(conflict: Conflict, why: str) -> DecisionError:
    return DecisionError(
        f"Расхождение {conflict.conflict_id}: {why}. Отмена затёрла бы более новые сведения.", stale=True
    )


def _erased(conflict: Conflict) -> DecisionError:
    return DecisionError(f"Расхождение {conflict.conflict_id}: сведения о прежней записи стёрты, вернуть её нельзя.")
