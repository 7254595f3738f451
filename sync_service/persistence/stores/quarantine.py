"""Poison records of either direction, one row per record and direction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_ANY = "SELECT 1 FROM quarantine WHERE school_id = ? AND stream = ? LIMIT 1"
_ITEMS = (
    "SELECT t.id, t.stream, t.direction, t.code, t.signature, t.reason, t.remote_id, t.local_id, t.payload, t.tries,"
    " t.first_seen, t.last_seen FROM quarantine AS t WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_CLEAR = "DELETE FROM quarantine WHERE school_id = ? AND stream = ? AND (remote_id {texts} OR local_id {ints})"
_REMOVE = "DELETE FROM quarantine WHERE school_id = ? AND id {ints}"
_COUNTS = "SELECT stream, direction, count(*) FROM quarantine WHERE school_id = ? GROUP BY stream, direction"
_AGAIN = (
    "ON CONFLICT (record, direction, stream, school_id) DO UPDATE SET code = excluded.code,"
    " signature = excluded.signature, reason = excluded.reason, remote_id = excluded.remote_id,"
    " local_id = excluded.local_id, payload = excluded.payload,"
    " tries = quarantine.tries + excluded.tries, last_seen = excluded.last_seen"
)


def _record_key(item: QuarantineItem) -> str:
    """Names the record; one that could not even be identified is named by what was received."""
    ids = (("remote", item.remote_id), ("local", item.local_id))
    for side, value in ids if item.direction == "pull" else reversed(ids):
        if value is not None:
            return f"{side}:{value}"
    content = f"{item.signature}\0{item.payload}".encode()
    return "content:" + hashlib.blake2b(content, digest_size=16).hexdigest()


def _item(row: Sequence[Any]) -> QuarantineItem:
    item_id, stream, direction, code, signature, reason, remote_id, local_id, payload, tries, first, last = row
    return QuarantineItem(
        item_id=item_id,
        stream=Stream(stream),
        direction=direction,
        code=code,
        signature=signature,
        reason=reason,
        remote_id=remote_id,
        local_id=local_id,
        payload=payload,
        tries=tries,
        first_seen=moment(first),
        last_seen=moment(last),
    )


class Quarantine:
    """Set aside until the cause changes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def put(self, items: Sequence[QuarantineItem]) -> None:
        now = stamp(self._tx.now())
        latest: dict[tuple[str, str, str], tuple[QuarantineItem, int]] = {}
        for item in items:
            key = (item.stream.value, item.direction, _record_key(item))
            latest[key] = (item, latest[key][1] + 1 if key in latest else 1)
        self._tx.insert(
            state.quarantine,
            (
                "school_id",
                "stream",
                "direction",
                "record",
                "code",
                "signature",
                "reason",
                "remote_id",
                "local_id",
                "payload",
                "tries",
                "first_seen",
                "last_seen",
            ),
            [
                (
                    self._tx.school,
                    *key,
                    item.code,
                    item.signature,
                    item.reason,
                    item.remote_id,
                    item.local_id,
                    item.payload,
                    tries,
                    now,
                    now,
                )
                for key, (item, tries) in latest.items()
            ],
            _AGAIN,
        )

    def clear(self, stream: Stream, *, remote_ids: Iterable[RemoteId] = (), local_ids: Iterable[LocalId] = ()) -> int:
        remote, local = list(remote_ids), list(local_ids)
        if not (remote or local) or not self._tx.query(_ANY, self._tx.school, stream.value):
            return 0
        return self._tx.run(_CLEAR, self._tx.school, stream.value, remote, local)

    def items(
        self, *, stream: Stream | None = None, direction: str | None = None, limit: int | None = None
    ) -> list[QuarantineItem]:
        rows = self._tx.search(
            _ITEMS,
            ("t.stream = ?", None if stream is None else stream.value),
            ("t.direction = ?", direction),
            limit=limit,
        )
        return [_item(row) for row in rows]

    def get(self, item_id: int) -> QuarantineItem | None:
        return next((_item(row) for row in self._tx.search(_ITEMS, ("t.id = ?", item_id))), None)

    def remove(self, item_ids: Iterable[int]) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_REMOVE, self._tx.school, wanted)

    def counts(self) -> dict[tuple[Stream, str], int]:
        return {(Stream(name), way): count for name, way, count in self._tx.query(_COUNTS, self._tx.school)}
