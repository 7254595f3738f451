"""Capturing: rows that somebody changed in the school's database become dirty groups, conflicts or questions.

Pure, like planning. The regional side of the comparison is what the region was last seen to hold: the base,
overlaid by what an open conflict has seen since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync_service.domain.actions import DELETION, DELETION_FIELD, Actions, Incoming, close_conflict
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState
from sync_service.domain.deletions import ask_about_deletion, close_link
from sync_service.domain.errors import RecordError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.linked import plan_linked
from sync_service.domain.links import ClosedBy, Link, LinkId, LocalId
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePage:
    """Changed local records with everything needed to judge them.

    ``rows`` holds normalised values, or the reason why a row cannot be read; a missing row was deleted.
    """

    stream: Stream
    policy: StreamPolicy
    changed: Sequence[LocalId]
    rows: Mapping[LocalId, Values | RecordError]
    links: Mapping[LocalId, Link]
    conflicts: Mapping[LinkId, Conflict] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Captured:
    """Actions to apply, records that were never sent and are gone, and counts by push outcome."""

    actions: Actions
    gone: list[LocalId] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def plan_capture(page: CapturePage) -> Captured:
    """Judge every changed record once."""
    captured = Captured(actions=Actions(stream=page.stream))
    for local_id in page.changed:
        row = page.rows.get(local_id)
        link = page.links.get(local_id)
        if isinstance(row, RecordError):
            captured.actions.quarantine.append(unreadable(page.stream, local_id, row))
            captured.counts["rejected"] += 1
        elif link is None:
            _capture_unlinked(captured, page, local_id, row)
        else:
            conflict = page.conflicts.get(link.link_id)
            _capture_linked(captured, page, link, row, conflict)
    return captured


def _capture_unlinked(captured: Captured, page: CapturePage, local_id: LocalId, row: Values | None) -> None:
    if row is None:
        captured.gone.append(local_id)
    elif page.stream is not Stream.STUDENTS:
        captured.actions.dirty[local_id] = set(page.policy.groups)
    # A pupil without a link leaves only through the release watch, which looks for such cards itself.


def _capture_linked(
    captured: Captured, page: CapturePage, link: Link, row: Values | None, conflict: Conflict | None
) -> None:
    actions = captured.actions
    if row is None:
        _capture_deletion(captured, page, link, conflict)
        return
    if conflict is not None and conflict.kind is ConflictKind.DELETED_IN_REGION:
        if conflict.state is ConflictState.UNDOING:
            captured.counts["conflicts"] += 1  # the case opens with today's row once the region has confirmed
            return
        ask_about_deletion(actions, link, row, conflict, ConflictKind.DELETED_IN_REGION)
        captured.counts["conflicts"] += 1
        return
    theirs = last_seen(page.stream, link, conflict)
    if conflict is not None and conflict.kind is ConflictKind.DELETED_IN_SCHOOL:
        close_conflict(actions, conflict)  # the row is back under its id: both sides have the record
        conflict = None
    plan_linked(actions, page.policy, link, row, theirs, conflict)
    if actions.dirty.get(link.local_id):
        return  # counted when it is pushed
    if conflict is not None or any(c.local_id == link.local_id for c in actions.conflicts):
        captured.counts["conflicts"] += 1
    else:
        captured.counts["unchanged"] += 1


def _capture_deletion(captured: Captured, page: CapturePage, link: Link, conflict: Conflict | None) -> None:
    """Pupils are never deleted: they leave by a movement. Other records go when the guard lets them."""
    actions = captured.actions
    if conflict is not None and conflict.kind is ConflictKind.DELETED_IN_SCHOOL:
        captured.counts["conflicts"] += 1  # asked already, with what the region was seen to hold
    elif conflict is not None and conflict.kind is ConflictKind.DELETED_IN_REGION:
        close_conflict(actions, conflict)
        if conflict.state is ConflictState.UNDOING:  # the record is still there, its deletion is on its way
            actions.dirty[link.local_id] = {DELETION}
            return
        close_link(actions, link, ClosedBy.BOTH)
        captured.counts["unchanged"] += 1
    elif page.stream is Stream.STUDENTS or conflict is not None:
        surviving = last_seen(page.stream, link, conflict).values
        ask_about_deletion(actions, link, surviving, conflict, ConflictKind.DELETED_IN_SCHOOL)
        captured.counts["conflicts"] += 1
    else:
        actions.dirty[link.local_id] = {DELETION}


def last_seen(stream: Stream, link: Link, conflict: Conflict | None) -> Incoming:
    """The regional record as we know it: the base, and what an open case has seen since."""
    values = dict(link.base.remote)
    if conflict is not None and conflict.kind is not ConflictKind.DELETED_IN_REGION:
        values.update({clash.field: clash.remote for clash in conflict.clashes if clash.field != DELETION_FIELD})
    record = RemoteRecord(
        stream=stream,
        remote_id=link.remote_id,
        values=values,
        version=link.version,
        change_version=link.change_version,
    )
    return Incoming(record, values)


def unreadable(stream: Stream, local_id: LocalId, error: RecordError) -> QuarantineItem:
    """A row of the school that cannot leave as it is; it is tried again when the row changes."""
    return QuarantineItem(
        stream=stream,
        direction="push",
        code=error.code,
        signature=f"{stream.value}:{error.code}",
        reason=str(error),
        local_id=local_id,
    )
