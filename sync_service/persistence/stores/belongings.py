"""Which records are a pupil's: found by the rows that are there, by the journal, and by the bases of links.

Closed links are included: a mark that was deleted long ago still has its last values in one. A parent's card counts
as the pupil's when it is no other pupil's parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, literal_column, or_, select

from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.json_text import load
from sync_service.persistence.schema import state
from sync_service.persistence.schema.staging import STAGING
from sync_service.persistence.stores.selection import Row, Selection

CHILDREN = tuple(stream for stream in Stream if "student_id" in SPECS[stream].references)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """Local ids per stream, and the links of these records."""

    records: dict[Stream, set[int]]
    links: list[Row]


def belongings_of(find: Selection, student_id: int) -> Belongings:
    """What the pupil of this card has, or ever had and nobody else has now."""
    records = _records(find, student_id)
    _leave_others(find, student_id, records)
    links = _linked(find, records, (Stream.STUDENTS, *CHILDREN))
    records[Stream.GUARDIANS] = _parents(find, student_id, links)
    links += _linked(find, records, (Stream.GUARDIANS,))
    return Belongings(records=records, links=links)


def _records(find: Selection, student_id: int) -> dict[Stream, set[int]]:
    """Local ids this pupil's records have or ever had, as far as rows, journal and closed links tell."""
    records: dict[Stream, set[int]] = {stream: set() for stream in CHILDREN}
    records[Stream.STUDENTS] = {student_id}
    for stream in CHILDREN:
        table = STAGING[stream]
        records[stream] |= {row["id"] for row in find.rows(table, table.c.student_id == student_id)}
    item = state.audit_items
    told = find.select(select(item.c.stream, item.c.local_id).distinct(), item, item.c.student_id == student_id)
    for row in told:
        if row["stream"] in CHILDREN and row["local_id"] is not None:
            records[Stream(row["stream"])].add(row["local_id"])
    table = state.links
    bases = (table.c.base_local, table.c.base_remote)
    marks = (f'%"student_id":{student_id}{end}%' for end in ",}")
    names_pupil = or_(*(base.like(mark) for mark in marks for base in bases))
    # Word for word that of their index: live ones are found by their rows.
    closed: ColumnElement[bool] = literal_column(state.CLOSED)
    for link in find.rows(table, closed, table.c.stream.in_([s.value for s in CHILDREN]), names_pupil):
        records[Stream(link["stream"])].add(link["local_id"])
    return records


def _leave_others(find: Selection, student_id: int, records: dict[Stream, set[int]]) -> None:
    """A mark that was entered for this pupil and belongs to another one by now is the other one's."""
    for stream in CHILDREN:
        table = STAGING[stream]
        rows = find.some(table, table.c.id, records[stream], table.c.student_id != student_id)
        records[stream] -= {row["id"] for row in rows}


def _linked(find: Selection, records: Mapping[Stream, set[int]], streams: Iterable[Stream]) -> list[Row]:
    table = state.links
    return [
        row
        for stream in streams
        for row in find.some(table, table.c.local_id, records[stream], table.c.stream == stream.value)
    ]


def _parents(find: Selection, student_id: int, links: Iterable[Row]) -> set[int]:
    table = STAGING[Stream.GUARDIANSHIPS]
    theirs = {row["guardian_id"] for row in find.rows(table, table.c.student_id == student_id)}
    for link in links:
        if link["stream"] == Stream.GUARDIANSHIPS.value:
            theirs.add(load(link["base_local"]).get("guardian_id"))
    theirs.discard(None)
    shared = find.some(table, table.c.guardian_id, theirs, table.c.student_id != student_id)
    return theirs - {row["guardian_id"] for row in shared}
