"""Linked records: one record of which both sides and the base are known.

Pull, acknowledgement, read-back, capture and resolution all end here: merge, write down, ask where it clashes.
"""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.actions import (
    DELETE_KINDS,
    DELETION_FIELD,
    Actions,
    Incoming,
    audit_item,
    close_conflict,
    moved_part,
    replaced_values,
    touch,
)
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import (
    Conflict,
    ConflictKind,
    ConflictState,
    FieldClash,
    moment_told,
    reopened,
    stamp_of,
    standing,
)
from sync_service.domain.deletions import plan_deleted_here
from sync_service.domain.links import (
    EMPTY,
    Link,
    LinkChange,
    LinkId,
    NewLink,
    Snapshot,
)
from sync_service.domain.matching import Matched
from sync_service.domain.merging import merge
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import Stream


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
        audit_item(
            actions.stream,
            Act.LINK,
            match.local_id,
            record.remote_id,
            row,
            agreed,
            before=replaced_values(row, merged.pull),
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
        touch(actions, link, item.record)
        return Outcome.UNCHANGED
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    if conflict is not None and row is not None and conflict.kind in DELETE_KINDS:
        if not undoing:
            close_conflict(actions, conflict)  # the record is there on both sides
        elif all(value == link.base.remote.get(name) for name, value in item.values.items()):
            touch(actions, link, item.record)  # ours as we made it; the deletion that takes it back is on its way
            return Outcome.CONFLICTS
        else:
            actions.conflicts.append(standing(conflict))  # newer data: the record stays
        conflict = None
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
        return plan_deleted_here(actions, policy, link, item, conflict)
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    skip = conflict.groups if conflict is not None and undoing else frozenset()
    merged = merge(policy, link.base, row, item.values, skip=skip)
    if merged.pull:
        actions.updates.append((link.local_id, merged.pull))
    if merged.push:
        actions.dirty.setdefault(link.local_id, set()).update(merged.push)
    if not undoing:
        review_conflict(actions, link, conflict, merged.clashes, changed_at=record.changed_at)
    if merged.base:
        actions.link_changes.append(
            LinkChange(
                link_id=link.link_id,
                version=record.version,
                change_version=record.change_version,
                base=merged.base,
            )
        )
        moved = moved_part(link.base, merged.base)
        actions.audit.append(
            audit_item(
                record.stream,
                act if merged.pull or act is Act.ACK else Act.AGREE,
                link.local_id,
                link.remote_id,
                row,
                moved,
                before=replaced_values(row, merged.pull),
            )
        )
    else:
        touch(actions, link, record)
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
    final = merged.base or base
    actions.link_changes.append(
        LinkChange(
            link_id=link.link_id,
            version=item.record.version,
            change_version=item.record.change_version,
            base=final,
        )
    )
    told = base_taken_back(actions.stream, link, row, final)
    actions.audit.append(replace(told, before=replaced_values(row, merged.pull)))
    if not merged.clashes:
        close_conflict(actions, conflict)
        return Outcome.APPLIED
    actions.conflicts.append(reopened(conflict, merged.clashes))
    return Outcome.CONFLICTS


def base_taken_back(stream: Stream, link: Link, row: Values, base: Snapshot) -> AuditItem:
    """What the journal keeps of a base that an undo takes back: the whole of it, for a field that has none again
    cannot be told field by field."""
    told = audit_item(stream, Act.UNDO, link.local_id, link.remote_id, row, base)
    return replace(told, base_local=base.local)


def base_before(base: Snapshot, conflict: Conflict) -> Snapshot:
    """The base of before the decision; a group that never had one has none again."""
    local, remote = dict(base.local), dict(base.remote)
    for clash in conflict.clashes:
        if clash.field == DELETION_FIELD:
            continue
        local.pop(clash.field, None)
        remote.pop(clash.field, None)
        if clash.has_base:
            local[clash.field], remote[clash.field] = clash.base_local, clash.base_remote
    return Snapshot(local, remote)


def review_conflict(
    actions: Actions,
    link: Link,
    existing: Conflict | None,
    clashes: tuple[FieldClash, ...],
    *,
    changed_at: str | None = None,
) -> None:
    """Open, refresh or close the record's case so that it says exactly what clashes now. ``changed_at``: when the
    region changed it, as the region says."""
    there = moment_told(changed_at) if clashes else None
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
                    remote_at=there,
                )
            )
    elif not clashes:
        close_conflict(actions, existing)
    elif stamp_of(existing.kind, clashes) != existing.stamp:
        actions.conflicts.append(replace(existing, clashes=clashes, remote_at=there or existing.remote_at))
