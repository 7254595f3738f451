"""Captions: how a record is called in front of a person, loaded for a whole list at once.

«Ёлкина Анна Петровна, 8А», «Ёлкина Анна, 8А: Алгебра, 18.11.2026, 2-й урок». The number of statements is
constant, whatever the length of the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sync_service.domain.actions import student_of
from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.stores import UnitOfWork

# Cells of a class report name their lesson by these, until it is found.
_LOOK_UP = {"class_id": Stream.CLASSES, "subject_id": Stream.SUBJECTS}


def person_name(values: Values) -> str:
    """Family name, name, patronymic, as far as known."""
    return " ".join(str(values[f]) for f in ("last_name", "first_name", "patronymic") if values.get(f))


@dataclass(frozen=True, slots=True)
class Captions:
    """Rows and what they refer to, ready to be named."""

    rows: Mapping[Stream, Mapping[LocalId, Values]]
    classes: Mapping[LocalId, int]  # student → class

    def row(self, stream: Stream, local_id: Scalar) -> Values:
        """The values of a record; empty when it is gone."""
        return self.rows.get(stream, {}).get(LocalId(int(local_id or 0)), {})

    def student_id(self, stream: Stream, local_id: LocalId) -> int | None:
        """The pupil a record is about."""
        return student_of(stream, local_id, self.row(stream, local_id))

    def class_of(self, student_id: Scalar) -> str | None:
        """Name of the class a pupil is in, or is listed in."""
        known = self.classes.get(LocalId(int(student_id or 0)))
        found = known or self.row(Stream.STUDENTS, student_id).get("listed_class_id")
        name = self.row(Stream.CLASSES, found).get("name") if found else None
        return str(name) if name else None

    def of(self, stream: Stream, local_id: Scalar) -> str:
        """The caption of a record of the school."""
        row = self.row(stream, local_id)
        return self.describe(stream, row) if row else f"{words.STREAMS[stream]}, запись {local_id} (удалена)"

    def describe(self, stream: Stream, row: Values) -> str:
        """The caption of a record with these values, whose references are local ids."""
        match stream:
            case Stream.STUDENTS | Stream.GUARDIANS:
                return person_name(row) or words.NOTHING
            case Stream.GUARDIANSHIPS:
                parent = self.of(Stream.GUARDIANS, row.get("guardian_id"))
                return f"{self.pupil(row.get('student_id'))} — {row.get('relation')}: {parent}"
            case Stream.MOVEMENTS:
                order = f", приказ № {row['order_number']}" if row.get("order_number") else ""
                what = words.value(stream, "kind", row.get("kind"))
                return f"{self.pupil(row.get('student_id'))}: {what} {words.day(row.get('date'))}{order}"
            case Stream.MARKS | Stream.ATTENDANCE:
                return f"{self.pupil(row.get('student_id'))}: {self._lesson(row)}"
            case Stream.FINAL_MARKS:
                subject = self.row(Stream.SUBJECTS, row.get("subject_id")).get("name")
                period = self.row(Stream.PERIODS, row.get("period_id")).get("name")
                return f"{self.pupil(row.get('student_id'))}: {subject}, {period}"
            case Stream.LESSONS:
                return self._timed(row.get("class_id"), row.get("subject_id"), row.get("date"), row.get("number"))
            case Stream.CLASSES | Stream.PERIODS:
                return f"{row.get('name')} ({words.value(stream, 'school_year', row.get('school_year'))})"
            case _:
                return str(row.get("name"))

    def pupil(self, student_id: Scalar) -> str:
        """«Ёлкина Анна Петровна, 8А»."""
        class_name = self.class_of(student_id)
        return self.of(Stream.STUDENTS, student_id) + (f", {class_name}" if class_name else "")

    def value(self, stream: Stream, field: str, stored: Scalar) -> str:
        """A value in words; a reference by the caption of what it refers to."""
        parent = SPECS[stream].references.get(field)
        if parent is None or stored is None:
            return words.value(stream, field, stored)
        return self.of(parent, stored)

    def _lesson(self, row: Values) -> str:
        lesson = self.row(Stream.LESSONS, row.get("lesson_id"))
        if lesson:
            return self._timed(None, lesson.get("subject_id"), lesson.get("date"), lesson.get("number"))
        return self._timed(None, row.get("subject_id"), row.get("lesson_date"), None)

    def _timed(self, class_id: Scalar, subject_id: Scalar, on: Scalar, number: Scalar) -> str:
        class_name = self.row(Stream.CLASSES, class_id).get("name") if class_id else None
        subject = self.row(Stream.SUBJECTS, subject_id).get("name") or "предмет не указан"
        day = words.day(on) if on else "день не указан"
        return ", ".join(
            part for part in (str(class_name or ""), str(subject), day, f"{number}-й урок" if number else "") if part
        )


def load_captions(
    uow: UnitOfWork,
    wanted: Mapping[Stream, Collection[LocalId]],
    gone: Mapping[Stream, Mapping[LocalId, Values]] | None = None,
) -> Captions:
    """Everything needed to name ``wanted``; ``gone`` holds last known values of records that may be deleted."""
    needed: dict[Stream, set[LocalId]] = defaultdict(set)
    for stream, ids in wanted.items():
        needed[stream].update(ids)
    rows: dict[Stream, dict[LocalId, Values]] = {}
    classes: dict[LocalId, int] = {}
    for stream in reversed(Stream):  # children first: parents are known to be needed by then
        ids = needed[stream]
        if not ids:
            continue
        found = {**(gone or {}).get(stream, {}), **uow.staging.rows(stream, ids)}
        rows[stream] = {local_id: found[local_id] for local_id in ids if local_id in found}
        references = {**_LOOK_UP, **SPECS[stream].references}
        for row in rows[stream].values():
            for field, parent in references.items():
                if row.get(field) is not None:
                    needed[parent].add(LocalId(int(row[field] or 0)))
            if row.get("listed_class_id"):
                needed[Stream.CLASSES].add(LocalId(int(row["listed_class_id"] or 0)))
        if stream is Stream.STUDENTS:
            classes = uow.staging.current_class(ids)
            needed[Stream.CLASSES].update(LocalId(c) for c in classes.values())
    return Captions(rows, classes)
