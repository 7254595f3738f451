"""Streams: which records travel, in which order, which way, and what a page of them is."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from sync_service.domain import records
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values


class Stream(StrEnum):
    """Kinds of records, parents before children: iteration order is the order of travel."""

    ORGANIZATIONS = "organizations"
    PERIODS = "periods"
    CLASSES = "classes"
    SUBJECTS = "subjects"
    LESSONS = "lessons"
    STUDENTS = "students"
    GUARDIANS = "guardians"
    GUARDIANSHIPS = "guardianships"
    MOVEMENTS = "movements"
    MARKS = "marks"
    FINAL_MARKS = "final_marks"
    ATTENDANCE = "attendance"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """What the engine must know of a stream; everything else is a table."""

    stream: Stream
    record: type[Any]
    both_ways: bool
    references: dict[str, Stream]  # field -> the stream it refers to
    key: tuple[str, ...]  # fields by which an unlinked record first meets its counterpart
    optional_references: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(f.name for f in fields(self.record))

    @property
    def required_references(self) -> frozenset[str]:
        return frozenset(self.references) - self.optional_references


def _spec(
    stream: Stream,
    record: type[Any],
    *,
    both: bool = False,
    refs: dict[str, Stream] | None = None,
    optional: tuple[str, ...] = (),
    key: tuple[str, ...] = (),
) -> StreamSpec:
    return StreamSpec(
        stream=stream,
        record=record,
        both_ways=both,
        references=refs or {},
        optional_references=frozenset(optional),
        key=key,
    )


S = Stream
SPECS: dict[Stream, StreamSpec] = {
    spec.stream: spec
    for spec in (
        _spec(S.ORGANIZATIONS, records.Organization),
        _spec(S.PERIODS, records.Period, key=("school_year", "name")),
        _spec(S.CLASSES, records.SchoolClass, key=("school_year", "name")),
        _spec(S.SUBJECTS, records.Subject, key=("name",)),
        _spec(
            S.LESSONS,
            records.Lesson,
            refs={"class_id": S.CLASSES, "subject_id": S.SUBJECTS},
            key=("class_id", "subject_id", "date", "number"),
        ),
        _spec(S.STUDENTS, records.Student, both=True),  # invariant 8 has its own rules: matching.py
        _spec(S.GUARDIANS, records.Guardian, both=True),  # name and phone: matching.py
        _spec(
            S.GUARDIANSHIPS,
            records.Guardianship,
            both=True,
            refs={"student_id": S.STUDENTS, "guardian_id": S.GUARDIANS},
            key=("student_id", "guardian_id"),
        ),
        _spec(
            S.MOVEMENTS,
            records.Movement,
            both=True,
            refs={
                "student_id": S.STUDENTS,
                "class_from_id": S.CLASSES,
                "class_to_id": S.CLASSES,
                "origin_organization_id": S.ORGANIZATIONS,
                "destination_organization_id": S.ORGANIZATIONS,
            },
            optional=(
                "class_from_id",
                "class_to_id",
                "origin_organization_id",
                "destination_organization_id",
            ),
            key=("student_id", "kind", "order_number", "date"),
        ),
        _spec(
            S.MARKS,
            records.Mark,
            both=True,
            refs={"student_id": S.STUDENTS, "lesson_id": S.LESSONS},
            key=("student_id", "lesson_id"),  # then by value and position: matching.py
        ),
        _spec(
            S.FINAL_MARKS,
            records.FinalMark,
            both=True,
            refs={"student_id": S.STUDENTS, "subject_id": S.SUBJECTS, "period_id": S.PERIODS},
            key=("student_id", "subject_id", "period_id", "kind"),
        ),
        _spec(
            S.ATTENDANCE,
            records.Attendance,
            both=True,
            refs={"student_id": S.STUDENTS, "lesson_id": S.LESSONS},
            key=("student_id", "lesson_id"),
        ),
    )
}
del S

BOTH_WAYS: tuple[Stream, ...] = tuple(s for s in Stream if SPECS[s].both_ways)


def children_of(stream: Stream) -> dict[Stream, tuple[str, ...]]:
    """The streams that refer to ``stream``, with the referring fields."""
    found = {
        child: tuple(name for name, parent in spec.references.items() if parent is stream)
        for child, spec in SPECS.items()
    }
    return {child: names for child, names in found.items() if names}


@dataclass(slots=True, kw_only=True)
class RemoteRecord:
    """One regional record in canonical form; references in ``values`` are regional ids.

    ``change_version`` grows with every change of the organization's data, ``version`` counts this record's
    own; both may be absent on a regional system that does not keep them. A tombstone (``deleted``) carries
    at least the natural key; one that is ``absent`` is our own finding: the region was asked for the record by
    its id and in one complete listing, and had it neither time. ``values`` holds only the fields the region sent.
    ``changed_at`` is when it was changed by the region's own clock, as the region wrote it: for people to read,
    nothing is decided by it.

    Nobody changes one after it was made; it is not declared frozen because a frozen instance takes a
    microsecond longer to make, and a bulk page makes five such values per record (a measured path).
    """

    stream: Stream
    remote_id: RemoteId
    values: Values
    version: int | None = None
    change_version: int | None = None
    deleted: bool = False
    client_ref: str | None = None
    absent: bool = False
    changed_at: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A regional record that could not be read: set aside with its payload, the feed goes on.

    ``signature`` is equal for equal causes (it names field and codec, no values); ``payload`` is the record
    as received and stays in the database.
    """

    stream: Stream
    remote_id: RemoteId | None
    code: str
    signature: str
    reason: str
    payload: str
    change_version: int | None = None  # where the region gave a sound one
    client_ref: str | None = None  # the same: it tells whose create the record came from, read or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Records of one regional page and the cursor to store once they are durable.

    ``complete`` is true on the last page of a window, after the connector has checked the declared total.
    ``cursor`` is opaque to the engine. ``full`` marks a window that lists everything (no lower bound).
    """

    stream: Stream
    records: tuple[RemoteRecord, ...]
    rejects: tuple[Reject, ...]
    cursor: str
    complete: bool
    full: bool = False
    received: int = 0  # records on the page as the region sent them, repeats included
    total: int | None = None  # records of the whole window, as the region declares now; None: it does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamVersions:
    """Newest and oldest kept change version of one stream."""

    newest: int
    oldest: int
