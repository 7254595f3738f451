"""Preloading: everything a page needs to be planned, in a constant number of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_service.domain.actions import Incoming, localise
from sync_service.domain.errors import RecordError
from sync_service.domain.linked import unchanged_in_region
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.matching import Match, Matched, match_by_key
from sync_service.domain.matching_cells import match_marks
from sync_service.domain.matching_students import match_students_strongly
from sync_service.domain.outbox import EntryState
from sync_service.domain.planning import PullPage
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, RemoteRecord, Stream, StreamSpec
from sync_service.engine.context import Normalise
from sync_service.engine.erased import erased_among
from sync_service.engine.stores import UnitOfWork

Policies = Mapping[Stream, StreamPolicy]

# Streams whose unmatched records wait until the whole inventory is known (invariant 8).
DEFERRED = frozenset({Stream.STUDENTS, Stream.GUARDIANS})

# The field by which unlinked local candidates of a page are fetched; streams without an entry are small
# directories and are compared whole.
CANDIDATES_BY = {
    Stream.LESSONS: "class_id",
    Stream.GUARDIANSHIPS: "student_id",
    Stream.MOVEMENTS: "student_id",
    Stream.MARKS: "lesson_id",
    Stream.FINAL_MARKS: "student_id",
    Stream.ATTENDANCE: "lesson_id",
}


def parents_of(
    uow: UnitOfWork, spec: StreamSpec, records: Sequence[RemoteRecord]
) -> dict[Stream, dict[RemoteId, LocalId]]:
    """Local ids of every parent the records name; one statement per parent stream."""
    wanted: dict[Stream, set[Any]] = {stream: set() for stream in spec.references.values()}
    for field, stream in spec.references.items():
        wanted[stream].update([record.values.get(field) for record in records])
    return {
        stream: uow.links.local_ids(stream, ids - {None}) if ids - {None} else {} for stream, ids in wanted.items()
    }


def load_page(
    uow: UnitOfWork,
    policies: Policies,
    stream: Stream,
    records: Sequence[RemoteRecord],
    *,
    normalise: Normalise,
    matches: Mapping[RemoteId, Match] | None = None,
) -> PullPage:
    """Everything :func:`plan_page` needs. With ``matches`` (the inventory pass) nothing is deferred again."""
    spec, policy = SPECS[stream], policies[stream]
    deferred = stream in DEFERRED and matches is None
    parents = parents_of(uow, spec, records)
    incoming = localise(spec, records, parents)
    links = uow.links.by_remote(stream, [record.remote_id for record in records])
    erased = erased_among(uow, incoming, links)
    if erased:
        incoming = tuple(item for item in incoming if item.record.remote_id not in erased)
    conflicts = uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {}

    unlinked = [i for i in incoming if i.record.remote_id not in links and not i.record.deleted]
    refs = [i.record.client_ref for i in unlinked if i.record.client_ref]
    entries = uow.outbox.by_client_ref(stream, refs) if refs else {}
    in_flight = frozenset(ref for ref, e in entries.items() if e.state in (EntryState.LEASED, EntryState.UNKNOWN))
    sent = {ref: entry.local_id for ref, entry in entries.items() if ref not in in_flight}
    # A row may have been linked to another record while nobody knew whether its own had arrived: that one is news.
    linked = uow.links.by_local(stream, sent.values()) if sent else {}
    sent = {ref: local_id for ref, local_id in sent.items() if local_id not in linked}
    closed: Mapping[RemoteId, Link] = {}
    rows: dict[LocalId, Values] = {}
    if unlinked:
        closed = uow.links.by_remote(stream, [i.record.remote_id for i in unlinked], closed=True)
        if matches is None:
            matches, rows = _match(uow, normalise, spec, [i for i in unlinked if not i.missing])
    needed = [
        link.local_id
        for item in incoming
        if (link := links.get(item.record.remote_id))
        and (item.record.deleted or not unchanged_in_region(link, item.values, conflicts.get(link.link_id)))
    ]
    needed.extend(sent.values())
    for match in (matches or {}).values():
        needed.extend([match.local_id] if isinstance(match, Matched) else [c.local_id for c in match.candidates])
    matched = {match.local_id for match in (matches or {}).values() if isinstance(match, Matched)} | set(
        sent.values()
    )
    needed = [local_id for local_id in needed if local_id not in rows]
    if needed:
        rows.update(canonical(normalise, stream, uow.staging.rows(stream, needed)))
    return PullPage(
        spec=spec,
        policy=policy,
        incoming=incoming,
        links=links,
        rows=rows,
        closed=closed,
        former=uow.links.by_local(stream, matched, closed=True) if matched else {},
        conflicts=conflicts,
        matches=matches or {},
        sent=sent,
        in_flight=in_flight,
        erased=tuple(record.remote_id for record in records if record.remote_id in erased),
        deferred=deferred,
    )


def canonical(normalise: Normalise, stream: Stream, rows: Mapping[LocalId, Values]) -> dict[LocalId, Values]:
    """Rows as the merge compares them; one that cannot be read stays as it is written."""
    found: dict[LocalId, Values] = {}
    for local_id, row in rows.items():
        try:
            found[local_id] = {**row, **normalise(stream, row)}
        except RecordError:
            found[local_id] = row
    return found


def _match(
    uow: UnitOfWork, normalise: Normalise, spec: StreamSpec, unlinked: Sequence[Incoming]
) -> tuple[dict[RemoteId, Match], dict[LocalId, Values]]:
    """Match what can be matched page by page; returns the matches and the candidate rows."""
    stream = spec.stream
    remotes = {i.record.remote_id: i.values for i in unlinked}
    if stream is Stream.ORGANIZATIONS or stream is Stream.GUARDIANS or not remotes:
        return {}, {}
    if stream is Stream.STUDENTS:
        candidates = canonical(normalise, stream, _students_by_strong_keys(uow, remotes))
        rejected = uow.matches.rejected_pairs(stream) if candidates else {}
        return match_students_strongly(remotes, candidates, rejected=rejected), candidates
    if stream in CANDIDATES_BY:
        field = CANDIDATES_BY[stream]
        candidates = uow.staging.unlinked(stream, field, {values[field] for values in remotes.values()})
    else:
        candidates = uow.staging.unlinked(stream)
    if not candidates:
        return {}, {}
    candidates = canonical(normalise, stream, candidates)
    if stream is Stream.MARKS:
        return match_marks(remotes, candidates), candidates
    return match_by_key(spec, remotes, candidates), candidates


def _students_by_strong_keys(uow: UnitOfWork, remotes: Mapping[RemoteId, Values]) -> dict[LocalId, Values]:
    found: dict[LocalId, Values] = {}
    for field in ("snils", "document_number"):
        values = {v[field] for v in remotes.values() if v.get(field)}
        if values:
            found.update(uow.staging.unlinked(Stream.STUDENTS, field, values))
    return found
