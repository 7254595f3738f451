"""Accepting one side as the truth: a named choice that looks at today's values and at no base.

Owners still hold: a field of the region is never sent, one of the school never written over. Nothing is deleted,
and a record that one side does not have is left alone. The open case of the record is decided by it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sync_service.domain.actions import DELETE_KINDS, Actions, Incoming, audit_item, replaced_values
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import Choice, Conflict, ConflictState, Side
from sync_service.domain.links import Link, LinkChange, Snapshot
from sync_service.domain.policies import Owner, StreamPolicy
from sync_service.domain.records import Values


def plan_accept(
    actions: Actions,
    policy: StreamPolicy,
    link: Link,
    row: Values,
    item: Incoming,
    conflict: Conflict | None,
    side: Side,
    *,
    actor: str,
    at: datetime,
) -> None:
    """What follows for one linked record of which both sides are known, when ``side`` (local or gis) is right.

    For the school's value the regional value becomes the base it is sent against, for the region's value the row
    is written: as with a decision about a conflict. Groups that agree keep their base.
    """
    if conflict is not None and (conflict.kind in DELETE_KINDS or conflict.state is not ConflictState.OPEN):
        return
    pull: Values = {}
    seen: Values = {}
    push: set[str] = set()
    refused: set[str] = set()  # groups that differ and whose owner does not let the side win
    foreign = Owner.LOCAL if side is Side.GIS else Owner.GIS
    for name, fields in policy.groups.items():
        if not all(f.field in item.values or f.field in link.base.remote for f in fields):
            continue  # the region does not say what it holds
        there = {f.field: item.values.get(f.field, link.base.remote.get(f.field)) for f in fields}
        if all(f.same(row.get(f.field), there[f.field]) for f in fields):
            continue
        if fields[0].owner is foreign:
            refused.add(name)
            continue
        seen |= there
        if side is Side.GIS:
            pull |= {field: value for field, value in there.items() if row.get(field) != value}
        else:
            push.add(name)
    if not seen:
        return
    if pull:
        actions.updates.append((link.local_id, pull))
    if push:
        actions.dirty.setdefault(link.local_id, set()).update(push)
    base = Snapshot(link.base.local | seen, link.base.remote | seen)
    record = item.record
    actions.link_changes.append(
        LinkChange(link_id=link.link_id, version=record.version, change_version=record.change_version, base=base)
    )
    if conflict is not None:
        actions.conflicts.append(_decided(conflict, row, item, refused, side, actor=actor, at=at))
    actions.audit.append(
        audit_item(
            actions.stream,
            Act.DECIDE,
            link.local_id,
            link.remote_id,
            row,
            Snapshot.agreed(seen),
            before=replaced_values(row, pull),
        )
    )


def _decided(
    conflict: Conflict, row: Values, item: Incoming, refused: set[str], side: Side, *, actor: str, at: datetime
) -> Conflict:
    """The case, decided on the values of today so that it can be undone; what the side may not win stays open."""
    left = tuple(clash for clash in conflict.clashes if clash.group in refused)
    if left:
        return replace(conflict, clashes=left)
    clashes = tuple(
        replace(clash, local=row.get(clash.field), remote=item.values.get(clash.field, clash.remote))
        for clash in conflict.clashes
    )
    choices = tuple(Choice(group=group, side=side) for group in sorted(conflict.groups))
    return replace(
        conflict, state=ConflictState.RESOLVED, clashes=clashes, choices=choices, decided_at=at, decided_by=actor
    )
