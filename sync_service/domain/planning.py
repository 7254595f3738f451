"""Planning: a whole page with everything preloaded becomes actions. Pure; only ``engine.apply`` executes.

What only a page of regional records can meet: unlinked records, tombstones, missing parents, two records for
one row. A linked record goes on to :mod:`sync_service.domain.linked`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sync_service.domain.actions import Actions, Create, Incoming, touch
from sync_service.domain.conflicts import Conflict, ConflictKind
from sync_service.domain.deletions import ask_about_deletion, plan_gone
from sync_service.domain.inbox import Parked
from sync_service.domain.linked import form_link, plan_seen
from sync_service.domain.links import (
    Link,
    LinkId,
    LocalId,
    RemoteId,
)
from sync_service.domain.matches import MatchCase
from sync_service.domain.matching import Ambiguous, Match, Matched, pair_digest
from sync_service.domain.merging import merge
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import RemoteRecord, Stream, StreamSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPage:
    """Everything a page of regional records needs to be planned.

    ``rows`` holds the local rows of all links and matches; ``closed`` and ``former`` are the newest closed links
    by regional and by local id, where there is no live one; ``sent`` maps client references of unanswered
    creates to their local rows, ``in_flight`` are the references of creates whose answer is still to be read
    back: that will link them; ``erased`` are records of people whose data was destroyed here, as often as the page
    named them and without values; ``deferred`` records without a match wait for the inventory pass.
    """

    spec: StreamSpec
    policy: StreamPolicy
    incoming: tuple[Incoming, ...]
    links: Mapping[RemoteId, Link]
    rows: Mapping[LocalId, Values]
    closed: Mapping[RemoteId, Link] = field(default_factory=dict)
    former: Mapping[LocalId, Link] = field(default_factory=dict)
    conflicts: Mapping[LinkId, Conflict] = field(default_factory=dict)
    matches: Mapping[RemoteId, Match] = field(default_factory=dict)
    sent: Mapping[str, LocalId] = field(default_factory=dict)
    in_flight: frozenset[str] = frozenset()
    erased: tuple[RemoteId, ...] = ()
    deferred: bool = False


def plan_page(page: PullPage) -> Actions:
    """Plan every record of the page exactly once; a repeated record counts as unchanged."""
    actions = Actions(stream=page.spec.stream)
    for remote_id in page.erased:
        actions.settle(remote_id, Outcome.ERASED)
        actions.unpark.add(remote_id)
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
        if link is not None and is_older(item.record, link):
            actions.settle(remote_id, Outcome.UNCHANGED)
        elif link is None and (former := page.closed.get(remote_id)) and is_older(item.record, former):
            actions.unpark.add(remote_id)  # read before the deletion we know of
            actions.settle(remote_id, Outcome.UNCHANGED)
        elif item.record.deleted:
            _plan_tombstone(actions, page, item, link)
        elif link is None:
            _plan_unlinked(actions, page, item, rows)
        elif item.missing and link.local_id in page.rows:
            _wait_for_parent(actions, item)
        else:
            conflict = page.conflicts.get(link.link_id)
            row = page.rows.get(link.local_id)
            if item.missing:
                item = _of_no_parent(page.spec, item, link)
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


def is_older(record: RemoteRecord, link: Link) -> bool:
    """Neither an acknowledged write nor a deletion is judged by a page read before it."""
    return (
        record.change_version is not None
        and link.change_version is not None
        and record.change_version < link.change_version
    )


def _of_no_parent(spec: StreamSpec, item: Incoming, link: Link) -> Incoming:
    """A record whose row is gone here does not wait for a parent: nothing is to be entered, and what the region has
    changed in it is a question. It stands where it stood."""
    lost = [n for n in spec.references if item.record.values.get(n) is not None and item.values.get(n) is None]
    return Incoming(item.record, item.values | {name: link.base.remote.get(name) for name in lost})


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
        before = former or page.former.get(match.local_id)  # the pupil came back under a new regional id
        previous_id = before.link_id if before else None
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
        plan_gone(actions, link, record, conflict)
        return
    touch(actions, link, record)
    edited = merge(page.policy, link.base, row, link.base.remote).push
    never_agreed = any(row.get(name) is not None and name not in link.base.local for name in page.policy.by_field)
    if record.stream is Stream.STUDENTS or edited or never_agreed or conflict is not None:
        ask_about_deletion(actions, link, row, conflict, ConflictKind.DELETED_IN_REGION)
        actions.settle(record.remote_id, Outcome.CONFLICTS)
        return
    actions.park.append(Parked(record=record, reason="deletion"))
