"""Possible doubles by those around them: a pupil's class and parents, a parent's children, on both sides.

Namesakes are told apart by whom they belong to. What the region says is taken from guardianships that wait for the
very question, and from linked ones; a constant number of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import MatchCase
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.queries_captions import load_captions, person_name
from sync_service.engine.stores import UnitOfWork

# The two ends of a guardianship, from the double's own, and what stands at the other one.
_ENDS = {
    Stream.STUDENTS: ("student_id", "guardian_id", Stream.GUARDIANS, "parents"),
    Stream.GUARDIANS: ("guardian_id", "student_id", Stream.STUDENTS, "children"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """One line of the comparison: what the region says and what every candidate, in their order."""

    field: str
    title: str
    gis: str
    cards: tuple[str, ...]


def relatives(uow: UnitOfWork, case: MatchCase, remote_id: RemoteId | None) -> list[ComparedField]:
    """Lines about those around them, without the empty ones. ``remote_id`` is None for somebody the region has no
    card of."""
    if case.stream not in _ENDS:
        return []
    own, other, stream, kin = _ENDS[case.stream]
    ids = [candidate.local_id for candidate in case.candidates]
    around: dict[LocalId, list[LocalId]] = defaultdict(list)
    for row in uow.staging.where(Stream.GUARDIANSHIPS, own, ids).values():
        around[LocalId(int(row[own] or 0))].append(LocalId(int(row[other] or 0)))
    captions = load_captions(uow, {case.stream: ids, stream: {one for found in around.values() for one in found}})
    name = captions.pupil if stream is Stream.STUDENTS else lambda one: captions.of(stream, one)
    lines = [
        ComparedField(
            field=kin,
            title=words.RELATIVES[kin],
            gis=_listed(_names(uow, stream, _others(uow, remote_id, own, other)) if remote_id else ()),
            cards=tuple(_listed(name(one) for one in around[i]) for i in ids),
        )
    ]
    if case.stream is Stream.STUDENTS:
        classes = tuple(captions.class_of(one) or words.NOTHING for one in ids)
        lines.insert(
            0, ComparedField(field="class", title=words.RELATIVES["class"], gis=words.NOTHING, cards=classes)
        )
    return [line for line in lines if {line.gis, *line.cards} != {words.NOTHING}]


def _others(uow: UnitOfWork, remote_id: RemoteId, own: str, other: str) -> set[RemoteId]:
    """Regional ids at the other end of what still waits: with an open question nothing of it is linked."""
    waiting = uow.inbox.parked(Stream.GUARDIANSHIPS, reason=WaitingFor.PARENT.value)
    return {
        RemoteId(str(parked.record.values[other]))
        for parked in waiting
        if str(parked.record.values.get(own)) == remote_id and parked.record.values.get(other)
    }


def _names(uow: UnitOfWork, stream: Stream, remote_ids: Collection[RemoteId]) -> list[str]:
    if not remote_ids:
        return []
    known = {i: link.base.remote for i, link in uow.links.by_remote(stream, remote_ids).items()}
    known |= {p.record.remote_id: p.record.values for p in uow.inbox.parked(stream, remote_ids=remote_ids)}
    return [person_name(values) for values in known.values()]


def _listed(names: Iterable[str]) -> str:
    return "; ".join(sorted(name for name in names if name)) or words.NOTHING
