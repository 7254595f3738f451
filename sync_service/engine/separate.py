"""Separate a card from its regional record, with everything that followed from linking them (invariant 8).

    record that came from the region       its row goes, it waits for the regional pupil's own card
    record that was matched with a row     the row stays with the card and will be sent as its own
    record that was sent from a row        is deleted in the region, where it stands under the other pupil; the row
                                           stays with the card and will be sent as its own

A row that was edited here since it came from the region is refused: it would go with somebody's work in it. The
deletions travel like any other: under the guard, the school's rules and a version check, so that a record the
region has edited meanwhile becomes a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync_service.domain.actions import DELETION, audit_item, student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.capturing import last_seen
from sync_service.domain.conflicts import ConflictState
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import Parked
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.matching import pair_digest
from sync_service.domain.outbox import EntryState
from sync_service.domain.pushing import to_remote_references
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, RemoteRecord, Stream, children_of
from sync_service.engine.decisions import Desk, journal
from sync_service.engine.departing import parent_remote_ids
from sync_service.engine.discarding import DISCARDED
from sync_service.engine.loading import canonical
from sync_service.engine.recalling import as_agreed, closed, recalled
from sync_service.engine.stores import UnitOfWork

BORN_THERE = frozenset({"new", "returned"})  # evidence of links whose row was made from the regional record
SENT = frozenset({"ack", "client_ref", "undo"})  # a duplicate was there before ours: it is the region's own


@dataclass(slots=True, kw_only=True)
class _Children:
    """Records of one stream that belong to the pair: today's rows, the links of those that have one, and the links
    of rows that were deleted here while the region still has the record."""

    stream: Stream
    rows: Mapping[LocalId, Values]
    links: dict[LocalId, Link]
    rowless: list[Link]
    born_there: list[LocalId] = field(default_factory=list)
    matched: list[LocalId] = field(default_factory=list)
    sent: list[LocalId] = field(default_factory=list)
    news: dict[RemoteId, RemoteRecord] = field(default_factory=dict)  # set aside since the base: newer than it

    def given_back(self) -> dict[LocalId, Link]:
        """Links of records that are the region's own."""
        return {local_id: link for local_id, link in self.links.items() if local_id not in self.sent}


def separate(desk: Desk, uow: UnitOfWork, stream: Stream, local_id: LocalId) -> None:
    """Close the link and put the regional record back before the matching pass; the pair is remembered as not
    the same. Raises DecisionError when that would take something away from anybody."""
    link = uow.links.by_local(stream, [local_id]).get(local_id)
    if link is None:
        raise DecisionError(f"{stream.value} {local_id}: карточка не связана с ГИС.")
    entry = uow.outbox.by_local(stream, [local_id]).get(local_id)
    if entry is not None and entry.state in (EntryState.LEASED, EntryState.UNKNOWN):
        raise DecisionError(f"{stream.value} {local_id}: карточка сейчас отправляется. Повторите через минуту.")
    children = _children(desk, uow, stream, local_id)
    parked = uow.inbox.parked(stream, remote_ids=[link.remote_id])
    if any(one.reason == "held" or one.record.deleted for one in parked):
        raise DecisionError(f"{stream.value} {local_id}: изменение карточки в ГИС ждёт решения. Сначала holds list.")
    _check(desk, uow, children, f"{stream.value} {local_id}")
    for found in children:
        _send_back(desk, uow, found, f"{stream.value}:{link.remote_id}", f"unlink:{stream.value}:{local_id}")
    conflict = uow.conflicts.open_for([link.link_id]).get(link.link_id)
    record = parked[0].record if parked else last_seen(stream, link, conflict).record
    if conflict is not None:
        uow.conflicts.save([replace(conflict, state=ConflictState.CONVERGED)])  # there is nothing to compare any more
    row = _as_before(desk, uow, stream, link)
    uow.links.update([closed(link)])
    uow.inbox.park([Parked(record=record, reason="inventory")])
    for found in children:
        uow.links.move([recalled(one, stream, link.link_id) for one in found.rowless])
        _recall(desk, uow, found, stream, link.link_id, f"unlink:{stream.value}:{local_id}")
        ours = [*found.matched, *found.sent]
        uow.outbox.enqueue(found.stream, dict.fromkeys(ours, tuple(desk.policies[found.stream].groups)))
    uow.matches.save(
        [
            MatchCase(
                case_id=0,
                stream=stream,
                remote_id=RemoteId(link.remote_id),
                candidates=(Candidate(local_id=local_id, reasons=("unlinked",)),),
                key_digest=pair_digest(record.values, row),
                state=MatchState.REJECTED,
                decided_at=desk.now(),
                decided_by=desk.actor,
            )
        ]
    )


def _as_before(desk: Desk, uow: UnitOfWork, stream: Stream, link: Link) -> Values:
    """The card without what linking brought into it; what was edited since stays. Returns the row as it is now."""
    row = canonical(desk.normalise, stream, uow.staging.rows(stream, [link.local_id])).get(link.local_id, {})
    replaced = uow.audited.replaced(stream, link.local_id)
    back = {name: old for name, old in replaced.items() if name in row and row[name] == link.base.local.get(name)}
    if row and back:
        uow.staging.update(stream, [(link.local_id, back)])
    return row | back


def _children(desk: Desk, uow: UnitOfWork, stream: Stream, local_id: LocalId) -> list[_Children]:
    found: list[_Children] = []
    for child, fields in children_of(stream).items():
        rows: dict[LocalId, Values] = {}
        for name in fields:
            rows.update(uow.staging.where(child, name, [local_id]))
        links = uow.links.by_local(child, rows) if rows else {}
        rowless = [
            link for link in uow.links.rowless(child) if any(link.base.local.get(name) == local_id for name in fields)
        ]
        if rows or rowless:
            readable = canonical(desk.normalise, child, rows)
            found.append(_Children(stream=child, rows=readable, links=links, rowless=rowless))
    return found


def _check(desk: Desk, uow: UnitOfWork, children: list[_Children], what: str) -> None:
    """Sort every child; refuse when one of them cannot be given back."""
    reasons: Counter[tuple[str, str]] = Counter()
    for found in children:
        fields = desk.policies[found.stream].by_field
        every = [*found.links.values(), *found.rowless]
        entries = uow.outbox.by_local(found.stream, [*found.rows, *(link.local_id for link in found.rowless)])
        cases = uow.conflicts.open_for([link.link_id for link in every])
        ids = [link.remote_id for link in found.links.values()]
        parked = {one.record.remote_id: one for one in uow.inbox.parked(found.stream, remote_ids=ids)}
        found.news = {remote_id: one.record for remote_id, one in parked.items()}
        going = {i for i, entry in entries.items() if entry.state in (EntryState.LEASED, EntryState.UNKNOWN)}
        # Also what has no link yet: the region may hold it by now, under the record the card is taken from.
        if going:
            reasons["сейчас отправляются", found.stream] += len(going)
        if asked := [link for link in found.rowless if link.link_id in cases]:
            reasons["ждут решения (conflicts list)", found.stream] += len(asked)
        for local_id, link in found.links.items():
            row = found.rows[local_id]
            edited = any(row.get(name) != link.base.local.get(name) for name in fields)
            aside = parked.get(link.remote_id)
            kept = aside is not None and aside.reason == DISCARDED  # a person knows of the change, and left it there
            if local_id in going:
                continue
            if link.link_id in cases:
                reasons["ждут решения (conflicts list)", found.stream] += 1
            elif aside is not None and not kept and (aside.reason == "held" or aside.record.deleted):
                reasons["изменены или удалены в ГИС и ждут решения (holds list)", found.stream] += 1
            elif kept and aside is not None and aside.record.deleted:
                found.matched.append(local_id)  # the region has no such record any more, the card keeps its row
            elif link.evidence in BORN_THERE and edited:
                reasons["изменены в школе с тех пор, как пришли из ГИС", found.stream] += 1
            elif link.evidence in BORN_THERE:
                found.born_there.append(local_id)
            elif link.evidence in SENT:
                found.sent.append(local_id)
            else:
                found.matched.append(local_id)
    if reasons:
        told = "; ".join(f"«{name}», записей {count}: {why}" for (why, name), count in reasons.items())
        raise DecisionError(f"{what}: разъединить пока нельзя. {told}.")


def _send_back(desk: Desk, uow: UnitOfWork, found: _Children, waits_for: str, cause: str) -> None:
    """Regional records wait for their own pupil; rows that came from them are gone."""
    if not found.links:
        return
    spec = SPECS[found.stream]
    given_back = found.given_back()
    parents = parent_remote_ids(uow, spec, [link.base.remote for link in given_back.values()])
    records = [
        found.news.get(link.remote_id)
        or as_agreed(found.stream, link, to_remote_references(spec, link.base.remote, parents))
        for link in given_back.values()
    ]
    uow.inbox.remove(found.stream, [record.remote_id for record in records if record.deleted])
    uow.inbox.park([Parked(record=r, reason="parent", waits_for=waits_for) for r in records if not r.deleted])
    uow.links.update([closed(link) for link in given_back.values()])
    entries = uow.outbox.by_local(found.stream, found.born_there)
    uow.outbox.remove([entry.entry_id for entry in entries.values()])
    uow.staging.delete(found.stream, found.born_there)
    gone = set(found.born_there)
    items = tuple(
        AuditItem(
            stream=found.stream,
            act=Act.MATCH,
            local_id=local_id,
            remote_id=link.remote_id,
            student_id=student_of(found.stream, local_id, link.base.local),
            before=found.rows[local_id] if local_id in gone else None,
        )
        for local_id, link in found.links.items()
    )
    journal(uow, desk, Act.MATCH, cause, stream=found.stream, items=items, note="separated")


def _recall(desk: Desk, uow: UnitOfWork, found: _Children, parent: Stream, parent_link: LinkId, cause: str) -> None:
    """Records sent from rows of the card are deleted in the region. Their links go over to an id without a row:
    to the engine they are records that were deleted here, while the rows begin anew. The journal tells their base
    under that id, for a question about the deletion may bring the row back there."""
    if not found.sent:
        return
    copies = uow.staging.insert(found.stream, _raw(uow, found))
    uow.staging.delete(found.stream, copies)
    moved = [(found.links[local_id], copy) for local_id, copy in zip(found.sent, copies, strict=True)]
    uow.links.move([recalled(replace(link, local_id=copy), parent, parent_link) for link, copy in moved])
    items = tuple(
        audit_item(found.stream, Act.LINK, copy, link.remote_id, link.base.local, link.base) for link, copy in moved
    )
    journal(uow, desk, Act.MATCH, cause, stream=found.stream, items=items, note="recalled")
    entries = uow.outbox.by_local(found.stream, found.sent)
    uow.outbox.remove([entry.entry_id for entry in entries.values()])
    uow.outbox.enqueue(found.stream, dict.fromkeys(copies, (DELETION,)))


def _raw(uow: UnitOfWork, found: _Children) -> list[Values]:
    rows = uow.staging.rows(found.stream, found.sent)
    return [rows[local_id] for local_id in found.sent]
