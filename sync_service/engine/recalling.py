"""Recalled records: sent from a card that turned out to be another pupil's, they are deleted in the region.

Until the region has done so the link of such a record lives on without a row. When its deletion is not wanted after
all (a discarded hold, a decision for the region's side), the record belongs to the other pupil: it is set aside until
that pupil has a card here. Deletions that were on their way when the card was separated count as recalled, too.

What the record stands under in the region cannot be told from the card any more, which may have another link by then.
So the evidence of a recalled link names the closed links of its parents: ``recalled students:17``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync_service.domain.actions import student_of
from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.capturing import last_seen
from sync_service.domain.conflicts import ConflictState
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import Parked
from sync_service.domain.links import ClosedBy, Link, LinkChange, LinkId, LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from sync_service.engine.decisions import Desk, journal
from sync_service.engine.departing import parent_remote_ids
from sync_service.engine.stores import UnitOfWork

RECALLED = "recalled"


def is_recalled(link: Link) -> bool:
    return link.evidence.split(" ", 1)[0] == RECALLED


def recalled(link: Link, parent: Stream, parent_link: LinkId) -> Link:
    """The link of a record that stands in the region under the record of ``parent_link``; the first one counts."""
    if parent in _parents(link):
        return link
    known = link.evidence if is_recalled(link) else RECALLED
    return replace(link, evidence=f"{known} {parent.value}:{parent_link}")


def _parents(link: Link) -> dict[Stream, LinkId]:
    if not is_recalled(link):
        return {}
    named = (part.split(":") for part in link.evidence.split(" ")[1:])
    return {Stream(stream): LinkId(int(link_id)) for stream, link_id in named}


def leave_there(desk: Desk, uow: UnitOfWork, stream: Stream, links: Sequence[Link], cause: str) -> None:
    """The region keeps these recalled records, and they wait for their own pupils. Raises DecisionError when it
    cannot be told where one belongs."""
    known = {one.record.remote_id for one in uow.inbox.parked(stream, remote_ids=[link.remote_id for link in links])}
    cases = uow.conflicts.open_for([link.link_id for link in links])
    seen = [(link, last_seen(stream, link, cases.get(link.link_id)).values) for link in links]
    others = parent_remote_ids(uow, SPECS[stream], [values for _, values in seen])
    parked = [
        one
        for link, values in seen
        if link.remote_id not in known and (one := _set_aside(uow, stream, link, others, values)) is not None
    ]
    uow.inbox.park(parked)
    uow.links.update([closed(link) for link in links])
    uow.conflicts.save([replace(case, state=ConflictState.CONVERGED) for case in cases.values()])
    items = tuple(
        AuditItem(
            stream=stream,
            act=Act.DECIDE,
            local_id=link.local_id,
            remote_id=link.remote_id,
            student_id=student_of(stream, link.local_id, link.base.local),
        )
        for link in links
    )
    journal(uow, desk, Act.DECIDE, cause, stream=stream, items=items, note="left to the other pupil")


def _set_aside(
    uow: UnitOfWork,
    stream: Stream,
    link: Link,
    others: Mapping[Stream, Mapping[LocalId, RemoteId]],
    values: Values,
) -> Parked | None:
    """The record as the region has it, waiting for the first parent it was recalled from; None when the parent's
    data was destroyed since: nothing of such a pupil is taken in."""
    parents = _parents(link)
    there = dict(values)
    waits_for: list[str] = []
    for name, parent in SPECS[stream].references.items():
        local_id = values.get(name)
        if local_id is None:
            continue
        if parent in parents and local_id == link.base.remote.get(name):
            closed_link = uow.links.by_id(parents[parent])
            if closed_link is None:
                return None
            there[name] = closed_link.remote_id
            waits_for.insert(0, f"{parent.value}:{closed_link.remote_id}")
        elif (remote_id := others[parent].get(LocalId(int(local_id)))) is not None:
            there[name] = remote_id
            waits_for.append(f"{parent.value}:{remote_id}")
        else:
            raise DecisionError(
                f"{stream.value} {link.local_id}: запись в ГИС относится к другой ({parent.value}), связь которой с "
                "ГИС закрыта. Дождитесь её или удалите запись в ГИС."
            )
    return Parked(record=as_agreed(stream, link, there), reason="parent", waits_for=waits_for[0])


def as_agreed(stream: Stream, link: Link, values: Values) -> RemoteRecord:
    """The regional record as of its base; ``values`` with regional references."""
    return RemoteRecord(
        stream=stream,
        remote_id=link.remote_id,
        values=values,
        version=link.version,
        change_version=link.change_version,
    )


def closed(link: Link) -> LinkChange:
    """The end of a link by a person's decision."""
    return LinkChange(
        link_id=link.link_id, version=link.version, change_version=link.change_version, closed_by=ClosedBy.DECISION
    )
