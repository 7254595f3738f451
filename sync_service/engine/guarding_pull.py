"""The guard in front of the school's own rows: regional changes that may be too many are counted before any write.

Pages stream in, and what a page would create or change cannot be judged before the window is read. When the window
is large enough to matter, such records are set aside with the reason «guard» and settled once it is complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from sync_service.domain.actions import Actions
from sync_service.domain.guards import CREATES, Kind, Operation, Standing
from sync_service.domain.holds import HoldItem, pull_precondition
from sync_service.domain.inbox import Parked
from sync_service.domain.links import RemoteId
from sync_service.domain.planning import PullPage, plan_page
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import RemoteRecord
from sync_service.engine.guarding import Candidate, Sifted, held_mark


def kinds_of(page: PullPage, actions: Actions) -> dict[RemoteId, frozenset[Kind]]:
    """What the plan would do to rows of the school, by regional record. A pair formed now is no update: it only
    fills blanks and takes what the region owns."""
    found = {create.remote_id: frozenset({CREATES}) for create in actions.creates}
    if actions.updates:
        linked = {link.local_id: remote_id for remote_id, link in page.links.items()}
        policies = page.policy.by_field
        for local_id, values in actions.updates:
            remote_id = linked.get(local_id)
            if remote_id is not None:
                groups = frozenset(Kind(Operation.UPDATE, policies[name].group) for name in values)
                found[remote_id] = found.get(remote_id, frozenset()) | groups
    return found


def let_pass(page: PullPage, actions: Actions, standing: Standing, *, careful: bool) -> tuple[Actions, Counter[Kind]]:
    """The actions to apply now with what they count for. With ``careful`` everything the guard counts is set
    aside first."""
    kinds = kinds_of(page, actions)
    if not careful:
        return actions, Counter(kind for of_record in kinds.values() for kind in of_record)
    aside = {remote_id for remote_id, found in kinds.items() if any(map(standing.watches, found))}
    if aside:
        actions, records = plan_without(page, aside)
        actions.park.extend(Parked(record=record, reason="guard") for record in records)
    return actions, Counter()


def plan_without(page: PullPage, aside: Collection[RemoteId]) -> tuple[Actions, list[RemoteRecord]]:
    """The page planned as if it did not hold the records ``aside``, and those records, the newest of repeats."""
    kept = tuple(item for item in page.incoming if item.record.remote_id not in aside)
    actions = plan_page(replace(page, incoming=kept))
    newest: dict[RemoteId, RemoteRecord] = {}
    for item in page.incoming:
        record = item.record
        if record.remote_id not in aside:
            continue
        known = newest.get(record.remote_id)
        if known is not None:
            actions.outcomes[Outcome.UNCHANGED] += 1
        if known is None or (record.change_version or 0) >= (known.change_version or 0):
            newest[record.remote_id] = record
    return actions, list(newest.values())


def candidates(page: PullPage, actions: Actions, standing: Standing) -> list[Candidate]:
    """Everything of a planned page that the guard counts."""
    records = {item.record.remote_id: item.record for item in page.incoming}
    return [
        candidate(records[remote_id], page, kinds)
        for remote_id, kinds in kinds_of(page, actions).items()
        if any(map(standing.watches, kinds))
    ]


def candidate(record: RemoteRecord, page: PullPage, kinds: frozenset[Kind]) -> Candidate:
    link = page.links.get(record.remote_id)
    item = HoldItem(
        remote_id=record.remote_id,
        local_id=link.local_id if link else None,
        precondition=pull_precondition(record, link),
    )
    return Candidate(key=record.remote_id, kinds=kinds, item=item)


def put_on_hold(actions: Actions, records: Sequence[RemoteRecord], sifted: Sifted) -> None:
    """Park the held ones of these records under their hold."""
    for record in records:
        if (hold_id := sifted.held.get(record.remote_id)) is not None:
            actions.park.append(Parked(record=record, reason="held", waits_for=held_mark(hold_id)))
            actions.settle(record.remote_id, Outcome.HELD)
