"""The audit journal read: who did what, and what an earlier entry has kept of a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.stores import AuditRow, ChainedEntry, ChainedItem
from sync_service.persistence.json_text import load
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.stores.audit_digests import ITEMS, START, digest_of
from sync_service.persistence.transactions import Transaction

_BATCH = 2000

_PAGE = (
    "SELECT t.id, t.seq, t.at, t.actor, t.act, t.cause, t.note FROM audit AS t WHERE t.school_id = ? {conditions}"
    " ORDER BY t.seq DESC {limit}"
)
_OF_A_TIME = (
    "SELECT t.id, t.seq, t.at, t.actor, t.act, t.cause, t.note, t.digest, p.digest, t.form FROM audit AS t"
    " LEFT JOIN audit AS p ON p.school_id = t.school_id AND p.seq = t.seq - 1"
    " WHERE t.school_id = ? {conditions} ORDER BY t.seq {limit}"
)
_ABOUT = "t.id IN (SELECT entry_id FROM audit_items WHERE student_id = ?)"
_TOUCHED = (
    "SELECT t.entry_id, t.student_id, count(*) FROM audit_items AS t WHERE t.entry_id {ints}"
    " GROUP BY t.entry_id, t.student_id ORDER BY t.entry_id, t.student_id"
)
_DECIDED = (
    "SELECT i.stream, i.act, i.local_id, i.remote_id, i.student_id, i.payload FROM audit AS t"
    " JOIN audit_items AS i ON i.entry_id = t.id"
    " WHERE t.school_id = ? AND t.cause = ? AND t.act = 'decide' ORDER BY t.seq DESC LIMIT 1"
)
_LINKED = (
    "SELECT i.payload FROM audit_items AS i WHERE i.school_id = ? AND i.stream = ? AND i.local_id = ?"
    " AND i.act = 'link' AND i.stream IN ('students', 'guardians') ORDER BY i.id DESC LIMIT 1"
)
_AUTHOR = (
    "SELECT t.actor, t.at FROM audit_items AS i JOIN audit AS t ON t.id = i.entry_id"
    " WHERE i.school_id = ? AND i.student_id = ? AND i.stream = ? AND i.local_id = ? AND i.act IN ('import', 'enter')"
    " ORDER BY i.id DESC LIMIT 1"
)
# The journal has the moment of the commit, the change that of its statement; a later edit lies behind both.
_ONE_TRANSACTION = timedelta(minutes=5)


class Audited:
    """Entries of one school; those of this unit of work come in at its commit."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def page(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        actor: str | None = None,
        student: int | None = None,
        cause: str | None = None,
    ) -> list[AuditRow]:
        entries = self._tx.search(
            _PAGE,
            ("t.seq < ?", before),
            ("t.actor = ?", actor),
            ("t.cause = ?", cause),
            (_ABOUT, student),
            limit=limit,
        )
        touched: dict[int, list[tuple[int | None, int]]] = {}
        if entries:
            for entry_id, student_id, count in self._tx.query(_TOUCHED, [entry[0] for entry in entries]):
                touched.setdefault(entry_id, []).append((student_id, count))
        return [
            AuditRow(
                seq=seq,
                at=moment(at),
                actor=who,
                act=act,
                cause=cause,
                note=note,
                students=tuple(pupil for pupil, _ in touched.get(entry_id, []) if pupil is not None),
                records=sum(count for _, count in touched.get(entry_id, [])),
            )
            for entry_id, seq, at, who, act, cause, note in entries
        ]

    def chained(
        self,
        since: datetime,
        until: datetime,
        *,
        limit: int,
        actor: str | None = None,
        student: int | None = None,
        cause: str | None = None,
    ) -> list[ChainedEntry]:
        rows = self._tx.search(
            _OF_A_TIME,
            ("t.at >= ?", stamp(since)),
            ("t.at < ?", stamp(until)),
            ("t.actor = ?", actor),
            ("t.cause = ?", cause),
            (_ABOUT, student),
            limit=limit,
        )
        forms = {row[0]: row[9] for row in rows}
        items: dict[int, list[ChainedItem]] = {}
        for start in range(0, len(rows), _BATCH):
            for item in self._tx.query(ITEMS, [row[0] for row in rows[start : start + _BATCH]]):
                items.setdefault(item[0], []).append(_chained(item, forms[item[0]]))
        return [
            ChainedEntry(
                seq=seq,
                at=moment(at),
                actor=who,
                act=act,
                cause=why,
                note=note,
                previous=START if previous is None else bytes(previous),
                digest=bytes(digest),
                form=form,
                items=tuple(items.get(entry_id, ())),
            )
            for entry_id, seq, at, who, act, why, note, digest, previous, form in rows
        ]

    def decided(self, cause: str) -> AuditItem | None:
        for stream, act, local_id, remote_id, student_id, payload in self._tx.query(_DECIDED, self._tx.school, cause):
            if payload is None:
                return None
            base_local, base_remote, before = load(bytes(payload).decode())
            return AuditItem(
                stream=Stream(stream),
                act=Act(act),
                local_id=local_id,
                remote_id=remote_id,
                student_id=student_id,
                base_local=base_local,
                base_remote=base_remote,
                before=before,
            )
        return None

    def replaced(self, stream: Stream, local_id: LocalId) -> Values:
        for (payload,) in self._tx.query(_LINKED, self._tx.school, stream.value, local_id):
            before: Values | None = None if payload is None else load(bytes(payload).decode())[2]
            return before or {}
        return {}

    def author(self, student_id: int, stream: Stream, local_id: LocalId, at: datetime) -> str | None:
        for actor, written in self._tx.query(_AUTHOR, self._tx.school, student_id, stream.value, local_id):
            if timedelta(0) <= moment(written) - at <= _ONE_TRANSACTION:
                return str(actor)
        return None


def _chained(item: Sequence[Any], form: int | None) -> ChainedItem:
    _, _, stream, act, local_id, remote_id, student_id, *_ = item
    return ChainedItem(
        stream=stream,
        act=act,
        local_id=local_id,
        remote_id=remote_id,
        student_id=student_id,
        digest=digest_of(item, form) or b"",
    )
