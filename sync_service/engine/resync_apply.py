"""Applying a plan: exactly its items whose preconditions still hold, the rest is reported as drifted (invariant 10).

    refuse   expired, applied, altered or made with other mapping tables
    lease    the plan's streams, like a run: it never works beside one
    fetch    the regional records of the items anew, no transaction is open
    apply    chunk by chunk, one transaction each: draft from today's facts, compare with the item, engine.apply
    send     of what is due only the plan's entries, if they would leave exactly as planned
    result   per item, in the transaction that wrote it or after its answer

The mass-change guard is not asked: a plan never deletes, and a person has approved its items one by one.
A killed application goes on with the items that have no last word; nothing is done twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.errors import DecisionError, SyncError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.plans import (
    FieldChange,
    ItemResult,
    Plan,
    PlanAct,
    PlanItem,
    PlanKind,
    PlanState,
    plan_digest,
)
from sync_service.domain.records import Scalar
from sync_service.domain.streams import BOTH_WAYS, SPECS, RemoteRecord, Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle
from sync_service.engine.decisions import not_found
from sync_service.engine.drafting import Draft, draft
from sync_service.engine.inventory import match_inventory
from sync_service.engine.leased_run import Job, leased
from sync_service.engine.ports import WriteStatus
from sync_service.engine.prepare import Selection
from sync_service.engine.push import push_stream
from sync_service.engine.resync import chunked, cycle_of, read_pairs
from sync_service.engine.stores import UnitOfWork

_DECLINED = (WriteStatus.DUPLICATE, WriteStatus.NOT_FOUND)
_UNDER_WAY = (EntryState.LEASED, EntryState.UNKNOWN)


def apply_plan(job: Job, plan_id: int) -> Plan:
    """Apply the plan and return it with the results of its items.

    Raises DecisionError when the plan must not be applied, AlreadyRunning when a run holds one of its streams, and
    what reading and sending raise; calling it again then goes on where it stopped, while the plan is valid.
    """
    with job.db.read(job.school.school_id) as uow:
        plan = _valid(job, uow, plan_id)
    streams = tuple(stream for stream in Stream if any(item.stream is stream for item in plan.items))
    if not streams:
        with job.db.write(job.school.school_id) as uow:
            return _end(job, uow, _valid(job, uow, plan_id))
    with leased(job, f"plan:{plan_id}", streams) as (fence, heartbeat):
        cycle = cycle_of(job, f"plan:{plan_id}", fence=fence, stop=heartbeat.stop)
        with cycle.write() as uow:
            plan = _begin(job, uow, plan_id)
        for stream in streams:
            items = [item for item in plan.open_items if item.stream is stream]
            cycle.check_stop()
            _apply_stream(cycle, plan, stream, [item for item in items if item.result is None])
            _send(cycle, plan_id, stream)
        with cycle.write() as uow:
            return _end(job, uow, _stored(uow, plan_id))


# --- whether it may be applied, and its beginning and end ---------------------------------------------------------


def _stored(uow: UnitOfWork, plan_id: int) -> Plan:
    plan = uow.plans.get(plan_id)
    if plan is None:
        raise not_found("План", plan_id)
    return plan


def _valid(job: Job, uow: UnitOfWork, plan_id: int) -> Plan:
    """The plan; DecisionError with the reason when it must not be applied."""
    plan = _stored(uow, plan_id)
    if plan.state is PlanState.APPLIED:
        raise DecisionError(
            f"План {plan_id} уже выполнен ({plan.applied_by}). Составьте новый: ecp-sync resync plan."
        )
    if plan_digest(plan) != plan.digest:
        raise DecisionError(
            f"План {plan_id} изменён после составления: контрольная сумма не сходится. Ничего не записано. "
            "Составьте новый: ecp-sync resync plan."
        )
    if job.clock.now() >= plan.expires_at:
        begun = " Начатое сохранено." if plan.state is PlanState.APPLYING else ""
        raise DecisionError(
            f"План {plan_id} просрочен: он действует 30 минут.{begun} Составьте новый: ecp-sync resync plan.",
            stale=True,
        )
    if any(job.fingerprints.get(stream) != text for stream, text in plan.fingerprints.items()):
        raise DecisionError(
            f"План {plan_id} составлен по другим таблицам соответствия. Составьте новый: ecp-sync resync plan.",
            stale=True,
        )
    return plan


def _begin(job: Job, uow: UnitOfWork, plan_id: int) -> Plan:
    """Mark the plan as begun, under the leases; the journal names who did and what exactly was approved."""
    plan = _valid(job, uow, plan_id)
    if plan.state is PlanState.PLANNED:
        note = f"{plan.kind.value}, {len(plan.items)} items, {plan.digest}"
        entry = AuditEntry(act=Act.DECIDE.value, actor=job.actor, cause=f"plan:{plan_id}", note=note)
        uow.audit.append([entry])
    plan = replace(plan, state=PlanState.APPLYING, applied_by=job.actor)
    uow.plans.mark(plan)
    job.probe("resync.begin.before_commit")
    uow.commit()
    return plan


def _end(job: Job, uow: UnitOfWork, plan: Plan) -> Plan:
    """A plan all of whose items have their last word is done."""
    if not plan.open_items:
        plan = replace(plan, state=PlanState.APPLIED, applied_at=job.clock.now(), applied_by=job.actor)
        uow.plans.mark(plan)
        job.probe("resync.end.before_commit")
        uow.commit()
    return plan


# --- what is written here -----------------------------------------------------------------------------------------


def _apply_stream(cycle: Cycle, plan: Plan, stream: Stream, items: Sequence[PlanItem]) -> None:
    """Carry out the items chunk by chunk, as they were planned together."""
    for _, together in groupby(items, key=lambda item: item.chunk):
        chunk = list(together)
        ids = [item.remote_id for item in chunk if item.remote_id is not None]
        records: dict[RemoteId, RemoteRecord] = {}
        for part in chunked(ids):
            records.update({record.remote_id: record for record in cycle.remote.get(stream, part).records})
        inventory = _same_inventory(cycle, plan, stream) if chunk[0].inventory else None
        _apply_chunk(cycle, plan, stream, chunk, records, inventory)
        cycle.check_stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inventory:
    """What matching by name needs beside the records. ``same``: the region's stream has not changed since the
    plan, so that the unmatched records of the plan are still all there are."""

    same: bool
    pairs: Sequence[RemoteRecord]


def _same_inventory(cycle: Cycle, plan: Plan, stream: Stream) -> _Inventory:
    pairs = read_pairs(cycle) if stream is Stream.GUARDIANS else []
    versions = cycle.remote.change_versions().streams.get(stream)
    planned = plan.versions.get(stream)
    return _Inventory(same=versions is not None and versions.newest == planned, pairs=pairs)


def _apply_chunk(
    cycle: Cycle,
    plan: Plan,
    stream: Stream,
    items: Sequence[PlanItem],
    records: Mapping[RemoteId, RemoteRecord],
    inventory: _Inventory | None,
) -> None:
    """One transaction: what today's facts lead to is compared with the items before anything is written."""
    with cycle.write() as uow:
        agreed, made = _still_planned(cycle, uow, plan.kind, stream, items, records, inventory)
        for actions in made.actions if made is not None else ():
            apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
        results = {item.position: ItemResult.DRIFTED.value for item in items}
        for item in agreed:
            results[item.position] = (ItemResult.QUEUED if item.sends else ItemResult.APPLIED).value
        uow.plans.conclude(plan.plan_id, results)
        cycle.probe("resync.chunk.before_commit")
        uow.commit()
    cycle.probe("resync.chunk.after_commit")


def _still_planned(
    cycle: Cycle,
    uow: UnitOfWork,
    kind: PlanKind,
    stream: Stream,
    items: Sequence[PlanItem],
    records: Mapping[RemoteId, RemoteRecord],
    inventory: _Inventory | None,
) -> tuple[list[PlanItem], Draft | None]:
    """The items that follow from today's facts as they stand, and the draft of exactly these.

    Records of a chunk may depend on one another, so what is left after drifted ones are taken out is drafted anew
    until everything drafted is in the plan.
    """
    if inventory is not None and not inventory.same:
        return [], None
    wanted = {item.key: item for item in _resolved(uow, stream, items)}
    agreed = list(items)
    while agreed:
        chosen = [records[i] for item in agreed if (i := item.remote_id) is not None and i in records]
        rows = [item.local_id for item in agreed if item.remote_id is None and item.local_id is not None]
        matches = None
        if inventory is not None:
            remotes = {record.remote_id: record.values for record in chosen}
            matches = match_inventory(uow, cycle.normalise, stream, remotes, inventory.pairs)
        made = draft(cycle, uow, kind, stream, chosen, rows, matches=matches, chunk=agreed[0].chunk)
        today = {item.key: item for item in made.items}
        kept = [item for item in agreed if _same(today.get(item.key), wanted[item.key])]
        if len(kept) == len(agreed):
            return agreed, made
        agreed = kept
    return [], None


def _same(today: PlanItem | None, planned: PlanItem) -> bool:
    return today is not None and today.content() == planned.content()


def _resolved(uow: UnitOfWork, stream: Stream, items: Sequence[PlanItem]) -> list[PlanItem]:
    """The items with the row ids of records that the plan has created in the meantime."""
    references = SPECS[stream].references
    named: dict[Stream, set[RemoteId]] = defaultdict(set)
    for item in items:
        for c in item.changes:
            for value in (c.school, c.gis):
                if c.field in references and isinstance(value, str):
                    named[references[c.field]].add(RemoteId(value.partition(":")[2]))
    known = {
        f"{parent.value}:{remote_id}": local_id
        for parent, remote_ids in named.items()
        for remote_id, local_id in uow.links.local_ids(parent, remote_ids).items()
    }

    def resolved(c: FieldChange) -> FieldChange:
        if c.field not in references:
            return c
        return replace(c, school=_row_id(known, c.school), gis=_row_id(known, c.gis))

    return [replace(item, changes=tuple(map(resolved, item.changes))) if named else item for item in items]


def _row_id(known: Mapping[str, LocalId], value: Scalar) -> Scalar:
    return known.get(value, value) if isinstance(value, str) else value


# --- what is sent -------------------------------------------------------------------------------------------------


def _send(cycle: Cycle, plan_id: int, stream: Stream) -> None:
    """Send what the plan has queued, and note what became of it, also when sending broke off."""
    if stream not in BOTH_WAYS:
        return
    with cycle.read() as uow:
        queued = _queued(_stored(uow, plan_id), stream)
    if not queued:
        return
    planned = {
        item.local_id: ("create" if PlanAct.SEND_CREATE in item.acts else "update", item.sent_values())
        for item in queued
        if item.local_id is not None
    }
    selection = Selection(planned=planned)
    try:
        push_stream(cycle, stream, selection)
    except SyncError:
        _note_answers(cycle, plan_id, stream, selection, whole=False)
        raise
    _note_answers(cycle, plan_id, stream, selection, whole=True)


def _note_answers(cycle: Cycle, plan_id: int, stream: Stream, selection: Selection, *, whole: bool) -> None:
    with cycle.write() as uow:
        queued = _queued(_stored(uow, plan_id), stream)
        uow.plans.conclude(plan_id, _answers(uow, stream, queued, selection, whole=whole))
        cycle.probe("resync.answers.before_commit")
        uow.commit()


def _queued(plan: Plan, stream: Stream) -> list[PlanItem]:
    return [item for item in plan.items if item.stream is stream and item.outcome is ItemResult.QUEUED]


def _answers(
    uow: UnitOfWork, stream: Stream, items: Iterable[PlanItem], selection: Selection, *, whole: bool
) -> dict[int, str]:
    """Position → what became of what was sent; nothing for what is still under way. Unless ``whole``, sending broke
    off: what has not left may still leave when the plan is applied again."""
    listed = [item for item in items if item.local_id is not None]
    ids = [LocalId(item.local_id) for item in listed if item.local_id is not None]
    entries = uow.outbox.by_local(stream, ids)
    links = uow.links.by_local(stream, ids)
    found: dict[int, str] = {}
    for item in listed:
        local_id = LocalId(item.local_id or 0)
        entry, link = entries.get(local_id), links.get(local_id)
        if entry is not None and entry.state in _UNDER_WAY:
            continue
        if link is not None and all(link.base.local.get(name) == value for name, value in item.sent_values().items()):
            found[item.position] = ItemResult.SENT.value
        elif entry is not None and entry.state is EntryState.REJECTED:
            found[item.position] = f"{ItemResult.REFUSED.value}:{entry.code}"
        elif entry is not None and entry.state is EntryState.WAITING and entry.waiting is not None:
            found[item.position] = f"{ItemResult.REFUSED.value}:waiting_{entry.waiting.value}"
        elif selection.answers.get(local_id) in _DECLINED:
            found[item.position] = f"{ItemResult.REFUSED.value}:{selection.answers[local_id].value}"
        elif entry is not None and not whole:
            continue
        elif entry is not None and entry.state is EntryState.RETRY:
            found[item.position] = f"{ItemResult.REFUSED.value}:retry"
        else:
            found[item.position] = ItemResult.DRIFTED.value
    return found
