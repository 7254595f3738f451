"""The guard in front of the region: due changes of the school are counted before any of them leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sync_service.domain.actions import DELETION
from sync_service.domain.errors import ContractError, RecordError, SyncError, TransientError
from sync_service.domain.guards import CREATES, DELETES, Kind, Operation, Way, judge
from sync_service.domain.holds import HoldItem, ItemState, push_precondition
from sync_service.domain.outbox import AttemptItem, EntryState
from sync_service.domain.pushing import PushPage, plan_push
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle
from sync_service.engine.departing import load_push
from sync_service.engine.guarding import Candidate, count, open_gate, release_covers, sift
from sync_service.engine.scopes import begin_seeding, end_seeding, exempt, may_delete, unread_under_scope
from sync_service.engine.sentinels import check_sentinels
from sync_service.engine.stores import UnitOfWork


def deletions_may_leave(cycle: Cycle, stream: Stream) -> tuple[bool, SyncError | None]:
    """Whether deletions of the stream may be sent in this run, and the error to report when the region is in
    doubt. Before the first complete reading, and in the run in which it comes, none is sent."""
    with cycle.read() as uow:
        doomed = uow.outbox.deletions(stream)
        if not doomed:
            return True, None
        if not may_delete(cycle, uow, stream):
            return False, None
        known = uow.links.remote_ids(stream, [entry.local_id for entry in doomed])
    try:
        check_sentinels(cycle, stream, besides=known.values())
    except (ContractError, TransientError) as error:
        return False, error
    return True, None


def hold_back(cycle: Cycle, uow: UnitOfWork, stream: Stream, *, deletions: bool) -> None:
    """Put on hold what is too much; to be called in the transaction that claims, before it does."""
    now = cycle.clock.now()
    most = _at_most(uow.outbox.due_groups(stream, now), deletions=deletions)
    if not most:
        return
    if most[CREATES] and not unread_under_scope(cycle, uow, [stream]):
        begin_seeding(uow, stream, Way.PUSH)
    gate = open_gate(cycle, uow, stream, Way.PUSH)
    covers = release_covers(cycle, uow, stream, Way.PUSH)
    if not covers and not judge(most, gate.standing):
        return
    # What groups say is an upper bound: what really leaves is planned, as it is when it leaves.
    page = load_push(cycle, uow, stream, uow.outbox.claim(stream, None, now, deletions=deletions))
    planned = [candidate for item in plan_push(page).items if (candidate := _candidate(page, item)) is not None]
    held = sift(cycle, uow, gate, covers, planned).held
    uow.outbox.save([replace(e, state=EntryState.HELD) for e in page.entries if e.local_id in held])


def _at_most(due: Sequence[tuple[tuple[str, ...], bool, int]], *, deletions: bool) -> Counter[Kind]:
    found: Counter[Kind] = Counter()
    for groups, linked, number in due:
        if DELETION in groups:
            found[DELETES] += number if linked and deletions else 0
        elif not linked:
            found[CREATES] += number
        else:
            found.update({Kind(Operation.UPDATE, group): number for group in groups})
    return +found


def _candidate(page: PushPage, item: AttemptItem) -> Candidate | None:
    row, link = page.rows.get(item.local_id), page.links.get(item.local_id)
    if isinstance(row, RecordError):
        return None
    found = HoldItem(
        local_id=item.local_id,
        remote_id=item.remote_id,
        precondition=push_precondition(row, link),
    )
    return Candidate(key=item.local_id, kinds=frozenset(_kinds(item)), item=found)


def _kinds(item: AttemptItem) -> list[Kind]:
    match item.op:
        case "create":
            return [CREATES]
        case "delete":
            return [DELETES]
        case _:
            return [Kind(Operation.UPDATE, group) for group in item.groups]


def count_sent(cycle: Cycle, uow: UnitOfWork, stream: Stream, items: Sequence[AttemptItem]) -> None:
    """Remember what the region has taken; what a release covers is done with it and does not count."""
    if not items:
        return
    covered = {item.local_id: item for item in uow.holds.covered(stream, Way.PUSH)}
    done = [covered[item.local_id].item_id for item in items if item.local_id in covered]
    uow.holds.mark(done, ItemState.APPLIED)
    kinds = Counter(kind for item in items if item.local_id not in covered for kind in _kinds(item))
    count(uow, stream, Way.PUSH, kinds, exempt=exempt(cycle, uow, stream, Way.PUSH))


def seeding_done(cycle: Cycle, stream: Stream) -> None:
    """Everything due has left, and something has arrived: from now on creates of the stream count."""
    with cycle.write() as uow:
        if uow.links.count(stream) and end_seeding(uow, stream, Way.PUSH):
            uow.commit()
