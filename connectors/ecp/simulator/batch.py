"""Writes: a batch of creates, updates and deletes, one result per item, in the order of the items."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from connectors.ecp.simulator.enrolment import admissible_person, enrol, follow_movements
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.problems import ItemRefused, RequestRefused, problem
from connectors.ecp.simulator.rules import Change, check_data, check_references, check_rules
from connectors.ecp.simulator.shelf import Entry
from connectors.ecp.simulator.world import World

LIMIT = 500
OPERATIONS = ("create", "update", "delete")


class Batch:
    """Writes the items of one request into one stream; the caller holds the world's lock."""

    def __init__(
        self,
        world: World,
        organization: Organization,
        stream: str,
        *,
        store_as: Callable[[Json], Json] | None = None,
    ) -> None:
        """``store_as`` gives accepted values the form in which they are kept."""
        self._world = world
        self._store_as = store_as or (lambda data: data)
        self._organization = organization
        self._stream = stream
        self._shelf = organization.shelves[stream]
        self._at = world.now()
        self._today = world.clock.today()

    def write(self, items: list[Json], *, failing: Collection[int] = ()) -> list[Json]:
        """One result per item; those whose place is in ``failing`` answer 500 and store nothing."""
        return [
            _server_error(item) if place in failing else self._write_one(item) for place, item in enumerate(items)
        ]

    def _write_one(self, item: Json) -> Json:
        client_ref = item["clientRef"]
        try:
            if item["op"] == "create":
                entry, status = self._create(item), 201
            elif item["op"] == "update":
                entry, status = self._update(item), 200
            else:
                entry, status = self._delete(item), 200
        except ItemRefused as refused:
            result: Json = {"clientRef": client_ref, "status": refused.status, "problem": refused.body}
            if refused.item_id is not None:
                result["id"] = refused.item_id
            current = self._shelf.live(item.get("id")) if refused.status == 412 else None
            return result if current is None else {**result, **_stored(current)}
        return {"clientRef": client_ref, "status": status, **_stored(entry)}

    def _create(self, item: Json) -> Entry:
        data = item["data"]
        world, organization, stream = self._world, self._organization, self._stream
        check_data(stream, data, partial=stream == "students" and data.get("personId") is not None)
        check_references(organization, stream, data)
        data = self._store_as(data)
        if stream == "students":
            person = admissible_person(world, organization, data)
            entry = enrol(world, organization, data, person=person, at=self._at, client_ref=item["clientRef"])
        else:
            fields = self._shelf.shape.filled(data)
            check_rules(self._change(None, None, fields))
            entry = organization.create(
                stream, fields, item_id=world.guids(), at=self._at, client_ref=item["clientRef"]
            )
        self._after(entry, "create")
        return entry

    def _update(self, item: Json) -> Entry:
        entry, data = self._current(item), item["data"]
        check_data(self._stream, data, partial=True)
        check_references(self._organization, self._stream, data)
        data = self._store_as(data)
        old = entry.fields()
        new = self._shelf.shape.filled({**old, **data})
        check_rules(self._change(entry, old, new))
        if new == old:
            return entry
        self._organization.replace(self._stream, entry, new, at=self._at)
        if self._stream == "students":
            person = self._world.persons.get(new["personId"])
            if person is not None:
                self._world.persons.change(person, new)
        self._after(entry, "update")
        return entry

    def _delete(self, item: Json) -> Entry:
        if self._stream == "students":
            raise ItemRefused(422, "invalid", "Карточки не удаляют: учащийся выбывает движением", path="op")
        entry = self._current(item)
        old = entry.fields()
        check_rules(self._change(entry, old, None))
        self._organization.replace(self._stream, entry, old, at=self._at, deleted=True)
        self._after(entry, "delete")
        return entry

    def _current(self, item: Json) -> Entry:
        if item.get("id") is None:
            raise ItemRefused(422, "required", "Не указан id записи", path="id")
        entry = self._shelf.live(item["id"])
        if entry is None:
            raise ItemRefused(404, "not_found", "Такой записи нет")
        if item.get("version") != entry.version:
            raise ItemRefused(412, "stale_version", "Запись с тех пор изменилась", item_id=entry.id)
        return entry

    def _change(self, entry: Entry | None, old: Json | None, new: Json | None) -> Change:
        return Change(
            world=self._world,
            organization=self._organization,
            today=self._today,
            stream=self._stream,
            old=old,
            new=new,
            entry=entry,
        )

    def _after(self, entry: Entry, op: str) -> None:
        self._world.writes += 1
        self._world.counters.writes_applied[f"{self._stream} {op}"] += 1
        if self._stream == "movements":
            follow_movements(self._world, self._organization, entry.item()["studentId"])


def read_items(body: Any) -> list[Json]:
    """The items of a batch in form; 400 when the envelope is not what the contract says."""
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not items:
        raise RequestRefused(400, "invalid", "Ожидается непустой список items", path="items")
    if len(items) > LIMIT:
        raise RequestRefused(400, "invalid", f"Не больше {LIMIT} записей в пакете", path="items")
    for place, item in enumerate(items):
        fault = _envelope_fault(item)
        if fault is not None:
            raise RequestRefused(400, "invalid", "Запись пакета составлена неверно", path=f"items[{place}]{fault}")
    return items


def _envelope_fault(item: Any) -> str | None:
    if not isinstance(item, dict):
        return ""
    if not isinstance(item.get("clientRef"), str) or not 0 < len(item["clientRef"]) <= 200:
        return ".clientRef"
    if item.get("op") not in OPERATIONS:
        return ".op"
    if not isinstance(item.setdefault("data", {}), dict):
        return ".data"
    version = item.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        return ".version"
    return None if isinstance(item.get("id"), str | None) else ".id"


def _stored(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "version": entry.version,
        "changeVersion": entry.change_version,
        "item": entry.item(),
    }


def _server_error(item: Json) -> Json:
    return {
        "clientRef": item["clientRef"],
        "status": 500,
        "problem": problem("internal", "Внутренняя ошибка сервера"),
    }
