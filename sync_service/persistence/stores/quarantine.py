"""Poison records of either direction, one row per record and direction."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import SignatureCount
from sync_service.persistence.moments import moment, moment_or_none, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_ANY = "SELECT 1 FROM quarantine WHERE school_id = ? AND stream = ? LIMIT 1"
_COLUMNS = (
    "t.id, t.stream, t.direction, t.code, t.signature, t.reason, t.remote_id, t.local_id, t.payload, t.tries,"
    " t.first_seen, t.last_seen, t.fingerprint, t.waits_for, t.discarded_at, t.discarded_by"
)
_ITEMS = (
    f"SELECT {_COLUMNS} FROM quarantine AS t WHERE t.school_id = ? {{conditions}} ORDER BY t.id {{limit}} {{lock}}"  # noqa: S608  # schema names
)
_PARENT = (
    "SELECT 1 FROM links AS p WHERE p.school_id = t.school_id AND p.state = 'live'"
    " AND p.remote_id = substr(t.waits_for, {find}(t.waits_for, ':') + 1)"
    " AND p.stream = substr(t.waits_for, 1, {find}(t.waits_for, ':') - 1)"
)
_PEER = (
    "FROM links AS l WHERE l.school_id = t.school_id AND l.stream = t.stream AND l.local_id = t.local_id"
    " AND l.state = 'live'"
)
_DUE = (
    f"SELECT {_COLUMNS} FROM quarantine AS t WHERE t.school_id = ? AND t.discarded_at IS NULL"  # noqa: S608  # schema names
    " AND NOT (t.direction = 'pull' AND t.remote_id IS NULL) AND ("
    "(? = 1 AND t.fingerprint IS NOT NULL AND NOT ((t.stream || ':' || t.fingerprint) {texts}))"
    f" OR (t.waits_for IS NOT NULL AND (t.direction = 'pull') = EXISTS ({_PARENT}))"
    f" OR (t.direction = 'push' AND EXISTS (SELECT 1 {_PEER}"
    " AND coalesce(l.change_version, -1) <> coalesce(t.peer_version, -1)))"
    ") ORDER BY t.id LIMIT ? {lock}"
)
_TRIED = (
    "UPDATE quarantine AS t SET fingerprint = coalesce(?, t.fingerprint), waits_for = NULL,"  # noqa: S608  # schema names
    f" peer_version = (SELECT l.change_version {_PEER}) WHERE t.school_id = ? AND t.id {{ints}}"
)
_NOTE_PEER = (
    f"UPDATE quarantine AS t SET peer_version = (SELECT l.change_version {_PEER})"  # noqa: S608  # schema names
    " WHERE t.school_id = ? AND t.stream = ? AND t.direction = 'push' AND t.record {texts}"
)
_DISCARD = "UPDATE quarantine SET discarded_at = ?, discarded_by = ? WHERE school_id = ? AND id {ints}"
_RESTORE = (
    "UPDATE quarantine SET discarded_at = NULL, discarded_by = NULL, fingerprint = ''"
    " WHERE school_id = ? AND id {ints}"
)
_RECALL = (
    "UPDATE quarantine SET discarded_at = NULL, discarded_by = NULL WHERE school_id = ? AND stream = ?"
    " AND direction = 'push' AND discarded_at IS NOT NULL AND local_id {ints}"
)
_FORGET = (
    "DELETE FROM quarantine WHERE school_id = ? AND stream = ? AND direction = 'pull' AND remote_id IS NULL"
    " AND last_seen < ?"
)
_CLEAR = "DELETE FROM quarantine WHERE school_id = ? AND stream = ? AND (remote_id {texts} OR local_id {ints})"
_REMOVE = "DELETE FROM quarantine WHERE school_id = ? AND id {ints}"
_COUNTS = (
    "SELECT stream, direction, count(*) FROM quarantine WHERE school_id = ? AND discarded_at IS NULL"
    " GROUP BY stream, direction"
)
_SIGNATURES = (
    "SELECT stream, direction, min(code), min(reason), count(*) FROM quarantine"
    " WHERE school_id = ? AND discarded_at IS NULL GROUP BY stream, direction, signature ORDER BY 5 DESC, 1, 2, 3"
)
_SAME = "quarantine.payload = excluded.payload AND quarantine.signature = excluded.signature"
_AGAIN = (
    "ON CONFLICT (record, direction, stream, school_id) DO UPDATE SET code = excluded.code,"
    " signature = excluded.signature, reason = excluded.reason, remote_id = excluded.remote_id,"
    " local_id = excluded.local_id, payload = excluded.payload, fingerprint = excluded.fingerprint,"
    " waits_for = excluded.waits_for, tries = quarantine.tries + excluded.tries, last_seen = excluded.last_seen,"
    f" discarded_at = CASE WHEN {_SAME} THEN quarantine.discarded_at END,"
    f" discarded_by = CASE WHEN {_SAME} THEN quarantine.discarded_by END"
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
    item_id, stream, direction, code, signature, reason, remote_id, local_id, payload, tries, *rest = row
    first, last, fingerprint, waits_for, discarded_at, discarded_by = rest
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
        fingerprint=fingerprint,
        waits_for=waits_for,
        discarded_at=moment_or_none(discarded_at),
        discarded_by=discarded_by,
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
                "fingerprint",
                "waits_for",
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
                    item.fingerprint,
                    item.waits_for,
                )
                for key, (item, tries) in latest.items()
            ],
            _AGAIN,
        )
        ours: dict[str, list[str]] = defaultdict(list)
        for stream, direction, record in latest:
            if direction == "push":
                ours[stream].append(record)
        for stream, records in ours.items():
            self._tx.run(_NOTE_PEER, self._tx.school, stream, records)

    def clear(self, stream: Stream, *, remote_ids: Iterable[RemoteId] = (), local_ids: Iterable[LocalId] = ()) -> int:
        remote, local = list(remote_ids), list(local_ids)
        if not (remote or local) or not self._tx.query(_ANY, self._tx.school, stream.value):
            return 0
        return self._tx.run(_CLEAR, self._tx.school, stream.value, remote, local)

    def items(
        self,
        *,
        stream: Stream | None = None,
        direction: str | None = None,
        limit: int | None = None,
        discarded: bool | None = False,
    ) -> list[QuarantineItem]:
        rows = self._tx.search(
            _ITEMS,
            ("t.stream = ?", None if stream is None else stream.value),
            ("t.direction = ?", direction),
            (
                "(CASE WHEN t.discarded_at IS NULL THEN 0 ELSE 1 END) = ?",
                None if discarded is None else int(discarded),
            ),
            limit=limit,
        )
        return [_item(row) for row in rows]

    def due(self, fingerprints: Mapping[Stream, str], limit: int) -> list[QuarantineItem]:
        known = [f"{stream.value}:{fingerprint}" for stream, fingerprint in fingerprints.items()]
        rows = self._tx.query(_DUE, self._tx.school, int(bool(known)), known, limit)
        return [_item(row) for row in rows]

    def tried(self, item_ids: Iterable[int], fingerprint: str | None) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_TRIED, fingerprint, self._tx.school, wanted)

    def discard(self, item_ids: Iterable[int], *, by: str) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_DISCARD, stamp(self._tx.now()), by, self._tx.school, wanted)

    def recall(self, stream: Stream, local_ids: Iterable[LocalId]) -> None:
        wanted = list(local_ids)
        if wanted:
            self._tx.run(_RECALL, self._tx.school, stream.value, wanted)

    def restore(self, item_ids: Iterable[int]) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_RESTORE, self._tx.school, wanted)

    def forget_unnamed(self, stream: Stream, *, before: datetime) -> int:
        return self._tx.run(_FORGET, self._tx.school, stream.value, stamp(before))

    def many(self, item_ids: Iterable[int]) -> list[QuarantineItem]:
        wanted = list(item_ids)
        return [_item(row) for row in self._tx.search(_ITEMS, ("t.id {ints}", wanted))] if wanted else []

    def get(self, item_id: int) -> QuarantineItem | None:
        return next((_item(row) for row in self._tx.search(_ITEMS, ("t.id = ?", item_id))), None)

    def remove(self, item_ids: Iterable[int]) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_REMOVE, self._tx.school, wanted)

    def counts(self) -> dict[tuple[Stream, str], int]:
        return {(Stream(name), way): count for name, way, count in self._tx.query(_COUNTS, self._tx.school)}

    def signatures(self) -> list[SignatureCount]:
        return [
            SignatureCount(stream=Stream(name), direction=way, code=code, reason=reason, count=count)
            for name, way, code, reason, count in self._tx.query(_SIGNATURES, self._tx.school)
        ]
