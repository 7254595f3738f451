"""Push: due outbox entries leave in batches, each under an attempt that is stored before it is sent.

    prepare   one transaction: claim, plan from today's rows, store the attempt
    send      no transaction is open
    settle    one transaction: links, bases, entries, journal, quarantine

An attempt found unanswered belongs to a request whose outcome nobody knows: it is read back first.
"""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.errors import (
    ContractError,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Attempt, AttemptState, EntryState
from sync_service.domain.streams import Stream
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle
from sync_service.engine.guarding_push import deletions_may_leave, seeding_done
from sync_service.engine.ports import WriteResult, WriteStatus
from sync_service.engine.prepare import Prepared, Selection, prepare
from sync_service.engine.readback import read_back
from sync_service.engine.settle import settle
from sync_service.engine.settlement import back_off

# The connector itself minds when the region may be asked again; the entries are due whenever it may.
NOTHING_DONE = (Unreachable, RateLimited)
MOST_ALONE = 3  # records refused by themselves while nothing has passed: the fault is not with them
REFUSED_WHOLE = "refused_whole"


class _BatchRefused(Exception):
    """The region has refused a batch as a whole, and nothing of it was done."""

    def __init__(self, error: ContractError) -> None:
        super().__init__(str(error))
        self.error = error


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
        more, prepared = prepare(cycle, stream, selection, deletions=deletions)
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
            _, prepared = prepare(cycle, stream, None, deletions=deletions, only=ids)
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
