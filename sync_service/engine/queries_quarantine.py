"""Quarantine: records set aside because something is wrong with them, in groups of one reason, and one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, UnitOfWork

EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineGroup:
    """Records of one stream and direction that fail for one reason. ``id`` names the group in commands;
    ``examples`` are the first record numbers of it."""

    id: str
    school: str
    stream: str
    direction: str
    code: str
    signature: str
    reason: str
    remedy: str
    count: int
    first_seen: str | None
    last_seen: str | None
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """One record. ``direction`` is «pull» (the region's record) or «push» (the school's); ``caption`` names the
    school's record and is None for a regional one nobody could read."""

    id: int
    school: str
    group: str
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
    waits_for: str | None
    discarded_at: str | None
    discarded_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineView(QuarantineRow):
    """``payload`` is the record as it came or was to leave; it holds personal data."""

    signature: str
    remedy: str
    payload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineShelf:
    """A group on the page, with its first records."""

    group: QuarantineGroup
    rows: tuple[QuarantineRow, ...]


def quarantine_groups(db: Database, school: School, *, stream: Stream | None = None) -> list[QuarantineGroup]:
    """What is set aside now by reason, the largest group first. Names nobody."""
    by_group: dict[str, list[QuarantineItem]] = defaultdict(list)
    with db.read(school.school_id) as uow:
        for item in uow.quarantine.items(stream=stream):
            by_group[item.group].append(item)
    groups = [_group(school, name, items) for name, items in by_group.items()]
    return sorted(groups, key=lambda group: -group.count)


def quarantine_board(db: Database, school: School, *, discarded: bool = False) -> list[QuarantineShelf]:
    """The groups with their first records by name; with ``discarded`` those a person has set aside for good."""
    by_group: dict[str, list[QuarantineItem]] = defaultdict(list)
    with db.read(school.school_id) as uow:
        for item in uow.quarantine.items(discarded=discarded):
            by_group[item.group].append(item)
        captions = _load(uow, [item for items in by_group.values() for item in items[:EXAMPLES]])
    shelves = [
        QuarantineShelf(
            group=_group(school, name, items),
            rows=tuple(QuarantineRow(**_row(school, item, captions)) for item in items[:EXAMPLES]),
        )
        for name, items in by_group.items()
    ]
    return sorted(shelves, key=lambda shelf: -shelf.group.count)


def quarantine_rows(
    db: Database,
    school: School,
    *,
    stream: Stream | None = None,
    direction: str | None = None,
    group: str | None = None,
    discarded: bool = False,
) -> list[QuarantineRow]:
    """Everything set aside, or discarded, oldest first; with ``group`` (id or signature) that group alone."""
    with db.read(school.school_id) as uow:
        items = uow.quarantine.items(stream=stream, direction=direction, discarded=discarded)
        if group is not None:
            items = [item for item in items if group in (item.group, item.signature)]
        captions = _load(uow, items)
    return [QuarantineRow(**_row(school, item, captions)) for item in items]


def quarantine_view(db: Database, school: School, item_id: int) -> QuarantineView:
    """One record. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        item = uow.quarantine.get(item_id)
        if item is None:
            raise NoSuchCase(f"Карантин {item_id}: нет такой записи. Обновите список.")
        captions = _load(uow, [item])
    return QuarantineView(
        **_row(school, item, captions),
        signature=item.signature,
        remedy=words.remedy(item.direction, item.code),
        payload=item.payload,
    )


def _load(uow: UnitOfWork, items: Sequence[QuarantineItem]) -> Captions:
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    for item in items:
        if item.local_id is not None:
            wanted[item.stream].add(item.local_id)
    return load_captions(uow, wanted)


def _group(school: School, name: str, items: Sequence[QuarantineItem]) -> QuarantineGroup:
    latest = max(items, key=lambda item: (item.last_seen is not None, item.last_seen, item.item_id))
    first = [item.first_seen for item in items if item.first_seen]
    last = [item.last_seen for item in items if item.last_seen]
    return QuarantineGroup(
        id=name,
        school=school.code,
        stream=latest.stream.value,
        direction=latest.direction,
        code=latest.code,
        signature=latest.signature,
        reason=latest.reason,
        remedy=words.remedy(latest.direction, latest.code),
        count=len(items),
        first_seen=min(first).isoformat() if first else None,
        last_seen=max(last).isoformat() if last else None,
        examples=tuple(item.item_id for item in items[:EXAMPLES]),
    )


def _row(school: School, item: QuarantineItem, captions: Captions) -> dict[str, Any]:
    known = item.local_id is not None
    return {
        "id": item.item_id,
        "school": school.code,
        "group": item.group,
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
        "waits_for": item.waits_for,
        "discarded_at": item.discarded_at.isoformat() if item.discarded_at else None,
        "discarded_by": item.discarded_by,
    }
