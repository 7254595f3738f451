"""Push: due outbox entries leave in batches, each under an attempt that is stored before it is sent.

    prepare   one transaction: claim, plan from today's rows, store the attempt
    send      no transaction is open
    settle    one transaction: links, bases, entries, journal, quarantine

An attempt found unanswered belongs to a request whose outcome nobody knows: it is read back first.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync_service.domain.errors import (
    ContractError,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Attempt, AttemptItem, AttemptState, EntryState
from sync_service.domain.pushing import Departure, PushPage, plan_push, to_remote_references
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle
from sync_service.engine.departing import load_push
from sync_service.engine.guarding_push import deletions_may_leave, hold_back, seeding_done
from sync_service.engine.ports import Op, WriteItem, WriteResult, WriteStatus
from sync_service.engine.readback import read_back
from sync_service.engine.settle import settle
from sync_service.engine.settlement import back_off
from sync_service.engine.stores import UnitOfWork

# The connector itself minds when the region may be asked again; the entries are due whenever it may.
NOTHING_DONE = (Unreachable, RateLimited)
MOST_ALONE = 3  # records refused by themselves while nothing has passed: the fault is not with them
REFUSED_WHOLE = "refused_whole"


class _BatchRefused(Exception):
    """The region has refused a batch as a whole, and nothing of it was done."""

    def __init__(self, error: ContractError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A stored attempt and the same items as they leave."""

    attempt: Attempt
    items: tuple[WriteItem, ...]


@dataclass(slots=True, kw_only=True)
class Selection:
    """What a reviewed plan lets leave: operation and values by row. Nothing else is claimed, read back, held or
    sent; each row is tried once, and what does not leave exactly as planned stays for the next run."""

    planned: Mapping[LocalId, tuple[str, Values]]
    tried: set[LocalId] = field(default_factory=set)
    answers: dict[LocalId, WriteStatus] = field(default_factory=dict)

    @property
    def left(self) -> list[LocalId]:
        return sorted(self.planned.keys() - self.tried)

    def keep(self, departure: Departure) -> None:
        """Strike from ``departure`` what differs from the plan."""
        departure.items = [item for item in departure.items if self._fits(item)]

    def _fits(self, item: AttemptItem) -> bool:
        op, values = self.planned[item.local_id]
        leaving = {name: value for name, value in item.values.items() if value is not None or item.op != Op.CREATE}
        return item.op == op and leaving == values


def push_stream(cycle: Cycle, stream: Stream, selection: Selection | None = None) -> None:
    """Send everything due of one stream; raises at the first error that concerns more than a record.

    ``selection``: of what is due only this, which a person has reviewed; the guard has no say, and nothing follows
    from an answer but its acknowledgement.
    """
    if selection is not None:
        read_back(cycle, stream, only=selection.planned.keys())
        _send_all(cycle, stream, selection, deletions=False)
        return
    read_back(cycle, stream)
    deletions, doubt = deletions_may_leave(cycle, stream)
    _send_all(cycle, stream, None, deletions=deletions)
    seeding_done(cycle, stream)
    if doubt is not None:
        raise doubt


def _send_all(cycle: Cycle, stream: Stream, selection: Selection | None, *, deletions: bool) -> None:
    while True:
        cycle.check_stop()
        more, prepared = _prepare(cycle, stream, selection, deletions=deletions)
        if prepared is None:
            if not more:
                return
            continue
        try:
            _send(cycle, stream, prepared, selection)
        except _BatchRefused as refusal:
            if selection is not None or len(prepared.items) == 1:
                raise refusal.error from None
            _send_apart(cycle, stream, prepared, refusal.error, deletions=deletions)


def _send_apart(cycle: Cycle, stream: Stream, whole: Prepared, error: ContractError, *, deletions: bool) -> None:
    """The region has refused a batch as a whole, which names no record: send it in halves, down to single records. As
    soon as a part passes, what is refused by itself is at fault and is set aside (invariant 6). When nothing passes,
    the fault is not with the records; ``error`` is the stream's, and all of them stay due."""
    parts, alone, passed = [_records(whole)], list[Prepared](), False
    while parts:
        part = parts.pop()
        half = len(part) // 2
        for ids in (part[:half], part[half:]):
            cycle.check_stop()
            _, prepared = _prepare(cycle, stream, None, deletions=deletions, only=ids)
            if prepared is None:
                continue
            try:
                _send(cycle, stream, prepared)
            except _BatchRefused:
                if len(prepared.items) > 1:
                    parts.append(_records(prepared))
                    continue
                alone.append(prepared)
                if not passed and len(alone) == MOST_ALONE:
                    raise error from None
            else:
                passed = True
    if not passed:
        raise error
    for prepared in alone:
        (item,) = prepared.items
        settle(
            cycle,
            prepared.attempt,
            [WriteResult(client_ref=item.client_ref, status=WriteStatus.INVALID, code=REFUSED_WHOLE)],
        )
    refused = [(prepared.items[0].client_ref, f"{WriteStatus.INVALID.value}:{REFUSED_WHOLE}:") for prepared in alone]
    brake(cycle, stream, "answers", refused, of=len(alone))


def _records(prepared: Prepared) -> list[LocalId]:
    return [item.local_id for item in prepared.attempt.items]


def _prepare(
    cycle: Cycle,
    stream: Stream,
    selection: Selection | None,
    *,
    deletions: bool,
    only: Sequence[LocalId] | None = None,
) -> tuple[bool, Prepared | None]:
    """(whether entries were claimed, what is to be sent of them); of what is due ``only`` these rows."""
    with cycle.write() as uow:
        if selection is None:
            hold_back(cycle, uow, stream, deletions=deletions)
        only = only if selection is None else selection.left
        limit = cycle.remote.batch_limit
        entries = uow.outbox.claim(stream, limit, cycle.clock.now(), only=only, deletions=deletions)
        if not entries:
            uow.commit()  # what is held now
            return False, None
        page = load_push(cycle, uow, stream, entries)
        departure = plan_push(page)
        if selection is not None:
            selection.tried.update(entry.local_id for entry in entries)
            selection.keep(departure)
        # A question to a person is no failure of the mapping, however many cells of one lesson ask it.
        failed = [(i.local_id, i.signature) for i in departure.quarantine if i.code != "which_lesson"]
        brake(cycle, stream, "push", failed, of=len(entries))
        prepared = _record(cycle, uow, page, departure)
        cycle.probe("push.prepare.before_commit")
        uow.commit()
    cycle.probe("push.prepare.after_commit")
    counts = cycle.report.stream(stream).push
    for outcome, count in departure.counts.items():
        counts.add(outcome, count)
    return True, prepared


def _record(cycle: Cycle, uow: UnitOfWork, page: PushPage, departure: Departure) -> Prepared | None:
    stream = page.spec.stream
    leased = {item.entry_id for item in departure.items}
    changed = list(departure.changed)
    changed.extend(
        replace(
            entry,
            state=EntryState.LEASED,
            tries=entry.tries + 1,
            waiting=None,
            waits_for=None,
            not_before=None,
            dirty_again=False,
        )
        for entry in page.entries
        if entry.entry_id in leased
    )
    uow.outbox.save(changed)
    uow.outbox.remove(departure.done)
    uow.quarantine.put(cycle.marked(departure.quarantine))
    stays = {item.local_id for item in departure.quarantine} | {item.local_id for item in departure.items}
    uow.quarantine.clear(stream, local_ids=[e.local_id for e in page.entries if e.local_id not in stays])
    if not departure.items:
        return None
    items = tuple(
        WriteItem(
            client_ref=item.client_ref,
            op=Op(item.op),
            remote_id=item.remote_id,
            version=item.version,
            values=_leaving(page, item),
        )
        for item in departure.items
    )
    key = idempotency_key(cycle.school.code, stream, items)
    attempt_id = uow.attempts.record(stream, key, departure.items)
    attempt = Attempt(attempt_id=attempt_id, stream=stream, key=key, items=tuple(departure.items))
    return Prepared(attempt=attempt, items=items)


def _leaving(page: PushPage, item: AttemptItem) -> dict[str, str | int | bool | None]:
    values = to_remote_references(page.spec, item.values, page.parents)
    if item.op == Op.CREATE:
        return {name: value for name, value in values.items() if value is not None}
    return values


def idempotency_key(school: str, stream: Stream, items: Sequence[WriteItem]) -> str:
    """New for every attempt, the same for every repetition of the request of one attempt."""
    content = [[i.client_ref, i.op.value, i.version, i.values] for i in items]
    text = json.dumps([school, stream.value, uuid.uuid4().hex, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _send(cycle: Cycle, stream: Stream, prepared: Prepared, selection: Selection | None = None) -> None:
    attempt = prepared.attempt
    cycle.probe("push.before_send")
    cycle.check_lease()  # a process that slept since: its batch is read back and sent by the run that took over
    try:
        results = cycle.remote.write(stream, prepared.items, key=attempt.key)
        cycle.probe("push.after_send")
    except OutcomeUnknown:
        _mark(cycle, attempt, AttemptState.UNKNOWN, EntryState.UNKNOWN)
        read_back(cycle, stream, only=None if selection is None else selection.planned.keys())
        return
    except NOTHING_DONE:
        _mark(cycle, attempt, AttemptState.ANSWERED, EntryState.PENDING, spent=False)
        raise
    except ContractError as error:
        _mark(cycle, attempt, AttemptState.ANSWERED, EntryState.PENDING)
        if type(error) is ContractError:  # neither the stream nor the login is refused
            raise _BatchRefused(error) from error
        raise
    except SyncError as error:
        state = EntryState.RETRY if isinstance(error, TransientError) else EntryState.PENDING
        _mark(cycle, attempt, AttemptState.ANSWERED, state)
        raise
    if selection is not None:
        selection.answers.update((item.local_id, r.status) for item, r in zip(attempt.items, results, strict=True))
    settle(cycle, attempt, results, news=selection is None)
    refused = [
        (r.client_ref, f"{r.status.value}:{r.code}:{r.detail}") for r in results if r.status is WriteStatus.INVALID
    ]
    brake(cycle, stream, "answers", refused, of=len(results))


def _mark(
    cycle: Cycle, attempt: Attempt, attempt_state: AttemptState, entry_state: EntryState, *, spent: bool = True
) -> None:
    """Nothing of the batch is acknowledged; its entries wait for what ``entry_state`` says.

    A try that the region never saw is not ``spent``: an outage must not let the entries of a school back off.
    """
    with cycle.write() as uow:
        entries = uow.outbox.by_local(attempt.stream, [item.local_id for item in attempt.items])
        now = cycle.clock.now()
        uow.outbox.save(
            [
                replace(
                    entry,
                    state=entry_state,
                    tries=entry.tries if spent else max(0, entry.tries - 1),
                    not_before=now + back_off(entry.tries) if entry_state is EntryState.RETRY else None,
                )
                for entry in entries.values()
            ]
        )
        uow.attempts.close(attempt.attempt_id, attempt_state)
        cycle.probe("push.mark.before_commit")
        uow.commit()
