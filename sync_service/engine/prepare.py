"""Prepare what leaves: claim due entries, plan them from today's rows, store the attempt. One transaction."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Attempt, AttemptItem, EntryState
from sync_service.domain.pushing import Departure, PushPage, plan_push, to_remote_references
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle
from sync_service.engine.departing import load_push
from sync_service.engine.guarding_push import hold_back
from sync_service.engine.ports import Op, WriteItem, WriteStatus
from sync_service.engine.stores import UnitOfWork


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


def prepare(
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
