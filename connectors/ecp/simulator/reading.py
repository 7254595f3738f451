"""Reads: pages of changes, single items, and searches by id, client reference or natural key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.shapes import META
from connectors.ecp.simulator.shelf import FIRST_READING, Entry, Shelf

MAX_PAGE = 1_000
MAX_SEARCH = 500
MAX_NUMBER = 2**63 - 1
_AT_HAND = {  # keys that need no decoding: how each is written, and the attribute it comes from
    "id": ('"id":"%s"', "id"),
    "version": ('"version":%d', "version"),
    "changeVersion": ('"changeVersion":%d', "change_version"),
}
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Listing:
    """Encoded items with what stands beside them in the answer."""

    bodies: list[bytes]
    beside: Json
    entries: list[Entry] = field(default_factory=list)  # what the items were made of

    def ids(self) -> list[str]:
        """The ids of the items."""
        return [entry.id for entry in self.entries]

    def encoded(self) -> bytes:
        """The whole answer."""
        items = b'{"items":[' + b",".join(self.bodies) + b"]"
        return items + b"}" if not self.beside else items + b"," + _encode(self.beside)[1:]


def read_page(shelf: Shelf, query: Mapping[str, str]) -> Listing:
    """One page of the items changed in (minChangeVersion, maxChangeVersion], oldest change first."""
    low = _number(query, "minChangeVersion", FIRST_READING, low=0)
    high = _number(query, "maxChangeVersion", shelf.newest, low=0)
    number = _number(query, "pageNumber", 1, low=1)
    size = _number(query, "pageSize", MAX_PAGE, low=1, high=MAX_PAGE)
    names = _wanted_fields(shelf, query.get("fields"))
    if 0 <= low < shelf.oldest:
        raise RequestRefused(410, "gone", "История изменений до этой версии не хранится: нужна полная сверка")
    order, start, stop = shelf.window(low, high)
    total = max(stop - start, 0)
    pages = -(-total // size)
    entries = order[start + (number - 1) * size : min(start + number * size, stop)]
    return Listing(
        [entry.body for entry in entries] if names is None else _excerpts(entries, names),
        {
            "pageNumber": number,
            "pageSize": size,
            "totalCount": total,
            "totalPages": pages,
            "hasNextPage": number < pages,
            "hasPreviousPage": number > 1,
        },
        entries,
    )


def search(shelf: Shelf, wanted: Any) -> Listing:
    """The items named by ids (tombstones too), client references or natural keys (live ones only)."""
    kinds = [kind for kind in ("ids", "clientRefs", "keys") if isinstance(wanted, dict) and kind in wanted]
    if len(kinds) != 1 or len(wanted) != 1:
        raise RequestRefused(400, "invalid", "Ожидается одно из: ids, clientRefs, keys")
    kind = kinds[0]
    values = wanted[kind]
    if not isinstance(values, list) or len(values) > MAX_SEARCH:
        raise RequestRefused(400, "invalid", f"Ожидается список не длиннее {MAX_SEARCH}", path=kind)
    found: dict[str, Entry] = {}
    for place, value in enumerate(values):
        for entry in _matches(shelf, kind, value, f"{kind}[{place}]"):
            found[entry.id] = entry
    return Listing([entry.body for entry in found.values()], {})


def _matches(shelf: Shelf, kind: str, value: Any, path: str) -> list[Entry]:
    if kind == "keys":
        return shelf.by_key(_key_names(shelf, value, path), value)
    if not isinstance(value, str):
        raise RequestRefused(400, "invalid", "Ожидается текст", path=path)
    if kind == "clientRefs":
        return shelf.by_client_ref(value)
    entry = shelf.entries.get(value)
    return [] if entry is None else [entry]


def _key_names(shelf: Shelf, key: Any, path: str) -> tuple[str, ...]:
    if isinstance(key, dict) and all(isinstance(value, str | None) for value in key.values()):
        for names in shelf.shape.keys:
            needed = {name for name in names if name != "surName"}
            if needed <= set(key) <= set(names):
                return names
    raise RequestRefused(400, "invalid", "Неверный естественный ключ этого потока", path=path)


def _number(query: Mapping[str, str], name: str, default: int, *, low: int, high: int = MAX_NUMBER) -> int:
    raw = query.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 19 and low <= int(raw) <= high):
        raise RequestRefused(400, "invalid", f"Ожидается целое число не меньше {low}", path=name)
    return int(raw)


def _wanted_fields(shelf: Shelf, raw: str | None) -> tuple[str, ...] | None:
    if raw is None:
        return None
    names = tuple(dict.fromkeys(raw.split(",")))
    known = {*META, *(field.name for field in shelf.shape.fields)}
    if not set(names) <= known:
        raise RequestRefused(400, "invalid", "Неизвестное поле в списке", path="fields")
    return names


def _excerpts(entries: list[Entry], names: tuple[str, ...]) -> list[bytes]:
    if set(names) <= _AT_HAND.keys():  # the cheap listing of a full comparison
        template = "{" + ",".join(_AT_HAND[name][0] for name in names) + "}"
        pick = attrgetter(*(_AT_HAND[name][1] for name in names))
        return [(template % pick(entry)).encode() for entry in entries]
    excerpts = []
    for entry in entries:
        item = entry.item()
        excerpts.append(_encode({name: item[name] for name in names if name in item}))
    return excerpts
