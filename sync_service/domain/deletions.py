"""Deletions: what follows when one side no longer has a record (invariants 1 and 4).

A pupil is never deleted; a record that was changed on the other side is a question, never a loss.
"""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.actions import (
    DELETION,
    DELETION_FIELD,
    Actions,
    Incoming,
    audit_item,
    close_conflict,
    touch,
)
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash, reopened, stamp_of
from sync_service.domain.links import (
    EMPTY,
    ClosedBy,
    Link,
    LinkChange,
    Snapshot,
)
from sync_service.domain.merging import merge
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import RemoteRecord


def plan_deletion(actions: Actions, link: Link, row: Values, record: RemoteRecord) -> None:
    """Carry out a deletion the guard has let pass."""
    actions.deletes.append(link.local_id)
    by = ClosedBy.NOT_FOUND if record.absent else ClosedBy.TOMBSTONE
    close_link(actions, link, by, record, before=row)
    actions.unpark.add(link.remote_id)
    actions.settle(link.remote_id, Outcome.APPLIED)


def close_link(
    actions: Actions,
    link: Link,
    by: ClosedBy,
    record: RemoteRecord | None = None,
    *,
    before: Values | None = None,
) -> None:
    """The record is gone on both sides; the link stays as the proof. ``record`` is the tombstone, if seen,
    ``before`` the row when it is deleted here now."""
    actions.link_changes.append(
        LinkChange(
            link_id=link.link_id,
            version=record.version if record else link.version,
            change_version=record.change_version if record else link.change_version,
            closed_by=by,
        )
    )
    row = link.base.local
    actions.audit.append(
        audit_item(actions.stream, Act.DELETE, link.local_id, link.remote_id, row, EMPTY, before=before)
    )


def plan_gone(actions: Actions, link: Link, record: RemoteRecord, conflict: Conflict | None) -> None:
    """The region tells of the end of a record whose row is gone here: there is nothing left to ask about."""
    if conflict is not None:
        close_conflict(actions, conflict)
    close_link(actions, link, ClosedBy.BOTH, record)
    actions.unpark.add(record.remote_id)
    actions.settle(record.remote_id, Outcome.APPLIED)


def plan_deleted_here(
    actions: Actions, policy: StreamPolicy, link: Link, item: Incoming, conflict: Conflict | None
) -> Outcome:
    """The row is gone here and the region sent the record again: unchanged there, the deletion travels."""
    changed = merge(policy, link.base, link.base.local, item.values)
    if conflict is None and not changed.pull and not changed.clashes:
        touch(actions, link, item.record)
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
    clashes = deletion_clashes(link.base, surviving, kind)
    if conflict is not None and conflict.state is ConflictState.OPEN and stamp_of(kind, clashes) == conflict.stamp:
        return
    if conflict is not None:
        actions.conflicts.append(reopened(replace(conflict, kind=kind), clashes))
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


def deletion_clashes(base: Snapshot, surviving: Values, kind: ConflictKind) -> tuple[FieldClash, ...]:
    """The question about the record as a whole, and what the surviving side has changed since they agreed."""
    here = kind is ConflictKind.DELETED_IN_SCHOOL
    agreed = base.remote if here else base.local
    return (
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
                base_local=base.local.get(name),
                base_remote=base.remote.get(name),
                has_base=name in base.local,
            )
            for name, value in surviving.items()
            if value != agreed.get(name)
        ),
    )
