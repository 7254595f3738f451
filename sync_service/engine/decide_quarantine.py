"""Poison records: try again, discard until the record changes, take that back (invariant 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sync_service.domain.audit import Act
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.streams import Stream
from sync_service.engine.apply import apply
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.requeue import make_due, plan_again
from sync_service.engine.stores import UnitOfWork


def members(desk: Desk, group: str) -> list[int]:
    """The records of a group, named by its id or by its signature; DecisionError when there are none."""
    with desk.db.read(desk.school.school_id) as uow:
        found = [item.item_id for item in uow.quarantine.items() if group in (item.group, item.signature)]
    if not found:
        raise DecisionError(f"Карантин: группы «{group}» нет. Обновите список.")
    return found


def retry(desk: Desk, item_ids: Sequence[int]) -> int:
    """Try records again: regional ones are read anew and planned, the school's are sent with the next cycle.

    Returns how many left the quarantine. Raises what the look-up raises; nothing has changed then.
    """
    with desk.db.read(desk.school.school_id) as uow:
        items = [_get(uow, item_id) for item_id in item_ids]
    left = 0
    for stream in Stream:
        pulled = [i for i in items if i.stream is stream and i.direction == "pull" and i.remote_id]
        pushed = [i for i in items if i.stream is stream and i.direction == "push"]
        if pulled:
            left += _read_again(desk, stream, pulled)
        if pushed:
            left += _send_again(desk, stream, pushed)
    return left


def _read_again(desk: Desk, stream: Stream, items: Sequence[QuarantineItem]) -> int:
    if desk.remote is None:
        raise DecisionError("Для повтора нужна связь с ГИС: повторите, когда она настроена.")
    ids = [RemoteId(item.remote_id) for item in items if item.remote_id]
    with desk.db.read(desk.school.school_id) as uow:
        place = uow.cursors.get(stream)
    found = desk.remote.get(stream, ids)
    with desk.db.write(desk.school.school_id) as uow:
        if uow.cursors.get(stream) != place:  # what was read may be older than what a run has applied since
            raise DecisionError("Идёт сверка с ГИС. Повторите через минуту.", stale=True)
        actions = plan_again(uow, desk.policies, desk.normalise, stream, items, found)
        mapping = desk.fingerprints.get(stream)
        actions.quarantine = [replace(item, fingerprint=mapping) for item in actions.quarantine]
        apply(uow, actions, actor=desk.actor, cause="quarantine:retry")
        uow.commit()
    return len(items) - len({reject.remote_id for reject in found.rejects})


def _send_again(desk: Desk, stream: Stream, items: Sequence[QuarantineItem]) -> int:
    with desk.db.write(desk.school.school_id) as uow:
        sent = make_due(uow, desk.policies, stream, items)
        uow.quarantine.remove([item.item_id for item in items])
        journal(uow, desk, Act.DECIDE, "quarantine:retry", stream=stream, local_ids=tuple(sent))
        uow.commit()
    return len(items)


def discard(desk: Desk, item_ids: Sequence[int]) -> None:
    """Set records aside until they change on their side; the same content coming again changes nothing."""

    def set_aside(uow: UnitOfWork, items: Sequence[QuarantineItem]) -> None:
        uow.quarantine.discard([item.item_id for item in items], by=desk.actor)
        for stream in Stream:
            ours = [i.local_id for i in items if i.stream is stream and i.direction == "push" and i.local_id]
            entries = uow.outbox.by_local(stream, ours) if ours else {}
            uow.outbox.remove([e.entry_id for e in entries.values() if e.state is EntryState.REJECTED])

    _decide(desk, item_ids, set_aside, act=Act.DECIDE, note="discarded", wanted=False)


def undo_discard(desk: Desk, item_ids: Sequence[int]) -> None:
    """Take a discard back: the records are in quarantine again and are tried with the next cycle."""

    def take_back(uow: UnitOfWork, items: Sequence[QuarantineItem]) -> None:
        uow.quarantine.restore([item.item_id for item in items])

    _decide(desk, item_ids, take_back, act=Act.UNDO, note="restored", wanted=True)


def _decide(
    desk: Desk,
    item_ids: Sequence[int],
    carry_out: Callable[[UnitOfWork, Sequence[QuarantineItem]], None],
    *,
    act: Act,
    note: str,
    wanted: bool,
) -> None:
    """``wanted``: whether the records must be discarded ones."""
    with desk.db.write(desk.school.school_id) as uow:
        items = [_get(uow, item_id) for item_id in item_ids]
        for item in items:
            if (item.discarded_at is not None) is not wanted:
                state = "не отложена" if wanted else f"уже отложена{desk.said(item.discarded_by, item.discarded_at)}"
                raise DecisionError(f"Карантин {item.item_id}: запись {state}. Обновите список.", stale=True)
        carry_out(uow, items)
        for item in items:
            locals_ = () if item.local_id is None else (item.local_id,)
            cause = f"quarantine:{item.item_id}"
            journal(uow, desk, act, cause, stream=item.stream, local_ids=locals_, note=f"{note} {item.code}")
        uow.commit()


def _get(uow: UnitOfWork, item_id: int) -> QuarantineItem:
    item = uow.quarantine.get(item_id)
    if item is None:
        raise not_found("Карантин", item_id)
    return item
