"""Settle an answered batch: every item gets its outcome, in one transaction.

Items the region refused because it knows more than we do (stale version, duplicate, not found) are read
first, so that the transaction plans on facts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sync_service.domain.acknowledging import Acknowledged, AckPage, plan_acks
from sync_service.domain.actions import localise
from sync_service.domain.conflicts import Conflict, standing
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import Ambiguous, Match, Matched
from sync_service.domain.matching_students import contradictions
from sync_service.domain.outbox import Attempt, AttemptItem, AttemptState, Entry, EntryState
from sync_service.domain.planning import plan_page
from sync_service.domain.records import Scalar, Values
from sync_service.domain.releases import ReleaseState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle
from sync_service.engine.departing import parent_remote_ids, undone_deletions
from sync_service.engine.guarding_push import count_sent
from sync_service.engine.loading import canonical, load_page, parents_of
from sync_service.engine.ports import WriteResult, WriteStatus
from sync_service.engine.stores import UnitOfWork

MOST_STALE_TRIES = 5
UNKNOWN_REFERENCE = "unknown_reference"
_REFUSED = (WriteStatus.DUPLICATE, WriteStatus.INVALID, WriteStatus.NOT_RELEASED)
LONGEST_BACK_OFF = timedelta(hours=1)


def back_off(tries: int) -> timedelta:
    """30 s, doubled with every try, at most an hour."""
    return min(timedelta(seconds=30 * 2 ** min(max(tries - 1, 0), 12)), LONGEST_BACK_OFF)


@dataclass(slots=True, kw_only=True)
class _Settlement:
    acks: list[Acknowledged] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    quarantine: list[QuarantineItem] = field(default_factory=list)
    reread: list[RemoteRecord] = field(default_factory=list)
    ended: list[RemoteRecord] = field(default_factory=list)  # what we created and somebody has deleted since
    matches: dict[RemoteId, Match] = field(default_factory=dict)
    not_released: list[LocalId] = field(default_factory=list)
    crowded: list[AttemptItem] = field(default_factory=list)  # marks whose place in the cell is another mark's
    standing: list[Conflict] = field(default_factory=list)  # decisions whose undoing the region refuses
    acked: int = 0
    rejected: int = 0


def settle(
    cycle: Cycle, attempt: Attempt, results: Sequence[WriteResult], *, direct: bool = True, news: bool = True
) -> None:
    """Write down what became of each item of an attempt; ``direct`` as in :class:`Acknowledged`.

    Without ``news`` the regional records that a refused item makes us read are left to the next run.
    """
    stream = attempt.stream
    asked = [
        result.remote_id or item.remote_id
        for item, result in zip(attempt.items, results, strict=True)
        if result.status in (WriteStatus.STALE, WriteStatus.DUPLICATE, WriteStatus.NOT_FOUND)
    ]
    ids = [remote_id for remote_id in asked if remote_id is not None]
    fresh = {r.remote_id: r for r in cycle.remote.get(stream, ids).records} if ids else {}
    with cycle.write() as uow:
        created = [item.local_id for item in attempt.items if item.op == "create"]
        undone = undone_deletions(uow, stream, created)
        settlement = _judge(uow, cycle, attempt, results, fresh, undone, direct=direct)
        uow.outbox.save(settlement.changed)
        uow.outbox.remove(settlement.removed)
        uow.quarantine.put(cycle.marked(settlement.quarantine))
        uow.conflicts.save(settlement.standing)
        count_sent(cycle, uow, stream, [ack.item for ack in settlement.acks])
        near_misses = _apply_acks(cycle, uow, stream, settlement.acks, undone)
        reread = [*(settlement.reread if news else ()), *settlement.ended]
        if reread:
            page = load_page(
                uow,
                cycle.policies,
                stream,
                reread,
                normalise=cycle.normalise,
                matches=settlement.matches,
            )
            apply(uow, plan_page(page), actor=cycle.actor, cause=cycle.report.run_id)
        if settlement.crowded and news:
            _move_up(uow, settlement.crowded)
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


def _judge(
    uow: UnitOfWork,
    cycle: Cycle,
    attempt: Attempt,
    results: Sequence[WriteResult],
    fresh: Mapping[RemoteId, RemoteRecord],
    undone: Mapping[LocalId, tuple[Link, Conflict]],
    *,
    direct: bool,
) -> _Settlement:
    found = uow.outbox.by_local(attempt.stream, [item.local_id for item in attempt.items])
    linked = uow.links.by_remote(attempt.stream, list(fresh))
    rows = canonical(cycle.normalise, attempt.stream, uow.staging.rows(attempt.stream, list(found)) if fresh else {})
    settlement = _Settlement()
    stored = [result.stored for result in results if result.stored is not None and not result.stored.deleted]
    parents = parents_of(uow, SPECS[attempt.stream], stored)
    created = [i.local_id for i, r in zip(attempt.items, results, strict=True) if i.op == "create" and r.remote_id]
    others = uow.links.by_local(attempt.stream, created) if created else {}
    orphans = [i.values for i, r in zip(attempt.items, results, strict=True) if r.code == UNKNOWN_REFERENCE]
    refused = parent_remote_ids(uow, SPECS[attempt.stream], orphans) if orphans else {}
    for item, result in zip(attempt.items, results, strict=True):
        entry = found.get(item.local_id)
        if item.local_id in undone and result.status in _REFUSED:
            _undoing_refused(settlement, attempt.stream, item, entry, result, undone[item.local_id][1])
            continue
        match result.status:
            case WriteStatus.DONE if item.local_id in others and others[item.local_id].remote_id != result.remote_id:
                # The row has been linked to another record while nobody knew of this one: it is the region's own now.
                if result.stored is not None:
                    settlement.reread.append(result.stored)
                settlement.acked += 1
                _finish(settlement, entry)
            case WriteStatus.DONE:
                if result.stored is not None and result.stored.deleted:
                    settlement.ended.append(result.stored)
                    result = replace(result, stored=None)
                settlement.acks.append(_acknowledged(attempt.stream, item, result, parents, direct=direct))
                settlement.acked += 1
                _finish(settlement, entry)
            case WriteStatus.STALE | WriteStatus.NOT_FOUND | WriteStatus.DUPLICATE:
                remote_id = result.remote_id or item.remote_id
                record = None if remote_id is None else fresh.get(remote_id)
                taken = record is not None and record.remote_id in linked and item.remote_id != record.remote_id
                if record is None and item.op == "delete" and result.status is WriteStatus.NOT_FOUND:
                    settlement.acks.append(_acknowledged(attempt.stream, item, result, parents, direct=direct))
                    settlement.acked += 1
                    _finish(settlement, entry)
                    continue
                other = item.remote_id is not None and remote_id != item.remote_id
                if record is not None and other and not taken:
                    settlement.reread.append(record)  # somebody else's record: it is news, not an answer
                    taken = True
                if taken and attempt.stream is Stream.MARKS:
                    settlement.crowded.append(item)
                    _try_again(settlement, cycle, entry)
                    continue
                if record is None or taken:
                    _reject(settlement, attempt.stream, item, entry, result)
                    continue
                settlement.reread.append(record)
                if result.status is WriteStatus.DUPLICATE:
                    match = _same(attempt.stream, item, record, rows.get(item.local_id, item.values))
                    settlement.matches[record.remote_id] = match
                    if isinstance(match, Ambiguous):
                        _wait(settlement, entry, WaitingFor.DECISION, f"releases:{item.local_id}")
                        continue
                if result.status is WriteStatus.NOT_FOUND:
                    _retry(settlement, cycle, entry)
                else:
                    _try_again(settlement, cycle, entry)
            case WriteStatus.NOT_DONE:
                _try_again(settlement, cycle, entry)
            case WriteStatus.NOT_RELEASED:
                settlement.not_released.append(item.local_id)
                _wait(settlement, entry, WaitingFor.RELEASE, f"releases:{item.local_id}")
            case WriteStatus.WINDOW_CLOSED:
                _wait_for_journal(settlement, cycle, entry)
            case WriteStatus.INVALID:
                parent = _refused_parent(attempt.stream, item, result, refused)
                _reject(settlement, attempt.stream, item, entry, result, parent)
            case WriteStatus.FAILED:
                _retry(settlement, cycle, entry)
    return settlement


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


def _finish(settlement: _Settlement, entry: Entry | None) -> None:
    """A record that changed while it was under way is due again."""
    if entry is None:
        return
    if entry.dirty_again:
        settlement.changed.append(
            replace(entry, state=EntryState.PENDING, dirty_again=False, tries=0, code=None, not_before=None)
        )
    else:
        settlement.removed.append(entry.entry_id)


def _try_again(settlement: _Settlement, cycle: Cycle, entry: Entry | None) -> None:
    if entry is None:
        return
    if entry.tries >= MOST_STALE_TRIES:
        _retry(settlement, cycle, entry)
    else:
        settlement.changed.append(replace(entry, state=EntryState.PENDING, dirty_again=False))


def _retry(settlement: _Settlement, cycle: Cycle, entry: Entry | None) -> None:
    if entry is not None:
        later = cycle.clock.now() + back_off(entry.tries)
        settlement.changed.append(replace(entry, state=EntryState.RETRY, not_before=later))


def _wait(settlement: _Settlement, entry: Entry | None, reason: WaitingFor, key: str) -> None:
    if entry is not None:
        settlement.changed.append(replace(entry, state=EntryState.WAITING, waiting=reason, waits_for=key))


def _wait_for_journal(settlement: _Settlement, cycle: Cycle, entry: Entry | None) -> None:
    """By our day the journal is open, by the region's it is not: its clock may be minutes behind at midnight, ours
    a day ahead. So the entry asks again: in an hour, then once a day, until our own rules hold it back."""
    _wait(settlement, entry, WaitingFor.PERMIT, "classes")
    if entry is not None:
        again = timedelta(hours=1) if entry.tries <= 1 else timedelta(days=1)
        settlement.changed[-1] = replace(settlement.changed[-1], not_before=cycle.clock.now() + again)


def _reject(
    settlement: _Settlement,
    stream: Stream,
    item: AttemptItem,
    entry: Entry | None,
    result: WriteResult,
    waits_for: str | None = None,
) -> None:
    code = result.code or result.status.value
    settlement.quarantine.append(
        QuarantineItem(
            stream=stream,
            direction="push",
            code=code,
            signature=f"{stream.value}:{code}:{result.detail}",
            reason=(
                f"ГИС не приняла запись ({code}{': ' + result.detail if result.detail else ''}). "
                "Исправьте запись в базе школы: она будет отправлена снова."
            ),
            local_id=item.local_id,
            remote_id=item.remote_id,
            waits_for=waits_for,
        )
    )
    settlement.rejected += 1
    if entry is not None:
        settlement.changed.append(replace(entry, state=EntryState.REJECTED, code=code, dirty_again=False))
        if entry.dirty_again:
            settlement.changed[-1] = replace(settlement.changed[-1], state=EntryState.PENDING)


def _undoing_refused(
    settlement: _Settlement,
    stream: Stream,
    item: AttemptItem,
    entry: Entry | None,
    result: WriteResult,
    undone: Conflict,
) -> None:
    """What a decision deleted cannot be made anew (the region has such a record again): the decision stands."""
    code = result.code or result.status.value
    settlement.quarantine.append(
        QuarantineItem(
            stream=stream,
            direction="push",
            code="undo_refused",
            signature=f"{stream.value}:undo_refused:{code}",
            reason=(
                f"Отмена решения об удалении: ГИС не приняла запись ({code}). Решение осталось в силе. Если запись "
                "нужна, внесите её в ГИС или в базу школы."
            ),
            local_id=item.local_id,
        )
    )
    settlement.rejected += 1
    settlement.standing.append(standing(undone))
    if entry is not None:
        settlement.removed.append(entry.entry_id)


def _apply_acks(
    cycle: Cycle,
    uow: UnitOfWork,
    stream: Stream,
    acks: Sequence[Acknowledged],
    undone: Mapping[LocalId, tuple[Link, Conflict]],
) -> Mapping[str, int]:
    """Carry out the acknowledgements; returns field → records the region stored otherwise than sent."""
    if not acks:
        return {}
    ids = [ack.item.local_id for ack in acks]
    links = uow.links.by_local(stream, ids)
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


def _move_up(uow: UnitOfWork, marks: Sequence[AttemptItem]) -> None:
    """Give marks the next free place of their cell: the region counts another mark at theirs."""
    ours = uow.staging.rows(Stream.MARKS, [mark.local_id for mark in marks])
    cells = uow.staging.where(Stream.MARKS, "lesson_id", {row["lesson_id"] for row in ours.values()})
    last: dict[tuple[Scalar, Scalar], int] = {}
    for row in cells.values():
        cell = row["student_id"], row["lesson_id"]
        last[cell] = max(last.get(cell, 0), int(row["position"] or 1))
    changes: list[tuple[LocalId, Values]] = []
    for mark_id, row in ours.items():
        cell = row["student_id"], row["lesson_id"]
        last[cell] = last.get(cell, 0) + 1
        changes.append((mark_id, {"position": last[cell]}))
    uow.staging.update(Stream.MARKS, changes)


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
