"""Decide holds of the mass-change guard: release exactly this set, discard it, or read the source again.

Nothing here carries the change out. What is released goes its usual way with the next run, where each record is
verified once more; what is discarded is written down so that neither side brings it up again before it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_service.domain.actions import DELETION, audit_item, localise
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.errors import DecisionError
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import UNDECIDED, VALID_FOR, Hold, HoldItem, HoldState, ItemState, set_digest
from sync_service.domain.inbox import Parked
from sync_service.domain.links import EMPTY, Link, LinkChange, LocalId, RemoteId, Snapshot
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.records import Values
from sync_service.domain.releases import OPEN_STATES, ReleaseState
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.guarding import WAITS, held_mark, parked_of, still_held
from sync_service.engine.loading import DEFERRED, canonical, parents_of
from sync_service.engine.stores import UnitOfWork

DISCARDED = "discarded"  # reason of a parked record, code of an outbox entry


def release(desk: Desk, hold_id: int, *, digest: str | None = None) -> Hold:
    """Let exactly this set pass, for 72 hours. A deletion needs a second person: the first word only waits for it.

    Raises DecisionError (``stale``) when ``digest`` is given and the set is another one by now.
    """
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(uow, hold_id)
        if digest is not None and digest != case.digest:
            raise DecisionError(
                f"Задержание {hold_id}: состав изменился, пока вы решали. Посмотрите: holds show {hold_id}.",
                stale=True,
            )
        now = desk.now()
        waiting = case.state is HoldState.SECONDING and case.first_at is not None and now - case.first_at < VALID_FOR
        if case.needs_second and not waiting:
            decided = replace(case, state=HoldState.SECONDING, first_by=desk.actor, first_at=now)
            uow.holds.save([decided])
            _note(uow, desk, decided, "first word of two")
            uow.commit()
            return decided
        if case.needs_second and case.first_by == desk.actor:
            raise DecisionError(
                f"Задержание {hold_id}: удаление подтверждает второй человек, не {desk.actor}. Пусть решит другой."
            )
        items = _standing_items(uow, case)
        decided = replace(
            case, state=HoldState.RELEASED, decided_by=desk.actor, decided_at=now, expires_at=now + VALID_FOR
        )
        uow.holds.save([decided])
        uow.holds.mark([item.item_id for item in items], ItemState.RELEASED)
        _let_go(uow, case, items)
        _note(uow, desk, decided, f"released {len(items)} of {case.digest}")
        uow.commit()
    return decided


def discard(desk: Desk, hold_id: int) -> Hold:
    """The change is not wanted. On the way to the region: deleted rows come back, changed ones stay but are not sent
    until they change again. On the way to the school: nothing is done here until the region changes it again."""
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(uow, hold_id)
        items = _standing_items(uow, case)
        if case.way is Way.PUSH:
            _discard_push(desk, uow, case, items)
        else:
            _discard_pull(desk, uow, case, items)
        decided = replace(case, state=HoldState.DISCARDED, decided_by=desk.actor, decided_at=desk.now())
        uow.holds.save([decided])
        uow.holds.mark([item.item_id for item in items], ItemState.DISCARDED)
        _note(uow, desk, decided, f"discarded {len(items)} of {case.digest}")
        uow.commit()
    return decided


def recheck(desk: Desk, hold_id: int) -> Hold:
    """Read every record of the hold from its source again; what is left of the change is judged afresh with the
    next run. Raises what the look-up raises; nothing has changed then."""
    with desk.db.read(desk.school.school_id) as uow:
        case = _undecided(uow, hold_id)
        place = uow.cursors.get(case.stream)
        ids = [parked.record.remote_id for parked in parked_of(uow, case)]
    found = None
    if case.way is Way.PULL:
        if desk.remote is None:
            raise DecisionError("Для проверки нужна связь с ГИС: повторите, когда она настроена.")
        found = desk.remote.get(case.stream, ids)
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(uow, hold_id)
        if uow.cursors.get(case.stream) != place:
            raise DecisionError("Идёт обмен с ГИС. Повторите через минуту.", stale=True)
        items = _standing_items(uow, case)
        decided = replace(case, state=HoldState.SUPERSEDED, decided_by=desk.actor, decided_at=desk.now())
        uow.holds.save([decided])
        uow.holds.mark([item.item_id for item in items], ItemState.DROPPED)
        if found is not None:
            fresh = {record.remote_id: record for record in found.records}
            uow.inbox.park(
                [
                    replace(parked, record=fresh.get(parked.record.remote_id, parked.record))
                    for parked in parked_of(uow, case)
                ]
            )
        _let_go(uow, case, items)
        _note(uow, desk, decided, f"read again {len(items)} of {case.digest}")
        uow.commit()
    return decided


def undo(desk: Desk, hold_id: int) -> Hold:
    """Take a decision back as far as it has not been carried out: the rest of the set is held again."""
    with desk.db.write(desk.school.school_id) as uow:
        case = uow.holds.get(hold_id)
        if case is None:
            raise not_found("Задержание", hold_id)
        match case.state:
            case HoldState.SECONDING:
                left = _standing_items(uow, case)
            case HoldState.RELEASED:
                left = _hold_again(uow, case, uow.holds.items([hold_id], state=ItemState.RELEASED))
            case HoldState.DISCARDED:
                left = _take_back_discard(desk, uow, case, uow.holds.items([hold_id], state=ItemState.DISCARDED))
            case _:
                raise DecisionError(f"Задержание {hold_id}: отменять нечего.")
        if not left:
            raise DecisionError(
                f"Задержание {hold_id}: решение уже выполнено или записи изменились, отменять нечего."
            )
        if case.state is not HoldState.SECONDING and any(
            other.kind == case.kind for other in uow.holds.undecided(case.stream, case.way)
        ):
            raise DecisionError(f"Задержание {hold_id}: есть новое задержание того же рода. Сначала решите его.")
        uow.holds.mark([item.item_id for item in left], ItemState.HELD)
        reopened = replace(
            case,
            state=HoldState.OPEN,
            records=len(left),
            digest=set_digest(left),
            first_by=None,
            first_at=None,
            decided_by=None,
            decided_at=None,
            expires_at=None,
        )
        uow.holds.save([reopened])
        _note(uow, desk, reopened, f"decision taken back, {len(left)} held again", act=Act.UNDO)
        uow.commit()
    return reopened


# --- what the decisions share ------------------------------------------------------------------------------------


def _undecided(uow: UnitOfWork, hold_id: int) -> Hold:
    case = uow.holds.get(hold_id)
    if case is None:
        raise not_found("Задержание", hold_id)
    if case.state not in UNDECIDED:
        who = f" ({case.decided_by})" if case.decided_by else ""
        raise DecisionError(f"Задержание {hold_id}: уже решено{who} или отпало. Обновите список.", stale=True)
    return case


def _standing_items(uow: UnitOfWork, case: Hold) -> list[HoldItem]:
    """Records the hold really stops now; others dropped out of it and are not part of the decision."""
    items = uow.holds.items([case.hold_id], state=ItemState.HELD)
    standing = still_held(uow, case, items)
    kept = {item.item_id for item in standing}
    uow.holds.mark([item.item_id for item in items if item.item_id not in kept], ItemState.DROPPED)
    return standing


def _entries(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> dict[LocalId, Entry]:
    return uow.outbox.by_local(case.stream, [item.local_id for item in items if item.local_id is not None])


def _let_go(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    """Back into the flow: the next run plans these records from what is known then."""
    if case.way is Way.PUSH:
        uow.outbox.save([replace(entry, state=EntryState.PENDING) for entry in _entries(uow, case, items).values()])
        return
    uow.inbox.park([replace(parked, reason=_reason(case, parked), waits_for=None) for parked in parked_of(uow, case)])


def _reason(case: Hold, parked: Parked) -> str:
    """Where a regional record waited before it was held."""
    if parked.record.deleted:
        return "deletion"
    return "inventory" if case.stream in DEFERRED and case.kind.operation is Operation.CREATE else "guard"


def _note(uow: UnitOfWork, desk: Desk, case: Hold, note: str, *, act: Act = Act.DECIDE) -> None:
    items = uow.holds.items([case.hold_id])
    touched = tuple(
        AuditItem(
            stream=case.stream,
            act=act,
            local_id=item.local_id,
            remote_id=item.remote_id,
            student_id=int(item.local_id) if case.stream is Stream.STUDENTS and item.local_id is not None else None,
        )
        for item in items
    )
    journal(uow, desk, act, f"hold:{case.hold_id}", stream=case.stream, items=touched, note=note)


# --- discarding --------------------------------------------------------------------------------------------------


def _discard_push(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    entries = _entries(uow, case, items)
    match case.kind.operation:
        case Operation.DELETE:
            _bring_back(desk, uow, case, entries)
        case Operation.UPDATE:
            _agree_to_differ(desk, uow, case, list(entries), here=True)
            rest = {i: tuple(g for g in entry.groups if g != case.kind.group) for i, entry in entries.items()}
            uow.outbox.remove([entry.entry_id for i, entry in entries.items() if not rest[i]])
            uow.outbox.save(
                [replace(entry, state=EntryState.PENDING, groups=rest[i]) for i, entry in entries.items() if rest[i]]
            )
        case Operation.CREATE if case.stream is Stream.STUDENTS:
            _withdraw(desk, uow, list(entries))
            uow.outbox.remove([entry.entry_id for entry in entries.values()])
        case Operation.CREATE:
            uow.outbox.save([replace(entry, state=EntryState.REJECTED, code=DISCARDED) for entry in entries.values()])


def _bring_back(desk: Desk, uow: UnitOfWork, case: Hold, entries: dict[LocalId, Entry]) -> None:
    """Rows deleted here come back under their own ids with what was agreed; the region never hears of it."""
    links = uow.links.by_local(case.stream, entries)
    present = uow.staging.rows(case.stream, entries)
    lost = {i: link.base.local for i, link in links.items() if i not in present}
    for name, parent in SPECS[case.stream].references.items():
        wanted = {LocalId(int(values[name] or 0)) for values in lost.values() if values.get(name) is not None}
        if wanted and len(uow.staging.rows(parent, wanted)) < len(wanted):
            raise DecisionError(
                f"Задержание {case.hold_id}: часть записей относится к другим, тоже удалённым ({parent.value}). "
                "Сначала верните их."
            )
    if lost:
        uow.staging.restore_all(case.stream, lost)
    uow.outbox.remove([entry.entry_id for i, entry in entries.items() if i not in present])
    # A row that somebody has put back meanwhile is planned afresh: it may say something else than before.
    uow.outbox.save(
        [
            replace(entry, state=EntryState.PENDING, groups=tuple(g for g in entry.groups if g != DELETION))
            for i, entry in entries.items()
            if i in present
        ]
    )
    items = tuple(
        audit_item(case.stream, Act.DECIDE, i, links[i].remote_id, values, EMPTY) for i, values in lost.items()
    )
    if items:
        journal(uow, desk, Act.DECIDE, f"hold:{case.hold_id}", stream=case.stream, items=items, note="rows restored")


def _discard_pull(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    mixed: set[RemoteId] = set()
    if case.kind.operation is Operation.UPDATE:
        ids = [item.local_id for item in items if item.local_id is not None]
        mixed = _agree_to_differ(desk, uow, case, ids, here=False)
    uow.inbox.park(
        [
            # What else the region changed in such a record goes on with the next run.
            replace(one, reason="guard", waits_for=None)
            if one.record.remote_id in mixed
            else replace(one, reason=DISCARDED)
            for one in parked_of(uow, case)
        ]
    )


def _agree_to_differ(
    desk: Desk, uow: UnitOfWork, case: Hold, local_ids: Sequence[LocalId], *, here: bool
) -> set[RemoteId]:
    """The base of the held group moves by the person's word: each side keeps what it has, and it counts as known
    (invariant 3). Returns the records that differ in other groups too."""
    links = uow.links.by_local(case.stream, local_ids)
    rows = canonical(desk.normalise, case.stream, uow.staging.rows(case.stream, local_ids))
    records = [one.record for one in parked_of(uow, case)] if not here else []
    seen = {
        item.record.remote_id: item.values
        for item in localise(SPECS[case.stream], records, parents_of(uow, SPECS[case.stream], records))
    }
    names = [policy.field for policy in desk.policies[case.stream].groups[case.kind.group]]
    changes: list[LinkChange] = []
    moved: list[AuditItem] = []
    mixed: set[RemoteId] = set()
    for local_id, link in links.items():
        now = rows.get(local_id, {}) if here else seen.get(link.remote_id, {})
        known = link.base.local if here else link.base.remote
        differing: Values = {f: v for f, v in now.items() if f in known and v != known[f]}
        kept = {f: differing[f] for f in names if f in differing}
        if len(kept) < len(differing):
            mixed.add(link.remote_id)
        if not kept:
            continue
        base = (
            Snapshot(link.base.local | kept, link.base.remote)
            if here
            else Snapshot(link.base.local, link.base.remote | kept)
        )
        changes.append(_moved(link, base))
        part = Snapshot({f: base.local[f] for f in kept}, {f: base.remote[f] for f in kept})
        moved.append(audit_item(case.stream, Act.DECIDE, local_id, link.remote_id, link.base.local, part))
    uow.links.update(changes)
    if moved:
        journal(
            uow, desk, Act.DECIDE, f"hold:{case.hold_id}", stream=case.stream, items=tuple(moved), note="kept apart"
        )
    return mixed


def _moved(link: Link, base: Snapshot) -> LinkChange:
    return LinkChange(link_id=link.link_id, version=link.version, change_version=link.change_version, base=base)


def _withdraw(desk: Desk, uow: UnitOfWork, students: Sequence[LocalId]) -> None:
    """The release watch enrols these pupils no more, until their case is reopened."""
    now = desk.now()
    cases = uow.releases.by_student(students).values()
    uow.releases.save(
        [
            replace(one, state=ReleaseState.WITHDRAWN, updated_at=now, closed_at=now, closed_by=desk.actor)
            for one in cases
            if one.state in OPEN_STATES
        ]
    )


# --- taking back -------------------------------------------------------------------------------------------------


def _hold_again(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    """Released records that have not gone yet; what is under way cannot be called back."""
    if case.way is Way.PUSH:
        entries = {i: e for i, e in _entries(uow, case, items).items() if e.state in _CALLABLE}
        uow.outbox.save([replace(entry, state=EntryState.HELD) for entry in entries.values()])
        return [item for item in items if item.local_id in entries]
    ids = [item.remote_id for item in items if item.remote_id is not None]
    parked = [one for one in uow.inbox.parked(case.stream, remote_ids=ids) if one.reason in WAITS]
    uow.inbox.park([replace(one, reason="held", waits_for=held_mark(case.hold_id)) for one in parked])
    back = {one.record.remote_id for one in parked}
    return [item for item in items if item.remote_id in back]


_CALLABLE = (EntryState.PENDING, EntryState.RETRY, EntryState.WAITING)


def _take_back_discard(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    if case.way is Way.PULL:
        ids = [item.remote_id for item in items if item.remote_id is not None]
        parked = uow.inbox.parked(case.stream, reason=DISCARDED, remote_ids=ids)
        uow.inbox.park([replace(one, reason="held", waits_for=held_mark(case.hold_id)) for one in parked])
        if case.kind.operation is Operation.UPDATE:
            _agree_again(desk, uow, case, [i.local_id for i in items if i.local_id is not None], here=False)
        back = {one.record.remote_id for one in parked}
        return [item for item in items if item.remote_id in back]
    if case.kind.operation is Operation.CREATE and case.stream is not Stream.STUDENTS:
        entries = {i: e for i, e in _entries(uow, case, items).items() if e.code == DISCARDED}
        uow.outbox.save([replace(entry, state=EntryState.HELD, code=None) for entry in entries.values()])
        return [item for item in items if item.local_id in entries]
    if case.kind.operation is Operation.UPDATE:
        return _send_after_all(desk, uow, case, items)
    what = "верните их в деле о зачислении: releases reopen" if case.stream is Stream.STUDENTS else "удалите их снова"
    raise DecisionError(f"Задержание {case.hold_id}: записи стоят в базе школы; если они не нужны в ней, {what}.")


def _send_after_all(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    ids = [item.local_id for item in items if item.local_id is not None]
    back = _agree_again(desk, uow, case, ids, here=True)
    uow.outbox.enqueue(case.stream, dict.fromkeys(back, (case.kind.group,)))
    entries = uow.outbox.by_local(case.stream, back)
    uow.outbox.save([replace(entry, state=EntryState.HELD) for entry in entries.values()])
    return [item for item in items if item.local_id in entries]


def _agree_again(
    desk: Desk, uow: UnitOfWork, case: Hold, local_ids: Sequence[LocalId], *, here: bool
) -> list[LocalId]:
    """The base of before :func:`_agree_to_differ`; rows whose two bases agree by now are left alone."""
    changes: list[LinkChange] = []
    back: list[LocalId] = []
    names = [policy.field for policy in desk.policies[case.stream].groups[case.kind.group]]
    for local_id, link in uow.links.by_local(case.stream, local_ids).items():
        known = link.base.remote if here else link.base.local
        other = link.base.local if here else link.base.remote
        differing = {f: known[f] for f in names if f in known and known[f] != other.get(f)}
        if not differing:
            continue
        base = (
            Snapshot(link.base.local | differing, link.base.remote)
            if here
            else Snapshot(link.base.local, link.base.remote | differing)
        )
        changes.append(_moved(link, base))
        back.append(local_id)
    uow.links.update(changes)
    return back
