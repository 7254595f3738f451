"""The outbox: one row per dirty record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_ENTRIES = (
    "SELECT t.id, t.stream, t.local_id, t.client_ref, t.state, t.groups, t.dirty_again, t.tries, t.not_before,"
    " t.waiting, t.waits_for, t.code, t.created_at FROM outbox AS t WHERE t.school_id = ? {conditions}"
    " ORDER BY t.id {limit} {lock}"
)
# A retry that names no moment is due at once; a waiting entry without one is only ever woken.
_DUE = (
    "(t.state = 'pending' OR (t.state = 'retry' AND t.not_before IS NULL)"
    " OR (t.state IN ('retry', 'waiting') AND t.not_before <= ?))"
)
_NO_DELETIONS = "{find}(t.groups, ?) = 0"
_DUE_GROUPS = (
    "SELECT t.groups, l.id IS NOT NULL, count(*) FROM outbox AS t LEFT JOIN links AS l"
    " ON l.local_id = t.local_id AND l.stream = t.stream AND l.school_id = t.school_id AND l.state = 'live'"
    " WHERE t.school_id = ? {conditions} GROUP BY t.groups, l.id IS NOT NULL {limit}"
)
_DUE_STREAMS = "SELECT DISTINCT t.stream FROM outbox AS t WHERE t.school_id = ? {conditions} {limit}"
_REMOVE = "DELETE FROM outbox WHERE school_id = ? AND id {ints}"
_WAKE = (
    "UPDATE outbox SET state = 'pending', waiting = NULL, waits_for = NULL, not_before = NULL, code = NULL"
    " WHERE school_id = ? AND state = 'waiting' AND waits_for {texts} {stream}"
)
_WAKE_TIMED = (
    "UPDATE outbox SET state = 'pending', waiting = NULL, waits_for = NULL, not_before = NULL, code = NULL"
    " WHERE school_id = ? AND (state = 'retry' OR (state = 'waiting' AND waiting = 'permit'))"
)
_WAKE_PERMITS = (
    "UPDATE outbox SET state = 'pending', waiting = NULL, waits_for = NULL, not_before = NULL, code = NULL"
    " WHERE school_id = ? AND state = 'waiting' AND waiting = 'permit' AND stream {texts}"
)
_SENT_BETWEEN = (
    "AND t.state = 'retry' AND t.id IN (SELECT i.entry_id FROM attempts AS a"
    " JOIN attempt_items AS i ON i.attempt_id = a.id"
    " WHERE a.school_id = t.school_id AND a.sent_at >= ? AND a.sent_at <= ?)"
)
_COUNTS = "SELECT stream, state, waiting, count(*) FROM outbox WHERE school_id = ? GROUP BY stream, state, waiting"
_OLDEST = "SELECT stream, min(created_at) FROM outbox WHERE school_id = ? GROUP BY stream"

DELETED = "*"  # the group that stands for the whole record
_CHANGING = ("state", "groups", "dirty_again", "tries", "not_before", "waiting", "waits_for", "code")
_UNDER_WAY = (EntryState.LEASED, EntryState.UNKNOWN)
_STARTS_ANEW = (EntryState.RETRY, EntryState.REJECTED, EntryState.WAITING)


def _entry(row: Sequence[Any]) -> Entry:
    entry_id, stream, local_id, ref, entry_state, groups, again, tries, not_before, waiting, waits_for, code, at = row
    return Entry(
        entry_id=entry_id,
        stream=Stream(stream),
        local_id=local_id,
        client_ref=ref,
        state=EntryState(entry_state),
        groups=tuple(load(groups)),
        dirty_again=bool(again),
        tries=tries,
        not_before=moment_or_none(not_before),
        waiting=None if waiting is None else WaitingFor(waiting),
        waits_for=waits_for,
        code=code,
        created_at=moment(at),
    )


def _changing(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.state.value,
        dump(entry.groups),
        entry.dirty_again,
        entry.tries,
        stamp_or_none(entry.not_before),
        None if entry.waiting is None else entry.waiting.value,
        entry.waits_for,
        entry.code,
    )


def _dirtied(entry: Entry, groups: Iterable[str]) -> Entry:
    """The entry after its record changed once more."""
    merged = tuple(dict.fromkeys((*entry.groups, *groups)))
    if entry.state in _UNDER_WAY:
        return replace(entry, groups=merged, dirty_again=True)
    if entry.state in _STARTS_ANEW:
        return replace(
            entry,
            groups=merged,
            state=EntryState.PENDING,
            not_before=None,
            waiting=None,
            waits_for=None,
            code=None,
        )
    return replace(entry, groups=merged)


class Outbox:
    """Entries by record, by reference and by what makes them due."""

    def __init__(self, tx: Transaction, new_ref: Callable[[], str]) -> None:
        self._tx = tx
        self._new_ref = new_ref

    def enqueue(self, stream: Stream, dirty: Mapping[LocalId, Iterable[str]]) -> None:
        if not dirty:
            return
        known = self.by_local(stream, dirty)
        self.save([_dirtied(entry, dirty[local_id]) for local_id, entry in known.items()])
        now = stamp(self._tx.now())
        fresh = [
            (
                stream.value,
                local_id,
                self._new_ref(),
                EntryState.PENDING.value,
                dump(list(dict.fromkeys(groups))),
                False,
                0,
                now,
            )
            for local_id, groups in dirty.items()
            if local_id not in known
        ]
        self._tx.insert_new(
            state.outbox,
            ("stream", "local_id", "client_ref", "state", "groups", "dirty_again", "tries", "created_at"),
            fresh,
        )

    def claim(
        self,
        stream: Stream,
        limit: int | None,
        now: datetime,
        *,
        only: Collection[LocalId] | None = None,
        deletions: bool = True,
    ) -> list[Entry]:
        due = (
            ("t.stream = ?", stream.value),
            (_DUE, stamp(now)),
            ("t.local_id {ints}", None if only is None else list(only)),
            (_NO_DELETIONS, None if deletions else dump(DELETED)),
        )
        return [_entry(row) for row in self._tx.search(_ENTRIES, *due, limit=limit)]

    def due_groups(self, stream: Stream, now: datetime) -> list[tuple[tuple[str, ...], bool, int]]:
        rows = self._tx.search(_DUE_GROUPS, ("t.stream = ?", stream.value), (_DUE, stamp(now)))
        return [(tuple(load(groups)), bool(linked), count) for groups, linked, count in rows]

    def by_local(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, Entry]:
        wanted = list(local_ids)
        rows = self._select(stream, "t.local_id {ints}", wanted)
        return {entry.local_id: entry for entry in map(_entry, rows)}

    def by_client_ref(self, stream: Stream, refs: Iterable[str]) -> dict[str, Entry]:
        wanted = list(refs)
        rows = self._select(stream, "t.client_ref {texts}", wanted)
        return {entry.client_ref: entry for entry in map(_entry, rows)}

    def _select(self, stream: Stream, condition: str, wanted: list[Any]) -> Sequence[Any]:
        return self._tx.search(_ENTRIES, ("t.stream = ?", stream.value), (condition, wanted)) if wanted else ()

    def save(self, entries: Sequence[Entry]) -> None:
        self._tx.update(state.outbox, _CHANGING, [(entry.entry_id, *_changing(entry)) for entry in entries])

    def remove(self, entry_ids: Iterable[int]) -> None:
        wanted = list(entry_ids)
        if wanted:
            self._tx.run(_REMOVE, self._tx.school, wanted)

    def deletions(self, stream: Stream) -> list[Entry]:
        holds_all = "t.state IN ('pending', 'retry', 'waiting') AND {find}(t.groups, ?) > 0"
        rows = self._tx.search(_ENTRIES, ("t.stream = ?", stream.value), (holds_all, dump(DELETED)))
        return [_entry(row) for row in rows]

    def wake(self, stream: Stream | None, keys: Iterable[str]) -> int:
        wanted = list(keys)
        if not wanted:
            return 0
        if stream is None:
            return self._tx.run(_WAKE, self._tx.school, wanted, stream="")
        return self._tx.run(_WAKE, self._tx.school, wanted, stream.value, stream="AND stream = ?")

    def wake_timed(self) -> int:
        return self._tx.run(_WAKE_TIMED, self._tx.school)

    def wake_permits(self, streams: Iterable[Stream]) -> int:
        wanted = [stream.value for stream in streams]
        return self._tx.run(_WAKE_PERMITS, self._tx.school, wanted) if wanted else 0

    def counts(self) -> dict[tuple[Stream, EntryState, WaitingFor | None], int]:
        return {
            (Stream(name), EntryState(entry_state), None if waiting is None else WaitingFor(waiting)): count
            for name, entry_state, waiting, count in self._tx.query(_COUNTS, self._tx.school)
        }

    def oldest(self) -> dict[Stream, datetime]:
        return {Stream(name): moment(at) for name, at in self._tx.query(_OLDEST, self._tx.school)}

    def retrying(self, since: datetime, until: datetime) -> list[Entry]:
        rows = self._tx.query(
            _ENTRIES, self._tx.school, stamp(since), stamp(until), conditions=_SENT_BETWEEN, limit=""
        )
        return [_entry(row) for row in rows]

    def due(self, now: datetime) -> set[Stream]:
        rows = self._tx.search(_DUE_STREAMS, (_DUE, stamp(now)))
        return {Stream(name) for (name,) in rows}
