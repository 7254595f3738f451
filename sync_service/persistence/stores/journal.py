"""The change journal: claimed and deleted in the same transaction, never read past a high-water mark."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import LocalChange
from sync_service.persistence.moments import moment
from sync_service.persistence.schema import state
from sync_service.persistence.stores import unnoticed
from sync_service.persistence.transactions import Transaction

# SKIP LOCKED is not wanted: the lease lets one capture per school and stream run.
_CLAIM = (
    "DELETE FROM changes WHERE id IN (SELECT t.id FROM changes AS t WHERE t.school_id = ? AND t.stream = ?"
    " ORDER BY t.id LIMIT ? {lock}) RETURNING id, local_id"
)
_EXISTING = "SELECT t.id FROM {table} AS t WHERE t.school_id = ? AND t.id {ints}"
_PENDING = "SELECT stream, count(*) FROM changes WHERE school_id = ? GROUP BY stream"


_NOTED_AT = (
    "SELECT t.local_id, max(t.at) FROM changes AS t WHERE t.school_id = ? AND t.stream = ? AND t.local_id {ints}"
    " AND t.at IS NOT NULL GROUP BY t.local_id"
)


class ChangeJournal:
    """Rows that other programs, imports or the page changed."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def claim(self, stream: Stream, limit: int) -> list[LocalChange]:
        claimed = sorted(tuple(row) for row in self._tx.query(_CLAIM, self._tx.school, stream.value, limit))
        records = list(dict.fromkeys(local_id for _, local_id in claimed))
        if not records:
            return []
        # What is there now decides, not the last operation noted: an id inserted anew after a deletion exists.
        existing = {i for (i,) in self._tx.query(_EXISTING, self._tx.school, records, table=stream.value)}
        return [LocalChange(local_id=LocalId(i), deleted=i not in existing) for i in records]

    def noted_at(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, datetime]:
        wanted = list(local_ids)
        rows = self._tx.query(_NOTED_AT, self._tx.school, stream.value, wanted) if wanted else ()
        return {LocalId(local_id): moment(at) for local_id, at in rows}

    def edited(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        return unnoticed.edited(self._tx, stream, after=after, limit=limit)

    def gone(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        return unnoticed.gone(self._tx, stream, after=after, limit=limit)

    def note(self, stream: Stream, local_ids: Iterable[LocalId]) -> None:
        rows = [(self._tx.school, stream.value, local_id, "reconcile") for local_id in local_ids]
        self._tx.insert(state.changes, ("school_id", "stream", "local_id", "op"), rows)

    def pending(self) -> dict[Stream, int]:
        return {Stream(name): count for name, count in self._tx.query(_PENDING, self._tx.school)}
