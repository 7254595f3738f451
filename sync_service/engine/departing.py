"""Preloading for a push: everything due entries need to be planned, in a constant number of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from sync_service.domain.conflicts import Conflict, ConflictState
from sync_service.domain.errors import RecordError
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.matching_cells import NoLesson, WhichLesson, place_cell
from sync_service.domain.outbox import Entry
from sync_service.domain.pushing import Enrolment, PushPage, Windows
from sync_service.domain.records import Values
from sync_service.domain.releases import ReleaseState
from sync_service.domain.streams import SPECS, Stream, StreamSpec
from sync_service.engine.capture import normalised, slot_of
from sync_service.engine.context import Cycle
from sync_service.engine.stores import UnitOfWork


def load_push(cycle: Cycle, uow: UnitOfWork, stream: Stream, entries: Sequence[Entry]) -> PushPage:
    """Today's rows of the entries with links, parents, conflicts, windows and permissions."""
    spec = SPECS[stream]
    ids = [entry.local_id for entry in entries]
    raw = uow.staging.rows(stream, ids)
    rows = normalised(cycle.normalise, stream, raw)
    links = uow.links.by_local(stream, ids)
    known = [row for row in rows.values() if not isinstance(row, RecordError)]
    # A deleted mark is judged by the lesson of its base.
    known.extend(link.base.local for local_id, link in links.items() if local_id not in rows)
    taken_back = {
        local_id: link.base.remote
        for local_id, (link, _) in undone_deletions(uow, stream, [i for i in ids if i not in rows | links]).items()
    }
    known.extend(taken_back.values())
    return PushPage(
        spec=spec,
        policy=cycle.policies[stream],
        entries=entries,
        rows=rows,
        links=links,
        parents=parent_remote_ids(uow, spec, known),
        windows=_windows(cycle, uow, stream, known),
        conflicts=uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {},
        enrolments=_enrolments(uow, stream, ids),
        with_linked_child=_with_linked_child(uow, stream, ids),
        doubts=_doubts(uow, stream, raw),
        taken_back=taken_back,
    )


def undone_deletions(
    uow: UnitOfWork, stream: Stream, local_ids: Sequence[LocalId]
) -> dict[LocalId, tuple[Link, Conflict]]:
    """Records that a decision deleted in the region and whose undoing is on its way, with their closed link."""
    closed = uow.links.by_local(stream, local_ids, closed=True) if local_ids else {}
    cases = uow.conflicts.open_for([link.link_id for link in closed.values()]) if closed else {}
    return {
        local_id: (link, case)
        for local_id, link in closed.items()
        if (case := cases.get(link.link_id)) and case.state is ConflictState.UNDOING
    }


def parent_remote_ids(
    uow: UnitOfWork, spec: StreamSpec, rows: Sequence[Values]
) -> dict[Stream, dict[LocalId, RemoteId]]:
    """Regional ids of every parent the rows name; one statement per parent stream."""
    wanted: dict[Stream, set[LocalId]] = {stream: set() for stream in spec.references.values()}
    for row in rows:
        for field, stream in spec.references.items():
            if (local_id := row.get(field)) is not None:
                wanted[stream].add(LocalId(int(local_id)))
    return {stream: uow.links.remote_ids(stream, ids) if ids else {} for stream, ids in wanted.items()}


def _ids(rows: Sequence[Values], field: str) -> set[LocalId]:
    return {LocalId(int(value)) for row in rows if (value := row.get(field)) is not None}


def _windows(cycle: Cycle, uow: UnitOfWork, stream: Stream, rows: Sequence[Values]) -> Windows:
    today, zone = cycle.today(), ZoneInfo(cycle.school.zone)
    if stream in (Stream.MARKS, Stream.ATTENDANCE):
        lessons = uow.staging.lesson_dates(_ids(rows, "lesson_id"))
        late = _late_entry(uow, {LocalId(class_id) for _, class_id in lessons.values()})
        return Windows(today=today, zone=zone, lessons={int(i): v for i, v in lessons.items()}, late_entry=late)
    if stream is Stream.FINAL_MARKS:
        periods = uow.staging.rows(Stream.PERIODS, _ids(rows, "period_id"))
        classes = uow.staging.current_class(_ids(rows, "student_id"))
        return Windows(
            today=today,
            zone=zone,
            periods={int(i): str(row["ends_on"]) for i, row in periods.items()},
            classes={int(i): class_id for i, class_id in classes.items()},
            late_entry=_late_entry(uow, {LocalId(class_id) for class_id in classes.values()}),
        )
    return Windows(today=today, zone=zone)


def _late_entry(uow: UnitOfWork, class_ids: set[LocalId]) -> dict[int, str | None]:
    rows = uow.staging.rows(Stream.CLASSES, class_ids) if class_ids else {}
    found: dict[int, str | None] = {}
    for local_id, row in rows.items():
        until = row.get("late_entry_until")
        found[int(local_id)] = None if until is None else str(until)
    return found


def _enrolments(uow: UnitOfWork, stream: Stream, ids: Sequence[LocalId]) -> dict[LocalId, Enrolment]:
    if stream is not Stream.STUDENTS:
        return {}
    return {
        student_id: Enrolment(person_id=None if release.new_card else release.person_id)
        for student_id, release in uow.releases.by_student(ids).items()
        if release.state is ReleaseState.RELEASED and (release.new_card or release.person_id)
    }


def _with_linked_child(uow: UnitOfWork, stream: Stream, ids: Sequence[LocalId]) -> frozenset[LocalId]:
    if stream is not Stream.GUARDIANS:
        return frozenset()
    pairs = uow.staging.where(Stream.GUARDIANSHIPS, "guardian_id", ids).values()
    linked = uow.links.remote_ids(Stream.STUDENTS, {LocalId(int(row["student_id"] or 0)) for row in pairs})
    return frozenset(LocalId(int(row["guardian_id"] or 0)) for row in pairs if row["student_id"] in linked)


def _doubts(uow: UnitOfWork, stream: Stream, rows: Mapping[LocalId, Values]) -> dict[LocalId, NoLesson | WhichLesson]:
    """Why a cell has no lesson yet; needs the look-up columns, which are no part of a canonical record."""
    if stream not in (Stream.MARKS, Stream.ATTENDANCE):
        return {}
    slots = {i: slot for i, row in rows.items() if row.get("lesson_id") is None and (slot := slot_of(row))}
    if not slots:
        return {}
    lessons = uow.staging.lessons_on(set(slots.values()))
    used = uow.staging.ordinals_used(set(slots.values()))
    found: dict[LocalId, NoLesson | WhichLesson] = {}
    for local_id, slot in slots.items():
        number = rows[local_id].get("lesson_ordinal")
        ordinal = number if isinstance(number, int) else None
        place = place_cell(ordinal, lessons.get(slot, []), used.get(slot, set()))
        if isinstance(place, NoLesson | WhichLesson):
            found[local_id] = place
    return found
