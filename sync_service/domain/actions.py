"""Actions: what a plan wants done for one page of one stream; only ``engine.apply`` executes them.

Also the small facts every planner states alike: a bumped version, a closed case, an item of the journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import (
    Link,
    LinkChange,
    LinkId,
    LocalId,
    NewLink,
    RemoteId,
    Snapshot,
)
from sync_service.domain.matches import MatchCase
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import RemoteRecord, Stream, StreamSpec

DELETION = "*"  # the dirty group of a record that was deleted here
DELETE_KINDS = (ConflictKind.DELETED_IN_SCHOOL, ConflictKind.DELETED_IN_REGION)
DELETION_FIELD = "*"  # the field name under which a delete conflict states its question


@dataclass(slots=True, kw_only=True)  # not frozen: one per record of a bulk page, see streams.RemoteRecord
class Create:
    """A regional record that becomes a new local row with its link; base = values."""

    remote_id: RemoteId
    values: Values
    version: int | None
    change_version: int | None
    evidence: str = "new"
    previous_id: LinkId | None = None


@dataclass(slots=True, kw_only=True)
class Actions:
    """What is to be done for one page of one stream; executed in one transaction."""

    stream: Stream
    creates: list[Create] = field(default_factory=list)
    new_links: list[NewLink] = field(default_factory=list)
    link_changes: list[LinkChange] = field(default_factory=list)
    updates: list[tuple[LocalId, Values]] = field(default_factory=list)
    deletes: list[LocalId] = field(default_factory=list)
    dirty: dict[LocalId, set[str]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)  # link_id 0: the link this page forms
    match_cases: list[MatchCase] = field(default_factory=list)
    park: list[Parked] = field(default_factory=list)
    unpark: set[RemoteId] = field(default_factory=set)
    quarantine: list[QuarantineItem] = field(default_factory=list)
    settled_local: set[LocalId] = field(default_factory=set)  # leaves the push quarantine
    audit: list[AuditItem] = field(default_factory=list)
    near_misses: Counter[str] = field(default_factory=Counter)  # fields the region stored otherwise than sent
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    settled: dict[RemoteId, Outcome] = field(default_factory=dict)  # outcome per regional record

    def settle(self, remote_id: RemoteId, outcome: Outcome) -> None:
        self.outcomes[outcome] += 1
        self.settled[remote_id] = outcome


@dataclass(slots=True)  # not frozen: one per record of a bulk page, see streams.RemoteRecord
class Incoming:
    """A regional record whose references are local ids; ``missing`` names a parent that has no link yet."""

    record: RemoteRecord
    values: Values
    missing: str | None = None


def localise(
    spec: StreamSpec, records: Iterable[RemoteRecord], parents: Mapping[Stream, Mapping[RemoteId, LocalId]]
) -> tuple[Incoming, ...]:
    """Turn regional ids of parents into local ids; the first parent without a link is named."""
    if not spec.references:
        return tuple(Incoming(record, record.values) for record in records)
    references = [(name, stream, parents.get(stream, {})) for name, stream in spec.references.items()]
    found: list[Incoming] = []
    for record in records:
        values = record.values.copy()
        missing = None
        for name, stream, linked in references:
            remote_id = values.get(name)
            if remote_id is None:
                continue
            local_id = linked.get(remote_id)  # type: ignore[call-overload]
            if local_id is None and missing is None:
                missing = f"{stream.value}:{remote_id}"
            values[name] = local_id
        found.append(Incoming(record, values, missing))
    return tuple(found)


def touch(actions: Actions, link: Link, record: RemoteRecord) -> None:
    """Remember a bumped version of unchanged content."""
    if (record.version, record.change_version) != (link.version, link.change_version):
        actions.link_changes.append(
            LinkChange(link_id=link.link_id, version=record.version, change_version=record.change_version)
        )


def close_conflict(actions: Actions, conflict: Conflict) -> None:
    actions.conflicts.append(replace(conflict, state=ConflictState.CONVERGED))


def moved_part(old: Snapshot, new: Snapshot) -> Snapshot:
    """The part of ``new`` that is not yet in ``old``."""
    names = [
        name
        for name in new.local
        if name not in old.local or new.local[name] != old.local[name] or new.remote[name] != old.remote.get(name)
    ]
    return Snapshot({n: new.local[n] for n in names}, {n: new.remote[n] for n in names})


def replaced_values(row: Values, pull: Values) -> Values | None:
    return {name: row.get(name) for name in pull} or None


def student_of(stream: Stream, local_id: LocalId | None, row: Values) -> int | None:
    """The pupil a record is about, None for directories and parents' cards."""
    if stream is Stream.STUDENTS:
        return local_id
    found = row.get("student_id")
    return found if isinstance(found, int) else None


def audit_item(
    stream: Stream,
    act: Act,
    local_id: LocalId,
    remote_id: RemoteId,
    row: Values,
    base: Snapshot,
    *,
    before: Values | None = None,
) -> AuditItem:
    return AuditItem(
        stream=stream,
        act=act,
        local_id=local_id,
        remote_id=remote_id,
        student_id=student_of(stream, local_id, row),
        base_local=base.local or None,
        base_remote=None if base.remote == base.local else base.remote,
        before=before,
    )
