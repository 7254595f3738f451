"""Acknowledging: what the region said of an attempt moves the base to the values that were really sent.

Pure. The base moves on proof only (invariant 3): the values of the attempt, not today's row, and what the
region stored, not what we hoped for. When it stored something else (near-miss) each side keeps its own base
and nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync_service.domain.actions import (
    DELETE_KINDS,
    Actions,
    Incoming,
    audit_item,
    close_conflict,
    moved_part,
    student_of,
)
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, reopened
from sync_service.domain.deletions import ask_about_deletion, deletion_clashes
from sync_service.domain.linked import base_before, base_taken_back, form_link, review_conflict
from sync_service.domain.links import (
    EMPTY,
    ClosedBy,
    Link,
    LinkChange,
    LinkId,
    LocalId,
    NewLink,
    RemoteId,
    Snapshot,
)
from sync_service.domain.matching import Matched
from sync_service.domain.merging import merge
from sync_service.domain.outbox import AttemptItem
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One item the region has carried out; ``stored`` is the record it keeps, references localised.

    ``direct``: the record came as the answer to the write. One that was read back later may have been edited
    there meanwhile: a difference is then the region's change, not its way of storing what we sent.
    """

    item: AttemptItem
    remote_id: RemoteId
    version: int | None
    change_version: int | None
    stored: Values | None
    evidence: str = "ack"
    direct: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AckPage:
    stream: Stream
    policy: StreamPolicy
    acks: tuple[Acknowledged, ...]
    rows: Mapping[LocalId, Values]
    links: Mapping[LocalId, Link]
    conflicts: Mapping[LinkId, Conflict] = field(default_factory=dict)
    former: Mapping[LocalId, LinkId] = field(default_factory=dict)  # the newest closed link of what was created
    taken_back: Mapping[LocalId, Conflict] = field(default_factory=dict)  # undone deletions the region made anew


def plan_acks(page: AckPage) -> Actions:
    """Links, bases and what follows from them; entries are the caller's business."""
    actions = Actions(stream=page.stream)
    for ack in page.acks:
        link = page.links.get(ack.item.local_id)
        if ack.item.op == "delete":
            if link is not None:
                _acknowledge_delete(actions, page, ack, link)
        elif link is None:
            _acknowledge_create(actions, page, ack)
        else:
            _acknowledge_update(actions, page, ack, link)
        actions.settled_local.add(ack.item.local_id)
    return actions


def _acknowledge_create(actions: Actions, page: AckPage, ack: Acknowledged) -> None:
    sent = ack.item.values
    stored = ack.stored if ack.stored is not None else sent
    base = acknowledged_base(page.policy, EMPTY, sent, stored if ack.direct else sent, created=True)
    _note_near_misses(actions, ack)
    undone = page.taken_back.get(ack.item.local_id)
    if ack.item.local_id not in page.rows:
        if undone is not None:
            _link_and_ask(actions, page, ack, base_before(base, undone), dict(base.remote), undone)
            return
        if _changed_since(page.policy, ack, base):
            _link_and_ask(actions, page, ack, base, stored, None)
            return
    elif undone is not None:
        close_conflict(actions, undone)  # the row is back as well
    row = page.rows.get(ack.item.local_id, sent)
    form_link(
        actions,
        page.policy,
        Matched(ack.item.local_id, ack.evidence),
        row,
        Incoming(_record(page.stream, ack, stored), stored),
        base=base,
        previous_id=page.former.get(ack.item.local_id),
    )


def _changed_since(policy: StreamPolicy, ack: Acknowledged, base: Snapshot) -> bool:
    """Whether the region has changed a record behind our write, before the write was read back."""
    if ack.direct or ack.stored is None:
        return False
    changed = merge(policy, base, base.local, {**base.remote, **ack.stored})
    return bool(changed.pull or changed.clashes)


def _link_and_ask(
    actions: Actions, page: AckPage, ack: Acknowledged, base: Snapshot, stored: Values, undone: Conflict | None
) -> None:
    """The region has a new record whose row is gone here: the one that an undone decision brought back, or one that
    was edited there before anybody here had seen it. What stays is a person's question."""
    surviving = {name: stored.get(name) for name in page.policy.by_field}
    clashes = deletion_clashes(base, surviving, ConflictKind.DELETED_IN_SCHOOL)
    actions.new_links.append(
        NewLink(
            local_id=ack.item.local_id,
            remote_id=ack.remote_id,
            base=base,
            version=ack.version,
            change_version=ack.change_version,
            evidence=ack.evidence if undone is None else "undo",
            previous_id=page.former.get(ack.item.local_id),
        )
    )
    if undone is None:
        case = Conflict(
            conflict_id=0,
            stream=page.stream,
            link_id=LinkId(0),
            local_id=ack.item.local_id,
            kind=ConflictKind.DELETED_IN_SCHOOL,
            clashes=clashes,
        )
    else:
        case = replace(reopened(undone, clashes), link_id=LinkId(0))
    actions.conflicts.append(case)
    actions.audit.append(audit_item(page.stream, Act.LINK, ack.item.local_id, ack.remote_id, surviving, base))


def _acknowledge_update(actions: Actions, page: AckPage, ack: Acknowledged, link: Link) -> None:
    conflict = page.conflicts.get(link.link_id)
    stored = {**link.base.remote, **(ack.stored if ack.stored is not None else ack.item.values)}
    kept = stored if ack.direct else ack.item.values
    base = acknowledged_base(page.policy, link.base, ack.item.values, kept, created=False)
    _note_near_misses(actions, ack)
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    if conflict is not None and undoing:
        base = base_before(base, conflict)
    elif link.local_id not in page.rows and _changed_since(page.policy, ack, base):
        _ask_about_changed(actions, page, ack, link, base, conflict)
        return
    row = page.rows.get(link.local_id, base.local)
    merged = merge(page.policy, base, row, stored)
    if merged.pull:
        actions.updates.append((link.local_id, merged.pull))
    if merged.push:
        actions.dirty.setdefault(link.local_id, set()).update(merged.push)
    if conflict is not None and undoing and merged.clashes:
        actions.conflicts.append(reopened(conflict, merged.clashes))
    elif conflict is None or conflict.kind not in DELETE_KINDS:  # an edit that arrived answers no deletion
        review_conflict(actions, link, conflict, merged.clashes)
    final = merged.base or base
    actions.link_changes.append(
        LinkChange(link_id=link.link_id, version=ack.version, change_version=ack.change_version, base=final)
    )
    # A base that is taken back is told as a whole: what was never agreed cannot be told field by field.
    names = [n for n in final.local if undoing or (final.local[n], final.remote[n]) != _pair(link.base, n)]
    moved = Snapshot({n: final.local[n] for n in names}, {n: final.remote[n] for n in names})
    actions.audit.append(
        AuditItem(
            stream=page.stream,
            act=Act.UNDO if undoing else Act.ACK,
            local_id=link.local_id,
            remote_id=link.remote_id,
            student_id=student_of(page.stream, link.local_id, row),
            base_local=moved.local if undoing else moved.local or None,
            base_remote=None if moved.local == moved.remote else moved.remote,
            before={n: row.get(n) for n in merged.pull} or None,
        )
    )


def _ask_about_changed(
    actions: Actions, page: AckPage, ack: Acknowledged, link: Link, base: Snapshot, conflict: Conflict | None
) -> None:
    """The row is gone here, and the region has edited the record behind the update that nobody saw the answer of."""
    actions.link_changes.append(
        LinkChange(link_id=link.link_id, version=ack.version, change_version=ack.change_version, base=base)
    )
    surviving = {**base.remote, **(ack.stored or {})}
    ask_about_deletion(actions, replace(link, base=base), surviving, conflict, ConflictKind.DELETED_IN_SCHOOL)
    moved = moved_part(link.base, base)
    actions.audit.append(audit_item(page.stream, Act.ACK, link.local_id, link.remote_id, base.local, moved))


def _note_near_misses(actions: Actions, ack: Acknowledged) -> None:
    """Fields the region keeps otherwise than it was sent them; what a create left empty is the region's to fill."""
    if not ack.direct or ack.stored is None:
        return
    for name, value in ack.item.values.items():
        unsaid = ack.item.op == "create" and value is None
        if not unsaid and name in ack.stored and ack.stored[name] != value:
            actions.near_misses[name] += 1


def _pair(base: Snapshot, name: str) -> tuple[object, object]:
    missing = object()
    return base.local.get(name, missing), base.remote.get(name, missing)


def _acknowledge_delete(actions: Actions, page: AckPage, ack: Acknowledged, link: Link) -> None:
    undone = page.conflicts.get(link.link_id)
    row = page.rows.get(link.local_id)
    if undone is not None and undone.state is ConflictState.UNDOING and row is not None:
        _deleted_there_again(actions, page, ack, link, undone, row)
        return
    actions.link_changes.append(
        LinkChange(
            link_id=link.link_id,
            version=ack.version,
            change_version=ack.change_version,
            closed_by=ClosedBy.BOTH,
        )
    )
    actions.audit.append(
        AuditItem(
            stream=actions.stream,
            act=Act.DELETE,
            local_id=link.local_id,
            remote_id=link.remote_id,
            student_id=student_of(actions.stream, link.local_id, link.base.local),
        )
    )


def _deleted_there_again(
    actions: Actions, page: AckPage, ack: Acknowledged, link: Link, undone: Conflict, row: Values
) -> None:
    """The record a decision had made anew is gone: the question is open again, about the row as it is today."""
    base = base_before(link.base, undone)
    actions.link_changes.append(
        LinkChange(link_id=link.link_id, version=ack.version, change_version=ack.change_version, base=base)
    )
    surviving = {name: row.get(name) for name in page.policy.by_field}
    actions.conflicts.append(reopened(undone, deletion_clashes(base, surviving, ConflictKind.DELETED_IN_REGION)))
    actions.audit.append(base_taken_back(page.stream, link, row, base))


def acknowledged_base(
    policy: StreamPolicy, base: Snapshot, sent: Values, stored: Values, *, created: bool
) -> Snapshot:
    """The base after the region took ``sent`` and keeps ``stored``, for the groups that were sent.

    A group that was empty in a create and is not empty in the region gets no base: it is filled by the merge.
    """
    local, remote = dict(base.local), dict(base.remote)
    for fields in policy.groups.values():
        names = [f.field for f in fields if f.field in sent]
        if not names:
            continue
        silent = created and all(sent[n] is None for n in names)
        if silent and any(stored.get(n) is not None for n in names):
            continue
        for name in names:
            local[name] = sent[name]
            remote[name] = stored.get(name, sent[name])
    return Snapshot(local, remote)


def _record(stream: Stream, ack: Acknowledged, values: Values) -> RemoteRecord:
    return RemoteRecord(
        stream=stream,
        remote_id=ack.remote_id,
        values=values,
        version=ack.version,
        change_version=ack.change_version,
    )
