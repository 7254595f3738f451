"""Conflicts: the case as the person saw it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sync_service.domain.cases import Shelf
from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, ConflictState, FieldClash, Side
from sync_service.domain.links import LinkId
from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_CASES = (
    "SELECT t.id, t.stream, t.link_id, t.local_id, t.kind, t.clashes, t.state, t.opened_at, t.decided_at,"
    " t.decided_by, t.choices, t.local_at, t.remote_at FROM conflicts AS t WHERE t.school_id = ? {conditions}"
    " ORDER BY t.id {limit} {lock}"
)
_COUNTS = "SELECT stream, count(*) FROM conflicts WHERE school_id = ? AND state = 'open' GROUP BY stream"
_OPEN = (
    " FROM conflicts AS t LEFT JOIN case_marks AS m"
    " ON m.school_id = t.school_id AND m.queue = 'conflicts' AND m.case_id = t.id"
    " WHERE t.school_id = ? AND t.state = 'open' {conditions}"
)
_OPEN_IDS = f"SELECT t.id{_OPEN} ORDER BY t.id"
_ON_SHELF = f"SELECT count(*){_OPEN}"
_SHELVES = {  # the day and the role each of them is seen on and by
    Shelf.DUE: ("AND coalesce(m.postponed_until, '') <= ? AND coalesce(m.passed_to, ?) = ?", 2),
    Shelf.PASSED: ("AND coalesce(m.postponed_until, '') <= ? AND m.passed_to IS NOT NULL", 0),
    Shelf.LATER: ("AND m.postponed_until > ?", 0),
}
_CHANGING = (
    "link_id",
    "kind",
    "clashes",
    "state",
    "opened_at",
    "decided_at",
    "decided_by",
    "choices",
    "local_at",
    "remote_at",
)


def _clash(clash: FieldClash) -> list[Any]:
    return [
        clash.field,
        clash.group,
        clash.local,
        clash.remote,
        clash.base_local,
        clash.base_remote,
        clash.has_base,
    ]


def _conflict(row: Sequence[Any]) -> Conflict:
    conflict_id, stream, link_id, local_id, kind, clashes, case_state, opened, decided, by, choices, here, there = row
    return Conflict(
        conflict_id=conflict_id,
        stream=Stream(stream),
        link_id=link_id,
        local_id=local_id,
        kind=ConflictKind(kind),
        clashes=tuple(
            FieldClash(
                field=field,
                group=group,
                local=local,
                remote=remote,
                base_local=base_local,
                base_remote=base_remote,
                has_base=has_base,
            )
            for field, group, local, remote, base_local, base_remote, has_base in load(clashes)
        ),
        state=ConflictState(case_state),
        opened_at=moment(opened),
        decided_at=moment_or_none(decided),
        decided_by=by,
        choices=tuple(Choice(group=group, side=Side(side), values=values) for group, side, values in load(choices)),
        local_at=moment_or_none(here),
        remote_at=moment_or_none(there),
    )


def _shelf(shelf: Shelf, role: Role, on: str) -> tuple[str, list[str]]:
    condition, roles = _SHELVES[shelf]
    return condition, [on, *([role.value] * roles)]


class Conflicts:
    """Open and decided cases."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def open_for(self, links: Iterable[LinkId]) -> dict[LinkId, Conflict]:
        wanted = list(links)
        if not wanted:
            return {}
        rows = self._tx.search(_CASES, ("t.link_id {ints} AND t.state IN ('open', 'undoing')", wanted))
        return {case.link_id: case for case in map(_conflict, rows)}

    def save(self, conflicts: Sequence[Conflict]) -> list[int]:
        now = self._tx.now()
        new: list[tuple[Any, ...]] = []
        known: list[tuple[Any, ...]] = []
        for case in conflicts:
            changing = (
                case.link_id,
                case.kind.value,
                dump([_clash(clash) for clash in case.clashes]),
                case.state.value,
                stamp(case.opened_at or now),
                stamp_or_none(case.decided_at),
                case.decided_by,
                dump([[choice.group, choice.side.value, choice.values] for choice in case.choices]),
                stamp_or_none(case.local_at),
                stamp_or_none(case.remote_at),
            )
            if case.conflict_id:
                known.append((case.conflict_id, *changing))
            else:
                new.append((case.stream.value, case.local_id, *changing))
        self._tx.update(state.conflicts, _CHANGING, known)  # first: a case that closes makes room for a new one
        fresh = iter(self._tx.insert_new(state.conflicts, ("stream", "local_id", *_CHANGING), new))
        return [case.conflict_id or next(fresh) for case in conflicts]

    def get(self, conflict_id: int) -> Conflict | None:
        return next(map(_conflict, self._tx.search(_CASES, ("t.id = ?", conflict_id))), None)

    def cases(
        self, *, state: str | None = "open", limit: int | None = None, decided_since: datetime | None = None
    ) -> list[Conflict]:
        since = stamp_or_none(decided_since)
        rows = self._tx.search(_CASES, ("t.state = ?", state), ("t.decided_at >= ?", since), limit=limit)
        return [_conflict(row) for row in rows]

    def open_ids(self, shelf: Shelf, role: Role, stream: Stream | None = None, *, on: str) -> list[int]:
        condition, values = _shelf(shelf, role, on)
        if stream is not None:
            condition, values = f"{condition} AND t.stream = ?", [*values, stream.value]
        rows = self._tx.query(_OPEN_IDS, self._tx.school, *values, conditions=condition)
        return [int(case_id) for (case_id,) in rows]

    def on_shelf(self, shelf: Shelf, role: Role, *, on: str) -> int:
        condition, values = _shelf(shelf, role, on)
        rows = self._tx.query(_ON_SHELF, self._tx.school, *values, conditions=condition)
        return next(int(count) for (count,) in rows)

    def many(self, conflict_ids: Iterable[int]) -> list[Conflict]:
        wanted = list(conflict_ids)
        return [_conflict(row) for row in self._tx.search(_CASES, ("t.id {ints}", wanted))] if wanted else []

    def counts(self) -> dict[Stream, int]:
        return {Stream(name): count for name, count in self._tx.query(_COUNTS, self._tx.school)}
