"""Regional records set aside unapplied, in the order in which they first came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sync_service.domain.inbox import Parked
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_PARKED = (
    "SELECT t.remote_id, t.reason, t.waits_for, t.record FROM inbox AS t WHERE t.school_id = ?"
    " {conditions} ORDER BY t.id {limit} {lock}"
)
_READY = (
    "SELECT t.remote_id, t.reason, t.waits_for, t.record FROM inbox AS t JOIN links AS l"
    " ON l.remote_id = substr(t.waits_for, {find}(t.waits_for, ':') + 1)"
    " AND l.stream = substr(t.waits_for, 1, {find}(t.waits_for, ':') - 1)"
    " AND l.school_id = t.school_id AND l.state = 'live'"
    " WHERE t.school_id = ? AND t.stream = ? AND t.reason = 'parent' ORDER BY t.id LIMIT ? {lock}"
)
_ANY = "SELECT 1 FROM inbox WHERE school_id = ? AND stream = ? LIMIT 1"
_REMOVE = "DELETE FROM inbox WHERE school_id = ? AND stream = ? AND remote_id {texts}"
_COUNTS = "SELECT stream, reason, count(*) FROM inbox WHERE school_id = ? GROUP BY stream, reason"
_REPLACE = (
    "ON CONFLICT (remote_id, stream, school_id) DO UPDATE SET reason = excluded.reason,"
    " waits_for = excluded.waits_for, record = excluded.record"
)


def _record_json(record: RemoteRecord) -> str:
    return dump(
        [
            record.values,
            record.version,
            record.change_version,
            record.deleted,
            record.client_ref,
            record.absent,
            record.changed_at,
        ]
    )


def _record(stream: Stream, remote_id: RemoteId, text: str) -> RemoteRecord:
    values, version, change_version, deleted, client_ref, absent, *later = load(text)
    return RemoteRecord(
        stream=stream,
        remote_id=remote_id,
        values=values,
        version=version,
        change_version=change_version,
        deleted=deleted,
        client_ref=client_ref,
        absent=absent,
        changed_at=later[0] if later else None,  # a record parked by an earlier version has none
    )


def _parked(stream: Stream, rows: Iterable[Sequence[Any]]) -> list[Parked]:
    return [
        Parked(record=_record(stream, remote_id, text), reason=why, waits_for=parent)
        for remote_id, why, parent, text in rows
    ]


class Inbox:
    """Records that wait for a parent, the matching pass, a decision or a released hold."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def park(self, items: Sequence[Parked]) -> None:
        now = stamp(self._tx.now())
        latest = {(item.record.stream, item.record.remote_id): item for item in items}
        self._tx.insert(
            state.inbox,
            ("school_id", "stream", "remote_id", "reason", "waits_for", "record", "parked_at"),
            [
                (
                    self._tx.school,
                    stream.value,
                    remote_id,
                    item.reason,
                    item.waits_for,
                    _record_json(item.record),
                    now,
                )
                for (stream, remote_id), item in latest.items()
            ],
            _REPLACE,
        )

    def parked(
        self,
        stream: Stream,
        *,
        reason: str | None = None,
        waits_for: Iterable[str] | None = None,
        remote_ids: Iterable[RemoteId] | None = None,
        limit: int | None = None,
    ) -> list[Parked]:
        rows = self._tx.search(
            _PARKED,
            ("t.stream = ?", stream.value),
            ("t.reason = ?", reason),
            ("t.waits_for {texts}", None if waits_for is None else list(waits_for)),
            ("t.remote_id {texts}", None if remote_ids is None else list(remote_ids)),
            limit=limit,
        )
        return _parked(stream, rows)

    def ready(self, stream: Stream, limit: int) -> list[Parked]:
        return _parked(stream, self._tx.query(_READY, self._tx.school, stream.value, limit))

    def remove(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> None:
        wanted = list(remote_ids)
        # Most of the time nothing is parked: one look costs less than a thousand look-ups.
        if wanted and self._tx.query(_ANY, self._tx.school, stream.value):
            self._tx.run(_REMOVE, self._tx.school, stream.value, wanted)

    def counts(self) -> dict[tuple[Stream, str], int]:
        return {(Stream(name), why): count for name, why, count in self._tx.query(_COUNTS, self._tx.school)}
