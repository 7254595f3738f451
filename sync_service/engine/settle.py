"""Settle an answered batch: every item gets its outcome, in one transaction.

Items the region refused because it knows more than we do (stale version, duplicate, not found) are read
first, so that the transaction plans on facts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync_service.domain.acknowledging import Acknowledged, AckPage, plan_acks
from sync_service.domain.actions import localise
from sync_service.domain.conflicts import Conflict
from sync_service.domain.errors import SyncError
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import Ambiguous, Match, Matched
from sync_service.domain.matching_students import contradictions
from sync_service.domain.outbox import Attempt, AttemptItem, AttemptState, Entry
from sync_service.domain.planning import plan_page
from sync_service.domain.records import Values
from sync_service.domain.releases import ReleaseState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle
from sync_service.engine.departing import parent_remote_ids, undone_deletions
from sync_service.engine.guarding_push import count_sent
from sync_service.engine.loading import canonical, load_page, parents_of
from sync_service.engine.move_marks import move_up
from sync_service.engine.ports import WriteResult, WriteStatus
from sync_service.engine.settlement import Settlement
from sync_service.engine.stores import UnitOfWork

UNKNOWN_REFERENCE = "unknown_reference"
_ASKED = (WriteStatus.STALE, WriteStatus.DUPLICATE, WriteStatus.NOT_FOUND)  # the region knows more than we do
_REFUSED = (WriteStatus.DUPLICATE, WriteStatus.INVALID, WriteStatus.NOT_RELEASED)


def settle(
    cycle: Cycle, attempt: Attempt, results: Sequence[WriteResult], *, direct: bool = True, news: bool = True
) -> None:
    """Write down what became of each item of an attempt; ``direct`` as in :class:`Acknowledged`.

    Without ``news`` the regional records that a refused item makes us read are left to the next run. Raises what the
    look-up of refused items raises, after the others are written down.
    """
    stream = attempt.stream
    trouble: SyncError | None = None
    try:
        fresh = _look_up(cycle, attempt, results)
    except SyncError as error:
        # What is known is written down all the same; the refused ones come back to the same question.
        fresh, trouble = {}, error
        results = [replace(one, status=WriteStatus.NOT_DONE) if one.status in _ASKED else one for one in results]
    with cycle.write() as uow:
        created = [item.local_id for item in attempt.items if item.op == "create"]
        undone = undone_deletions(uow, stream, created)
        links = uow.links.by_local(stream, [item.local_id for item in attempt.items])
        settlement = _judge(uow, cycle, attempt, results, fresh, links, undone, direct=direct)
        uow.outbox.save(settlement.changed)
        uow.outbox.remove(settlement.removed)
        uow.quarantine.put(cycle.marked(settlement.quarantine))
        uow.conflicts.save(settlement.standing)
        count_sent(cycle, uow, stream, [ack.item for ack in settlement.acks])
        near_misses = _apply_acks(cycle, uow, stream, settlement.acks, links, undone)
        _plan(cycle, uow, stream, [*(settlement.reread if news else ()), *settlement.ended], settlement.matches)
        _plan(cycle, uow, stream, settlement.strangers if news else [], None)
        if settlement.crowded and news:
            move_up(uow, settlement.crowded)
        if settlement.not_released:
            _not_released_again(cycle, uow, settlement.not_released)
        uow.attempts.close(attempt.attempt_id, AttemptState.ANSWERED, [r.status.value for r in results])
        cycle.probe("push.settle.before_commit")
        uow.commit()
    cycle.probe("push.settle.after_commit")
    entry = cycle.report.stream(stream)
    for name, count in near_misses.items():
        entry.near_misses[name] = entry.near_misses.get(name, 0) + count
    counts = entry.push
    counts.add("acked", settlement.acked)
    counts.add("rejected", settlement.rejected)
    if trouble is not None:
        raise trouble


def _look_up(cycle: Cycle, attempt: Attempt, results: Sequence[WriteResult]) -> dict[RemoteId, RemoteRecord]:
    asked = [
        result.remote_id or item.remote_id
        for item, result in zip(attempt.items, results, strict=True)
        if result.status in _ASKED
    ]
    ids = [remote_id for remote_id in asked if remote_id is not None]
    return {r.remote_id: r for r in cycle.remote.get(attempt.stream, ids).records} if ids else {}


def _plan(
    cycle: Cycle,
    uow: UnitOfWork,
    stream: Stream,
    records: Sequence[RemoteRecord],
    matches: Mapping[RemoteId, Match] | None,
) -> None:
    if records:
        page = load_page(uow, cycle.policies, stream, records, normalise=cycle.normalise, matches=matches)
        apply(uow, plan_page(page), actor=cycle.actor, cause=cycle.report.run_id)


def _judge(
    uow: UnitOfWork,
    cycle: Cycle,
    attempt: Attempt,
    results: Sequence[WriteResult],
    fresh: Mapping[RemoteId, RemoteRecord],
    links: Mapping[LocalId, Link],
    undone: Mapping[LocalId, tuple[Link, Conflict]],
    *,
    direct: bool,
) -> Settlement:
    stream = attempt.stream
    found = uow.outbox.by_local(stream, [item.local_id for item in attempt.items])
    linked = uow.links.by_remote(stream, list(fresh))
    rows = canonical(cycle.normalise, stream, uow.staging.rows(stream, list(found)) if fresh else {})
    settlement = Settlement(stream=stream, now=cycle.clock.now())
    stored = [result.stored for result in results if result.stored is not None and not result.stored.deleted]
    parents = parents_of(uow, SPECS[stream], stored)
    orphans = [i.values for i, r in zip(attempt.items, results, strict=True) if r.code == UNKNOWN_REFERENCE]
    refused = parent_remote_ids(uow, SPECS[stream], orphans) if orphans else {}
    for item, result in zip(attempt.items, results, strict=True):
        entry = found.get(item.local_id)
        link = links.get(item.local_id)
        remote_id = result.remote_id or item.remote_id
        record = None if remote_id is None else fresh.get(remote_id)
        if item.local_id in undone and result.status in _REFUSED:
            settlement.undoing_refused(item, entry, result, undone[item.local_id][1])
            continue
        done = result.status is WriteStatus.DONE
        if item.op == "create" and link is not None and not (done and link.remote_id == result.remote_id):
            _linked_meanwhile(settlement, entry, result, record)
            continue
        match result.status:
            case WriteStatus.DONE:
                if result.stored is not None and result.stored.deleted:
                    settlement.ended.append(result.stored)
                    result = replace(result, stored=None)
                settlement.acknowledge(_acknowledged(stream, item, result, parents, direct=direct), entry)
            case WriteStatus.NOT_FOUND if record is None and item.op == "delete":
                settlement.acknowledge(_acknowledged(stream, item, result, parents, direct=direct), entry)
            case WriteStatus.STALE | WriteStatus.NOT_FOUND | WriteStatus.DUPLICATE:
                row = rows.get(item.local_id, item.values)
                _read_instead(settlement, item, entry, result, record, row, taken=remote_id in linked)
            case WriteStatus.NOT_DONE:
                settlement.try_again(entry)
            case WriteStatus.NOT_RELEASED:
                settlement.not_released.append(item.local_id)
                settlement.wait(entry, WaitingFor.RELEASE, f"releases:{item.local_id}")
            case WriteStatus.WINDOW_CLOSED:
                settlement.wait_for_journal(entry)
            case WriteStatus.INVALID:
                settlement.reject(item, entry, result, _refused_parent(stream, item, result, refused))
            case WriteStatus.FAILED:
                settlement.retry(entry)
    return settlement


def _linked_meanwhile(
    settlement: Settlement, entry: Entry | None, result: WriteResult, record: RemoteRecord | None
) -> None:
    """The row of a create has been linked while the answer was on its way: what the region made of the create is a
    record of its own now, and what is left to say about the row travels as an update."""
    known = result.stored or record
    if known is not None:
        settlement.strangers.append(known)
    if result.status is WriteStatus.DONE:
        settlement.done(entry)
    else:
        settlement.finish(entry)


def _read_instead(
    settlement: Settlement,
    item: AttemptItem,
    entry: Entry | None,
    result: WriteResult,
    record: RemoteRecord | None,
    row: Values,
    *,
    taken: bool,
) -> None:
    """The region has another version, none, or such a record already: what it has is planned, then the entry is due
    again. ``taken``: the record belongs to a row of ours."""
    taken = record is not None and taken and item.remote_id != record.remote_id
    other = record is not None and item.remote_id is not None and record.remote_id != item.remote_id
    if record is not None and other and not taken:
        settlement.strangers.append(record)
        taken = True
    if taken and settlement.stream is Stream.MARKS:
        settlement.crowded.append(item)
        settlement.try_again(entry)
        return
    if record is None or taken:
        settlement.reject(item, entry, result)
        return
    settlement.reread.append(record)
    if result.status is WriteStatus.DUPLICATE:
        match = _same(settlement.stream, item, record, row)
        settlement.matches[record.remote_id] = match
        if isinstance(match, Ambiguous):
            settlement.wait(entry, WaitingFor.DECISION, f"releases:{item.local_id}")
            return
    if result.status is WriteStatus.NOT_FOUND:
        settlement.retry(entry)
    else:
        settlement.try_again(entry)


def _refused_parent(
    stream: Stream,
    item: AttemptItem,
    result: WriteResult,
    parents: Mapping[Stream, Mapping[LocalId, RemoteId]],
) -> str | None:
    """The parent the region does not know, ``stream:remote_id``: there is no use in trying while it is the same.
    The region names the field as its contract does, ``data.studentId``."""
    if result.code != UNKNOWN_REFERENCE:
        return None
    named = re.sub(r"(?<=[a-z])([A-Z])", lambda match: f"_{match[1].lower()}", result.detail.rpartition(".")[2])
    parent = SPECS[stream].references.get(named)
    local_id = item.values.get(named)
    if parent is None or not isinstance(local_id, int):
        return None
    remote_id = parents.get(parent, {}).get(LocalId(local_id))
    return None if remote_id is None else f"{parent.value}:{remote_id}"


def _same(stream: Stream, item: AttemptItem, record: RemoteRecord, row: Values) -> Match:
    """The region calls a create a duplicate of ``record``; of pupils it does so by name and birth date alone."""
    proven = item.values.get("person_id") is not None
    if stream is Stream.STUDENTS and not proven and contradictions(record.values, row):
        return Ambiguous((Candidate(local_id=item.local_id, reasons=("name_equal", "snils_differs"), score=50),))
    return Matched(item.local_id, "duplicate")


def _acknowledged(
    stream: Stream,
    item: AttemptItem,
    result: WriteResult,
    parents: Mapping[Stream, Mapping[RemoteId, LocalId]],
    *,
    direct: bool,
) -> Acknowledged:
    stored: Values | None = None
    if result.stored is not None:
        (incoming,) = localise(SPECS[stream], [result.stored], parents)
        stored = incoming.values if incoming.missing is None else None
    remote_id = result.remote_id or item.remote_id
    if remote_id is None:
        raise AssertionError(f"{stream.value}: a write was acknowledged without an id; the connector must refuse it")
    return Acknowledged(
        item=item,
        remote_id=remote_id,
        version=result.version,
        change_version=result.change_version,
        stored=stored,
        direct=direct,
    )


def _apply_acks(
    cycle: Cycle,
    uow: UnitOfWork,
    stream: Stream,
    acks: Sequence[Acknowledged],
    known: Mapping[LocalId, Link],
    undone: Mapping[LocalId, tuple[Link, Conflict]],
) -> Mapping[str, int]:
    """Carry out the acknowledgements; returns field → records the region stored otherwise than sent."""
    if not acks:
        return {}
    ids = [ack.item.local_id for ack in acks]
    links = {local_id: known[local_id] for local_id in ids if local_id in known}
    created = [ack.item.local_id for ack in acks if ack.item.op == "create" and ack.item.local_id not in links]
    former = uow.links.by_local(stream, created, closed=True) if created else {}
    page = AckPage(
        stream=stream,
        policy=cycle.policies[stream],
        acks=tuple(acks),
        rows=canonical(cycle.normalise, stream, uow.staging.rows(stream, ids)),
        links=links,
        conflicts=uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {},
        former={local_id: link.link_id for local_id, link in former.items()},
        taken_back={local_id: case for local_id, (_, case) in undone.items()},
    )
    actions = plan_acks(page)
    apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
    return actions.near_misses


def _not_released_again(cycle: Cycle, uow: UnitOfWork, students: Sequence[LocalId]) -> None:
    """The region refused the enrolment: the pupil is still enrolled elsewhere after all."""
    releases = uow.releases.by_student(students).values()
    now = cycle.clock.now()
    uow.releases.save(
        [
            replace(release, state=ReleaseState.NOT_RELEASED, updated_at=now)
            for release in releases
            if release.state is ReleaseState.RELEASED
        ]
    )
