"""What must be true of a history at peace; every function returns the problems it finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from connectors.memory_region import UNIQUE
from sync_service.domain.actions import DELETE_KINDS
from sync_service.domain.conflicts import Conflict
from sync_service.domain.links import LinkState, LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, folded
from sync_service.domain.records import Values
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from sync_service.engine.stores import UnitOfWork
from tests.simulation.ledger import GIS, LOCAL, Edit
from tests.simulation.replay import journal_problems
from tests.simulation.state import History
from tests.unit.engine.world import POLICIES, normalise

# States of an entry in which the record waits for a person or a permit, and may differ until then.
UNDECIDED = (EntryState.WAITING, EntryState.REJECTED)


def problems_of(history: History) -> list[str]:
    """Everything that is wrong; empty when the history ended as it must."""
    world = history.world
    problems = [*_dishonest_reports(history), *standing_apart(history)]
    rows = {stream: world.rows(stream.value) for stream in BOTH_WAYS}
    remote = {stream: world.remote.records(stream) for stream in BOTH_WAYS}
    with world.db.read(world.school.school_id) as uow:
        cases = uow.conflicts.cases(state=None)
    under_way = {
        (row["stream"], str(row["local_id"])) for row in _select(history, "SELECT stream, local_id FROM outbox")
    }
    for thing in _things(history):
        ids = {link["id"] for link in thing.links}
        view = _View(
            rows={str(row["id"]): row for row in rows[thing.stream]},
            items=remote[thing.stream],
            cases=[case for case in cases if case.link_id in ids],
            under_way=any((thing.stream.value, local) in under_way for local in thing.locals),
        )
        problems += _lost(history, thing, view)
    problems += _doubled(history)
    problems += journal_problems(world)
    return problems


def standing_apart(history: History) -> list[str]:
    """What differs outside open decisions, and whether the journal is whole."""
    world = history.world
    rows = {stream: world.rows(stream.value) for stream in BOTH_WAYS}  # before the view is opened: see InMemory
    distrusted = _distrusted(history)
    separated = {stream: _separated(history, stream) for stream in BOTH_WAYS}
    with world.db.read(world.school.school_id) as uow:
        broken = uow.audit.verify()
        problems = [f"audit: {broken}"] if broken else []
        for stream in [stream for stream in BOTH_WAYS if stream not in distrusted]:
            problems += _disagreements(history, uow, stream, rows[stream], separated[stream])
    return problems


def _dishonest_reports(history: History) -> Iterator[str]:
    """Green exactly when counts balance, nothing was rejected and no error occurred."""
    for report in history.reports:
        for stream, entry in report.streams.items():
            if not entry.pull.balances or not entry.push.balances:
                yield f"{report.run_id} {stream.value}: counts do not balance {entry}"
            wrong = entry.error or entry.pull.rejected or entry.push.rejected
            if report.status is RunStatus.SUCCEEDED and wrong:
                yield f"{report.run_id} {stream.value}: green in spite of {wrong}"
        if report.status is RunStatus.SUCCEEDED and report.error:
            yield f"{report.run_id}: green in spite of {report.error}"
    last, excused = history.reports[-1], _distrusted(history)
    errors = [(stream.value, entry.error) for stream, entry in last.streams.items() if entry.error]
    expected = RunStatus.COMPLETED_WITH_ERRORS if excused else RunStatus.SUCCEEDED
    if last.status is not expected or {name for name, _ in errors} != {stream.value for stream in excused}:
        yield f"last run {last.status} {last.error} {errors}"


def distrusts(report: RunReport) -> set[Stream]:
    """Streams whose list this run has not believed."""
    errors = {stream: entry.error or "" for stream, entry in report.streams.items()}
    return {s for s, error in errors.items() if error.startswith(f"ContractError: {s.value}: the region lists ")}


def _distrusted(history: History) -> set[Stream]:
    """Streams of which the region really lists less than half of what we share, after it has forgotten what it
    deleted. Whoever reads that cannot tell it from damage: nothing is deleted on its word and no run is green, until
    a person has looked (invariants 4 and 11)."""
    found = set()
    for stream in distrusts(history.reports[-1]):
        known = _select(history, "SELECT remote_id FROM links WHERE stream = :s AND state = 'live'", s=stream.value)
        there = history.world.remote.records(stream)
        if 2 * sum(RemoteId(link["remote_id"]) in there for link in known) < len(known):
            found.add(stream)
    return found


def _disagreements(
    history: History, uow: UnitOfWork, stream: Stream, staging: list[dict[str, Any]], separated: set[int]
) -> list[str]:
    """Outside open decisions both sides hold the same records with the same values."""
    world = history.world
    policy, spec = POLICIES[stream], SPECS[stream]
    remote = world.remote.records(stream)
    rows = {LocalId(row["id"]): row for row in staging}
    links = uow.links.by_local(stream, list(rows))
    entries = uow.outbox.by_local(stream, list(rows))
    conflicts = uow.conflicts.open_for([link.link_id for link in links.values()])
    releases = uow.releases.by_student(list(rows)) if stream is Stream.STUDENTS else {}
    arrivals = set(rows)
    if stream is Stream.STUDENTS:  # cards that a class report has begun wait for somebody who completes them
        arrivals = {arrival.student_id for arrival in uow.releases.candidates()}
    parked = {p.record.remote_id: p for p in uow.inbox.parked(stream)}
    asked = uow.matches.open_locals(stream)
    # Rows that cannot leave as they are, and that a person has set aside until they change.
    aside = {item.local_id for item in uow.quarantine.items(stream=stream, direction="push", discarded=True)}
    linked_remote = {link.remote_id for link in links.values()}
    problems: list[str] = []
    if len(linked_remote) != len(links):
        problems.append(f"{stream.value}: two local rows share a regional record")
    for local_id, row in rows.items():
        link, entry = links.get(local_id), entries.get(local_id)
        if link is None:
            explained = local_id in releases or local_id in asked or local_id in separated or local_id in aside
            if entry is None and not explained and local_id in arrivals:
                problems.append(f"{stream.value} {local_id}: neither linked nor waiting")
            continue
        there = remote.get(link.remote_id)
        conflict = conflicts.get(link.link_id)
        held = conflict.groups if conflict else frozenset()
        if "*" in held or (entry is not None and entry.state in UNDECIDED):
            continue
        if there is None:
            if link.remote_id not in parked:
                problems.append(f"{stream.value} {local_id}: linked to {link.remote_id} which is gone")
            continue
        here = normalise(stream, row)
        for name, parent in spec.references.items():
            if (reference := here.get(name)) is not None:
                here[name] = uow.links.remote_ids(parent, [LocalId(int(reference))]).get(LocalId(int(reference)))
        stored = history.stored(stream, here)
        for item in policy.fields:
            agree = item.same(here.get(item.field), there.get(item.field)) or stored[item.field] == there[item.field]
            kept = history.ledger.apart.get((stream, str(local_id), item.field))
            if not agree and kept is not None:  # a person said that each side keeps exactly this
                agree = item.same(row.get(item.field), kept[0]) and item.same(there[item.field], kept[1])
            if item.group not in held and not agree:
                problems.append(
                    f"{stream.value} {local_id}/{link.remote_id}: {item.field} {here.get(item.field)!r} here, "
                    f"{there.get(item.field)!r} there"
                )
    deleted_here = {c.link_id for c in uow.conflicts.cases() if c.stream is stream and c.kind in DELETE_KINDS}
    every = uow.links.by_remote(stream, list(remote))
    waiting = uow.outbox.by_local(stream, [link.local_id for link in every.values()])
    for remote_id in remote:
        link = every.get(RemoteId(remote_id))
        if link is None and remote_id not in parked:
            problems.append(f"{stream.value} {remote_id}: known to the region only")
        if link is None or link.local_id in rows or link.link_id in deleted_here:
            continue
        entry = waiting.get(link.local_id)
        if entry is None or entry.state not in UNDECIDED:
            problems.append(f"{stream.value} {remote_id}: linked to a row that is gone")
    return problems


def _separated(history: History, stream: Stream) -> set[int]:
    """Cards a person has taken from their regional record: they wait until she says what becomes of them."""
    found = _select(
        history, "SELECT local_id FROM links WHERE stream = :stream AND state <> 'live'", stream=stream.value
    )
    return {row["local_id"] for row in found}


# --- nothing is lost, nothing is doubled -------------------------------------------------------------------------


@dataclass(slots=True)
class _Thing:
    """All rows and regional records that were ever linked to one another: one pupil, one mark."""

    stream: Stream
    locals: set[str] = field(default_factory=set)
    remotes: set[str] = field(default_factory=set)
    links: list[dict[str, Any]] = field(default_factory=list)

    def of(self, side: str) -> set[str]:
        return self.locals if side == LOCAL else self.remotes

    @property
    def live(self) -> list[dict[str, Any]]:
        return [link for link in self.links if link["state"] == LinkState.LIVE]

    def __str__(self) -> str:
        return f"{self.stream.value} {sorted(self.locals)}/{sorted(self.remotes)}"


def _things(history: History) -> list[_Thing]:
    """Connected components of the links, with the records that stand alone."""
    found: dict[tuple[str, Stream, str], _Thing] = {}
    for link in _select(history, "SELECT id, stream, local_id, remote_id, state FROM links ORDER BY id"):
        stream = Stream(link["stream"])
        if stream not in BOTH_WAYS:
            continue
        ends = (LOCAL, stream, str(link["local_id"])), (GIS, stream, str(link["remote_id"]))
        thing = _Thing(stream)
        for known in {id(t): t for t in (found.get(end) for end in ends) if t is not None}.values():
            thing.locals |= known.locals
            thing.remotes |= known.remotes
            thing.links += known.links
        thing.locals.add(ends[0][2])
        thing.remotes.add(ends[1][2])
        thing.links.append(link)
        for local in thing.locals:
            found[LOCAL, stream, local] = thing
        for remote in thing.remotes:
            found[GIS, stream, remote] = thing
    for side, stream, record in history.ledger.made:
        if (side, stream, record) not in found:
            alone = _Thing(stream)
            (alone.locals if side == LOCAL else alone.remotes).add(record)
            found[side, stream, record] = alone
    return list({id(thing): thing for thing in found.values()}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What both sides hold in the end, and what was asked about one thing."""

    rows: dict[str, dict[str, Any]]
    items: dict[RemoteId, Values]
    cases: list[Conflict]
    under_way: bool


def _lost(history: History, thing: _Thing, view: _View) -> Iterator[str]:
    """What was entered is there, was taken away by somebody who saw it, or was decided about."""
    made = history.ledger.made
    if not any((side, thing.stream, record) in made for side in (LOCAL, GIS) for record in thing.of(side)):
        yield f"{thing}: nobody has entered it, it is a double"
    here = [view.rows[r] for r in thing.locals if r in view.rows]
    there = [r for r in thing.remotes if RemoteId(r) in view.items]
    if not here and not there:
        yield from _wrongly_deleted(history, thing, view.cases)
    elif len(thing.live) == 1 and len(here) == 1 and len(there) == 1 and not view.under_way:
        yield from _overwritten(history, thing, here[0], view.cases)


def _wrongly_deleted(history: History, thing: _Thing, cases: list[Conflict]) -> Iterator[str]:
    decided = any(case.kind in DELETE_KINDS for case in cases)
    removals = {
        LOCAL: history.ledger.removals(LOCAL, thing.stream, thing.locals),
        GIS: history.ledger.removals(GIS, thing.stream, thing.remotes),
    }
    if not removals[LOCAL] and not removals[GIS] and not decided:
        yield f"{thing}: gone, and nobody has deleted it"
    for side, other, records in ((LOCAL, GIS, thing.locals), (GIS, LOCAL, thing.remotes)):
        if removals[side] or decided or not removals[other]:
            continue
        last = max(removals[other], key=lambda removal: removal.step)
        for name, edit in history.ledger.last(side, thing.stream, records).items():
            policy = _asked_about(thing.stream, name)
            seen = [last.before.get(name), *history.ledger.saw(other, thing.stream, thing.of(other), name, edit)]
            if policy is None or _decided(history, policy, side, edit, cases):
                continue
            if history.ledger.returned(side, thing.stream, records, name, edit):
                continue
            if history.ledger.kept_apart(thing.stream, thing.locals, name, edit.value):
                continue  # a person has seen this value and left it as it is
            if not any(_same(history, policy, edit.value, value) for value in seen):
                yield f"{thing}: deleted by {other}, which had not seen {name} {edit.value!r} of {side}"


def _overwritten(history: History, thing: _Thing, row: dict[str, Any], cases: list[Conflict]) -> Iterator[str]:
    local = history.ledger.last(LOCAL, thing.stream, thing.locals)
    remote = history.ledger.last(GIS, thing.stream, thing.remotes)
    final = normalise(thing.stream, row)
    known = (history.ledger.former.get((LOCAL, thing.stream, record)) for record in thing.locals)
    former = {LOCAL: set[str](), GIS: {record for record in known if record is not None}}
    (local_id,) = (link["local_id"] for link in thing.live)
    for name in sorted({*local, *remote}):
        policy = _asked_about(thing.stream, name)
        if policy is None or _undecided(policy, cases):
            continue
        kept = history.ledger.apart.get((thing.stream, str(local_id), name))
        if kept is not None and kept[0] != kept[1] and _same(history, policy, final[name], kept[0]):
            continue  # each side keeps its own by the word of a person, which _disagreements has compared
        edits = {LOCAL: local.get(name), GIS: remote.get(name)}
        for side, edit in edits.items():
            if edit is None or edit.blank or _same(history, policy, final[name], edit.value):
                continue
            other = GIS if side == LOCAL else LOCAL
            seen = history.ledger.saw(other, thing.stream, thing.of(other) | former[other], name, edit)
            if any(_same(history, policy, edit.value, value) for value in seen):
                continue  # the other side had this value in sight and replaced it
            if any(r.step > edit.step for r in history.ledger.removals(side, thing.stream, thing.of(side))):
                continue  # this side has deleted the record since; it lives on by a decision
            if _put_back_unheard(history, thing, policy, other, edit):
                continue
            if history.ledger.returned(side, thing.stream, thing.of(side), name, edit):
                continue  # an edit taken back: to the engine this side has not changed at all
            if history.ledger.kept_apart(thing.stream, thing.locals, name, edit.value):
                continue  # a person saw it and said that it is no news: it gives way like anything that was agreed
            if not _decided(history, policy, side, edit, cases):
                yield f"{thing}: {name} {edit.value!r} of {side} gave way to {final[name]!r}, and nobody decided so"


def _put_back_unheard(history: History, thing: _Thing, policy: FieldPolicy, other: str, edit: Edit) -> bool:
    """Whether ``edit`` went back to what an edit of the other side had begun with, the answer about which was lost
    in between: a known limit, docs/reliability.md."""
    return any(
        _same(history, policy, edit.value, earlier.before)
        and history.ledger.unheard_between(thing.stream, thing.remotes, earlier.step, edit.step)
        for earlier in history.ledger.all(other, thing.stream, thing.of(other), policy.field)
    )


def _asked_about(stream: Stream, name: str) -> FieldPolicy | None:
    """The policy of a field whose clash is a person's to decide. References name records, they are not edited;
    some columns are the school's alone."""
    policy = POLICIES[stream].by_field.get(name)
    if policy is None or policy.owner is not Owner.BOTH or policy.on_clash is not OnClash.ASK:
        return None
    return None if name in SPECS[stream].references else policy


def _undecided(policy: FieldPolicy, cases: list[Conflict]) -> bool:
    return any(case.decided_at is None and {policy.group, "*"} & case.groups for case in cases)


def _decided(history: History, policy: FieldPolicy, side: str, edit: Edit, cases: list[Conflict]) -> bool:
    clashes = [clash for case in cases for clash in case.clashes if clash.field == policy.field]
    values = [clash.local if side == LOCAL else clash.remote for clash in clashes]
    return any(_same(history, policy, edit.value, value) for value in values)


def _same(history: History, policy: FieldPolicy, one: Any, other: Any) -> bool:
    return policy.same(one, other) or history.rewritten(one) == history.rewritten(other)


def _doubled(history: History) -> Iterator[str]:
    """No record was created twice, and no two live records share a natural key."""
    region = history.world.remote.region
    for stream in BOTH_WAYS:
        refs = [item.client_ref for item in region.items[stream].values() if item.client_ref is not None]
        if len(refs) != len(set(refs)):
            yield f"{stream.value}: a create was carried out twice"
        names = UNIQUE.get(stream)
        if names is None:
            continue
        seen: dict[tuple[Any, ...], str] = {}
        for remote_id, values in history.world.remote.records(stream).items():
            key = tuple(folded(values[name]) for name in names)
            if key in seen:
                yield f"{stream.value}: {seen[key]} and {remote_id} are the same"
            seen[key] = remote_id


def _select(history: History, statement: str, **values: Any) -> list[dict[str, Any]]:
    with history.world.db.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(statement), values).mappings()]
