"""What a discarded hold does to each side, and how that is taken back.

The side on which the change happened keeps it or gets its rows back; the other side never hears of it, and nothing
brings it up again before it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_service.domain.actions import DELETION, audit_item, localise
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.errors import DecisionError
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import Hold, HoldItem
from sync_service.domain.links import EMPTY, Link, LinkChange, LocalId, RemoteId, Snapshot
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.records import Values
from sync_service.domain.releases import OPEN_STATES, ReleaseState
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.decisions import Desk, journal
from sync_service.engine.guarding import held_mark, parked_of
from sync_service.engine.loading import canonical, parents_of
from sync_service.engine.recalling import is_recalled, leave_there
from sync_service.engine.stores import UnitOfWork

DISCARDED = "discarded"  # reason of a parked record, code of an outbox entry


def entries_of(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> dict[LocalId, Entry]:
    return uow.outbox.by_local(case.stream, [item.local_id for item in items if item.local_id is not None])


def discard_push(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    entries = entries_of(uow, case, items)
    match case.kind.operation:
        case Operation.DELETE:
            _bring_back(desk, uow, case, entries)
        case Operation.UPDATE:
            _agree_to_differ(desk, uow, case, list(entries), here=True)
            rest = {i: tuple(g for g in entry.groups if g != case.kind.group) for i, entry in entries.items()}
            uow.outbox.remove([entry.entry_id for i, entry in entries.items() if not rest[i]])
            uow.outbox.save(
                [replace(entry, state=EntryState.PENDING, groups=rest[i]) for i, entry in entries.items() if rest[i]]
            )
        case Operation.CREATE if case.stream is Stream.STUDENTS:
            _withdraw(desk, uow, list(entries))
            uow.outbox.remove([entry.entry_id for entry in entries.values()])
        case Operation.CREATE:
            uow.outbox.save([replace(entry, state=EntryState.REJECTED, code=DISCARDED) for entry in entries.values()])


def _bring_back(desk: Desk, uow: UnitOfWork, case: Hold, entries: dict[LocalId, Entry]) -> None:
    """Rows deleted here come back under their own ids with what was agreed; the region never hears of it. What was
    recalled from another pupil's record stays with that pupil."""
    links = uow.links.by_local(case.stream, entries)
    present = uow.staging.rows(case.stream, entries)
    elsewhere = [link for i, link in links.items() if i not in present and is_recalled(link)]
    if elsewhere:
        leave_there(desk, uow, case.stream, elsewhere, f"hold:{case.hold_id}")
    lost = {i: link.base.local for i, link in links.items() if i not in present and not is_recalled(link)}
    for name, parent in SPECS[case.stream].references.items():
        wanted = {LocalId(int(values[name] or 0)) for values in lost.values() if values.get(name) is not None}
        if wanted and len(uow.staging.rows(parent, wanted)) < len(wanted):
            raise DecisionError(
                f"Задержание {case.hold_id}: часть записей относится к другим, тоже удалённым ({parent.value}). "
                "Сначала верните их."
            )
    if lost:
        uow.staging.restore_all(case.stream, lost)
    uow.outbox.remove([entry.entry_id for i, entry in entries.items() if i not in present])
    # A row that somebody has put back meanwhile is planned afresh: it may say something else than before.
    uow.outbox.save(
        [
            replace(entry, state=EntryState.PENDING, groups=tuple(g for g in entry.groups if g != DELETION))
            for i, entry in entries.items()
            if i in present
        ]
    )
    items = tuple(
        audit_item(case.stream, Act.DECIDE, i, links[i].remote_id, values, EMPTY) for i, values in lost.items()
    )
    if items:
        journal(uow, desk, Act.DECIDE, f"hold:{case.hold_id}", stream=case.stream, items=items, note="rows restored")


def discard_pull(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> None:
    mixed: set[RemoteId] = set()
    if case.kind.operation is Operation.UPDATE:
        ids = [item.local_id for item in items if item.local_id is not None]
        mixed = _agree_to_differ(desk, uow, case, ids, here=False)
    uow.inbox.park(
        [
            # What else the region changed in such a record goes on with the next run.
            replace(one, reason="guard", waits_for=None)
            if one.record.remote_id in mixed
            else replace(one, reason=DISCARDED)
            for one in parked_of(uow, case)
        ]
    )


def _agree_to_differ(
    desk: Desk, uow: UnitOfWork, case: Hold, local_ids: Sequence[LocalId], *, here: bool
) -> set[RemoteId]:
    """The base of the held group moves by the person's word: each side keeps what it has, and it counts as known
    (invariant 3). Returns the records that differ in other groups too."""
    links = uow.links.by_local(case.stream, local_ids)
    rows = canonical(desk.normalise, case.stream, uow.staging.rows(case.stream, local_ids))
    records = [one.record for one in parked_of(uow, case)] if not here else []
    seen = {
        item.record.remote_id: item.values
        for item in localise(SPECS[case.stream], records, parents_of(uow, SPECS[case.stream], records))
    }
    names = [policy.field for policy in desk.policies[case.stream].groups[case.kind.group]]
    changes: list[LinkChange] = []
    moved: list[AuditItem] = []
    mixed: set[RemoteId] = set()
    for local_id, link in links.items():
        now = rows.get(local_id, {}) if here else seen.get(link.remote_id, {})
        known = link.base.local if here else link.base.remote
        differing: Values = {f: v for f, v in now.items() if f in known and v != known[f]}
        kept = {f: differing[f] for f in names if f in differing}
        if len(kept) < len(differing):
            mixed.add(link.remote_id)
        # A field that was never agreed on has no base yet: the other side had nothing to say, and gets one that
        # remembers this. Without it the next full comparison would bring the same value up again.
        kept |= {f: now[f] for f in names if f not in known and now.get(f) is not None}
        if not kept:
            continue
        there: Values = {f: None if here else rows.get(local_id, {}).get(f) for f in kept if f not in known}
        base = (
            Snapshot(link.base.local | kept, link.base.remote | there)
            if here
            else Snapshot(link.base.local | there, link.base.remote | kept)
        )
        changes.append(_moved(link, base))
        part = Snapshot({f: base.local[f] for f in kept}, {f: base.remote[f] for f in kept})
        moved.append(audit_item(case.stream, Act.DECIDE, local_id, link.remote_id, link.base.local, part))
    uow.links.update(changes)
    if moved:
        journal(
            uow, desk, Act.DECIDE, f"hold:{case.hold_id}", stream=case.stream, items=tuple(moved), note="kept apart"
        )
    return mixed


def _moved(link: Link, base: Snapshot) -> LinkChange:
    return LinkChange(link_id=link.link_id, version=link.version, change_version=link.change_version, base=base)


def _withdraw(desk: Desk, uow: UnitOfWork, students: Sequence[LocalId]) -> None:
    """The release watch enrols these pupils no more, until their case is reopened."""
    now = desk.now()
    cases = uow.releases.by_student(students).values()
    uow.releases.save(
        [
            replace(one, state=ReleaseState.WITHDRAWN, updated_at=now, closed_at=now, closed_by=desk.actor)
            for one in cases
            if one.state in OPEN_STATES
        ]
    )


def take_back_discard(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    if case.way is Way.PULL:
        ids = [item.remote_id for item in items if item.remote_id is not None]
        parked = uow.inbox.parked(case.stream, reason=DISCARDED, remote_ids=ids)
        uow.inbox.park([replace(one, reason="held", waits_for=held_mark(case.hold_id)) for one in parked])
        back = {one.record.remote_id for one in parked}
        items = [item for item in items if item.remote_id in back]
        if case.kind.operation is Operation.UPDATE:
            # Only with the record at hand: of one that has moved on nothing would bring the value any more.
            _agree_again(desk, uow, case, [i.local_id for i in items if i.local_id is not None], here=False)
        return items
    if case.kind.operation is Operation.CREATE and case.stream is not Stream.STUDENTS:
        entries = {i: e for i, e in entries_of(uow, case, items).items() if e.code == DISCARDED}
        uow.outbox.save([replace(entry, state=EntryState.HELD, code=None) for entry in entries.values()])
        return [item for item in items if item.local_id in entries]
    if case.kind.operation is Operation.UPDATE:
        return _send_after_all(desk, uow, case, items)
    what = "верните их в деле о зачислении: releases reopen" if case.stream is Stream.STUDENTS else "удалите их снова"
    raise DecisionError(f"Задержание {case.hold_id}: записи стоят в базе школы; если они не нужны в ней, {what}.")


def _send_after_all(desk: Desk, uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> list[HoldItem]:
    ids = [item.local_id for item in items if item.local_id is not None]
    back = _agree_again(desk, uow, case, ids, here=True)
    uow.outbox.enqueue(case.stream, dict.fromkeys(back, (case.kind.group,)))
    entries = uow.outbox.by_local(case.stream, back)
    uow.outbox.save([replace(entry, state=EntryState.HELD) for entry in entries.values()])
    return [item for item in items if item.local_id in entries]


def _agree_again(
    desk: Desk, uow: UnitOfWork, case: Hold, local_ids: Sequence[LocalId], *, here: bool
) -> list[LocalId]:
    """The base of before :func:`_agree_to_differ`; rows whose two bases agree by now are left alone."""
    changes: list[LinkChange] = []
    back: list[AuditItem] = []
    names = [policy.field for policy in desk.policies[case.stream].groups[case.kind.group]]
    for local_id, link in uow.links.by_local(case.stream, local_ids).items():
        known = link.base.remote if here else link.base.local
        other = link.base.local if here else link.base.remote
        differing = {f: known[f] for f in names if f in known and known[f] != other.get(f)}
        if not differing:
            continue
        base = (
            Snapshot(link.base.local | differing, link.base.remote)
            if here
            else Snapshot(link.base.local, link.base.remote | differing)
        )
        changes.append(_moved(link, base))
        back.append(audit_item(case.stream, Act.UNDO, local_id, link.remote_id, link.base.local, base))
    uow.links.update(changes)
    if back:
        journal(uow, desk, Act.UNDO, f"hold:{case.hold_id}", stream=case.stream, items=tuple(back), note="not apart")
    return [change.local_id for change in back if change.local_id is not None]
