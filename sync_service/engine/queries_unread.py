"""Whom a record in quarantine is about, and what it says, as far as that can be read: by the captions of fields."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.queries_masks import masked
from sync_service.engine.stores import Database, UnitOfWork

Names = Mapping[Stream, Mapping[str, str]]  # per stream: what the region calls a field → what we call it


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``caption`` is None where nobody can tell whom it is about; ``facts`` are (caption of the field, value in
    words), with СНИЛС, phones and numbers of documents masked."""

    caption: str | None
    student_id: int | None
    facts: tuple[tuple[str, str], ...]


def contents(db: Database, school: School, item_ids: Sequence[int], names: Names) -> dict[int, Content]:
    """What the records of the region say; of those that are ours the row says it better. A constant number of
    statements for each stream."""
    with db.read(school.school_id) as uow:
        items = uow.quarantine.many(item_ids)
        rows = _rows(uow, [item for item in items if item.direction == "pull"], names)
        wanted: dict[Stream, set[LocalId]] = defaultdict(set)
        for item in items:
            if item.local_id is not None:
                wanted[item.stream].add(item.local_id)
            for field, parent in SPECS[item.stream].references.items():
                value = rows.get(item.item_id, {}).get(field)
                if isinstance(value, int):
                    wanted[parent].add(LocalId(value))
        captions = load_captions(uow, wanted)
    return {item.item_id: _content(item, rows.get(item.item_id), captions) for item in items}


def _rows(uow: UnitOfWork, items: Sequence[QuarantineItem], names: Names) -> dict[int, Values]:
    """Payloads in our names, as they were written there, with local ids where the region's reference is known."""
    read = {item.item_id: (item.stream, _payload(item.payload, names.get(item.stream, {}))) for item in items}
    asked: dict[Stream, set[RemoteId]] = defaultdict(set)
    for stream, values in read.values():
        for field, parent in SPECS[stream].references.items():
            if isinstance(values.get(field), str):
                asked[parent].add(RemoteId(str(values[field])))
    known = {parent: uow.links.local_ids(parent, ids) for parent, ids in asked.items()}
    rows: dict[int, Values] = {}
    for item_id, (stream, values) in read.items():
        for field, parent in SPECS[stream].references.items():
            if field in values:
                values[field] = known.get(parent, {}).get(RemoteId(str(values[field])))
        rows[item_id] = values
    return rows


def _payload(text: str, names: Mapping[str, str]) -> Values:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {names[name]: _scalar(value) for name, value in found.items() if name in names}


def _scalar(value: Any) -> Scalar:
    return value if value is None or isinstance(value, str | int) else json.dumps(value, ensure_ascii=False)


def _content(item: QuarantineItem, row: Values | None, captions: Captions) -> Content:
    if row is None:
        row = captions.row(item.stream, item.local_id)
        caption = captions.of(item.stream, item.local_id) if item.local_id is not None else None
        student = captions.student_id(item.stream, item.local_id) if item.local_id is not None else None
    else:
        spec = SPECS[item.stream]
        told = all(row.get(field) is not None for field in spec.required_references)
        caption = captions.describe(item.stream, row) if row and told else None
        pupil = row.get("student_id")
        student = pupil if isinstance(pupil, int) else None
    return Content(
        caption=None if caption in (None, "None", words.NOTHING) else caption,
        student_id=student,
        facts=tuple(
            (words.FIELDS[field], masked(field, captions.value(item.stream, field, row[field])))
            for field in SPECS[item.stream].fields
            if field in words.FIELDS and row.get(field) is not None
        ),
    )
