"""Reconcile: a full comparison of one stream with the region, which repairs drift and never wipes.

    listing (ids, versions) ─ against live links ─┬─ equal ──────────► nothing is fetched
                                                  ├─ differs, unknown ► bodies ─► planned like a page
                                                  └─ not listed ─────► asked for by id ─► planned, or proven gone
    rows against their bases, in the database ────► change journal ─► capture

Nothing here moves a cursor or resets a base: whatever differs goes the way it would have gone on its day. A record
is only taken for deleted when it is absent from a listing that was complete *and* from the answer to a question for
its id, in which another record known to be there did come. The guard then judges it like any deletion. What is
parked, in the quarantine or under way is left to its own path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sync_service.domain.errors import ContractError
from sync_service.domain.links import LinkId, LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import BOTH_WAYS, SPECS, RemoteRecord, Stream
from sync_service.engine.context import Cycle
from sync_service.engine.departing import parent_remote_ids
from sync_service.engine.erased import PERSONS
from sync_service.engine.pull import take_in
from sync_service.engine.stores import UnitOfWork

T = TypeVar("T")

BODIES = 500  # records asked for at once
CHUNK = 5000  # links or rows looked through in one statement

# What tells a record without a natural key of its own apart, for whoever reads of its end.
_NAMES = {
    Stream.ORGANIZATIONS: ("name",),
    Stream.STUDENTS: ("last_name", "first_name", "patronymic", "birth_date"),
    Stream.GUARDIANS: ("last_name", "first_name", "patronymic", "phone"),
}


@dataclass(slots=True, kw_only=True)
class _Survey:
    """What a complete listing says of our links. ``seen`` holds one byte for each link id."""

    seen: bytearray = field(default_factory=bytearray)
    shared: int = 0
    live: int = 0
    equal: int = 0
    wanted: dict[RemoteId, None] = field(default_factory=dict)  # bodies to fetch, in order
    aside: dict[RemoteId, Outcome] = field(default_factory=dict)  # on a path of their own
    known: RemoteId | None = None  # a record that is certainly there

    def see(self, link_ids: Collection[LinkId]) -> None:
        """These links have their record in the list; a record may come twice."""
        self.seen.extend(bytes(max(0, max(link_ids, default=0) + 1 - len(self.seen))))
        fresh = [link_id for link_id in link_ids if not self.seen[link_id]]
        for link_id in fresh:
            self.seen[link_id] = 1
        self.shared += len(fresh)


def reconcile_stream(cycle: Cycle, stream: Stream) -> None:
    """Compare the stream with the region in both directions. Raises at the first error; what was planned stays."""
    if stream in BOTH_WAYS:
        note_drift(cycle, stream)
    survey = _survey(cycle, stream)
    _trust(cycle, stream, survey)
    _count(cycle, stream, survey)
    for part in _parts(survey.wanted, BODIES):
        cycle.check_stop()
        _fetch(cycle, stream, part)
    _look_for_absent(cycle, stream, survey)


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


# --- the region's side -------------------------------------------------------------------------------------------


def _survey(cycle: Cycle, stream: Stream) -> _Survey:
    """Read the listing to its end and compare it page by page; it keeps only what differs."""
    survey = _Survey()
    with cycle.read() as uow:
        set_aside = any(known is stream for known, _ in uow.inbox.counts())
        poison = {item.remote_id for item in uow.quarantine.items(stream=stream, direction="pull")}
    for page in cycle.remote.listing(stream):
        cycle.check_stop()
        with cycle.read() as uow:
            links = uow.links.versions(stream, page)
            parked = uow.inbox.parked(stream, remote_ids=page) if set_aside else []
            strangers = [i for i in page if i not in links] if stream in PERSONS else []
            erased = uow.erasures.marked(stream, strangers) if strangers else set()
        survey.see([link_id for link_id, _ in links.values()])
        survey.known = next(iter(links), survey.known)
        differing = [i for i, version in page.items() if version is None or i not in links or links[i][1] != version]
        reasons = {item.record.remote_id: item for item in parked}
        refused = [remote_id for remote_id in page if remote_id in poison] if poison else []
        special = dict.fromkeys([*differing, *reasons, *refused])  # in order: equal histories, equal ids
        survey.equal += len(page) - len(special)
        for remote_id in special:
            item = reasons.get(remote_id)
            if remote_id in erased:
                survey.aside[remote_id] = Outcome.ERASED  # its body is not asked for
            elif item is not None and item.reason == "held" and not item.record.deleted:
                survey.aside[remote_id] = Outcome.HELD
            elif item is not None and remote_id not in links:
                survey.aside[remote_id] = Outcome.WAITING
            elif remote_id in poison:
                survey.aside[remote_id] = Outcome.REJECTED
            else:
                survey.wanted[remote_id] = None
    return survey


def _trust(cycle: Cycle, stream: Stream, survey: _Survey) -> None:
    """A list that lacks most of what we share says something about the region, not about its records."""
    with cycle.read() as uow:
        survey.live = uow.links.count(stream)
    if 2 * survey.shared < survey.live:
        raise ContractError(
            f"{stream.value}: the region lists {survey.shared} of {survey.live} records we share with it; nothing "
            "was changed and nothing deleted, check the regional system"
        )


def _count(cycle: Cycle, stream: Stream, survey: _Survey) -> None:
    """What needs no body has its outcome now; what waits may still be settled in this run."""
    counts, waiting = cycle.report.stream(stream).pull, cycle.tally.parked[stream]
    counts.add(Outcome.UNCHANGED, survey.equal)
    for outcome, count in Counter(
        Outcome.UNCHANGED if remote_id in waiting else outcome for remote_id, outcome in survey.aside.items()
    ).items():
        counts.add(outcome, count)
    waiting.update(remote_id for remote_id, outcome in survey.aside.items() if outcome is Outcome.WAITING)


def _fetch(cycle: Cycle, stream: Stream, wanted: Sequence[RemoteId]) -> None:
    found = cycle.remote.get(stream, wanted)
    take_in(cycle, stream, found.records, found.rejects)
    # Listed, and gone a moment later: no proof of anything. The next reading tells.
    missing = len(wanted) - len(found.records) - len(found.rejects)
    cycle.report.stream(stream).pull.add(Outcome.WAITING, max(0, missing))


def _look_for_absent(cycle: Cycle, stream: Stream, survey: _Survey) -> None:
    if survey.live <= survey.shared:
        return  # no link is unseen: the usual case reads nothing
    for part in _parts(_unseen(cycle, stream, survey), BODIES - 1):
        cycle.check_stop()
        if survey.known is None:
            raise AssertionError(f"{stream.value}: absence was concluded from a list that shares nothing with us")
        _ask_by_id(cycle, stream, part, survey.known)


def _unseen(cycle: Cycle, stream: Stream, survey: _Survey) -> Iterator[RemoteId]:
    """Records of live links that no page has named, but for those that are held or whose answer is still to come."""
    after = LinkId(0)
    while True:
        with cycle.read() as uow:
            links = uow.links.live(stream, after=after, limit=CHUNK)
            absent = {
                remote_id: local_id
                for link_id, local_id, remote_id in links
                if (link_id >= len(survey.seen) or not survey.seen[link_id]) and remote_id not in survey.wanted
            }
            held = {p.record.remote_id for p in uow.inbox.parked(stream, reason="held", remote_ids=absent)}
            entries = uow.outbox.by_local(stream, absent.values())
        if not links:
            return
        after = links[-1][0]
        cycle.report.stream(stream).pull.add(Outcome.HELD, len(held))
        under_way = {i for i, entry in entries.items() if entry.state in (EntryState.LEASED, EntryState.UNKNOWN)}
        yield from (i for i, local_id in absent.items() if i not in held and local_id not in under_way)


def _ask_by_id(cycle: Cycle, stream: Stream, absent: Sequence[RemoteId], known: RemoteId) -> None:
    """What the region still has is drift. What it has not, while ``known`` did come, is proven gone."""
    found = cycle.remote.get(stream, [*absent, known])
    answered = {record.remote_id for record in found.records} | {reject.remote_id for reject in found.rejects}
    if known not in answered or None in answered:
        raise ContractError(
            f"{stream.value}: the region does not find a record it has just listed; nothing was taken for deleted"
        )
    with cycle.read() as uow:
        gone = _tombstones(uow, stream, [remote_id for remote_id in absent if remote_id not in answered])
    records = [record for record in found.records if record.remote_id != known]
    take_in(cycle, stream, [*records, *gone], [reject for reject in found.rejects if reject.remote_id != known])


def _tombstones(uow: UnitOfWork, stream: Stream, gone: Sequence[RemoteId]) -> list[RemoteRecord]:
    """What the region would have told of them: the natural key as last agreed, references by regional id."""
    links = uow.links.by_remote(stream, gone)
    spec = SPECS[stream]
    parents = parent_remote_ids(uow, spec, [link.base.remote for link in links.values()])
    found = []
    for remote_id, link in links.items():
        values = {name: link.base.remote.get(name) for name in spec.key or _NAMES[stream]}
        for name, parent in spec.references.items():
            if (local_id := values.get(name)) is not None:
                values[name] = parents[parent].get(LocalId(int(local_id)))
        found.append(
            RemoteRecord(
                stream=stream,
                remote_id=remote_id,
                values=values,
                version=link.version,
                change_version=link.change_version,
                deleted=True,
                absent=True,
            )
        )
    return found


# --- the school's side -------------------------------------------------------------------------------------------


def note_drift(cycle: Cycle, stream: Stream) -> None:
    """Rows whose change nobody noted enter the change journal; capture judges them like any other."""
    _note_all(cycle, stream, lambda uow, after: uow.journal.edited(stream, after=after, limit=CHUNK))
    _note_all(cycle, stream, lambda uow, after: uow.journal.gone(stream, after=after, limit=CHUNK))


def _note_all(cycle: Cycle, stream: Stream, look: Callable[[UnitOfWork, LocalId], list[LocalId]]) -> None:
    """Looked for in a reading transaction: going through a large table keeps nobody from writing."""
    after = LocalId(0)
    while True:
        cycle.check_stop()
        with cycle.read() as uow:
            found = look(uow, after)
        if found:
            after = found[-1]
            with cycle.write() as uow:
                uow.journal.note(stream, found)
                cycle.probe("reconcile.drift.before_commit")
                uow.commit()
        if len(found) < CHUNK:
            return
