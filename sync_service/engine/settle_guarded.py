"""Settle what was set aside because a window was large: count it whole, hold what is too much, apply the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sync_service.domain.actions import Actions
from sync_service.domain.guards import Way
from sync_service.domain.holds import ItemState
from sync_service.domain.links import RemoteId
from sync_service.domain.planning import plan_page
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle
from sync_service.engine.guarding import count, open_gate, release_covers, sift
from sync_service.engine.guarding_pull import candidates, kinds_of, put_on_hold
from sync_service.engine.loading import load_page
from sync_service.engine.pull import apply_parked

CHUNK = 1000


def settle_guarded(cycle: Cycle, stream: Stream) -> None:
    """Count what the complete window would create or change, hold what is too much, and apply the rest."""
    with cycle.write() as uow:
        ids = [p.record.remote_id for p in uow.inbox.parked(stream, reason="guard")]
        if not ids:
            return
        gate = open_gate(cycle, uow, stream, Way.PULL)
        found = []
        records: list[RemoteRecord] = []
        for chunk in _chunks(ids):
            parked = uow.inbox.parked(stream, remote_ids=chunk)
            page = load_page(uow, cycle.policies, stream, [p.record for p in parked], normalise=cycle.normalise)
            found.extend(candidates(page, plan_page(page), gate.standing))
            records.extend(p.record for p in parked)
        sifted = sift(cycle, uow, gate, release_covers(cycle, uow, stream, Way.PULL), found)
        actions = Actions(stream=stream)
        put_on_hold(actions, records, sifted)
        apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
        cycle.probe("pull.guard.before_commit")
        uow.commit()
    cycle.tally.pulled(actions)
    covered = {item.remote_id: item.item_id for item in sifted.covered}
    for chunk in _chunks([i for i in ids if i not in sifted.held]):
        cycle.check_stop()
        with cycle.write() as uow:
            chosen = [p.record for p in uow.inbox.parked(stream, reason="guard", remote_ids=chunk)]
            page = load_page(uow, cycle.policies, stream, chosen, normalise=cycle.normalise)
            actions = plan_page(page)
            kinds = kinds_of(page, actions)
            passed = Counter(kind for i, of_record in kinds.items() if i not in covered for kind in of_record)
            count(uow, stream, Way.PULL, passed, exempt=gate.standing.exempt)
            uow.holds.mark([covered[i] for i in chunk if i in covered], ItemState.APPLIED)
            apply_parked(cycle, uow, actions)
            uow.commit()
        cycle.tally.pulled(actions)


def _chunks(ids: Sequence[RemoteId]) -> Iterator[Sequence[RemoteId]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
