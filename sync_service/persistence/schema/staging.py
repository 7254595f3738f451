"""The staging tables: a school's own records, one table per stream, written by any program that speaks SQL.

Columns are the fields of :mod:`sync_service.domain.records`. References between staging tables are plain
numbers without foreign keys: another program may load children before parents, and the engine finds and
reports orphans; only ``school_id`` is enforced. Required text is NOT NULL; nothing else is checked here, because
a value the region holds must be storable even when a school could not enter it. ``docs/staging.md`` tells
other programs which columns are theirs.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, false, true
from sqlalchemy.sql.elements import ColumnElement

from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.schema.types import ISO_DATE, WHOLE, identity, metadata, partial, school

DATES = frozenset(
    {"starts_on", "ends_on", "late_entry_until", "date", "birth_date", "admitted_on", "order_date", "lesson_date"}
)
NUMBERS = frozenset({"school_year", "grade", "number", "weight", "position", "lesson_ordinal"})
FLAGS = frozenset({"keeps_movement", "incomplete"})

# How a class report names the lesson of a mark or an absence; kept when the lesson is found, so that the same
# report can be read again.
LOOK_UP = ("class_id", "subject_id", "lesson_date", "lesson_ordinal")
LOCAL_ONLY: dict[Stream, tuple[str, ...]] = {
    Stream.STUDENTS: ("incomplete", "listed_class_id"),
    Stream.MARKS: LOOK_UP,
    Stream.ATTENDANCE: LOOK_UP,
}
NULLABLE_ANYWAY = frozenset({"lesson_id"})  # a cell of a class report is entered before its lesson is found

# Streams small enough to be read as a whole (``all_rows``).
READ_WHOLE = frozenset(
    {
        Stream.ORGANIZATIONS,
        Stream.PERIODS,
        Stream.CLASSES,
        Stream.SUBJECTS,
        Stream.STUDENTS,
        Stream.GUARDIANS,
    }
)


def _type(name: str) -> Text | Boolean | Integer:
    if name in DATES:
        return ISO_DATE
    if name in FLAGS:
        return Boolean()
    if name in NUMBERS:
        return Integer()
    if name.endswith("_id") and name != "person_id":
        return WHOLE
    return Text()


def _server_default(default: object) -> ColumnElement[bool] | str | None:
    if default is True:
        return true()
    if default is False:
        return false()
    return str(default) if isinstance(default, int) else None


def _canonical(field: Field[object]) -> Column[object]:
    required = field.default is MISSING
    return Column(
        field.name,
        _type(field.name),
        nullable=field.name in NULLABLE_ANYWAY or field.default is None,
        server_default=None if required else _server_default(field.default),
    )


def _local_only(name: str) -> Column[object]:
    if name in FLAGS:
        return Column(name, Boolean(), nullable=False, server_default=false())
    return Column(name, _type(name), nullable=True)


def _table(stream: Stream) -> Table:
    canonical = [_canonical(f) for f in fields(SPECS[stream].record)]
    own = [_local_only(name) for name in LOCAL_ONLY.get(stream, ())]
    return Table(stream.value, metadata, identity(), school(), *canonical, *own, sqlite_autoincrement=True)


STAGING: dict[Stream, Table] = {stream: _table(stream) for stream in Stream}


def _index(stream: Stream, *names: str, where: str | None = None) -> None:
    table = STAGING[stream]
    label = "_".join(("ix", stream.value, *names)) + ("" if where is None else "_some")
    Index(label, *(table.c[n] for n in names), **partial(where))


# Every reference is indexed: children are looked up when a parent arrives or is about to go. Indexes begin with
# the column that tells rows apart: one that began with school_id would tempt a planner without statistics (a
# database that is just being filled) to read the whole school for every page.
for _stream, _spec in SPECS.items():
    for _name in _spec.references:
        if (_stream, _name) not in ((Stream.LESSONS, "class_id"), (Stream.MOVEMENTS, "student_id")):
            _index(_stream, _name)  # the two have a longer index below that begins with them
_index(Stream.LESSONS, "class_id", "subject_id", "date")
_index(Stream.MOVEMENTS, "student_id", "kind", "school_id", "date")  # a pupil's latest arrival
_index(Stream.MOVEMENTS, "kind", "school_id")
_index(Stream.STUDENTS, "last_name", "school_id")
_index(Stream.STUDENTS, "snils", "school_id")
_index(Stream.GUARDIANS, "last_name", "school_id")
_index(Stream.GUARDIANS, "phone", "school_id")
for _stream in (Stream.MARKS, Stream.ATTENDANCE):
    _index(_stream, "id", "school_id", where="lesson_id IS NULL")
    _index(_stream, "class_id", "subject_id", "lesson_date", where="lesson_date IS NOT NULL")
for _stream in Stream:
    if _stream in READ_WHOLE:
        _index(_stream, "school_id")
