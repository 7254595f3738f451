"""Holds of the mass-change guard, with names, the reason and what each decision would do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import UNDECIDED, Hold, HoldItem
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions, person_name
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """One held operation. ``direction`` is the side it would be written to: pull the school's, push the region's;
    ``field`` is the field group of an update; ``total`` records were shared when it was counted."""

    id: int
    school: str
    stream: str
    direction: str
    operation: str
    field: str | None
    state: str
    records: int
    total: int
    why: str
    digest: str
    cause: str
    opened_at: str | None
    first_by: str | None
    first_at: str | None
    decided_by: str | None
    decided_at: str | None
    expires_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFieldView:
    """One field of a held update: what it is on the side that would be written to, and what it would become."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldItemView:
    """One record: ``change`` says in words what would happen to it, ``fields`` the same of an update by field."""

    local_id: int | None
    remote_id: str | None
    student_id: int | None
    caption: str
    change: str
    fields: tuple[HeldFieldView, ...]
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView(HoldRow):
    """``choices`` says in words what each decision does."""

    choices: dict[str, str]
    items: tuple[HoldItemView, ...]


def hold_rows(
    db: Database, school: School, *, everything: bool = False, decided_since: datetime | None = None
) -> list[HoldRow]:
    """Holds that wait for a person, oldest first; ``everything``: decided ones too; ``decided_since``: only what
    was decided since then."""
    with db.read(school.school_id) as uow:
        states = None if everything or decided_since is not None else UNDECIDED
        cases = uow.holds.cases(states=states, decided_since=decided_since)
    return [HoldRow(**_row(school, case)) for case in cases]


def hold_view(db: Database, school: School, hold_id: int) -> HoldView:
    """One hold with its records. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        case = uow.holds.get(hold_id)
        if case is None:
            raise NoSuchCase(f"Задержание {hold_id}: нет такой записи. Обновите список.")
        items = uow.holds.items([hold_id])
        known = _load(uow, case, items)
    return HoldView(
        **_row(school, case),
        choices=_choices(case) if case.state in UNDECIDED else {},
        items=tuple(_item(case, item, known) for item in items),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    links: Mapping[LocalId, Link]
    records: Mapping[RemoteId, RemoteRecord]
    captions: Captions


def _load(uow: UnitOfWork, case: Hold, items: Sequence[HoldItem]) -> _Known:
    ids = [item.local_id for item in items if item.local_id is not None]
    links = uow.links.by_local(case.stream, ids)
    remote = [item.remote_id for item in items if item.remote_id is not None]
    parked = uow.inbox.parked(case.stream, remote_ids=remote) if case.way is Way.PULL else []
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    wanted[case.stream].update(ids)
    gone: dict[Stream, dict[LocalId, Values]] = {
        case.stream: {local_id: link.base.local for local_id, link in links.items()}
    }
    return _Known(
        links=links,
        records={one.record.remote_id: one.record for one in parked},
        captions=load_captions(uow, wanted, gone),
    )


def _row(school: School, case: Hold) -> dict[str, Any]:
    return {
        "id": case.hold_id,
        "school": school.code,
        "stream": case.stream.value,
        "direction": case.way.value,
        "operation": case.kind.operation.value,
        "field": case.kind.group or None,
        "state": case.state.value,
        "records": case.records,
        "total": case.total,
        "why": why(case),
        "digest": case.digest,
        "cause": case.cause,
        "opened_at": _text(case.opened_at),
        "first_by": case.first_by,
        "first_at": _text(case.first_at),
        "decided_by": case.decided_by,
        "decided_at": _text(case.decided_at),
        "expires_at": _text(case.expires_at),
    }


def _text(moment: Any) -> str | None:
    return None if moment is None else str(moment.isoformat())


def why(case: Hold) -> str:
    """«Удаление в ГИС: 40 из 300, за сутки больше обычного»."""
    what = words.OPERATIONS[case.kind.operation]
    field = f" ({words.FIELDS.get(case.kind.group, case.kind.group)})" if case.kind.group else ""
    return (
        f"{what.capitalize()}{field} {words.WAYS[case.way]}: {case.records} из {case.total}, больше обычного за сутки"
    )


_DISCARDS = {
    (Way.PUSH, Operation.DELETE): "удалённые записи вернутся в базу школы, в ГИС ничего не изменится",
    (Way.PUSH, Operation.UPDATE): "в базе школы останется как есть, в ГИС не уйдёт, пока запись не изменится снова",
    (Way.PUSH, Operation.CREATE): "в базе школы останется как есть, в ГИС не уйдёт, пока запись не изменится снова",
    (Way.PULL, Operation.DELETE): "записи останутся в базе школы, хотя в ГИС их нет",
    (Way.PULL, Operation.UPDATE): "в базе школы останется как есть, пока запись не изменится в ГИС снова",
    (Way.PULL, Operation.CREATE): "в базе школы записи не появятся, пока не изменятся в ГИС снова",
}


def _choices(case: Hold) -> dict[str, str]:
    """What each decision does, for the person who is to make it."""
    second = ", нужны два человека" if case.needs_second else ""
    source = "базы школы" if case.way is Way.PUSH else "ГИС"
    return {
        "release": f"выполнить именно этот набор: действует 72 часа, каждая запись проверяется ещё раз{second}",
        "discard": _DISCARDS[case.way, case.kind.operation],
        "recheck": f"прочитать записи из {source} заново и посчитать снова при следующей сверке",
    }


def _item(case: Hold, item: HoldItem, known: _Known) -> HoldItemView:
    record = known.records.get(item.remote_id) if item.remote_id is not None else None
    link = known.links.get(item.local_id) if item.local_id is not None else None
    if item.local_id is not None:
        caption = known.captions.of(case.stream, item.local_id)
        student = known.captions.student_id(case.stream, item.local_id)
    else:
        values = record.values if record else {}
        caption, student = person_name(values) or f"{words.STREAMS[case.stream]}, {item.remote_id}", None
    fields = _fields(case, item, record, link, known.captions)
    return HoldItemView(
        local_id=item.local_id,
        remote_id=item.remote_id,
        student_id=student,
        caption=caption,
        change=_change(case, fields),
        fields=fields,
        state=item.state.value,
    )


def _change(case: Hold, fields: Sequence[HeldFieldView]) -> str:
    match case.kind.operation:
        case Operation.DELETE:
            return "будет удалена"
        case Operation.CREATE:
            return "будет добавлена"
        case Operation.UPDATE:
            return "; ".join(f"{one.title}: {one.before} → {one.after}" for one in fields) or words.NOTHING


def _fields(
    case: Hold, item: HoldItem, record: RemoteRecord | None, link: Link | None, captions: Captions
) -> tuple[HeldFieldView, ...]:
    if case.kind.operation is not Operation.UPDATE or link is None or item.local_id is None:
        return ()
    row = captions.row(case.stream, item.local_id)
    there = link.base.remote if case.way is Way.PUSH else (record.values if record else link.base.remote)
    now, then = (row, there) if case.way is Way.PUSH else (there, row)
    return tuple(
        HeldFieldView(
            title=words.FIELDS.get(name, name),
            before=_value(case, name, then, captions),
            after=_value(case, name, now, captions),
        )
        for name in link.base.local
        if name in now and now.get(name) != then.get(name) and not isinstance(now.get(name), dict)
    )


def _value(case: Hold, name: str, values: Values, captions: Captions) -> str:
    stored = values.get(name)
    if isinstance(stored, str) and name.endswith("_id"):  # a regional id: the region's own name for a parent
        return stored
    return captions.value(case.stream, name, stored)
