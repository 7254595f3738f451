"""The secretary's conflicts: a list, and one case side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync_service.domain.conflicts import Conflict, FieldClash
from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import Link, LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRow:
    """One case in a list. Moments are ISO 8601 in UTC; ``stamp`` names the values a decision is made on."""

    id: int
    school: str
    stream: str
    local_id: int
    remote_id: str | None
    student_id: int | None
    caption: str
    kind: str
    state: str
    fields: tuple[str, ...]
    groups: tuple[str, ...]
    stamp: str
    opened_at: str | None
    decided_at: str | None
    decided_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClashView:
    """One field side by side: plain values, and the same in words."""

    field: str
    group: str
    title: str
    agreed: Scalar
    school: Scalar
    gis: Scalar
    has_base: bool
    agreed_text: str
    school_text: str
    gis_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """What was decided for one group: ``local``, ``gis`` or ``value`` with the typed values."""

    group: str
    side: str
    values: Values | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictView(ConflictRow):
    """One case with everything a person needs to decide. ``school_at`` and ``gis_at``: when either side last changed
    the record, by its own clock, where that is known; ``school_by``: who entered or imported it here."""

    clashes: tuple[ClashView, ...]
    choices: tuple[ChoiceView, ...]
    school_at: str | None
    gis_at: str | None
    school_by: str | None = None


def conflict_rows(db: Database, school: School, *, state: str | None = "open") -> list[ConflictRow]:
    """Cases in ``state`` (None: all), oldest first."""
    with db.read(school.school_id) as uow:
        cases = uow.conflicts.cases(state=state)
        links, captions = _load(uow, cases)
    return [ConflictRow(**_row(school, case, links, captions)) for case in cases]


def conflict_view(db: Database, school: School, conflict_id: int) -> ConflictView:
    """One case. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        case = uow.conflicts.get(conflict_id)
        if case is None:
            raise NoSuchCase(f"Расхождение {conflict_id}: нет такой записи. Обновите список.")
        links, captions = _load(uow, [case])
        student_id = captions.student_id(case.stream, case.local_id)
        author = None
        if case.local_at is not None and student_id is not None:
            author = uow.audited.author(student_id, case.stream, case.local_id, case.local_at)
    return replace(_view(school, case, links, captions), school_by=author)


def conflict_views(db: Database, school: School, ids: Sequence[int]) -> list[ConflictView]:
    """These cases with the values that clash, in the order of their ids."""
    with db.read(school.school_id) as uow:
        cases = uow.conflicts.many(ids)
        links, captions = _load(uow, cases)
    return [_view(school, case, links, captions) for case in cases]


def _view(
    school: School, case: Conflict, links: dict[tuple[Stream, LocalId], Link], captions: Captions
) -> ConflictView:
    return ConflictView(
        **_row(school, case, links, captions),
        clashes=tuple(_clash(case.stream, clash, captions) for clash in case.clashes),
        choices=tuple(ChoiceView(group=c.group, side=c.side.value, values=c.values) for c in case.choices),
        school_at=case.local_at.isoformat() if case.local_at else None,
        gis_at=case.remote_at.isoformat() if case.remote_at else None,
    )


def _load(uow: UnitOfWork, cases: Sequence[Conflict]) -> tuple[dict[tuple[Stream, LocalId], Link], Captions]:
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    for case in cases:
        wanted[case.stream].add(case.local_id)
    links: dict[tuple[Stream, LocalId], Link] = {}
    gone: dict[Stream, dict[LocalId, Values]] = {}
    for stream, ids in list(wanted.items()):
        live = uow.links.by_local(stream, ids)
        closed = uow.links.by_local(stream, ids - set(live), closed=True) if ids - set(live) else {}
        found = {**closed, **live}
        links.update({(stream, local_id): link for local_id, link in found.items()})
        gone[stream] = {local_id: dict(link.base.local) for local_id, link in found.items()}
    for case in cases:  # classes and schools named by clashing values
        for clash in case.clashes:
            parent = SPECS[case.stream].references.get(clash.field)
            if parent is not None:
                named = (clash.local, clash.remote, clash.base_local)
                wanted[parent].update(LocalId(v) for v in named if isinstance(v, int))
    return links, load_captions(uow, wanted, gone)


def _row(
    school: School, case: Conflict, links: dict[tuple[Stream, LocalId], Link], captions: Captions
) -> dict[str, Any]:
    link = links.get((case.stream, case.local_id))
    student_id = captions.student_id(case.stream, case.local_id)
    pupil = case.stream is Stream.STUDENTS
    return {
        "id": case.conflict_id,
        "school": school.code,
        "stream": case.stream.value,
        "local_id": case.local_id,
        "remote_id": link.remote_id if link else None,
        "student_id": student_id,
        "caption": captions.pupil(case.local_id) if pupil else captions.of(case.stream, case.local_id),
        "kind": case.kind.value,
        "state": case.state.value,
        "fields": tuple(clash.field for clash in case.clashes),
        "groups": tuple(sorted(case.groups)),
        "stamp": case.stamp,
        "opened_at": case.opened_at.isoformat() if case.opened_at else None,
        "decided_at": case.decided_at.isoformat() if case.decided_at else None,
        "decided_by": case.decided_by,
    }


def _clash(stream: Stream, clash: FieldClash, captions: Captions) -> ClashView:
    return ClashView(
        field=clash.field,
        group=clash.group,
        title=words.FIELDS.get(clash.field, clash.field),
        agreed=clash.base_local,
        school=clash.local,
        gis=clash.remote,
        has_base=clash.has_base,
        agreed_text=captions.value(stream, clash.field, clash.base_local) if clash.has_base else "не сверялось",
        school_text=captions.value(stream, clash.field, clash.local),
        gis_text=captions.value(stream, clash.field, clash.remote),
    )
