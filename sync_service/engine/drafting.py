"""The recording writer: what a cycle would do with some records, written down instead of carried out.

``draft`` loads and plans as pull, capture and push do, one after the other, in the caller's unit of work, and
writes nothing. It has two callers: a plan keeps the items; its application drafts them again from today's facts
and hands the very actions to ``engine.apply`` when nothing differs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sync_service.domain.accepting import plan_accept
from sync_service.domain.actions import DELETION, Actions, Incoming
from sync_service.domain.capturing import CapturePage, plan_capture
from sync_service.domain.conflicts import ConflictState, Side
from sync_service.domain.errors import RecordError
from sync_service.domain.linked import unchanged_in_region
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId
from sync_service.domain.matching import Match
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.planning import PullPage, is_older, plan_page
from sync_service.domain.plans import PlanItem, PlanKind
from sync_service.domain.pushing import PushPage, plan_push
from sync_service.domain.records import Values
from sync_service.domain.streams import BOTH_WAYS, RemoteRecord, Stream
from sync_service.engine.capture import normalised
from sync_service.engine.context import Cycle
from sync_service.engine.departing import load_push
from sync_service.engine.foresight import Foresight
from sync_service.engine.loading import canonical, load_page
from sync_service.engine.recording import Facts, Outcome, Recorder
from sync_service.engine.stores import UnitOfWork

_IN_FLIGHT = (EntryState.LEASED, EntryState.UNKNOWN, EntryState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """``items`` in the order of planning; ``actions`` carry out exactly what was given to ``draft``, items or not.

    ``left`` counts, by reason, records the plan leaves to the ordinary run; ``deferred`` need the whole inventory.
    """

    items: tuple[PlanItem, ...]
    actions: tuple[Actions, ...]
    left: Counter[str]
    deferred: tuple[RemoteRecord, ...]


def draft(
    cycle: Cycle,
    uow: UnitOfWork,
    kind: PlanKind,
    stream: Stream,
    records: Sequence[RemoteRecord],
    local_ids: Sequence[LocalId] = (),
    *,
    foresight: Foresight | None = None,
    matches: Mapping[RemoteId, Match] | None = None,
    chunk: int = 0,
) -> Draft:
    """Plan regional ``records`` with their rows, and rows ``local_ids`` that have no counterpart.

    With ``matches`` (the inventory pass) nothing is deferred. The facts are those of ``uow``; ``foresight`` adds
    what earlier items of the same plan would have made known.
    """
    foresight = foresight or Foresight()
    view = foresight.over(uow)
    page = load_page(view, cycle.policies, stream, records, normalise=cycle.normalise, matches=matches)
    left: Counter[str] = Counter()
    facts, actions = _judge(cycle, view, kind, page, local_ids, left)
    outcome = Outcome()
    for planned in actions:
        outcome.add(planned)
    _strike_deletions(actions, left)
    excluded = _foresee_sending(cycle, view, kind, stream, facts, outcome, actions, left)
    asked = uow.matches.open_for(stream, outcome.cases) if outcome.cases else {}
    items: list[PlanItem] = []
    for one in facts:
        if one.local_id is not None and one.local_id in excluded:
            continue
        item = Recorder(cycle, kind, stream, foresight, outcome, asked).item(one, left)
        if item is not None:
            items.append(replace(item, chunk=chunk, inventory=matches is not None))
    parked = [one for planned in actions for one in planned.park]
    left.update(f"waiting_{one.reason}" for one in parked if one.reason == "parent")
    left.update("deletion" for one in parked if one.reason == "deletion")
    return Draft(
        items=tuple(items),
        actions=tuple(actions),
        left=left,
        deferred=tuple(one.record for one in parked if one.reason == "inventory"),
    )


def _judge(
    cycle: Cycle,
    view: UnitOfWork,
    kind: PlanKind,
    page: PullPage,
    local_ids: Sequence[LocalId],
    left: Counter[str],
) -> tuple[list[Facts], list[Actions]]:
    """The facts of every record and what pull and capture, or the choice of a side, make of them."""
    stream, policy = page.spec.stream, page.policy
    newest: dict[RemoteId, Incoming] = {}
    for incoming in page.incoming:
        kept = newest.get(incoming.record.remote_id)
        if kept is None or (incoming.record.change_version or 0) >= (kept.record.change_version or 0):
            newest[incoming.record.remote_id] = incoming
    linked = {i: link for i in newest if (link := page.links.get(i)) is not None}
    ours = [link.local_id for link in linked.values()]
    changed = [*ours, *local_ids] if kind is PlanKind.COMPARE else ours
    raw = view.staging.rows(stream, changed) if changed else {}
    rows = normalised(cycle.normalise, stream, raw)
    plain: dict[LocalId, Values] = {i: row for i, row in rows.items() if not isinstance(row, RecordError)}
    known = {**canonical(cycle.normalise, stream, raw), **page.rows, **plain}
    facts = [
        Facts(
            local_id=link.local_id if (link := linked.get(i)) else None,
            incoming=incoming,
            link=link,
            conflict=page.conflicts.get(link.link_id) if link else None,
            row=known.get(link.local_id) if link else None,
        )
        for i, incoming in newest.items()
    ]
    if kind is not PlanKind.COMPARE:
        return facts, [_accept(cycle, kind, page, facts)]
    pulled = plan_page(page)
    found = {new.remote_id: new.local_id for new in pulled.new_links}
    for one in facts:  # rows that a match has found
        if one.incoming is not None and (match := found.get(one.incoming.record.remote_id)) is not None:
            one.local_id, one.row = match, known.get(match)
    if stream not in BOTH_WAYS:
        return facts, [pulled]
    quiet = [link for one in facts if (link := _quiet(one)) is not None]
    links = {**view.links.by_local(stream, local_ids), **{link.local_id: link for link in quiet}}
    captured = plan_capture(
        CapturePage(
            stream=stream,
            policy=policy,
            changed=[*(link.local_id for link in quiet), *local_ids],
            rows=rows,
            links=links,
            conflicts=view.conflicts.open_for([link.link_id for link in links.values()]) if links else {},
        )
    )
    left["unreadable"] += len(captured.actions.quarantine)
    facts.extend(Facts(local_id=i, link=links.get(i), row=known.get(i)) for i in local_ids if i in rows or i in links)
    return facts, [pulled, captured.actions]


def _quiet(one: Facts) -> Link | None:
    """The link of a record that is unchanged in the region, with the version it was just seen in: whether the row
    was changed here is the capture's question."""
    if one.link is None or one.incoming is None or one.incoming.missing:
        return None
    record = one.incoming.record
    if record.deleted or is_older(record, one.link):
        return None
    if not unchanged_in_region(one.link, one.incoming.values, one.conflict):
        return None
    return replace(one.link, version=record.version, change_version=record.change_version)


def _accept(cycle: Cycle, kind: PlanKind, page: PullPage, facts: Sequence[Facts]) -> Actions:
    actions = Actions(stream=page.spec.stream)
    side = Side.GIS if kind is PlanKind.ACCEPT_GIS else Side.LOCAL
    if side is Side.LOCAL and page.spec.stream not in BOTH_WAYS:
        return actions
    for one in facts:
        item = one.incoming
        if one.link is None or one.row is None or item is None or item.record.deleted or item.missing:
            continue
        plan_accept(
            actions,
            page.policy,
            one.link,
            one.row,
            item,
            one.conflict,
            side,
            actor=cycle.actor,
            at=cycle.clock.now(),
        )
    return actions


def _strike_deletions(actions: Sequence[Actions], left: Counter[str]) -> None:
    """A plan never deletes: deletions of either side are left to the run, whose guard is asked about them."""
    for planned in actions:
        if planned.deletes:
            raise AssertionError("planning a page deletes nothing; deletions follow after the stream's total")
        for local_id in [i for i, groups in planned.dirty.items() if DELETION in groups]:
            del planned.dirty[local_id]
            left["deletion"] += 1


def _foresee_sending(
    cycle: Cycle,
    view: UnitOfWork,
    kind: PlanKind,
    stream: Stream,
    facts: Sequence[Facts],
    outcome: Outcome,
    actions: Sequence[Actions],
    left: Counter[str],
) -> set[LocalId]:
    """Plan what would leave after the writes here; returns rows the plan must not touch now."""
    if stream not in BOTH_WAYS:
        return set()
    ids = [one.local_id for one in facts if one.local_id is not None]
    known = view.outbox.by_local(stream, ids) if ids else {}
    busy = {i for i, entry in known.items() if entry.state in _IN_FLIGHT}
    left["under_way"] += len(busy)
    undoing = {
        one.local_id
        for one in facts
        if one.local_id is not None and one.conflict is not None and one.conflict.state is ConflictState.UNDOING
    }
    left["undoing"] += len(undoing)
    excluded = busy | undoing
    dirty: dict[LocalId, set[str]] = defaultdict(set)
    for planned in actions:
        for local_id, groups in planned.dirty.items():
            dirty[local_id] |= groups
    if kind is PlanKind.COMPARE:
        for local_id, entry in known.items():
            dirty[local_id].update(entry.groups)
    due = [
        known.get(i) or Entry(entry_id=-n, stream=stream, local_id=i, client_ref="", groups=tuple(sorted(groups)))
        for n, (i, groups) in enumerate(sorted(dirty.items()), start=1)
        if i not in excluded and DELETION not in groups
    ]
    if not due:
        return excluded
    departure = plan_push(_after(load_push(cycle, view, stream, due), facts, outcome))
    left["unreadable"] += len(departure.quarantine)
    left.update(f"waiting_{entry.waiting.value}" for entry in departure.changed if entry.waiting is not None)
    for item in departure.items:
        outcome.sends[item.local_id] = item
        actions[-1].dirty.setdefault(item.local_id, set()).update(dirty[item.local_id])
    return excluded


def _after(page: PushPage, facts: Sequence[Facts], outcome: Outcome) -> PushPage:
    """The page of due entries as it will be once the writes here are done."""
    rows, links, conflicts = dict(page.rows), dict(page.links), dict(page.conflicts)
    for local_id, pull in outcome.updates.items():
        row = rows.get(local_id)
        if row is not None and not isinstance(row, RecordError):
            rows[local_id] = {**row, **pull}
    for one in facts:
        change = outcome.changes.get(one.link.link_id) if one.link else None
        if one.link is not None and change is not None and one.link.local_id in links:
            base = change.base or one.link.base
            links[one.link.local_id] = replace(one.link, base=base, version=change.version)
    for number, new in enumerate(outcome.new_links.values(), start=1):
        links[new.local_id] = Link(
            link_id=LinkId(-number),
            local_id=new.local_id,
            remote_id=new.remote_id,
            base=new.base,
            version=new.version,
            change_version=new.change_version,
        )
    for local_id, conflict in outcome.conflicts.items():
        link = links.get(local_id)
        if link is not None:
            conflicts.pop(link.link_id, None)
            if conflict.state is ConflictState.OPEN:
                conflicts[link.link_id] = conflict
    return replace(page, rows=rows, links=links, conflicts=conflicts)
