"""The mass-change guard at work: what stands, what a release still covers, and how a set becomes a hold.

Both directions count here; what is a create, an update or a deletion they say themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync_service.domain.guards import CREATES, WATCHED_CREATES, Kind, Standing, Way, judge
from sync_service.domain.holds import UNDECIDED, Hold, HoldItem, HoldState, ItemState, set_digest
from sync_service.domain.inbox import Parked
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle
from sync_service.engine.messages import about_hold
from sync_service.engine.scopes import exempt as exempt_kinds
from sync_service.engine.stores import UnitOfWork

WAITS = ("deletion", "guard", "inventory")  # why a regional record that a release lets go waits for the next run


def held_mark(hold_id: int) -> str:
    """What a held regional record waits for."""
    return f"holds:{hold_id}"


@dataclass(slots=True, kw_only=True)
class Gate:
    """One stream and direction in front of the guard: how it stands, and its undecided holds with their items."""

    way: Way
    standing: Standing
    holds: Mapping[Kind, Hold] = field(default_factory=dict)
    items: Mapping[int, list[HoldItem]] = field(default_factory=dict)

    def beside(self, planned: Mapping[Kind, Collection[object]]) -> Standing:
        """How it stands when records that are held already come again: they are not counted twice."""
        held = dict(self.standing.held)
        for kind, ids in planned.items():
            if kind in self.holds:
                again = {item.remote_id or item.local_id for item in self.items[self.holds[kind].hold_id]}
                held[kind] -= len(again & set(ids))
        return replace(self.standing, held=held)


def open_gate(cycle: Cycle, uow: UnitOfWork, stream: Stream, way: Way) -> Gate:
    """What the guard must know before it counts; five short statements."""
    holds = {hold.kind: hold for hold in uow.holds.undecided(stream, way)}
    items: dict[int, list[HoldItem]] = {hold.hold_id: [] for hold in holds.values()}
    for item in uow.holds.items(items, state=ItemState.HELD):
        items[item.hold_id].append(item)
    standing = Standing(
        stream=stream,
        of=uow.links.count(stream),
        limits=cycle.limits.on(cycle.today()),
        passed=uow.guard.passed(stream, way),
        held={kind: len(items[hold.hold_id]) for kind, hold in holds.items()},
        exempt=exempt_kinds(cycle, uow, stream, way),
    )
    return Gate(way=way, standing=standing, holds=holds, items=items)


def hold(cycle: Cycle, uow: UnitOfWork, gate: Gate, kind: Kind, items: Sequence[HoldItem]) -> int:
    """Open a hold of exactly these records; an undecided one of the same kind is superseded and its records join."""
    stream = gate.standing.stream
    former = gate.holds.get(kind)
    joined = {(item.local_id if gate.way is Way.PUSH else item.remote_id): item for item in items}
    for item in gate.items[former.hold_id] if former else ():
        joined.setdefault(item.local_id if gate.way is Way.PUSH else item.remote_id, item)
    everything = [replace(item, item_id=0, hold_id=0, state=ItemState.HELD) for item in joined.values()]
    if former is not None:
        uow.holds.save([replace(former, state=HoldState.SUPERSEDED)])
    opened = Hold(
        hold_id=0,
        stream=stream,
        way=gate.way,
        kind=kind,
        digest=set_digest(everything),
        records=len(everything),
        total=gate.standing.of,
        cause=cycle.report.run_id,
        opened_at=cycle.clock.now(),
    )
    hold_id = uow.holds.open(opened, everything)
    if former is not None and gate.way is Way.PULL:
        waiting = uow.inbox.parked(stream, reason="held", waits_for=[held_mark(former.hold_id)])
        uow.inbox.park([replace(parked, waits_for=held_mark(hold_id)) for parked in waiting])
    if former is None:
        uow.notifications.add(about_hold(replace(opened, hold_id=hold_id)))
    return hold_id


def count(
    uow: UnitOfWork, stream: Stream, way: Way, kinds: Mapping[Kind, int], *, exempt: frozenset[Kind] = frozenset()
) -> None:
    """Remember what passes unasked now; belongs into the transaction that applies it."""
    watched = {kind: number for kind, number in kinds.items() if number and kind not in exempt}
    if stream not in WATCHED_CREATES:
        watched.pop(CREATES, None)
    if watched:
        uow.guard.count(stream, way, watched)


def release_covers(cycle: Cycle, uow: UnitOfWork, stream: Stream, way: Way) -> dict[object, HoldItem]:
    """Records a valid release covers, by local id (push) or regional id (pull). Overdue releases end here."""
    items = uow.holds.covered(stream, way)
    if not items:
        return {}
    now = cycle.clock.now()
    overdue = [found for i in {item.hold_id for item in items} if (found := uow.holds.get(i)) and found.expired(now)]
    if overdue:
        uow.holds.save([replace(one, state=HoldState.EXPIRED) for one in overdue])
        ended = {one.hold_id for one in overdue}
        uow.holds.mark([item.item_id for item in items if item.hold_id in ended], ItemState.DROPPED)
        items = [item for item in items if item.hold_id not in ended]
    return {(item.local_id if way is Way.PUSH else item.remote_id): item for item in items}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record that would be written to one side: ``key`` is its regional id (pull) or its row (push)."""

    key: RemoteId | LocalId
    kinds: frozenset[Kind]
    item: HoldItem


@dataclass(slots=True, kw_only=True)
class Sifted:
    """What the guard said: records held, each with its hold; items a release covers; what passes unasked."""

    held: dict[object, int]
    covered: list[HoldItem]
    passed: Counter[Kind]


def sift(
    cycle: Cycle, uow: UnitOfWork, gate: Gate, covers: Mapping[object, HoldItem], candidates: Sequence[Candidate]
) -> Sifted:
    """Judge everything that is about to happen at once, and open the holds. A record is held whole, in one hold.

    A release covers a record only as it was when it was held: one that has changed since counts like any other.
    """
    covered: list[HoldItem] = []
    fresh: list[Candidate] = []
    dropped: list[int] = []
    for candidate in candidates:
        item = covers.get(candidate.key)
        if item is not None and item.precondition == candidate.item.precondition:
            covered.append(item)
            continue
        fresh.append(candidate)
        if item is not None:
            dropped.append(item.item_id)
    uow.holds.mark(dropped, ItemState.DROPPED)
    planned: dict[Kind, list[object]] = defaultdict(list)
    for candidate in fresh:
        for kind in candidate.kinds:
            planned[kind].append(candidate.key)
    over = judge({kind: len(keys) for kind, keys in planned.items()}, gate.beside(planned))
    sets: dict[Kind, list[Candidate]] = defaultdict(list)
    for candidate in fresh:
        if stopped := candidate.kinds & over:
            sets[max(stopped, key=lambda kind: (len(planned[kind]), kind.operation, kind.group))].append(candidate)
    held: dict[object, int] = {}
    for kind, members in sets.items():
        hold_id = hold(cycle, uow, gate, kind, [member.item for member in members])
        held.update({member.key: hold_id for member in members})
    return Sifted(
        held=held,
        covered=covered,
        passed=Counter(kind for c in fresh if c.key not in held for kind in c.kinds),
    )


def tidy_holds(cycle: Cycle) -> None:
    """Bring holds in line with what is left of them: records that went away, releases that are done or overdue."""
    with cycle.read() as uow:
        cases = uow.holds.cases(states=(*UNDECIDED, HoldState.RELEASED))
    if not cases:
        return
    with cycle.write() as uow:
        cases = uow.holds.cases(states=(*UNDECIDED, HoldState.RELEASED))
        uow.holds.save([tidied for case in cases if (tidied := _tidied(uow, case)) is not None])
        uow.commit()


def _tidied(uow: UnitOfWork, case: Hold) -> Hold | None:
    """The hold as it should be; None when nothing is to be changed."""
    released = case.state is HoldState.RELEASED
    items = uow.holds.items([case.hold_id], state=ItemState.RELEASED if released else ItemState.HELD)
    stopped = {item.item_id for item in (_on_the_way if released else still_held)(uow, case, items)}
    uow.holds.mark([item.item_id for item in items if item.item_id not in stopped], ItemState.DROPPED)
    if released:
        if stopped:
            return None
        done = uow.holds.left([case.hold_id], ItemState.APPLIED)
        return replace(case, state=HoldState.APPLIED if done else HoldState.SUPERSEDED)
    if len(stopped) == len(items):
        return None
    left = [item for item in items if item.item_id in stopped]
    if not left:
        return replace(case, state=HoldState.SUPERSEDED)
    # Another set is another decision: a first word does not count for it.
    return replace(
        case,
        state=HoldState.OPEN,
        records=len(left),
        digest=set_digest(left),
        first_by=None,
        first_at=None,
    )


def _on_the_way(uow: UnitOfWork, case: Hold, items: Iterable[HoldItem]) -> list[HoldItem]:
    """Released items that are still to be carried out."""
    known = list(items)
    if case.way is Way.PUSH:
        entries = uow.outbox.by_local(case.stream, [i.local_id for i in known if i.local_id is not None])
        return [item for item in known if item.local_id in entries]
    ids = [item.remote_id for item in known if item.remote_id is not None]
    parked = uow.inbox.parked(case.stream, remote_ids=ids) if ids else []
    waiting = {one.record.remote_id for one in parked if one.reason in WAITS}
    return [item for item in known if item.remote_id in waiting]


def still_held(uow: UnitOfWork, case: Hold, items: Iterable[HoldItem]) -> list[HoldItem]:
    """Items whose record is really stopped by this hold."""
    known = list(items)
    if case.way is Way.PUSH:
        entries = uow.outbox.by_local(case.stream, [i.local_id for i in known if i.local_id is not None])
        return [i for i in known if i.local_id in entries and entries[i.local_id].state is EntryState.HELD]
    parked = {parked.record.remote_id for parked in parked_of(uow, case)}
    return [item for item in known if item.remote_id in parked]


def parked_of(uow: UnitOfWork, case: Hold) -> list[Parked]:
    """The regional records a hold stops."""
    return uow.inbox.parked(case.stream, reason="held", waits_for=[held_mark(case.hold_id)])
