"""Planning: a whole page with everything preloaded becomes actions. Pure; only ``engine.apply`` executes.

Pull, acknowledgement, read-back and resolution all end in :func:`plan_linked`: one record of which both
sides and the base are known. :func:`plan_page` adds what only a page of regional records can meet: unlinked
records, tombstones, missing parents, two records for one row.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash, stamp_of
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import (
    EMPTY,
    Link,
    LinkChange,
    LinkId,
    LinkState,
    LocalId,
    NewLink,
    RemoteId,
    Snapshot,
)
from sync_service.domain.matches import MatchCase
from sync_service.domain.matching import Ambiguous, Match, Matched, pair_digest
from sync_service.domain.merging import merge
from sync_service.domain.policies import StreamPolicy
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPage:
    """Everything a page of regional records needs to be planned.

    ``rows`` holds the local rows of all links and matches; ``sent`` maps client references of unanswered
    creates to their local rows, ``in_flight`` are the references of creates whose answer is still to be read
    back: that will link them; ``deferred`` records without a match wait for the inventory pass.
    """

    spec: StreamSpec
    policy: StreamPolicy
    incoming: tuple[Incoming, ...]
    links: Mapping[RemoteId, Link]
    rows: Mapping[LocalId, Values]
    closed: Mapping[RemoteId, Link] = field(default_factory=dict)
    conflicts: Mapping[LinkId, Conflict] = field(default_factory=dict)
    matches: Mapping[RemoteId, Match] = field(default_factory=dict)
    sent: Mapping[str, LocalId] = field(default_factory=dict)
    in_flight: frozenset[str] = frozenset()
    deferred: bool = False


def plan_page(page: PullPage) -> Actions:
    """Plan every record of the page exactly once; a repeated record counts as unchanged."""
    actions = Actions(stream=page.spec.stream)
    newest: dict[RemoteId, Incoming] = {}
    for item in page.incoming:
        kept = newest.get(item.record.remote_id)
        if kept is not None:
            actions.outcomes[Outcome.UNCHANGED] += 1
        if kept is None or (item.record.change_version or 0) >= (kept.record.change_version or 0):
            newest[item.record.remote_id] = item
    rows = _Rows(ours={local_id for item in newest.values() if (local_id := _sent_from(page, item)) is not None})
    for remote_id, item in newest.items():
        link = page.links.get(remote_id)
        if link is not None and _is_older(item.record, link):
            actions.settle(remote_id, Outcome.UNCHANGED)
        elif link is None and (former := page.closed.get(remote_id)) and _is_older(item.record, former):
            actions.unpark.add(remote_id)  # read before the deletion we know of
            actions.settle(remote_id, Outcome.UNCHANGED)
        elif item.record.deleted:
            _plan_tombstone(actions, page, item, link)
        elif link is None:
            _plan_unlinked(actions, page, item, rows)
        elif item.missing:
            _wait_for_parent(actions, item)
        else:
            conflict = page.conflicts.get(link.link_id)
            row = page.rows.get(link.local_id)
            actions.settle(remote_id, plan_seen(actions, page.policy, link, row, item, conflict))
            actions.unpark.add(remote_id)
    return actions


@dataclass(slots=True, kw_only=True)
class _Rows:
    """Rows that are spoken for: ``ours`` by the records we sent from them, ``taken`` by links of this page."""

    ours: set[LocalId]
    taken: set[LocalId] = field(default_factory=set)

    def take(self, local_id: LocalId, *, ours: bool) -> bool:
        """Whether the row was still free for this record; it is not any more."""
        if local_id in self.taken or (local_id in self.ours and not ours):
            return False
        self.taken.add(local_id)
        return True


def _sent_from(page: PullPage, item: Incoming) -> LocalId | None:
    """The row an unlinked record was sent from: its client reference is proof, a natural key is likeness."""
    record = item.record
    if record.client_ref is None or record.deleted or item.missing or record.remote_id in page.links:
        return None
    return page.sent.get(record.client_ref)


def _is_older(record: RemoteRecord, link: Link) -> bool:
    """Neither an acknowledged write nor a deletion is judged by a page read before it."""
    return (
        record.change_version is not None
        and link.change_version is not None
        and record.change_version < link.change_version
    )


def _wait_for_parent(actions: Actions, item: Incoming) -> None:
    actions.park.append(Parked(record=item.record, reason="parent", waits_for=item.missing))
    actions.settle(item.record.remote_id, Outcome.WAITING)


def _plan_unlinked(actions: Actions, page: PullPage, item: Incoming, rows: _Rows) -> None:
    record = item.record
    if record.client_ref in page.in_flight:
        actions.settle(record.remote_id, Outcome.UNCHANGED)
        return
    if item.missing:
        _wait_for_parent(actions, item)
        return
    former = page.closed.get(record.remote_id)
    ours = _sent_from(page, item)
    match = Matched(ours, "client_ref") if ours is not None else page.matches.get(record.remote_id)
    if (
        isinstance(match, Matched)
        and match.local_id in page.rows
        and rows.take(match.local_id, ours=ours is not None)
    ):
        previous_id = former.link_id if former else None
        form_link(actions, page.policy, match, page.rows[match.local_id], item, previous_id=previous_id)
        actions.settle(record.remote_id, _link_outcome(actions, match.local_id))
        actions.unpark.add(record.remote_id)
        return
    if isinstance(match, Ambiguous):
        actions.park.append(Parked(record=record, reason="decision"))
        actions.match_cases.append(
            MatchCase(
                case_id=0,
                stream=record.stream,
                remote_id=record.remote_id,
                candidates=match.candidates,
                key_digest=case_digest(item.values, match, page.rows),
            )
        )
        actions.settle(record.remote_id, Outcome.WAITING)
        return
    if page.deferred:
        actions.park.append(Parked(record=record, reason="inventory"))
        return  # its outcome is known after the inventory pass
    actions.creates.append(
        Create(
            remote_id=record.remote_id,
            values=item.values,
            version=record.version,
            change_version=record.change_version,
            evidence="returned" if former else "new",
            previous_id=former.link_id if former else None,
        )
    )
    actions.unpark.add(record.remote_id)
    actions.settle(record.remote_id, Outcome.APPLIED)


def case_digest(remote: Values, match: Ambiguous, rows: Mapping[LocalId, Values]) -> str:
    """Changes when a key field of any side of the question changes."""
    pairs = [pair_digest(remote, rows.get(c.local_id, {})) for c in match.candidates]
    return hashlib.blake2b("".join(pairs).encode(), digest_size=8).hexdigest()


def _link_outcome(actions: Actions, local_id: LocalId) -> Outcome:
    if actions.conflicts and actions.conflicts[-1].local_id == local_id:
        return Outcome.CONFLICTS
    return Outcome.APPLIED


def form_link(
    actions: Actions,
    policy: StreamPolicy,
    match: Matched,
    row: Values,
    item: Incoming,
    *,
    base: Snapshot = EMPTY,
    previous_id: LinkId | None = None,
) -> None:
    """Link a regional record to an existing row and merge the two; ``base`` is what is known to be agreed."""
    record = item.record
    merged = merge(policy, base, row, item.values)
    agreed = merged.base or base
    if merged.pull:
        actions.updates.append((match.local_id, merged.pull))
    if merged.push:
        actions.dirty.setdefault(match.local_id, set()).update(merged.push)
    if merged.clashes:
        kind = ConflictKind.EDIT if base.local else ConflictKind.FIRST_MEETING
        actions.conflicts.append(
            Conflict(
                conflict_id=0,
                stream=record.stream,
                link_id=LinkId(0),
                local_id=match.local_id,
                kind=kind,
                clashes=merged.clashes,
            )
        )
    actions.new_links.append(
        NewLink(
            local_id=match.local_id,
            remote_id=record.remote_id,
            base=agreed,
            version=record.version,
            change_version=record.change_version,
            evidence=match.evidence,
            previous_id=previous_id,
        )
    )
    actions.audit.append(
        _item(
            actions.stream, Act.LINK, match.local_id, record.remote_id, row, agreed, before=_before(row, merged.pull)
        )
    )


def unchanged_in_region(link: Link, values: Values, conflict: Conflict | None) -> bool:
    """Nothing to merge: local edits are the journal's business. The row need not be read."""
    return conflict is None and values == link.base.remote


def plan_seen(
    actions: Actions,
    policy: StreamPolicy,
    link: Link,
    row: Values | None,
    item: Incoming,
    conflict: Conflict | None,
    *,
    act: Act = Act.PULL,
) -> Outcome:
    """Merge one linked record that was just read from the region, or returned by it."""
    if unchanged_in_region(link, item.values, conflict):
        _touch(actions, link, item.record)
        return Outcome.UNCHANGED
    if conflict is not None and row is not None and conflict.kind in DELETE_KINDS:
        close_conflict(actions, conflict)  # the record is there on both sides
        conflict = None
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    if conflict is not None and undoing and row is not None and _moved_on(link, item, conflict):
        return _reopen(actions, policy, link, row, item, conflict)
    return plan_linked(actions, policy, link, row, item, conflict, act=act)


def plan_linked(
    actions: Actions,
    policy: StreamPolicy,
    link: Link,
    row: Values | None,
    item: Incoming,
    conflict: Conflict | None,
    *,
    act: Act = Act.PULL,
) -> Outcome:
    """Merge one linked record of which the regional values are known."""
    record = item.record
    if row is None:
        return _plan_deleted_here(actions, policy, link, item, conflict)
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    skip = conflict.groups if conflict is not None and undoing else frozenset()
    merged = merge(policy, link.base, row, item.values, skip=skip)
    if merged.pull:
        actions.updates.append((link.local_id, merged.pull))
    if merged.push:
        actions.dirty.setdefault(link.local_id, set()).update(merged.push)
    if not undoing:
        review_conflict(actions, link, conflict, merged.clashes)
    if merged.base:
        actions.link_changes.append(
            LinkChange(
                link_id=link.link_id,
                version=record.version,
                change_version=record.change_version,
                base=merged.base,
            )
        )
        moved = _difference(link.base, merged.base)
        actions.audit.append(
            _item(
                record.stream,
                act if merged.pull or act is Act.ACK else Act.AGREE,
                link.local_id,
                link.remote_id,
                row,
                moved,
                before=_before(row, merged.pull),
            )
        )
    else:
        _touch(actions, link, record)
    if merged.clashes or undoing:
        return Outcome.CONFLICTS
    return Outcome.APPLIED if merged.pull else Outcome.UNCHANGED


def _moved_on(link: Link, item: Incoming, conflict: Conflict) -> bool:
    """Whether the region holds something else by now than the decision that is being undone gave it."""
    known = link.base.remote
    return any(item.values.get(c.field, known.get(c.field)) != known.get(c.field) for c in conflict.clashes)


def _reopen(
    actions: Actions, policy: StreamPolicy, link: Link, row: Values, item: Incoming, conflict: Conflict
) -> Outcome:
    """An undo never overwrites newer data: nothing is sent, the case opens on what both sides hold now."""
    base = base_before(link.base, conflict)
    merged = merge(policy, base, row, item.values)
    if merged.pull:
        actions.updates.append((link.local_id, merged.pull))
    if merged.push:
        actions.dirty.setdefault(link.local_id, set()).update(merged.push)
    actions.link_changes.append(
        LinkChange(
            link_id=link.link_id,
            version=item.record.version,
            change_version=item.record.change_version,
            base=merged.base or base,
        )
    )
    if not merged.clashes:
        close_conflict(actions, conflict)
        return Outcome.APPLIED
    actions.conflicts.append(replace(conflict, state=ConflictState.OPEN, clashes=merged.clashes))
    return Outcome.CONFLICTS


def base_before(base: Snapshot, conflict: Conflict) -> Snapshot:
    """The base of before the decision; a group that never had one has none again."""
    local, remote = dict(base.local), dict(base.remote)
    for clash in conflict.clashes:
        local.pop(clash.field, None)
        remote.pop(clash.field, None)
        if clash.has_base:
            local[clash.field], remote[clash.field] = clash.base_local, clash.base_remote
    return Snapshot(local, remote)


def _touch(actions: Actions, link: Link, record: RemoteRecord) -> None:
    """Remember a bumped version of unchanged content."""
    if (record.version, record.change_version) != (link.version, link.change_version):
        actions.link_changes.append(
            LinkChange(link_id=link.link_id, version=record.version, change_version=record.change_version)
        )


def review_conflict(actions: Actions, link: Link, existing: Conflict | None, clashes: tuple[FieldClash, ...]) -> None:
    """Open, refresh or close the record's case so that it says exactly what clashes now."""
    if existing is None:
        if clashes:
            kind = ConflictKind.EDIT if any(c.has_base for c in clashes) else ConflictKind.FIRST_MEETING
            actions.conflicts.append(
                Conflict(
                    conflict_id=0,
                    stream=actions.stream,
                    link_id=link.link_id,
                    local_id=link.local_id,
                    kind=kind,
                    clashes=clashes,
                )
            )
    elif not clashes:
        close_conflict(actions, existing)
    elif stamp_of(existing.kind, clashes) != existing.stamp:
        actions.conflicts.append(replace(existing, clashes=clashes))


def close_conflict(actions: Actions, conflict: Conflict) -> None:
    actions.conflicts.append(replace(conflict, state=ConflictState.CONVERGED))


# --- deletions -----------------------------------------------------------------------------------------------


def _plan_tombstone(actions: Actions, page: PullPage, item: Incoming, link: Link | None) -> None:
    """Deleted in the region. A candidate for deletion here is parked until the stream's total is known."""
    record = item.record
    if link is None:
        actions.unpark.add(record.remote_id)
        actions.settle(record.remote_id, Outcome.UNCHANGED)
        return
    row = page.rows.get(link.local_id)
    conflict = page.conflicts.get(link.link_id)
    if row is None:
        if conflict is not None:
            close_conflict(actions, conflict)
        close_link(actions, link, record)
        actions.settle(record.remote_id, Outcome.APPLIED)
        return
    _touch(actions, link, record)
    edited = merge(page.policy, link.base, row, link.base.remote).push
    never_agreed = any(row.get(name) is not None and name not in link.base.local for name in page.policy.by_field)
    if record.stream is Stream.STUDENTS or edited or never_agreed or conflict is not None:
        ask_about_deletion(actions, link, row, conflict, ConflictKind.DELETED_IN_REGION)
        actions.settle(record.remote_id, Outcome.CONFLICTS)
        return
    actions.park.append(Parked(record=record, reason="deletion"))


def plan_deletion(actions: Actions, link: Link, row: Values, record: RemoteRecord) -> None:
    """Carry out a deletion the guard has let pass."""
    actions.deletes.append(link.local_id)
    close_link(actions, link, record, before=row)
    actions.unpark.add(link.remote_id)
    actions.settle(link.remote_id, Outcome.APPLIED)


def close_link(
    actions: Actions, link: Link, record: RemoteRecord | None = None, *, before: Values | None = None
) -> None:
    """The record is gone on both sides; the link stays as the proof. ``record`` is the tombstone, if seen,
    ``before`` the row when it is deleted here now."""
    actions.link_changes.append(
        LinkChange(
            link_id=link.link_id,
            version=record.version if record else link.version,
            change_version=record.change_version if record else link.change_version,
            state=LinkState.TOMBSTONED,
        )
    )
    row = link.base.local
    actions.audit.append(_item(actions.stream, Act.DELETE, link.local_id, link.remote_id, row, EMPTY, before=before))


def _plan_deleted_here(
    actions: Actions, policy: StreamPolicy, link: Link, item: Incoming, conflict: Conflict | None
) -> Outcome:
    """The row is gone here and the region sent the record again: unchanged there, the deletion travels."""
    changed = merge(policy, link.base, link.base.local, item.values)
    if conflict is None and not changed.pull and not changed.clashes:
        _touch(actions, link, item.record)
        return Outcome.UNCHANGED
    actions.link_changes.append(
        LinkChange(link_id=link.link_id, version=item.record.version, change_version=item.record.change_version)
    )
    ask_about_deletion(actions, link, item.values, conflict, ConflictKind.DELETED_IN_SCHOOL)
    return Outcome.CONFLICTS


def ask_about_deletion(
    actions: Actions, link: Link, surviving: Values, conflict: Conflict | None, kind: ConflictKind
) -> None:
    """One case «deleted here, changed there» (or the reverse); it holds the whole record."""
    here = kind is ConflictKind.DELETED_IN_SCHOOL
    clashes = (
        FieldClash(
            field=DELETION_FIELD,
            group=DELETION,
            local="deleted" if here else "kept",
            remote="kept" if here else "deleted",
            has_base=True,
        ),
        *(
            FieldClash(
                field=name,
                group=DELETION,
                local=None if here else value,
                remote=value if here else None,
                base_local=link.base.local.get(name),
                base_remote=link.base.remote.get(name),
                has_base=True,
            )
            for name, value in surviving.items()
            if name not in link.base.local or value != (link.base.remote if here else link.base.local)[name]
        ),
    )
    if conflict is not None and stamp_of(conflict.kind, clashes) == conflict.stamp:
        return
    if conflict is not None:
        actions.conflicts.append(replace(conflict, kind=kind, clashes=clashes, state=ConflictState.OPEN))
        return
    actions.conflicts.append(
        Conflict(
            conflict_id=0,
            stream=actions.stream,
            link_id=link.link_id,
            local_id=link.local_id,
            kind=kind,
            clashes=clashes,
        )
    )


# --- audit ---------------------------------------------------------------------------------------------------


def _difference(old: Snapshot, new: Snapshot) -> Snapshot:
    """The part of ``new`` that is not yet in ``old``."""
    names = [
        name
        for name in new.local
        if name not in old.local or new.local[name] != old.local[name] or new.remote[name] != old.remote.get(name)
    ]
    return Snapshot({n: new.local[n] for n in names}, {n: new.remote[n] for n in names})


def _before(row: Values, pull: Values) -> Values | None:
    return {name: row.get(name) for name in pull} or None


def student_of(stream: Stream, local_id: LocalId | None, row: Values) -> int | None:
    """The pupil a record is about, None for directories and parents' cards."""
    if stream is Stream.STUDENTS:
        return local_id
    found = row.get("student_id")
    return found if isinstance(found, int) else None


def _item(
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
