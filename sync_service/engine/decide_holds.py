"""Decide holds of the mass-change guard: release exactly this set, discard it, or read the source again.

Nothing here carries the change out. What is released goes its usual way with the next run, where each record is
verified once more; what is discarded is written down so that neither side brings it up again before it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.errors import DecisionError
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import UNDECIDED, VALID_FOR, Hold, HoldItem, HoldState, ItemState, set_digest
from sync_service.domain.inbox import Parked
from sync_service.domain.links import RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.discarding import discard_pull, discard_push, entries_of, take_back_discard
from sync_service.engine.due import mark_due
from sync_service.engine.guarding import WAITS, held_mark, parked_of, still_held
from sync_service.engine.loading import DEFERRED
from sync_service.engine.stores import UnitOfWork


def release(desk: Desk, hold_id: int, *, digest: str | None = None) -> Hold:
    """Let exactly this set pass, for 72 hours. A deletion needs a second person: the first word only waits for it.

    Raises DecisionError (``stale``) when ``digest`` is given and the set is another one by now.
    """
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(desk, uow, hold_id, digest)
        now = desk.now()
        waiting = case.state is HoldState.SECONDING and case.first_at is not None and now - case.first_at < VALID_FOR
        if case.needs_second and not waiting:
            decided = replace(case, state=HoldState.SECONDING, first_by=desk.actor, first_at=now)
            uow.holds.save([decided])
            _note(uow, desk, decided, "first word of two")
            uow.commit()
            return decided
        if case.needs_second and case.first_by == desk.actor:
            me = desk.name_of(desk.actor)
            raise DecisionError(
                f"Задержание {hold_id}: удаление подтверждает второй человек, не {me}. Пусть решит другой."
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


def discard(desk: Desk, hold_id: int, *, digest: str | None = None) -> Hold:
    """The change is not wanted. On the way to the region: deleted rows come back, changed ones stay but are not sent
    until they change again. On the way to the school: nothing is done here until the region changes it again.

    Raises DecisionError (``stale``) when ``digest`` is given and the set is another one by now.
    """
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(desk, uow, hold_id, digest)
        items = _standing_items(uow, case)
        if case.way is Way.PUSH:
            discard_push(desk, uow, case, items)
        else:
            discard_pull(desk, uow, case, items)
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
        case = _undecided(desk, uow, hold_id)
        place = uow.cursors.get(case.stream)
        ids = [parked.record.remote_id for parked in parked_of(uow, case)]
    found = None
    if case.way is Way.PULL:
        if desk.remote is None:
            raise DecisionError("Для проверки нужна связь с ГИС: повторите, когда она настроена.")
        found = desk.remote.get(case.stream, ids)
    with desk.db.write(desk.school.school_id) as uow:
        case = _undecided(desk, uow, hold_id)
        if uow.cursors.get(case.stream) != place:
            raise DecisionError("Идёт сверка с ГИС. Повторите через минуту.", stale=True)
        items = _standing_items(uow, case)
        decided = replace(case, state=HoldState.SUPERSEDED, decided_by=desk.actor, decided_at=desk.now())
        uow.holds.save([decided])
        uow.holds.mark([item.item_id for item in items], ItemState.DROPPED)
        if found is not None:
            _renew(desk, uow, case, {record.remote_id: record for record in found.records})
        _let_go(uow, case, items)
        _note(uow, desk, decided, f"read again {len(items)} of {case.digest}")
        uow.commit()
    return decided


def _renew(desk: Desk, uow: UnitOfWork, case: Hold, fresh: Mapping[RemoteId, RemoteRecord]) -> None:
    """What the region says of the held records now. Of one it does not show any more, or not readably, what was read
    before is no news: a comparison finds out what has become of it."""
    parked = parked_of(uow, case)
    lost = [p.record.remote_id for p in parked if p.record.remote_id not in fresh and not p.record.deleted]
    uow.inbox.park(
        [
            replace(one, record=fresh.get(one.record.remote_id, one.record))
            for one in parked
            if one.record.remote_id not in lost
        ]
    )
    if lost:
        uow.inbox.remove(case.stream, lost)
        mark_due(uow, [case.stream], desk.now())


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
                left = take_back_discard(desk, uow, case, uow.holds.items([hold_id], state=ItemState.DISCARDED))
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


def _undecided(desk: Desk, uow: UnitOfWork, hold_id: int, digest: str | None = None) -> Hold:
    case = uow.holds.get(hold_id)
    if case is None:
        raise not_found("Задержание", hold_id)
    if case.state not in UNDECIDED:
        who = desk.said(case.decided_by, case.decided_at)
        raise DecisionError(f"Задержание {hold_id}: уже решено{who} или отпало. Обновите список.", stale=True)
    if digest is not None and digest != case.digest:
        raise DecisionError(
            f"Задержание {hold_id}: состав изменился, пока вы решали. Посмотрите: holds show {hold_id}.",
            stale=True,
        )
    return case


def _standing_items(uow: UnitOfWork, case: Hold) -> list[HoldItem]:
    """Records the hold really stops now; others dropped out of it and are not part of the decision."""
    items = uow.holds.items([case.hold_id], state=ItemState.HELD)
    standing = still_held(uow, case, items)
    kept = {item.item_id for item in standing}
    uow.holds.mark([item.item_id for item in items if item.item_id not in kept], ItemState.DROPPED)
    return standing


def _let_go(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    """Back into the flow: the next run plans these records from what is known then."""
    if case.way is Way.PUSH:
        uow.outbox.save([replace(entry, state=EntryState.PENDING) for entry in entries_of(uow, case, items).values()])
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


def _hold_again(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    """Released records that have not gone yet; what is under way cannot be called back."""
    if case.way is Way.PUSH:
        entries = {i: e for i, e in entries_of(uow, case, items).items() if e.state in _CALLABLE}
        uow.outbox.save([replace(entry, state=EntryState.HELD) for entry in entries.values()])
        return [item for item in items if item.local_id in entries]
    ids = [item.remote_id for item in items if item.remote_id is not None]
    parked = [one for one in uow.inbox.parked(case.stream, remote_ids=ids) if one.reason in WAITS]
    uow.inbox.park([replace(one, reason="held", waits_for=held_mark(case.hold_id)) for one in parked])
    back = {one.record.remote_id for one in parked}
    return [item for item in items if item.remote_id in back]


_CALLABLE = (EntryState.PENDING, EntryState.RETRY, EntryState.WAITING)
