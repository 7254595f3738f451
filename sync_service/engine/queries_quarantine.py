"""Quarantine: records set aside because something is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """One record. ``direction`` is «pull» (the region's record) or «push» (the school's); ``caption`` names the
    school's record and is None for a regional one nobody could read."""

    id: int
    school: str
    stream: str
    direction: str
    code: str
    reason: str
    remote_id: str | None
    local_id: int | None
    student_id: int | None
    caption: str | None
    tries: int
    first_seen: str | None
    last_seen: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineView(QuarantineRow):
    """``payload`` is the record as it came or was to leave; it holds personal data."""

    signature: str
    payload: str


def quarantine_rows(
    db: Database, school: School, *, stream: Stream | None = None, direction: str | None = None
) -> list[QuarantineRow]:
    """Everything set aside, oldest first."""
    with db.read(school.school_id) as uow:
        items = uow.quarantine.items(stream=stream, direction=direction)
        captions = _load(uow, items)
    return [QuarantineRow(**_row(school, item, captions)) for item in items]


def quarantine_view(db: Database, school: School, item_id: int) -> QuarantineView:
    """One record. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        item = uow.quarantine.get(item_id)
        if item is None:
            raise DecisionError(f"Карантин {item_id}: нет такой записи. Обновите список.")
        captions = _load(uow, [item])
    return QuarantineView(**_row(school, item, captions), signature=item.signature, payload=item.payload)


def _load(uow: UnitOfWork, items: Sequence[QuarantineItem]) -> Captions:
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    for item in items:
        if item.local_id is not None:
            wanted[item.stream].add(item.local_id)
    return load_captions(uow, wanted)


def _row(school: School, item: QuarantineItem, captions: Captions) -> dict[str, Any]:
    known = item.local_id is not None
    return {
        "id": item.item_id,
        "school": school.code,
        "stream": item.stream.value,
        "direction": item.direction,
        "code": item.code,
        "reason": item.reason,
        "remote_id": item.remote_id,
        "local_id": item.local_id,
        "student_id": captions.student_id(item.stream, item.local_id) if item.local_id is not None else None,
        "caption": captions.of(item.stream, item.local_id) if known else None,
        "tries": item.tries,
        "first_seen": item.first_seen.isoformat() if item.first_seen else None,
        "last_seen": item.last_seen.isoformat() if item.last_seen else None,
    }
