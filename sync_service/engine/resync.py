"""Resync: a plan is the real engine with a recording writer (invariant 10).

    fetch    no transaction is open
    draft    reading units of work; the database refuses a write through them
    save     one writing unit of work, into the tables of plans alone

What a time range means: every record the service itself wrote, linked, sent, queued or asked about on those days
(of the school's zone), by the audit journal, the outbox and the conflicts. Changes of the region that were never
read are the ordinary run's.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.plans import Plan, PlanItem, PlanKind, Scope, plan_digest
from sync_service.domain.reports import RunReport
from sync_service.domain.streams import BOTH_WAYS, RemoteRecord, Stream, StreamVersions
from sync_service.engine.context import Cycle, Tally
from sync_service.engine.drafting import Draft, draft
from sync_service.engine.foresight import Foresight
from sync_service.engine.inventory import match_inventory
from sync_service.engine.leased_run import Job
from sync_service.engine.stores import Fence

CHUNK = 500
LONGEST_NUMBER = 20  # digits of a row's number
T = TypeVar("T")


def chunked(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most ``size``."""
    held: list[T] = []
    for value in values:
        held.append(value)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def cycle_of(job: Job, cause: str, *, fence: Fence | None = None, stop: threading.Event | None = None) -> Cycle:
    """What the steps of a cycle work with, outside a run. ``cause`` stands in the audit journal."""
    report = RunReport(run_id=cause, school=job.school.code)
    return Cycle(
        school=job.school,
        db=job.db,
        remote=job.remote,
        policies=job.policies,
        normalise=job.normalise,
        clock=job.clock,
        notifier=job.notifier,
        report=report,
        tally=Tally(report=report),
        fence=fence,
        actor=job.actor,
        attended=True,
        fingerprints=job.fingerprints,
        stop=stop or job.stop,
        probe=job.probe,
    )


def make_plan(job: Job, kind: PlanKind, scope: Scope) -> Plan:
    """Compare what ``scope`` names, write down what would follow, and save it. Nothing else is written anywhere.

    Raises what reading the region raises (nothing is saved then), DecisionError when the one record is unknown.
    """
    planning = _Planning(cycle=cycle_of(job, "plan"), kind=kind)
    touched = _touched(planning.cycle, scope) if scope.since is not None else None
    for stream in Stream:
        if stream not in scope.streams:
            continue
        planning.cycle.check_stop()
        if scope.record is not None:
            planning.one(stream, scope.record)
        elif touched is not None:
            planning.some(stream, *touched.get(stream, (set(), set())))
        else:
            planning.whole(stream)
    plan = Plan(
        plan_id=0,
        kind=kind,
        scope=scope,
        created_at=job.clock.now(),
        created_by=job.actor,
        items=tuple(replace(item, position=n) for n, item in enumerate(planning.items.values(), start=1)),
        fingerprints={stream: text for stream, text in job.fingerprints.items() if stream in scope.streams},
        versions=planning.versions,
        left={stream: dict(+counts) for stream, counts in planning.left.items() if +counts},
        compared=dict(+planning.compared),
    )
    plan = replace(plan, digest=plan_digest(plan))
    with job.db.write(job.school.school_id) as uow:
        plan = replace(plan, plan_id=uow.plans.add(plan))
        uow.commit()
    return plan


def _touched(cycle: Cycle, scope: Scope) -> Mapping[Stream, tuple[set[LocalId], set[RemoteId]]]:
    """By stream the rows and regional records of a time range; days without an end mean until now."""
    zone = ZoneInfo(cycle.school.zone)
    first = date.fromisoformat(scope.since or "")
    since = datetime.combine(first, time.min, tzinfo=zone).astimezone(UTC)
    until = cycle.clock.now() + timedelta(days=1)
    if scope.until is not None:
        day_after = date.fromisoformat(scope.until) + timedelta(days=1)
        until = datetime.combine(day_after, time.min, tzinfo=zone).astimezone(UTC)
    with cycle.read() as uow:
        return uow.plans.touched(since, until)


@dataclass(slots=True, kw_only=True)
class _Planning:
    """A plan in the making; parents come before their children, as in a cycle."""

    cycle: Cycle
    kind: PlanKind
    items: dict[tuple[Stream, tuple[str, str]], PlanItem] = field(default_factory=dict)
    left: dict[Stream, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    compared: Counter[Stream] = field(default_factory=Counter)
    versions: dict[Stream, int] = field(default_factory=dict)
    foresight: Foresight = field(default_factory=Foresight)
    chunks: int = 0

    def one(self, stream: Stream, record: str) -> None:
        """One record by its row (``local:17``) or its regional id (``gis:…``)."""
        side, _, name = record.partition(":")
        if side == "gis":
            known = self._compare(stream, set(), {RemoteId(name)})
        else:  # of any number of digits, and Python reads no more than 4300
            known = len(name) < LONGEST_NUMBER and self._compare(stream, {LocalId(int(name))}, set())
        if not known:
            raise DecisionError(f"Нет такой записи: {stream.value} {name}. Проверьте номер и поток.")

    def some(self, stream: Stream, local_ids: set[LocalId], remote_ids: set[RemoteId]) -> None:
        """The records of a time range."""
        self._compare(stream, local_ids, remote_ids)

    def whole(self, stream: Stream) -> None:
        """Everything both sides have of a stream."""
        versions = self.cycle.remote.change_versions().streams.get(stream)
        seen: dict[RemoteId, int] = {}
        deferred: dict[RemoteId, RemoteRecord] = {}
        for records in chunked(self._reading(stream, versions, seen)):
            deferred.update({record.remote_id: record for record in self._draft(stream, records).deferred})
            self.cycle.check_stop()
        self.compared[stream] += len(seen)
        if deferred:
            if versions is not None:
                self.versions[stream] = versions.newest
            self._inventory(stream, list(deferred.values()))
        self._own_rows(stream, seen)

    def _reading(
        self, stream: Stream, versions: StreamVersions | None, seen: dict[RemoteId, int]
    ) -> Iterator[RemoteRecord]:
        """Every record once; one that changed while pages were read comes again with its newer state."""
        for page in self.cycle.remote.pages(stream, None, versions):
            self.left[stream]["unreadable"] += len(page.rejects)
            for record in page.records:
                version = record.change_version or 0
                if record.remote_id not in seen or version > seen[record.remote_id]:
                    seen[record.remote_id] = version
                    yield record

    def _inventory(self, stream: Stream, records: list[RemoteRecord]) -> None:
        """Pupils and parents whose counterpart is looked for among all that is left on both sides."""
        pairs = read_pairs(self.cycle) if stream is Stream.GUARDIANS else []
        self.chunks += 1
        with self.cycle.read() as uow:
            view = self.foresight.over(uow)
            remotes = {record.remote_id: record.values for record in records}
            matches = match_inventory(view, self.cycle.normalise, stream, remotes, pairs)
            made = draft(
                self.cycle,
                uow,
                self.kind,
                stream,
                records,
                foresight=self.foresight,
                matches=matches,
                chunk=self.chunks,
            )
        self._keep(stream, made)

    def _own_rows(self, stream: Stream, seen: Mapping[RemoteId, int]) -> None:
        """Rows without a counterpart would be sent; what is linked to nothing that was listed is only counted."""
        after = LocalId(0)
        while True:
            with self.cycle.read() as uow:
                ids = uow.plans.local_ids(stream, after=after, limit=CHUNK)
                links = uow.links.by_local(stream, ids)
            if not ids:
                return
            after = ids[-1]
            self.left[stream]["missing"] += sum(link.remote_id not in seen for link in links.values())
            taken = self.foresight.linked(stream)
            self._free(stream, [i for i in ids if i not in links and i not in taken])

    def _free(self, stream: Stream, ids: list[LocalId]) -> None:
        if ids and self.kind is PlanKind.COMPARE and stream in BOTH_WAYS:
            self.compared[stream] += len(ids)
            self._draft(stream, [], ids)

    def _compare(self, stream: Stream, local_ids: set[LocalId], remote_ids: set[RemoteId]) -> int:
        """Compare records named by either side's ids; returns how many are known at all."""
        with self.cycle.read() as uow:
            links = uow.links.by_local(stream, local_ids) if local_ids else {}
            rows = uow.staging.rows(stream, [i for i in local_ids if i not in links])
        wanted = sorted(remote_ids | {link.remote_id for link in links.values()})
        known = len(rows)
        for part in chunked(wanted):
            found = self.cycle.remote.get(stream, part)
            self.left[stream]["unreadable"] += len(found.rejects)
            self.left[stream]["missing"] += len(part) - len(found.records) - len(found.rejects)
            known += len(found.records) + len(found.rejects)
            self.compared[stream] += len(found.records)
            # Which of them only a whole inventory can match is for a plan of the stream.
            self.left[stream]["inventory"] += len(self._draft(stream, list(found.records)).deferred)
        for free in chunked(sorted(set(rows) - self.foresight.linked(stream))):
            self._free(stream, free)
        return known or len(links)

    def _draft(self, stream: Stream, records: list[RemoteRecord], local_ids: Iterable[LocalId] = ()) -> Draft:
        self.chunks += 1
        for record in records:  # one that came again is planned as it is now
            self.items.pop((stream, ("gis", record.remote_id)), None)
        with self.cycle.read() as uow:
            made = draft(
                self.cycle,
                uow,
                self.kind,
                stream,
                records,
                list(local_ids),
                foresight=self.foresight,
                chunk=self.chunks,
            )
        self._keep(stream, made)
        return made

    def _keep(self, stream: Stream, made: Draft) -> None:
        self.items.update({(stream, item.key): item for item in made.items})
        self.left[stream] += made.left
        self.foresight.note(made.items)


def read_pairs(cycle: Cycle) -> list[RemoteRecord]:
    """Every guardianship the region has: whose parents its cards are."""
    return [record for page in cycle.remote.pages(Stream.GUARDIANSHIPS, None, None) for record in page.records]
