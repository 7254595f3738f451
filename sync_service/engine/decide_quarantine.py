"""Poison records: try again, or discard until the record changes (invariant 6)."""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.audit import Act
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import RemoteId
from sync_service.domain.planning import plan_page
from sync_service.domain.streams import Stream
from sync_service.engine.apply import apply
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.loading import load_page
from sync_service.engine.stores import UnitOfWork


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
            raise DecisionError("Идёт обмен с ГИС. Повторите через минуту.", stale=True)
        page = load_page(uow, desk.policies, stream, found.records, normalise=desk.normalise)
        actions = plan_page(page)
        # A record that waits again stays in the inbox: removing it here would lose it for good.
        actions.unpark.update(actions.settled.keys() - {parked.record.remote_id for parked in actions.park})
        apply(uow, actions, actor=desk.actor, cause="quarantine:retry")
        done = {record.remote_id for record in found.records}
        uow.quarantine.remove([item.item_id for item in items if item.remote_id in done])
        uow.commit()
    return len(done)


def _send_again(desk: Desk, stream: Stream, items: Sequence[QuarantineItem]) -> int:
    with desk.db.write(desk.school.school_id) as uow:
        locals_ = [item.local_id for item in items if item.local_id is not None]
        groups = tuple(desk.policies[stream].groups)
        uow.outbox.enqueue(stream, dict.fromkeys(locals_, groups))
        uow.quarantine.remove([item.item_id for item in items])
        journal(uow, desk, Act.DECIDE, "quarantine:retry", stream=stream, local_ids=tuple(locals_))
        uow.commit()
    return len(items)


def discard(desk: Desk, item_id: int) -> None:
    """Set the record aside for good; it comes back by itself when it changes on either side."""
    with desk.db.write(desk.school.school_id) as uow:
        item = _get(uow, item_id)
        uow.quarantine.remove([item_id])
        if item.direction == "push" and item.local_id is not None:
            entry = uow.outbox.by_local(item.stream, [item.local_id]).get(item.local_id)
            if entry is not None:
                uow.outbox.remove([entry.entry_id])
        locals_ = () if item.local_id is None else (item.local_id,)
        note = f"discarded {item.code}"
        journal(uow, desk, Act.DECIDE, f"quarantine:{item_id}", stream=item.stream, local_ids=locals_, note=note)
        uow.commit()


def _get(uow: UnitOfWork, item_id: int) -> QuarantineItem:
    item = uow.quarantine.get(item_id)
    if item is None:
        raise not_found("Карантин", item_id)
    return item
