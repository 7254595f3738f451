"""Attempts: what left for the region, frozen before it left."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sync_service.domain.outbox import Attempt, AttemptItem, AttemptState
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_UNANSWERED = (
    "SELECT t.id, t.stream, t.key, t.state, t.sent_at FROM attempts AS t WHERE t.school_id = ? {conditions}"
    " AND t.state IN ('sent', 'unknown') ORDER BY t.id {limit} {lock}"
)
_ITEMS = (
    "SELECT t.attempt_id, t.entry_id, t.local_id, t.client_ref, t.op, t.groups, t.payload, t.remote_id, t.version"
    " FROM attempt_items AS t WHERE t.attempt_id {ints} ORDER BY t.attempt_id, t.position"
)
_CLOSE = "UPDATE attempts SET state = ?, closed_at = ? WHERE school_id = ? AND id = ?"
_RESULTS = {
    "sqlite": (
        "UPDATE attempt_items SET result = (SELECT value FROM json_each(?) WHERE key = attempt_items.position - 1)"
        " WHERE attempt_id = ? AND school_id = ?"
    ),
    "postgresql": ("UPDATE attempt_items SET result = (?::text[])[position] WHERE attempt_id = ? AND school_id = ?"),
}


def _digest(payloads: Sequence[str]) -> bytes:
    return hashlib.blake2b("\n".join(payloads).encode(), digest_size=16).digest()


def _item(row: Sequence[Any]) -> AttemptItem:
    _, entry_id, local_id, client_ref, op, groups, payload, remote_id, version = row
    return AttemptItem(
        entry_id=entry_id,
        local_id=local_id,
        client_ref=client_ref,
        op=op,
        groups=tuple(load(groups)),
        values=load(payload),
        remote_id=remote_id,
        version=version,
    )


class Attempts:
    """Stored before a request leaves; closed by its answer."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def record(self, stream: Stream, key: str, items: Sequence[AttemptItem]) -> int:
        payloads = [dump(item.values) for item in items]
        identities = [f"{item.client_ref} {item.op} {item.remote_id} {item.version}" for item in items]
        digest = _digest([f"{who} {what}" for who, what in zip(identities, payloads, strict=True)])
        (attempt_id,) = self._tx.insert_new(
            state.attempts,
            ("stream", "key", "state", "digest", "sent_at"),
            [(stream.value, key, AttemptState.SENT.value, digest, stamp(self._tx.now()))],
        )
        columns = (
            "attempt_id",
            "position",
            "school_id",
            "entry_id",
            "local_id",
            "client_ref",
            "op",
            "groups",
            "payload",
            "remote_id",
            "version",
        )
        self._tx.insert(
            state.attempt_items,
            columns,
            [
                (
                    attempt_id,
                    position,
                    self._tx.school,
                    item.entry_id,
                    item.local_id,
                    item.client_ref,
                    item.op,
                    dump(item.groups),
                    payload,
                    item.remote_id,
                    item.version,
                )
                for position, (item, payload) in enumerate(zip(items, payloads, strict=True), start=1)
            ],
        )
        return attempt_id

    def close(self, attempt_id: int, state: str, results: Sequence[str] = ()) -> None:
        self._tx.run(_CLOSE, str(state), stamp(self._tx.now()), self._tx.school, attempt_id)
        if results:
            words = [str(word) for word in results]
            self._tx.run(_RESULTS[self._tx.dialect.name], words, attempt_id, self._tx.school)

    def unanswered(self, stream: Stream | None = None) -> list[Attempt]:
        found = self._tx.search(_UNANSWERED, ("t.stream = ?", None if stream is None else stream.value))
        if not found:
            return []
        items: dict[int, list[AttemptItem]] = {}
        for row in self._tx.query(_ITEMS, [row[0] for row in found]):
            items.setdefault(row[0], []).append(_item(row))
        return [
            Attempt(
                attempt_id=attempt_id,
                stream=Stream(name),
                key=key,
                items=tuple(items.get(attempt_id, ())),
                state=AttemptState(attempt_state),
                sent_at=moment(at),
            )
            for attempt_id, name, key, attempt_state, at in found
        ]
