"""Which parent of the school a regional parent is: the name with a phone or a common child."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import (
    MOST_CANDIDATES,
    Ambiguous,
    Locals,
    Match,
    Matched,
    RejectedPairs,
    Remotes,
    full_name,
    index_by,
    pair_digest,
)
from sync_service.domain.records import Scalar, Values


def match_guardians(
    remotes: Remotes,
    locals_: Locals,
    *,
    remote_children: Mapping[RemoteId, Collection[LocalId]],
    local_children: Mapping[LocalId, Collection[LocalId]],
    rejected: RejectedPairs,
) -> dict[RemoteId, Match]:
    """A parent is the same by full name with an equal phone or a common child, unique on both sides; the
    full name alone proposes. Children are local ids of linked pupils."""
    here = index_by(locals_, full_name)
    there = index_by(remotes, full_name)
    found: dict[RemoteId, Match] = {}
    for name, remote_ids in there.items():
        local_ids = here.get(name, [])
        if not local_ids:
            continue
        pairs: dict[RemoteId, list[tuple[LocalId, str]]] = defaultdict(list)
        for remote_id in remote_ids:
            for local_id in local_ids:
                if rejected.get((remote_id, local_id)) == pair_digest(remotes[remote_id], locals_[local_id]):
                    continue
                evidence = _same_parent(
                    remotes[remote_id],
                    locals_[local_id],
                    set(remote_children.get(remote_id, ())) & set(local_children.get(local_id, ())),
                )
                if evidence:
                    pairs[remote_id].append((local_id, evidence))
        claimed = Counter(local_id for hits in pairs.values() for local_id, _ in hits)
        for remote_id in remote_ids:
            hits = pairs[remote_id]
            if len(hits) == 1 and claimed[hits[0][0]] == 1:
                found[remote_id] = Matched(*hits[0])
        taken = {m.local_id for m in found.values() if isinstance(m, Matched)}
        for remote_id in remote_ids:
            open_ = [
                c
                for c in local_ids
                if c not in taken and rejected.get((remote_id, c)) != pair_digest(remotes[remote_id], locals_[c])
            ]
            if remote_id not in found and open_:
                found[remote_id] = Ambiguous(
                    tuple(
                        Candidate(local_id=c, reasons=_parent_reasons(remotes[remote_id], locals_[c]), score=50)
                        for c in open_[:MOST_CANDIDATES]
                    )
                )
    return found


def _phones(values: Values) -> set[Scalar]:
    return {values.get("phone"), values.get("home_phone")} - {None}


def _same_parent(remote: Values, local: Values, common_children: Collection[LocalId]) -> str | None:
    if not remote.get("first_name"):
        return None  # a surname alone proves nothing
    if _phones(remote) & _phones(local):
        return "name_and_phone"
    return "name_and_child" if common_children else None


def _parent_reasons(remote: Values, local: Values) -> tuple[str, ...]:
    if not _phones(remote) or not _phones(local):
        return ("name_equal", "phone_missing")
    return ("name_equal", "phone_equal" if _phones(remote) & _phones(local) else "phone_differs")
