"""Settle the deletions the region has told of, once the stream has been read: what is known by then counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.actions import Actions
from sync_service.domain.conflicts import Conflict, ConflictKind
from sync_service.domain.deletions import ask_about_deletion, plan_deletion, plan_gone
from sync_service.domain.guards import DELETES, Way
from sync_service.domain.holds import ItemState
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId
from sync_service.domain.merging import merge
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle
from sync_service.engine.guarding import count, open_gate, release_covers, sift
from sync_service.engine.guarding_pull import candidate, put_on_hold
from sync_service.engine.loading import canonical, load_page
from sync_service.engine.scopes import may_delete
from sync_service.engine.sentinels import check_sentinels


def settle_deletions(cycle: Cycle, stream: Stream) -> None:
    """Carry out the deletions the region has told of, or hold all of them when they are too many.

    Nothing is deleted in the run that reads a stream for the first time or under another scope, nor while the
    region cannot show what we share with it (ContractError).
    """
    with cycle.read() as uow:
        doomed = [p.record.remote_id for p in uow.inbox.parked(stream, reason="deletion")]
        if not doomed or not may_delete(cycle, uow, stream):
            return
    check_sentinels(cycle, stream, besides=doomed)
    with cycle.write() as uow:
        parked = uow.inbox.parked(stream, reason="deletion")
        records = [p.record for p in parked]
        links = uow.links.by_remote(stream, [p.record.remote_id for p in parked])
        page = load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise)
        facts = _Facts(
            links=links,
            rows=canonical(
                cycle.normalise, stream, uow.staging.rows(stream, [link.local_id for link in links.values()])
            ),
            children=uow.staging.with_children(stream, [link.local_id for link in links.values()]),
            conflicts=uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {},
        )
        real = [record for record in records if _is_deletion(cycle, facts, record)]
        gate = open_gate(cycle, uow, stream, Way.PULL)
        covers = release_covers(cycle, uow, stream, Way.PULL)
        found = [candidate(record, page, frozenset({DELETES})) for record in real]
        sifted = sift(cycle, uow, gate, covers, found)
        actions = Actions(stream=stream)
        put_on_hold(actions, records, sifted)
        for record in records:
            if record.remote_id not in sifted.held:
                _delete_one(cycle, actions, facts, record)
        count(uow, stream, Way.PULL, sifted.passed)
        uow.holds.mark([item.item_id for item in sifted.covered], ItemState.APPLIED)
        apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
        cycle.probe("pull.deletions.before_commit")
        uow.commit()
        cycle.tally.pulled(actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What is known of records the region has deleted."""

    links: Mapping[RemoteId, Link]
    rows: Mapping[LocalId, Values]
    children: set[LocalId]
    conflicts: Mapping[LinkId, Conflict]


def _is_deletion(cycle: Cycle, facts: _Facts, record: RemoteRecord) -> bool:
    """Whether a row would go without a question: it is there, nobody edited it, nothing refers to it."""
    link = facts.links.get(record.remote_id)
    row = facts.rows.get(link.local_id) if link else None
    return link is not None and row is not None and not _in_doubt(cycle, facts, record.stream, link, row)


def _in_doubt(cycle: Cycle, facts: _Facts, stream: Stream, link: Link, row: Values) -> bool:
    """Edited here meanwhile, or a lesson, class or period with children: a case to decide, never a cascade
    (invariant 4)."""
    return (
        link.link_id in facts.conflicts
        or link.local_id in facts.children
        or bool(merge(cycle.policies[stream], link.base, row, link.base.remote).push)
    )


def _delete_one(cycle: Cycle, actions: Actions, facts: _Facts, record: RemoteRecord) -> None:
    link = facts.links.get(record.remote_id)
    row = facts.rows.get(link.local_id) if link else None
    if link is None:
        actions.unpark.add(record.remote_id)
        actions.settle(record.remote_id, Outcome.UNCHANGED)
    elif row is None:
        plan_gone(actions, link, record, facts.conflicts.get(link.link_id))
    elif _in_doubt(cycle, facts, actions.stream, link, row):
        ask_about_deletion(actions, link, row, facts.conflicts.get(link.link_id), ConflictKind.DELETED_IN_REGION)
        actions.unpark.add(record.remote_id)
        actions.settle(record.remote_id, Outcome.CONFLICTS)
    else:
        plan_deletion(actions, link, row, record)
