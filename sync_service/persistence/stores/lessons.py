"""Reads of the timetable: where a cell of a class report finds its lesson, and back."""

from __future__ import annotations

from collections.abc import Iterable

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Cell
from sync_service.persistence.dialects import Slots
from sync_service.persistence.stores.movements import MovementBook
from sync_service.persistence.stores.staging import shape_of

Slot = tuple[int, int, str]

# CROSS JOIN keeps SQLite from scanning the timetable first.
_LESSONS_ON = (
    "SELECT t.class_id, t.subject_id, t.date, t.id, t.number FROM {slots} AS s CROSS JOIN lessons AS t"
    " WHERE t.school_id = ? AND t.class_id = s.class_id AND t.subject_id = s.subject_id AND t.date = s.date"
    " ORDER BY t.number, t.id"
)
_ORDINALS = (
    "SELECT t.class_id, t.subject_id, t.lesson_date, t.lesson_ordinal FROM {slots} AS s CROSS JOIN {table} AS t"
    " WHERE t.school_id = ? AND t.class_id = s.class_id AND t.subject_id = s.subject_id"
    " AND t.lesson_date = s.date AND t.lesson_ordinal IS NOT NULL"
)
_UNPLACED = (
    "SELECT t.id, {columns} FROM {table} AS t WHERE t.school_id = ? AND t.lesson_id IS NULL AND t.id > ?"
    " ORDER BY t.id LIMIT ? {lock}"
)
_CELLS = """
SELECT t.id, t.student_id, coalesce(t.subject_id, l.subject_id), coalesce(t.lesson_date, l.date),
  coalesce(t.lesson_ordinal, (
    SELECT count(*) FROM lessons AS x
    WHERE x.school_id = l.school_id AND x.class_id = l.class_id AND x.subject_id = l.subject_id AND x.date = l.date
      AND (x.number < l.number OR (x.number = l.number AND x.id <= l.id))), 1),
  {position}, t.{content}
FROM {table} AS t LEFT JOIN lessons AS l ON l.id = t.lesson_id
WHERE t.school_id = ? AND t.student_id {ints} AND coalesce(t.lesson_date, l.date) BETWEEN ? AND ?
  AND coalesce(t.subject_id, l.subject_id) IS NOT NULL
ORDER BY t.id
"""
_LESSON_DATES = "SELECT t.id, t.date, t.class_id FROM lessons AS t WHERE t.school_id = ? AND t.id {ints}"
_CURRENT_CLASS = """
SELECT student_id, class_to_id FROM (
  SELECT t.student_id, t.class_to_id, t.kind,
    row_number() OVER (PARTITION BY t.student_id ORDER BY t.date DESC, t.id DESC) AS place
  FROM movements AS t
  WHERE t.school_id = ? AND t.student_id {ints}
    AND (t.class_to_id IS NOT NULL OR t.kind IN ('departure', 'graduation'))
) AS latest
WHERE place = 1 AND kind NOT IN ('departure', 'graduation')
"""


class Staging(MovementBook):
    """Everything the engine asks of the staging tables."""

    def lessons_on(self, slots: Iterable[Slot]) -> dict[Slot, list[tuple[LocalId, int]]]:
        wanted = list(set(slots))
        found: dict[Slot, list[tuple[LocalId, int]]] = {}
        if wanted:
            for class_id, subject_id, date, lesson, number in self._tx.query(
                _LESSONS_ON, Slots(wanted), self._tx.school
            ):
                found.setdefault((class_id, subject_id, date), []).append((lesson, number))
        return found

    def ordinals_used(self, slots: Iterable[Slot]) -> dict[Slot, set[int]]:
        wanted = list(set(slots))
        used: dict[Slot, set[int]] = {}
        if wanted:
            for stream in (Stream.MARKS, Stream.ATTENDANCE):
                for *slot, ordinal in self._tx.query(_ORDINALS, Slots(wanted), self._tx.school, table=stream.value):
                    class_id, subject_id, date = slot
                    used.setdefault((class_id, subject_id, date), set()).add(ordinal)
        return used

    def unplaced(self, stream: Stream, *, after: LocalId, limit: int) -> dict[LocalId, Values]:
        shape = shape_of(stream)
        found = self._tx.query(
            _UNPLACED, self._tx.school, after, limit, table=shape.table.name, columns=shape.selection
        )
        return {row[0]: shape.to_values(row) for row in found}

    def cells(self, stream: Stream, student_ids: Iterable[LocalId], first: str, last: str) -> list[Cell]:
        wanted = list(student_ids)
        if not wanted:
            return []
        marks = stream is Stream.MARKS
        found = self._tx.query(
            _CELLS,
            self._tx.school,
            wanted,
            first,
            last,
            table=stream.value,
            content="value" if marks else "symbol",
            position='t."position"' if marks else "1",
        )
        return [
            Cell(
                local_id=local_id,
                student_id=student,
                subject_id=subject,
                lesson_date=date,
                ordinal=ordinal,
                position=position,
                content=content,
            )
            for local_id, student, subject, date, ordinal, position, content in found
        ]

    def lesson_dates(self, ids: Iterable[LocalId]) -> dict[LocalId, tuple[str, int]]:
        wanted = list(ids)
        if not wanted:
            return {}
        return {i: (date, class_id) for i, date, class_id in self._tx.query(_LESSON_DATES, self._tx.school, wanted)}

    def current_class(self, student_ids: Iterable[LocalId]) -> dict[LocalId, int]:
        wanted = list(student_ids)
        return dict(self._tx.query(_CURRENT_CLASS, self._tx.school, wanted)) if wanted else {}
