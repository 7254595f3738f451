"""One stream of one organization: items as encoded bytes, kept in the order of their change versions.

An item exists once, as the JSON the region serves; it is decoded only when a rule has to look inside. A
change appends to the order and leaves a hole behind, which the next reader closes in one pass.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.ecp.simulator.fields import Json, StreamShape
from connectors.ecp.simulator.shapes import META

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

FIRST_READING = -1  # the lower bound of a reader who names none
REMEMBERED = 10_000  # changes that can be looked behind, see Shelf.as_of


@dataclass(slots=True, eq=False)
class Entry:
    """The latest state of one item; ``created`` is the change version it was born with."""

    id: str
    version: int
    change_version: int
    created: int
    deleted: bool
    client_ref: str | None
    body: bytes

    def item(self) -> Json:
        """The whole item, decoded anew."""
        decoded: Json = _decode(self.body)
        return decoded

    def fields(self) -> Json:
        """The item without its meta keys."""
        item = self.item()
        for name in META:
            item.pop(name, None)
        return item


class Shelf:
    """The items of one stream: by id, by client reference, by key, and in the order of change."""

    def __init__(self, shape: StreamShape) -> None:
        self.shape = shape
        self.entries: dict[str, Entry] = {}
        self.newest = 0  # change version of the latest change
        self.oldest = 0  # history up to here is forgotten
        self.tombstones = 0
        self._refs: dict[str, list[Entry]] = {}
        self._indexes: dict[tuple[str, ...], dict[tuple[Any, ...], list[Entry]]] = {
            names: {} for names in (*shape.keys, *shape.lookups)
        }
        self._versions: list[int] = []
        self._order: list[Entry] = []
        self._first_hole: int | None = None
        self._live: tuple[list[int], list[Entry]] | None = None
        self._past: deque[tuple[int, str, Entry | None]] = deque(maxlen=REMEMBERED)  # version, id, state before

    def live(self, item_id: object) -> Entry | None:
        """The item with this id unless it is deleted."""
        entry = self.entries.get(item_id) if isinstance(item_id, str) else None
        return None if entry is None or entry.deleted else entry

    def by_client_ref(self, client_ref: str) -> list[Entry]:
        """Items that were created with this client reference, tombstones included."""
        return list(self._refs.get(client_ref, ()))

    def by_key(self, names: tuple[str, ...], item: Json) -> list[Entry]:
        """Live items whose key ``names`` equals that of ``item``."""
        return list(self._indexes[names].get(self.shape.key(names, item), ()))

    def write(
        self,
        entry: Entry | None,
        fields: Json,
        *,
        item_id: str,
        change_version: int,
        changed_at: str,
        client_ref: str | None = None,
        deleted: bool = False,
    ) -> Entry:
        """Store ``fields`` as the new state of ``entry``, or of a new item; nothing is checked here."""
        if entry is None:
            entry = Entry(item_id, 0, 0, change_version, False, client_ref, b"")
            self.entries[item_id] = entry
            if client_ref is not None:
                self._refs.setdefault(client_ref, []).append(entry)
            self._past.append((change_version, item_id, None))
        else:
            self._past.append((change_version, item_id, replace(entry)))
            self._forget_keys(entry)
            self._leave_hole(entry)
        if deleted:
            fields = {name: fields.get(name) for name in self.shape.kept}
            self.tombstones += not entry.deleted
        else:
            self.tombstones -= entry.deleted
        entry.version += 1
        entry.change_version = self.newest = change_version
        entry.deleted = deleted
        entry.body = _encode(
            {
                "id": entry.id,
                "version": entry.version,
                "changeVersion": change_version,
                "changedAt": changed_at,
                "deleted": deleted,
                "clientRef": entry.client_ref,
                **fields,
            }
        )
        if not deleted:
            self._remember_keys(entry, fields)
        self._versions.append(change_version)
        self._order.append(entry)
        self._live = None
        return entry

    def window(self, low: int, high: int) -> tuple[list[Entry], int, int]:
        """Items in the order of change, and where those with ``low`` < change version <= ``high`` stand.

        For a first reading the order has no tombstones: it needs none. The list is not to be changed.
        """
        self._close_holes()
        first = low == FIRST_READING and self.tombstones
        versions, order = self._live_order() if first else (self._versions, self._order)
        return order, bisect_right(versions, low), bisect_right(versions, high)

    def as_of(self, change_version: int) -> Shelf:
        """The stream as it was then, for a server that answers late; as far back as changes are remembered."""
        entries = dict(self.entries)
        for written, item_id, before in reversed(self._past):
            if written <= change_version:
                break
            if before is None:
                entries.pop(item_id, None)
            elif item_id in entries:
                entries[item_id] = before
        past = Shelf(self.shape)
        for entry in entries.values():
            past.restore(entry)
        newest = max((entry.change_version for entry in entries.values()), default=0)
        past.settle(newest=newest, oldest=min(self.oldest, newest))
        return past

    def compact(self, through: int) -> None:
        """Forget the history up to ``through``: older lower bounds are refused, older tombstones dropped."""
        self._close_holes()
        self.oldest = max(self.oldest, through)
        gone = [entry for entry in self._order if entry.deleted and entry.change_version <= self.oldest]
        for entry in gone:
            del self.entries[entry.id]
            if entry.client_ref is not None:
                self._refs[entry.client_ref].remove(entry)
        dropped = {id(entry) for entry in gone}
        self._order = [entry for entry in self._order if id(entry) not in dropped]
        self._versions = [entry.change_version for entry in self._order]
        self.tombstones -= len(gone)
        self._live = None

    def restore(self, entry: Entry) -> None:
        """Put back an entry read from a state file; ``settle`` must follow the last one."""
        self.entries[entry.id] = entry
        if entry.client_ref is not None:
            self._refs.setdefault(entry.client_ref, []).append(entry)
        if entry.deleted:
            self.tombstones += 1
        else:
            self._remember_keys(entry, entry.item())

    def settle(self, *, newest: int, oldest: int) -> None:
        """Bring restored entries into the order of their changes."""
        self.newest, self.oldest = newest, oldest
        self._order = sorted(self.entries.values(), key=lambda entry: entry.change_version)
        self._versions = [entry.change_version for entry in self._order]

    def _remember_keys(self, entry: Entry, fields: Json) -> None:
        for names, index in self._indexes.items():
            index.setdefault(self.shape.key(names, fields), []).append(entry)

    def _forget_keys(self, entry: Entry) -> None:
        if entry.deleted:
            return
        old = entry.item()
        for names, index in self._indexes.items():
            key = self.shape.key(names, old)
            holders = index[key]
            holders.remove(entry)
            if not holders:
                del index[key]

    def _leave_hole(self, entry: Entry) -> None:
        # The order is sorted by the versions list even while holes wait, so bisection stays right.
        place = bisect_right(self._versions, entry.change_version) - 1
        if self._first_hole is None or place < self._first_hole:
            self._first_hole = place

    def _close_holes(self) -> None:
        if self._first_hole is None:
            return
        start = self._first_hole
        stale = zip(self._versions[start:], self._order[start:], strict=True)
        self._order[start:] = [entry for version, entry in stale if entry.change_version == version]
        self._versions[start:] = [entry.change_version for entry in self._order[start:]]
        self._first_hole = None

    def _live_order(self) -> tuple[list[int], list[Entry]]:
        if self._live is None:
            alive = [entry for entry in self._order if not entry.deleted]
            self._live = [entry.change_version for entry in alive], alive
        return self._live
