"""Positions in the regional feed, their recent history, and small notes of the school."""

from __future__ import annotations

from sync_service.domain.streams import Stream
from sync_service.persistence.moments import stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

KEPT = 30

_GET = "SELECT t.position FROM cursors AS t WHERE t.school_id = ? AND t.stream = ? {lock}"
_FORGET = "DELETE FROM cursors WHERE school_id = ? AND stream = ?"
_STORE = "ON CONFLICT (school_id, stream) DO UPDATE SET position = excluded.position, stored_at = excluded.stored_at"
_TRIM = (
    "DELETE FROM cursor_history WHERE school_id = ? AND stream = ? AND id <= (SELECT t.id FROM cursor_history AS t"
    " WHERE t.school_id = ? AND t.stream = ? ORDER BY t.id DESC LIMIT 1 OFFSET ?)"
)
_GET_NOTE = "SELECT t.value FROM notes AS t WHERE t.school_id = ? AND t.key = ? {lock}"
_NOTES = "SELECT key, value FROM notes WHERE school_id = ? AND key >= ? AND key < ?"
_STORE_NOTE = "ON CONFLICT (school_id, key) DO UPDATE SET value = excluded.value"


class Cursors:
    """A position is never lost by accident: forgetting it is a call of its own."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._reset: set[Stream] = set()

    def get(self, stream: Stream) -> str | None:
        rows = self._tx.query(_GET, self._tx.school, stream.value)
        return rows[0][0] if rows else None

    def put(self, stream: Stream, cursor: str | None) -> None:
        if cursor is None:
            if stream not in self._reset:
                raise ValueError(f"the cursor of {stream.value} may only be emptied through reset()")
            return
        now = stamp(self._tx.now())
        row = (self._tx.school, stream.value, cursor, now)
        columns = ("school_id", "stream", "position", "stored_at")
        self._tx.insert(state.cursors, columns, [row], _STORE)
        self._tx.insert(state.cursor_history, columns, [row])
        self._tx.run(_TRIM, self._tx.school, stream.value, self._tx.school, stream.value, KEPT)

    def reset(self, stream: Stream) -> None:
        self._reset.add(stream)
        if self._tx.run(_FORGET, self._tx.school, stream.value):
            self._tx.insert(
                state.cursor_history,
                ("school_id", "stream", "position", "stored_at"),
                [(self._tx.school, stream.value, None, stamp(self._tx.now()))],
            )

    def get_note(self, key: str) -> str | None:
        rows = self._tx.query(_GET_NOTE, self._tx.school, key)
        return rows[0][0] if rows else None

    def put_note(self, key: str, value: str) -> None:
        self._tx.insert(state.notes, ("school_id", "key", "value"), [(self._tx.school, key, value)], _STORE_NOTE)

    def notes(self, prefix: str) -> dict[str, str]:
        behind = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._tx.query(_NOTES, self._tx.school, prefix, behind)
        return {key.removeprefix(prefix): value for key, value in rows}
