"""Pull: regional pages become staging rows, links, conflicts and parked records, page by page.

A few pages, their cursor and everything that follows from them are one transaction; a crash repeats at most
those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sync_service.domain.actions import Actions
from sync_service.domain.errors import ContractError, CursorExpired, SyncError
from sync_service.domain.guards import Kind, Way
from sync_service.domain.holds import ItemState
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import RemoteId
from sync_service.domain.matching import Match
from sync_service.domain.planning import plan_page
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions
from sync_service.engine.apply import apply
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle
from sync_service.engine.discarding import DISCARDED
from sync_service.engine.due import mark_due
from sync_service.engine.erased import without_erased
from sync_service.engine.guarding import count, open_gate, release_covers, sift
from sync_service.engine.guarding_pull import candidates, let_pass, plan_without, put_on_hold
from sync_service.engine.inventory import match_inventory
from sync_service.engine.loading import DEFERRED, load_page
from sync_service.engine.scopes import begin_reading, begin_seeding, end_reading, unread_under_scope
from sync_service.engine.stores import UnitOfWork

RETRY_CHUNK = 1000
RECORDS_TOGETHER = 5000


def pull_stream(cycle: Cycle, stream: Stream, versions: StreamVersions | None) -> None:
    """Bring one stream up to ``versions.newest``. Pages are durable a few at a time; raises at the first error.

    A stream that was never read to its end under the scope of today is read whole, and nothing of it is deleted
    in this run.
    """
    with cycle.read() as uow:
        cursor = uow.cursors.get(stream)
        if unread_under_scope(cycle, uow, [stream]):
            cycle.no_deletions.add(stream)
    try:
        _pull_pages(cycle, stream, cursor, versions)
    except CursorExpired:
        # Our position is older than the region's memory: read everything anew. That tells nothing of what was
        # deleted meanwhile, since whoever reads everything is spared the tombstones: the stream is compared next.
        _read_everything(cycle, stream, versions, forgotten=True)
        return
    with cycle.read() as uow:
        unread = unread_under_scope(cycle, uow, [stream])
    if unread:
        # What changed since was read first: a reading of everything lists no tombstones.
        _read_everything(cycle, stream, versions)


def _read_everything(
    cycle: Cycle, stream: Stream, versions: StreamVersions | None, *, forgotten: bool = False
) -> None:
    with cycle.write() as uow:
        uow.cursors.reset(stream)
        if forgotten:
            mark_due(uow, [stream], cycle.clock.now())
        uow.commit()
    _pull_pages(cycle, stream, None, versions)


def _pull_pages(cycle: Cycle, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> None:
    begun = cycle.clock.now()
    received = 0
    full = False
    opening = cursor is None
    for pages in _together(cycle.remote.pages(stream, cursor, versions)):
        received += sum(len(page.records) + len(page.rejects) for page in pages)
        totals = [page.total for page in pages if page.total is not None]
        full = pages[-1].full and pages[-1].complete
        _apply_pages(
            cycle,
            stream,
            pages,
            suspicious=full and not received,
            opening=opening,
            expected=max(received, *totals) if len(totals) == len(pages) else None,
        )
        opening = False
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


def _apply_pages(
    cycle: Cycle, stream: Stream, pages: Sequence[Page], *, suspicious: bool, opening: bool, expected: int | None
) -> None:
    """``expected``: records the window may hold, None when the region does not say."""
    planned: list[Actions] = []
    passed: Counter[Kind] = Counter()
    with cycle.write() as uow:
        if suspicious and uow.links.count(stream):
            raise ContractError(
                f"{stream.value}: the region lists no records at all although we share "
                f"{uow.links.count(stream)} with it; nothing was changed, check the regional system"
            )
        if opening:
            begin_reading(cycle, uow, stream)
            begin_seeding(uow, stream, Way.PULL)
        standing = open_gate(cycle, uow, stream, Way.PULL).standing
        room = standing.least_room(cycle.policies[stream].groups, creates=stream not in DEFERRED)
        careful = expected is None or expected > room
        aside = erased = 0
        for page in pages:
            rejects = without_erased(uow, page.rejects)
            aside, erased = aside + len(rejects), erased + len(page.rejects) - len(rejects)
            failed = [(reject.remote_id or reject.payload, reject.signature) for reject in rejects]
            brake(cycle, stream, "pull", failed, of=len(page.records) + len(rejects))
            records = _not_discarded(uow, stream, page.records) if page.full else page.records
            loaded = load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise)
            actions, kinds = let_pass(loaded, plan_page(loaded), standing, careful=careful)
            actions.outcomes[Outcome.UNCHANGED] += len(page.records) - len(records)
            actions.quarantine.extend(cycle.marked(rejected(reject) for reject in rejects))
            apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
            planned.append(actions)
            passed += kinds
        count(uow, stream, Way.PULL, passed, exempt=standing.exempt)
        uow.cursors.put(stream, pages[-1].cursor)
        if pages[-1].full and pages[-1].complete:
            end_reading(cycle, uow, stream)
        cycle.probe("pull.page.before_commit")
        uow.commit()
    cycle.probe("pull.page.after_commit")
    for actions in planned:
        cycle.tally.pulled(actions)
    cycle.tally.rejected(stream, aside)
    cycle.tally.erased(stream, erased)


def _not_discarded(uow: UnitOfWork, stream: Stream, records: Sequence[RemoteRecord]) -> list[RemoteRecord]:
    """Whoever reads everything meets again what a person does not want; that is no news while it is the very same."""
    aside = {
        one.record.remote_id: one.record.change_version
        for one in uow.inbox.parked(stream, reason=DISCARDED, remote_ids=[record.remote_id for record in records])
    }
    missing = object()
    return [r for r in records if r.change_version is None or aside.get(r.remote_id, missing) != r.change_version]


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
    with cycle.write() as uow:
        kept = without_erased(uow, rejects)
        failed = [(reject.remote_id or reject.payload, reject.signature) for reject in kept]
        brake(cycle, stream, "pull", failed, of=len(records) + len(kept))
        uow.quarantine.put(cycle.marked(rejected(reject) for reject in kept))
        _plan_counted(cycle, uow, stream, records, expected=len(records))
    cycle.tally.rejected(stream, len(kept))
    cycle.tally.erased(stream, len(rejects) - len(kept))


def retry_parked(cycle: Cycle, stream: Stream) -> None:
    """Records whose parent has come in the meantime are planned again, oldest first."""
    seen: set[RemoteId] = set()
    while True:
        with cycle.write() as uow:
            parked = [p for p in uow.inbox.ready(stream, RETRY_CHUNK) if p.record.remote_id not in seen]
            if not parked:
                return
            seen.update(p.record.remote_id for p in parked)
            waiting = uow.inbox.counts().get((stream, "parent"), 0)
            _plan_counted(cycle, uow, stream, [p.record for p in parked], expected=waiting)


def _plan_counted(
    cycle: Cycle, uow: UnitOfWork, stream: Stream, listed: Sequence[RemoteRecord], *, expected: int
) -> None:
    """Plan records that come outside of a window; what may be too many is set aside for the guard. Commits."""
    records = _not_discarded(uow, stream, listed)
    page = load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise)
    standing = open_gate(cycle, uow, stream, Way.PULL).standing
    room = standing.least_room(cycle.policies[stream].groups, creates=True)
    actions, kinds = let_pass(page, plan_page(page), standing, careful=expected > room)
    count(uow, stream, Way.PULL, kinds, exempt=standing.exempt)
    actions.outcomes[Outcome.UNCHANGED] += len(listed) - len(records)
    apply_parked(cycle, uow, actions)
    uow.commit()
    cycle.tally.pulled(actions)


def apply_parked(cycle: Cycle, uow: UnitOfWork, actions: Actions) -> None:
    """Carry out what was planned of records that had been set aside; the caller commits."""
    # What was parked and is no news any more (its link is newer by now) leaves the inbox as well.
    actions.unpark.update(i for i, outcome in actions.settled.items() if outcome is Outcome.UNCHANGED)
    apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
    cycle.probe("pull.parked.before_commit")


def _settle_inventory(
    cycle: Cycle, uow: UnitOfWork, stream: Stream, parked: Sequence[Parked], matches: Mapping[RemoteId, Match]
) -> None:
    """The whole inventory is known here: new cards are counted before any of them is written. Commits."""
    records = [p.record for p in parked]
    page = load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise, matches=matches)
    actions = plan_page(page)
    gate = open_gate(cycle, uow, stream, Way.PULL)
    covers = release_covers(cycle, uow, stream, Way.PULL)
    sifted = sift(cycle, uow, gate, covers, candidates(page, actions, gate.standing))
    if sifted.held:
        ids = [RemoteId(str(key)) for key in sifted.held]
        actions, stopped = plan_without(page, set(ids))
        put_on_hold(actions, stopped, sifted)
    count(uow, stream, Way.PULL, sifted.passed, exempt=gate.standing.exempt)
    uow.holds.mark([item.item_id for item in sifted.covered], ItemState.APPLIED)
    apply_parked(cycle, uow, actions)
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
        _settle_inventory(cycle, uow, Stream.STUDENTS, parked, matches)


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
        _settle_inventory(cycle, uow, Stream.GUARDIANS, parked, matches)


def _values(parked: Sequence[Parked]) -> dict[RemoteId, Values]:
    return {p.record.remote_id: p.record.values for p in parked}
