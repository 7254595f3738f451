"""Pull: regional pages become staging rows, links, conflicts and parked records, page by page.

A few pages, their cursor and everything that follows from them are one transaction; a crash repeats at most
those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sync_service.domain.actions import Actions
from sync_service.domain.conflicts import Conflict, ConflictKind
from sync_service.domain.deletions import ask_about_deletion, plan_deletion
from sync_service.domain.errors import ContractError, CursorExpired, SyncError
from sync_service.domain.guards import deletions_pass
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId
from sync_service.domain.matching import Match
from sync_service.domain.merging import merge
from sync_service.domain.planning import plan_page
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions
from sync_service.engine.apply import apply
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle
from sync_service.engine.due import mark_due
from sync_service.engine.inventory import match_inventory
from sync_service.engine.loading import canonical, load_page
from sync_service.engine.stores import UnitOfWork

RETRY_CHUNK = 1000
RECORDS_TOGETHER = 5000


def pull_stream(cycle: Cycle, stream: Stream, versions: StreamVersions | None) -> None:
    """Bring one stream up to ``versions.newest``. Pages are durable a few at a time; raises at the first error."""
    with cycle.read() as uow:
        cursor = uow.cursors.get(stream)
    try:
        _pull_pages(cycle, stream, cursor, versions)
    except CursorExpired:
        # Our position is older than the region's memory: read everything anew. That tells nothing of what was
        # deleted meanwhile, since whoever reads everything is spared the tombstones: the stream is compared next.
        with cycle.write() as uow:
            uow.cursors.reset(stream)
            mark_due(uow, [stream], cycle.clock.now())
            uow.commit()
        _pull_pages(cycle, stream, None, versions)


def _pull_pages(cycle: Cycle, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> None:
    begun = cycle.clock.now()
    received = 0
    full = False
    for pages in _together(cycle.remote.pages(stream, cursor, versions)):
        received += sum(len(page.records) + len(page.rejects) for page in pages)
        _apply_pages(cycle, stream, pages, suspicious=pages[-1].full and pages[-1].complete and not received)
        full = pages[-1].full and pages[-1].complete
        cycle.check_stop()
    if cursor is None and full:
        # A record without an id cannot be asked for: it has left the quarantine when the whole list lacks it.
        with cycle.write() as uow:
            uow.quarantine.forget_unnamed(stream, before=begun)
            uow.commit()


def _together(pages: Iterator[Page]) -> Iterator[list[Page]]:
    """Pages that share a transaction: a commit waits for the disk, and its price is the same for one page as
    for five. They are read before the transaction begins; what was read before an error is kept."""
    held: list[Page] = []
    records = 0
    try:
        for page in pages:
            held.append(page)
            records += len(page.records)
            if records >= RECORDS_TOGETHER:
                yield held
                held, records = [], 0
    except SyncError:
        if held:
            yield held
        raise
    if held:
        yield held


def _apply_pages(cycle: Cycle, stream: Stream, pages: Sequence[Page], *, suspicious: bool) -> None:
    planned: list[Actions] = []
    with cycle.write() as uow:
        if suspicious and uow.links.count(stream):
            raise ContractError(
                f"{stream.value}: the region lists no records at all although we share "
                f"{uow.links.count(stream)} with it; nothing was changed, check the regional system"
            )
        for page in pages:
            failed = [(reject.remote_id or reject.payload, reject.signature) for reject in page.rejects]
            brake(cycle, stream, "pull", failed, of=len(page.records) + len(page.rejects))
            actions = plan_page(load_page(uow, cycle.policies, stream, page.records, normalise=cycle.normalise))
            actions.quarantine.extend(cycle.marked(rejected(reject) for reject in page.rejects))
            apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
            planned.append(actions)
        uow.cursors.put(stream, pages[-1].cursor)
        cycle.probe("pull.page.before_commit")
        uow.commit()
    cycle.probe("pull.page.after_commit")
    for actions in planned:
        cycle.tally.pulled(actions)
    cycle.tally.rejected(stream, sum(len(page.rejects) for page in pages))


def rejected(reject: Reject) -> QuarantineItem:
    """A regional record that could not be read, as it is set aside."""
    return QuarantineItem(
        stream=reject.stream,
        direction="pull",
        code=reject.code,
        signature=reject.signature,
        reason=reject.reason,
        remote_id=reject.remote_id,
        payload=reject.payload,
    )


def take_in(cycle: Cycle, stream: Stream, records: Sequence[RemoteRecord], rejects: Sequence[Reject]) -> None:
    """Plan records that were asked for by id, outside of any window: like a page, and no cursor moves."""
    failed = [(reject.remote_id or reject.payload, reject.signature) for reject in rejects]
    brake(cycle, stream, "pull", failed, of=len(records) + len(rejects))
    with cycle.write() as uow:
        uow.quarantine.put(cycle.marked(rejected(reject) for reject in rejects))
        _plan_and_commit(cycle, uow, stream, records, None)
    cycle.tally.rejected(stream, len(rejects))


def retry_parked(cycle: Cycle, stream: Stream) -> None:
    """Records whose parent has come in the meantime are planned again, oldest first."""
    seen: set[RemoteId] = set()
    while True:
        with cycle.write() as uow:
            parked = [p for p in uow.inbox.ready(stream, RETRY_CHUNK) if p.record.remote_id not in seen]
            if not parked:
                return
            seen.update(p.record.remote_id for p in parked)
            _plan_and_commit(cycle, uow, stream, [p.record for p in parked], None)


def _plan_and_commit(
    cycle: Cycle,
    uow: UnitOfWork,
    stream: Stream,
    records: Sequence[RemoteRecord],
    matches: Mapping[RemoteId, Match] | None,
) -> None:
    actions = plan_page(load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise, matches=matches))
    # What was parked and is no news any more (its link is newer by now) leaves the inbox as well.
    actions.unpark.update(i for i, outcome in actions.settled.items() if outcome is Outcome.UNCHANGED)
    apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
    cycle.probe("pull.parked.before_commit")
    uow.commit()
    cycle.tally.pulled(actions)


# --- the inventory passes --------------------------------------------------------------------------------------


def settle_students(cycle: Cycle) -> None:
    """Match pupils whose inventory is complete, in one set-based pass; the rest become new cards."""
    with cycle.write() as uow:
        parked = uow.inbox.parked(Stream.STUDENTS, reason="inventory")
        if not parked:
            return
        matches = match_inventory(uow, cycle.normalise, Stream.STUDENTS, _values(parked))
        _plan_and_commit(cycle, uow, Stream.STUDENTS, [p.record for p in parked], matches)


def settle_guardians(cycle: Cycle) -> None:
    """Match parents once it is known whose parents they are (after guardianships were read)."""
    with cycle.write() as uow:
        parked = uow.inbox.parked(Stream.GUARDIANS, reason="inventory")
        if not parked:
            return
        names = [f"{Stream.GUARDIANS.value}:{p.record.remote_id}" for p in parked]
        waiting = uow.inbox.parked(Stream.GUARDIANSHIPS, reason="parent", waits_for=names)
        pairs = [p.record for p in waiting]
        matches = match_inventory(uow, cycle.normalise, Stream.GUARDIANS, _values(parked), pairs)
        _plan_and_commit(cycle, uow, Stream.GUARDIANS, [p.record for p in parked], matches)


def _values(parked: Sequence[Parked]) -> dict[RemoteId, Values]:
    return {p.record.remote_id: p.record.values for p in parked}


# --- deletions -------------------------------------------------------------------------------------------------


def settle_deletions(cycle: Cycle, stream: Stream) -> None:
    """Carry out the deletions the region has told of, or hold all of them when they are too many."""
    with cycle.write() as uow:
        parked = uow.inbox.parked(stream, reason="deletion")
        if not parked:
            return
        actions = Actions(stream=stream)
        links = uow.links.by_remote(stream, [p.record.remote_id for p in parked])
        rows = canonical(
            cycle.normalise, stream, uow.staging.rows(stream, [link.local_id for link in links.values()])
        )
        children = uow.staging.with_children(stream, [link.local_id for link in links.values()])
        conflicts = uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {}
        if deletions_pass(len(parked), of=uow.links.count(stream)):
            for item in parked:
                _delete_one(cycle, actions, item, links, rows, children, conflicts)
        else:
            for item in parked:
                actions.park.append(Parked(record=item.record, reason="held"))
                actions.settle(item.record.remote_id, Outcome.HELD)
        apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
        cycle.probe("pull.deletions.before_commit")
        uow.commit()
        cycle.tally.pulled(actions)


def _delete_one(
    cycle: Cycle,
    actions: Actions,
    item: Parked,
    links: Mapping[RemoteId, Link],
    rows: Mapping[LocalId, Values],
    children: set[LocalId],
    conflicts: Mapping[LinkId, Conflict],
) -> None:
    link = links.get(item.record.remote_id)
    row = rows.get(link.local_id) if link else None
    if link is None or row is None:
        actions.unpark.add(item.record.remote_id)
        actions.settle(item.record.remote_id, Outcome.UNCHANGED)
    elif (
        link.link_id in conflicts
        or link.local_id in children
        or merge(cycle.policies[actions.stream], link.base, row, link.base.remote).push
    ):
        # Edited here meanwhile, or a lesson, class or period with children: a case to decide, never a
        # cascade (invariant 4).
        ask_about_deletion(actions, link, row, conflicts.get(link.link_id), ConflictKind.DELETED_IN_REGION)
        actions.unpark.add(item.record.remote_id)
        actions.settle(item.record.remote_id, Outcome.CONFLICTS)
    else:
        plan_deletion(actions, link, row, item.record)
