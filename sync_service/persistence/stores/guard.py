"""What has passed the guard, by the hour, and what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync_service.domain.guards import REMEMBERED, Kind, Operation, Way
from sync_service.domain.holds import UNDECIDED, Hold, HoldItem, HoldState, ItemState
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream
from sync_service.persistence.moments import moment, moment_or_none, stamp_or_none
from sync_service.persistence.schema import review
from sync_service.persistence.transactions import Transaction

_PASSED = (
    "SELECT operation, field, sum(passed) FROM guard_counts WHERE school_id = ? AND stream = ? AND direction = ?"
    " AND hour >= ? GROUP BY operation, field"
)
_ADD = (
    "ON CONFLICT (school_id, stream, direction, operation, field, hour)"
    " DO UPDATE SET passed = guard_counts.passed + excluded.passed"
)
_FORGET = "DELETE FROM guard_counts WHERE school_id = ? AND stream = ? AND direction = ? AND hour < ?"
_HOLDS = (
    "SELECT t.id, t.stream, t.direction, t.operation, t.field, t.state, t.digest, t.records, t.total, t.cause,"
    " t.opened_at, t.first_by, t.first_at, t.decided_by, t.decided_at, t.expires_at FROM holds AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_ITEMS = (
    "SELECT t.id, t.hold_id, t.local_id, t.remote_id, t.state, t.precondition FROM hold_items AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_COVERED = (
    "SELECT t.id, t.hold_id, t.local_id, t.remote_id, t.state, t.precondition FROM hold_items AS t"
    " WHERE t.school_id = ? AND t.state = 'released' AND t.hold_id IN (SELECT h.id FROM holds AS h"
    " WHERE h.state = 'released' AND h.stream = ? AND h.school_id = t.school_id AND h.direction = ?)"
    " ORDER BY t.id {lock}"
)
_MARK = "UPDATE hold_items SET state = ? WHERE school_id = ? AND id {ints}"
_LEFT = (
    "SELECT hold_id, count(*) FROM hold_items WHERE school_id = ? AND hold_id {ints} AND state = ? GROUP BY hold_id"
)

_CHANGING = ("state", "digest", "records", "first_by", "first_at", "decided_by", "decided_at", "expires_at")


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


class GuardCounts:
    """Sums of the last 24 hours; the hour that began before them counts whole."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def passed(self, stream: Stream, way: Way) -> dict[Kind, int]:
        since = _hour(self._tx.now() - REMEMBERED)
        rows = self._tx.query(_PASSED, self._tx.school, stream.value, way.value, since)
        return {Kind(Operation(operation), group): int(total) for operation, group, total in rows}

    def count(self, stream: Stream, way: Way, counts: Mapping[Kind, int]) -> None:
        now = self._tx.now()
        rows = [
            (
                self._tx.school,
                stream.value,
                way.value,
                kind.operation.value,
                kind.group,
                _hour(now),
                count,
            )
            for kind, count in counts.items()
            if count
        ]
        if rows:
            columns = ("school_id", "stream", "direction", "operation", "field", "hour", "passed")
            self._tx.insert(review.guard_counts, columns, rows, _ADD)
            self._tx.run(_FORGET, self._tx.school, stream.value, way.value, _hour(now - REMEMBERED))


def _hold(row: Sequence[Any]) -> Hold:
    (
        hold_id, stream, way, operation, group, state, digest, records, total, cause,
        opened, first_by, first_at, decided_by, decided_at, expires_at,
    ) = row  # fmt: skip
    return Hold(
        hold_id=hold_id,
        stream=Stream(stream),
        way=Way(way),
        kind=Kind(Operation(operation), group),
        state=HoldState(state),
        digest=digest,
        records=records,
        total=total,
        cause=cause,
        opened_at=moment(opened),
        first_by=first_by,
        first_at=moment_or_none(first_at),
        decided_by=decided_by,
        decided_at=moment_or_none(decided_at),
        expires_at=moment_or_none(expires_at),
    )


def _changing(hold: Hold) -> tuple[Any, ...]:
    return (
        hold.state.value,
        hold.digest,
        hold.records,
        hold.first_by,
        stamp_or_none(hold.first_at),
        hold.decided_by,
        stamp_or_none(hold.decided_at),
        stamp_or_none(hold.expires_at),
    )


def _item(row: Sequence[Any]) -> HoldItem:
    item_id, hold_id, local_id, remote_id, state, precondition = row
    return HoldItem(
        item_id=item_id,
        hold_id=hold_id,
        local_id=None if local_id is None else LocalId(local_id),
        remote_id=None if remote_id is None else RemoteId(remote_id),
        state=ItemState(state),
        precondition=precondition,
    )


class Holds:
    """Held operations with their items."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def open(self, hold: Hold, items: Sequence[HoldItem]) -> int:
        columns = ("stream", "direction", "operation", "field", "total", "cause", "opened_at", *_CHANGING)
        opened = stamp_or_none(hold.opened_at or self._tx.now())
        head = (hold.stream.value, hold.way.value, hold.kind.operation.value, hold.kind.group)
        row = (*head, hold.total, hold.cause, opened, *_changing(hold))
        (hold_id,) = self._tx.insert_new(review.holds, columns, [row])
        self._tx.insert_new(
            review.hold_items,
            ("hold_id", "local_id", "remote_id", "state", "precondition"),
            [(hold_id, item.local_id, item.remote_id, item.state.value, item.precondition) for item in items],
        )
        return hold_id

    def undecided(self, stream: Stream | None = None, way: Way | None = None) -> list[Hold]:
        states = [state.value for state in UNDECIDED]
        return self._search(stream, way, states, None)

    def cases(
        self,
        *,
        states: Iterable[HoldState] | None = None,
        limit: int | None = None,
        decided_since: datetime | None = None,
    ) -> list[Hold]:
        named = None if states is None else [state.value for state in states]
        return self._search(None, None, named, limit, decided_since)

    def _search(
        self,
        stream: Stream | None,
        way: Way | None,
        states: list[str] | None,
        limit: int | None,
        decided_since: datetime | None = None,
    ) -> list[Hold]:
        rows = self._tx.search(
            _HOLDS,
            ("t.state {texts}", states),
            ("t.stream = ?", stream.value if stream else None),
            ("t.direction = ?", way.value if way else None),
            ("t.decided_at >= ?", stamp_or_none(decided_since)),
            limit=limit,
        )
        return [_hold(row) for row in rows]

    def get(self, hold_id: int) -> Hold | None:
        return next(map(_hold, self._tx.search(_HOLDS, ("t.id = ?", hold_id))), None)

    def save(self, holds: Sequence[Hold]) -> None:
        self._tx.update(review.holds, _CHANGING, [(hold.hold_id, *_changing(hold)) for hold in holds])

    def items(self, hold_ids: Iterable[int], *, state: ItemState | None = None) -> list[HoldItem]:
        wanted = list(hold_ids)
        if not wanted:
            return []
        only = state.value if state else None
        return [_item(row) for row in self._tx.search(_ITEMS, ("t.hold_id {ints}", wanted), ("t.state = ?", only))]

    def covered(self, stream: Stream, way: Way) -> list[HoldItem]:
        return [_item(row) for row in self._tx.query(_COVERED, self._tx.school, stream.value, way.value)]

    def mark(self, item_ids: Iterable[int], state: ItemState) -> None:
        wanted = list(item_ids)
        if wanted:
            self._tx.run(_MARK, state.value, self._tx.school, wanted)

    def left(self, hold_ids: Iterable[int], state: ItemState) -> dict[int, int]:
        wanted = list(hold_ids)
        if not wanted:
            return {}
        rows = self._tx.query(_LEFT, self._tx.school, wanted, state.value)
        return {int(row[0]): int(row[1]) for row in rows}
