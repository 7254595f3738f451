"""The release watch: who might need one, the cases and their log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_service.domain.links import LocalId
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Arrival
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema import state
from sync_service.persistence.stores.staging import shape_of
from sync_service.persistence.transactions import Transaction

_CASES = (
    "SELECT t.id, t.student_id, t.release_case, t.state, t.movement_id, t.person_id, t.previous_school,"
    " t.previous_phone, t.new_card, t.opened_at, t.updated_at, t.closed_at, t.closed_by, t.closed_from"
    " FROM releases AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_STEPS = (
    "SELECT t.release_id, t.kind, t.actor, t.at, t.note, t.next_call_on FROM release_steps AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id {limit}"
)
_COUNTS = "SELECT state, count(*) FROM releases WHERE school_id = ? GROUP BY state"
_OPEN = "t.state IN ('claimed', 'not_released', 'released', 'left')"
_CHANGING = (
    "student_id",
    "movement_id",
    "release_case",
    "state",
    "person_id",
    "previous_school",
    "previous_phone",
    "new_card",
    "opened_at",
    "updated_at",
    "closed_at",
    "closed_by",
    "closed_from",
)
_WAITING_CARDS = """
SELECT t.id, {student}, m.id, {movement}
FROM students AS t LEFT JOIN movements AS m ON m.id = (
  SELECT a.id FROM movements AS a
  WHERE a.student_id = t.id AND a.school_id = t.school_id AND a.kind = 'arrival'
  ORDER BY a.date DESC, a.id DESC LIMIT 1)
WHERE t.school_id = ? AND NOT t.incomplete
  AND NOT EXISTS (SELECT 1 FROM links AS l WHERE l.school_id = t.school_id AND l.stream = 'students'
    AND l.local_id = t.id AND l.state = 'live')
ORDER BY t.id {lock}
"""
_LEAVERS = """
SELECT t.id, {student}, m.id, {movement}, r.id
FROM movements AS m
JOIN students AS t ON t.id = m.student_id AND t.school_id = m.school_id
JOIN links AS lm ON lm.local_id = m.id AND lm.stream = 'movements' AND lm.school_id = m.school_id
  AND lm.state = 'live'
JOIN links AS ls ON ls.local_id = t.id AND ls.stream = 'students' AND ls.school_id = t.school_id
  AND ls.state = 'live'
LEFT JOIN releases AS r ON r.movement_id = m.id AND r.release_case = 'D' AND r.school_id = m.school_id
WHERE m.school_id = ? AND m.kind = 'departure' AND r.closed_at IS NULL
  AND (r.state IS NULL OR r.state IN ('claimed', 'not_released', 'released', 'left'))
  AND NOT EXISTS (SELECT 1 FROM movements AS n WHERE n.student_id = m.student_id AND n.school_id = m.school_id
    AND (n.date > m.date OR (n.date = m.date AND n.id > m.id)))
ORDER BY t.id {lock}
"""


def _release(row: Sequence[Any]) -> Release:
    (
        release_id,
        student_id,
        case,
        case_state,
        movement_id,
        person_id,
        previous_school,
        previous_phone,
        new_card,
        opened,
        updated,
        closed,
        closed_by,
        closed_from,
    ) = row
    return Release(
        release_id=release_id,
        student_id=student_id,
        case=ReleaseCase(case),
        state=ReleaseState(case_state),
        movement_id=movement_id,
        person_id=person_id,
        previous_school=previous_school,
        previous_phone=previous_phone,
        new_card=bool(new_card),
        opened_at=moment(opened),
        updated_at=moment(updated),
        closed_at=moment_or_none(closed),
        closed_by=closed_by,
        closed_from=None if closed_from is None else ReleaseState(closed_from),
    )


def _arrival(row: Sequence[Any]) -> Arrival:
    students, movements = shape_of(Stream.STUDENTS), shape_of(Stream.MOVEMENTS)
    split = len(students.columns) + 1
    movement_id = row[split]
    return Arrival(
        student_id=row[0],
        student=students.to_values(row[:split]),
        movement_id=movement_id,
        movement={} if movement_id is None else movements.to_values(row[split : split + len(movements.columns) + 1]),
    )


class Releases:
    """Arrivals that are not enrolled in the region yet, and our own leavers."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def candidates(self) -> list[Arrival]:
        return [_arrival(row) for row in self._rows(_WAITING_CARDS)]

    def departures(self) -> list[Arrival]:
        rows = self._rows(_LEAVERS)
        cases = self._by_id([row[-1] for row in rows if row[-1] is not None])
        return [replace(_arrival(row), case=cases.get(row[-1])) for row in rows]

    def _rows(self, template: str) -> Sequence[Sequence[Any]]:
        return self._tx.query(
            template,
            self._tx.school,
            student=shape_of(Stream.STUDENTS).selection,
            movement=", ".join(f'm."{name}"' for name in shape_of(Stream.MOVEMENTS).columns),
        )

    def _by_id(self, release_ids: list[int]) -> dict[int, Release]:
        if not release_ids:
            return {}
        rows = self._tx.search(_CASES, ("t.id {ints}", release_ids))
        return {case.release_id: case for case in map(_release, rows)}

    def open(self) -> list[Release]:
        return [_release(row) for row in self._tx.query(_CASES, self._tx.school, conditions=f"AND {_OPEN}", limit="")]

    def by_student(self, student_ids: Iterable[LocalId]) -> dict[LocalId, Release]:
        wanted = list(student_ids)
        if not wanted:
            return {}
        rows = self._tx.search(_CASES, ("t.release_case <> 'D' AND t.student_id {ints}", wanted))
        return {case.student_id: case for case in map(_release, rows)}  # in order: the newest stays

    def save(self, releases: Sequence[Release]) -> list[int]:
        now = self._tx.now()
        new: list[tuple[Any, ...]] = []
        known: list[tuple[Any, ...]] = []
        for case in releases:
            changing = (
                case.student_id,
                case.movement_id,
                case.case.value,
                case.state.value,
                case.person_id,
                case.previous_school,
                case.previous_phone,
                case.new_card,
                stamp(case.opened_at or now),
                stamp(case.updated_at or now),
                stamp_or_none(case.closed_at),
                case.closed_by,
                None if case.closed_from is None else case.closed_from.value,
            )
            if case.release_id:
                known.append((case.release_id, *changing))
            else:
                new.append(changing)
        self._tx.update(state.releases, _CHANGING, known)
        fresh = iter(self._tx.insert_new(state.releases, _CHANGING, new))
        return [case.release_id or next(fresh) for case in releases]

    def log(self, steps: Sequence[ReleaseStep]) -> None:
        self._tx.insert(
            state.release_steps,
            ("school_id", "release_id", "kind", "actor", "at", "note", "next_call_on"),
            [
                (
                    self._tx.school,
                    step.release_id,
                    step.kind.value,
                    step.actor,
                    stamp(step.at),
                    step.text,
                    step.next_call_on,
                )
                for step in steps
            ],
        )

    def get(self, release_id: int) -> Release | None:
        return next(map(_release, self._tx.search(_CASES, ("t.id = ?", release_id))), None)

    def steps(self, release_ids: Iterable[int]) -> dict[int, list[ReleaseStep]]:
        found: dict[int, list[ReleaseStep]] = {release_id: [] for release_id in release_ids}
        rows = self._tx.search(_STEPS, ("t.release_id {ints}", list(found))) if found else []
        for release, kind, actor, at, note, next_call_on in rows:
            found[release].append(
                ReleaseStep(
                    release_id=release,
                    kind=StepKind(kind),
                    actor=actor,
                    at=moment(at),
                    text=note,
                    next_call_on=next_call_on,
                )
            )
        return found

    def cases(self, *, state: str | None = None, closed_since: datetime | None = None) -> list[Release]:
        since = stamp_or_none(closed_since)
        return [_release(row) for row in self._tx.search(_CASES, ("t.state = ?", state), ("t.closed_at >= ?", since))]

    def counts(self) -> dict[str, int]:
        return dict(self._tx.query(_COUNTS, self._tx.school))
