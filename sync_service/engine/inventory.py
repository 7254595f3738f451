"""Matching by name, once everything a stream holds is known on both sides (invariant 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Match
from sync_service.domain.matching_guardians import match_guardians
from sync_service.domain.matching_students import match_students
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.context import Normalise
from sync_service.engine.loading import canonical
from sync_service.engine.stores import UnitOfWork


def match_inventory(
    uow: UnitOfWork,
    normalise: Normalise,
    stream: Stream,
    remotes: Mapping[RemoteId, Values],
    pairs: Iterable[RemoteRecord] = (),
) -> Mapping[RemoteId, Match]:
    """Matches of all unlinked regional pupils or parents, in one set-based pass.

    ``remotes`` must be complete: uniqueness is judged within it. ``pairs`` are the guardianships that say whose
    parents the regional cards are.
    """
    match stream:
        case Stream.STUDENTS:
            free = canonical(normalise, stream, uow.staging.unlinked(stream))
            everyone = canonical(normalise, stream, uow.staging.all_rows(stream))
            return match_students(
                remotes,
                free,
                linked=[values for i, values in everyone.items() if i not in free],
                rejected=uow.matches.rejected_pairs(stream),
            )
        case Stream.GUARDIANS:
            free = canonical(normalise, stream, uow.staging.unlinked(stream))
            if not free:
                return {}
            return match_guardians(
                remotes,
                free,
                remote_children=_remote_children(uow, pairs),
                local_children=_local_children(uow, free),
                rejected=uow.matches.rejected_pairs(stream),
            )
        case _:
            raise AssertionError(f"{stream.value} is matched page by page")


def _remote_children(uow: UnitOfWork, pairs: Iterable[RemoteRecord]) -> dict[RemoteId, set[LocalId]]:
    """Regional parent → local pupils."""
    listed = list(pairs)
    pupils = uow.links.local_ids(Stream.STUDENTS, [RemoteId(str(pair.values.get("student_id"))) for pair in listed])
    found: dict[RemoteId, set[LocalId]] = defaultdict(set)
    for pair in listed:
        local_id = pupils.get(RemoteId(str(pair.values.get("student_id"))))
        if local_id is not None:
            found[RemoteId(str(pair.values.get("guardian_id")))].add(local_id)
    return found


def _local_children(uow: UnitOfWork, guardians: Mapping[LocalId, Values]) -> dict[LocalId, set[LocalId]]:
    found: dict[LocalId, set[LocalId]] = defaultdict(set)
    for row in uow.staging.where(Stream.GUARDIANSHIPS, "guardian_id", guardians).values():
        found[LocalId(int(row["guardian_id"] or 0))].add(LocalId(int(row["student_id"] or 0)))
    return found
