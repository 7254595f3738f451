"""What a stream was read under, and what follows from a first reading or from another scope (invariant 7).

The scope of a stream is a fingerprint of the school, the stream and its mapping. The one of the last complete
reading is kept in the note ``scope:<stream>``. Until a reading has come to its end under the scope of today, and
in the run in which it does, nothing of the stream is deleted on either side.

Whether a stream is in its first seeding is kept in ``seed:<way>:<stream>``, so that a crash between the last page
and what is settled after it changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sync_service.domain.guards import CREATES, WATCHED_CREATES, Kind, Way
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.context import Cycle
from sync_service.engine.stores import UnitOfWork

SCOPE, READING, SEED = "scope:", "reading:", "seed:"
EMPTY, SHARED, DONE = "empty", "shared", "done"


def scope_of(cycle: Cycle, stream: Stream) -> str:
    """The fingerprint of what this run reads the stream under."""
    parts = (
        cycle.school.code,
        cycle.school.organization_id,
        stream.value,
        *SPECS[stream].fields,
        cycle.fingerprints.get(stream, ""),
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def unread_under_scope(cycle: Cycle, uow: UnitOfWork, streams: Iterable[Stream]) -> set[Stream]:
    """Streams without a complete reading under the scope of today."""
    known = uow.cursors.notes(SCOPE)
    return {stream for stream in streams if known.get(stream.value) != scope_of(cycle, stream)}


def begin_reading(cycle: Cycle, uow: UnitOfWork, stream: Stream) -> None:
    """A reading of everything begins."""
    uow.cursors.put_note(f"{READING}{stream.value}", scope_of(cycle, stream))


def end_reading(cycle: Cycle, uow: UnitOfWork, stream: Stream) -> None:
    """A reading of everything has come to its end: under one scope from the first page to the last, or it does
    not count."""
    scope = scope_of(cycle, stream)
    if uow.cursors.get_note(f"{READING}{stream.value}") == scope:
        uow.cursors.put_note(f"{SCOPE}{stream.value}", scope)


def may_delete(cycle: Cycle, uow: UnitOfWork, stream: Stream) -> bool:
    """Whether deletions of the stream may be carried out in this run."""
    return stream not in cycle.no_deletions and not unread_under_scope(cycle, uow, [stream])


# --- seeding -----------------------------------------------------------------------------------------------------


def begin_seeding(uow: UnitOfWork, stream: Stream, way: Way) -> None:
    """Write down how a side was found when its first seeding began; a later call changes nothing."""
    if stream in WATCHED_CREATES and uow.cursors.get_note(_seed(stream, way)) is None:
        empty = uow.staging.is_empty(stream) if way is Way.PULL else uow.links.count(stream) == 0
        uow.cursors.put_note(_seed(stream, way), EMPTY if empty else SHARED)


def end_seeding(uow: UnitOfWork, stream: Stream, way: Way) -> bool:
    """From here on creates of the stream count; whether this is news."""
    news = uow.cursors.get_note(_seed(stream, way)) in (EMPTY, SHARED)
    if news:
        uow.cursors.put_note(_seed(stream, way), DONE)
    return news


def end_pull_seeding(cycle: Cycle, whole: Iterable[Stream]) -> None:
    """What these streams held at first is settled; a stream whose step failed goes on seeding."""
    streams = [s for s in whole if s in WATCHED_CREATES and cycle.report.stream(s).error is None]
    with cycle.read() as uow:
        known = uow.cursors.notes(f"{SEED}{Way.PULL.value}:")
        streams = [s for s in streams if known.get(s.value) in (EMPTY, SHARED)]
    if streams:
        with cycle.write() as uow:
            for stream in streams:
                end_seeding(uow, stream, Way.PULL)
            uow.commit()


def exempt(cycle: Cycle, uow: UnitOfWork, stream: Stream, way: Way) -> frozenset[Kind]:
    """Creates of a first seeding: of the school's side when it was empty or a person watches; of the region's side
    only when it was empty and a person watches."""
    if stream not in WATCHED_CREATES:
        return frozenset()
    found = uow.cursors.get_note(_seed(stream, way))
    if way is Way.PULL:
        passes = found == EMPTY or (found == SHARED and cycle.attended)
    else:
        passes = found == EMPTY and cycle.attended
    return frozenset({CREATES}) if passes else frozenset()


def _seed(stream: Stream, way: Way) -> str:
    return f"{SEED}{way.value}:{stream.value}"
