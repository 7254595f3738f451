"""Links: one row per pair, its base as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sync_service.domain.links import (
    Link,
    LinkChange,
    LinkId,
    LinkState,
    LocalId,
    NewLink,
    RemoteId,
    Snapshot,
)
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_COLUMNS = (
    "t.id, t.local_id, t.remote_id, t.base_local, t.base_remote, t.version, t.change_version, t.state,"
    " t.evidence, t.previous_id"
)
_LIVE = (
    "SELECT {columns} FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state = 'live'"
    " AND t.{side} {among} ORDER BY t.id {lock}"
)
_CLOSED = (
    "SELECT {columns} FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state <> 'live'"
    " AND t.{side} {among} AND NOT EXISTS (SELECT 1 FROM links AS n WHERE n.school_id = t.school_id"
    " AND n.stream = t.stream AND n.{side} = t.{side} AND n.state = 'live') ORDER BY t.id {lock}"
)
_PAIRS = (
    "SELECT t.local_id, t.remote_id FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state = 'live'"
    " AND t.{side} {among}"
)
_VERSIONS = (
    "SELECT t.remote_id, t.id, t.version FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state = 'live'"
    " AND t.remote_id {texts}"
)
_LIVE_AFTER = (
    "SELECT t.id, t.local_id, t.remote_id FROM links AS t WHERE t.school_id = ? AND t.stream = ?"
    " AND t.state = 'live' AND t.id > ? ORDER BY t.id LIMIT ?"
)
_ONE = "SELECT {columns} FROM links AS t WHERE t.school_id = ? AND t.id = ? {lock}"
_SOME = (
    "SELECT t.remote_id FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state = 'live'"
    " AND NOT t.remote_id {texts}"
    " AND t.id NOT IN (SELECT c.link_id FROM conflicts AS c WHERE c.school_id = ? AND c.stream = ?"
    " AND c.state IN ('open', 'undoing'))"
    " AND t.remote_id NOT IN (SELECT i.remote_id FROM inbox AS i WHERE i.school_id = ? AND i.stream = ?)"
    " ORDER BY t.local_id LIMIT ?"
)
_AGREEING = (
    "SELECT count(*) FROM links AS l WHERE l.school_id = ? AND l.stream = ? AND l.state = 'live'"
    " AND l.id NOT IN (SELECT c.link_id FROM conflicts AS c WHERE c.school_id = ? AND c.stream = ?"
    " AND c.state IN ('open', 'undoing'))"
    " AND l.local_id NOT IN (SELECT o.local_id FROM outbox AS o WHERE o.school_id = ? AND o.stream = ?)"
    " AND l.local_id NOT IN (SELECT j.local_id FROM changes AS j WHERE j.school_id = ? AND j.stream = ?)"
)
_ROWLESS = (
    "SELECT {columns} FROM links AS t WHERE t.school_id = ? AND t.stream = ? AND t.state = 'live'"
    " AND NOT EXISTS (SELECT 1 FROM {table} AS r WHERE r.id = t.local_id AND r.school_id = t.school_id) ORDER BY t.id"
)
_COUNT = "SELECT count(*) FROM links WHERE school_id = ? AND stream = ? AND state = 'live'"


def _bases(base: Snapshot) -> tuple[str, str | None]:
    local = dump(base.local)
    if base.remote is base.local:
        return local, None
    remote = dump(base.remote)
    return local, None if remote == local else remote


def _closing(change: LinkChange, now: object) -> tuple[object, str | None]:
    return (None, None) if change.closed_by is None else (now, change.closed_by.value)


def _link(row: Sequence[Any]) -> Link:
    link_id, local_id, remote_id, base_local, base_remote, version, change_version, link_state, evidence, previous = (
        row
    )
    local = load(base_local)
    return Link(
        link_id=link_id,
        local_id=local_id,
        remote_id=remote_id,
        base=Snapshot(local, local if base_remote is None else load(base_remote)),
        version=version,
        change_version=change_version,
        state=LinkState(link_state),
        evidence=evidence,
        previous_id=previous,
    )


class Links:
    """Live pairs by either side; closed ones on request."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def by_remote(
        self, stream: Stream, remote_ids: Iterable[RemoteId], *, closed: bool = False
    ) -> dict[RemoteId, Link]:
        rows = self._select(_CLOSED if closed else _LIVE, stream, "remote_id", "{texts}", list(remote_ids))
        return {row[2]: _link(row) for row in rows}  # in order of id: the newest closed one stays

    def by_local(self, stream: Stream, local_ids: Iterable[LocalId], *, closed: bool = False) -> dict[LocalId, Link]:
        rows = self._select(_CLOSED if closed else _LIVE, stream, "local_id", "{ints}", list(local_ids))
        return {row[1]: _link(row) for row in rows}

    def by_id(self, link_id: LinkId) -> Link | None:
        return next(map(_link, self._tx.query(_ONE, self._tx.school, link_id, columns=_COLUMNS)), None)

    def local_ids(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, LocalId]:
        rows = self._select(_PAIRS, stream, "remote_id", "{texts}", list(remote_ids))
        return {remote: local for local, remote in rows}

    def remote_ids(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, RemoteId]:
        rows = self._select(_PAIRS, stream, "local_id", "{ints}", list(local_ids))
        return dict(rows)  # type: ignore[arg-type]  # two columns

    def _select(
        self, template: str, stream: Stream, side: str, among: str, wanted: list[Any]
    ) -> Sequence[Sequence[Any]]:
        if not wanted:
            return ()
        return self._tx.query(
            template, self._tx.school, stream.value, wanted, side=side, among=among, columns=_COLUMNS
        )

    def insert(self, stream: Stream, links: Sequence[NewLink]) -> list[LinkId]:
        columns = (
            "stream",
            "local_id",
            "remote_id",
            "state",
            "version",
            "change_version",
            "base_local",
            "base_remote",
            "evidence",
            "previous_id",
        )
        name, live = stream.value, LinkState.LIVE.value
        rows = (
            (
                name,
                link.local_id,
                link.remote_id,
                live,
                link.version,
                link.change_version,
                *_bases(link.base),
                link.evidence,
                link.previous_id,
            )
            for link in links
        )
        return [LinkId(i) for i in self._tx.insert_new(state.links, columns, rows)]

    def update(self, changes: Sequence[LinkChange]) -> None:
        now = stamp(self._tx.now())
        merged: dict[LinkId, LinkChange] = {}
        for change in changes:
            before = merged.get(change.link_id)
            if before is not None and change.base is None:
                change = replace(change, base=before.base)
            merged[change.link_id] = change
        plain: list[tuple[Any, ...]] = []
        moved: list[tuple[Any, ...]] = []
        for change in merged.values():
            row = (change.link_id, change.version, change.change_version, change.state.value, *_closing(change, now))
            if change.base is None:
                plain.append(row)
            else:
                moved.append((*row, *_bases(change.base)))
        columns = ("version", "change_version", "state", "closed_at", "closed_by")
        self._tx.update(state.links, columns, plain)
        self._tx.update(state.links, (*columns, "base_local", "base_remote"), moved)

    def rowless(self, stream: Stream) -> list[Link]:
        rows = self._tx.query(_ROWLESS, self._tx.school, stream.value, columns=_COLUMNS, table=stream.value)
        return [_link(row) for row in rows]

    def move(self, links: Sequence[Link]) -> None:
        values = [(link.link_id, link.local_id, link.evidence) for link in links]
        self._tx.update(state.links, ("local_id", "evidence"), values)

    def count(self, stream: Stream) -> int:
        ((live,),) = self._tx.query(_COUNT, self._tx.school, stream.value)
        return int(live)

    def agreeing(self, stream: Stream) -> int:
        ((found,),) = self._tx.query(_AGREEING, *(self._tx.school, stream.value) * 4)
        return int(found)

    def versions(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, tuple[LinkId, int | None]]:
        wanted = list(remote_ids)
        rows = self._tx.query(_VERSIONS, self._tx.school, stream.value, wanted) if wanted else ()
        return {remote_id: (link_id, version) for remote_id, link_id, version in rows}

    def live(self, stream: Stream, *, after: LinkId, limit: int) -> list[tuple[LinkId, LocalId, RemoteId]]:
        rows = self._tx.query(_LIVE_AFTER, self._tx.school, stream.value, after, limit)
        return [(link_id, local_id, remote_id) for link_id, local_id, remote_id in rows]

    def some(self, stream: Stream, limit: int, *, besides: Iterable[RemoteId] = ()) -> list[RemoteId]:
        scope = self._tx.school, stream.value
        rows = self._tx.query(_SOME, *scope, list(besides), *scope, *scope, limit)
        return [RemoteId(remote_id) for (remote_id,) in rows]
