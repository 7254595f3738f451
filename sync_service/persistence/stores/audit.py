"""The audit journal on disk: appended at commit, verified as a whole, erased pupil by pupil.

The digest of an entry is chained over the previous entry's digest, a header that names the entry and every
item's record, and the digests of the items' salted values. While salt and values exist an item's digest is
computed from them; erasing replaces both by the digest, so that the chain still holds (invariant 15).

The regional id of a record leads to a person, so it counts as a value (``form`` 2): it is covered by the item's
digest and goes with the others. In entries of older versions of this program it stands in the header, which nothing
can take it out of; those keep it, and verify as they always did.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sync_service.domain.audit import Act, AuditEntry, AuditItem, JournalHead, entry_digest, item_digest
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.stores import AuditRow, ChainedEntry, ChainedItem
from sync_service.persistence.json_text import dump_bytes, load
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

SALT_BYTES = 16
FORM = 2
START = b""  # what the first entry of a school is chained to
_BATCH = 2000

_HEAD = "SELECT t.seq, t.digest FROM audit_heads AS t WHERE t.school_id = ? {lock}"
_MOVE_HEAD = "ON CONFLICT (school_id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest"
_ENTRIES = (
    "SELECT t.id, t.seq, t.at, t.actor, t.act, t.cause, t.note, t.digest, t.form FROM audit AS t"
    " WHERE t.school_id = ? AND t.seq > ? ORDER BY t.seq LIMIT ?"
)
_ITEMS = (
    "SELECT t.entry_id, t.id, t.stream, t.act, t.local_id, t.remote_id, t.student_id, t.digest, t.salt, t.payload"
    " FROM audit_items AS t WHERE t.entry_id {ints} ORDER BY t.entry_id, t.id"
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
_OF_STUDENT = (
    "SELECT t.id, t.remote_id, t.salt, t.payload FROM audit_items AS t"
    " WHERE t.school_id = ? AND t.student_id = ? AND t.salt IS NOT NULL {lock}"
)
_OF_RECORDS = (
    "SELECT t.id, t.remote_id, t.salt, t.payload FROM audit_items AS t"
    " WHERE t.school_id = ? AND t.stream = ? AND t.local_id {ints} AND t.salt IS NOT NULL {lock}"
)
_FORMS = (
    "SELECT i.id, a.form FROM audit_items AS i JOIN audit AS a ON a.id = i.entry_id"
    " WHERE i.school_id = ? AND i.id {ints}"
)
_NAMELESS = (
    "UPDATE audit_items SET remote_id = NULL WHERE school_id = ? AND id {ints}"
    " AND entry_id IN (SELECT a.id FROM audit AS a WHERE a.school_id = ? AND a.form = ?)"
)


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


def _header(seq: int, at: str, actor: str, act: str, cause: str, note: str, records: list[Any]) -> bytes:
    return dump_bytes([seq, at, actor, act, cause, note, records])


def _payload(item: AuditItem) -> bytes:
    return dump_bytes([item.base_local, item.base_remote, item.before])


def _values(payload: bytes, remote_id: str | None) -> bytes:
    """What an item's digest covers; the JSON before the id holds no zero byte."""
    return payload if remote_id is None else payload + b"\0" + remote_id.encode()


def _digest_of(item: Sequence[Any], form: int | None) -> bytes | None:
    """What stands for the values of a row of ``_ITEMS``; None when it has lost both them and their digest."""
    _, _, _, _, _, remote_id, _, digest, salt, payload = item
    if digest is not None:
        return bytes(digest)
    if salt is None or payload is None:
        return None
    return item_digest(bytes(salt), _values(bytes(payload), remote_id if form == FORM else None))


def _record_of(item: Sequence[Any], form: int | None) -> list[Any]:
    """How the header of an entry names the record of a row of ``_ITEMS``."""
    return [*item[2:5], item[6]] if form == FORM else list(item[2:7])


def _chained(item: Sequence[Any], form: int | None) -> ChainedItem:
    _, _, stream, act, local_id, remote_id, student_id, *_ = item
    return ChainedItem(
        stream=stream,
        act=act,
        local_id=local_id,
        remote_id=remote_id,
        student_id=student_id,
        digest=_digest_of(item, form) or b"",
    )


class Audit:
    """Entries of one unit of work are collected and chained at commit, in one go: on PostgreSQL the end of the
    school's chain is locked only for that moment."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._collected: list[AuditEntry] = []

    def append(self, entries: Sequence[AuditEntry]) -> None:
        if not self._tx.writable:
            raise RuntimeError("this unit of work is for reading")
        self._collected += entries

    def flush(self) -> None:
        """Write what was appended; called once, right before the commit."""
        if not self._collected:
            return
        seq, digest = self._locked_head()
        at = stamp(self._tx.now())
        entries: list[tuple[Any, ...]] = []
        pending: list[tuple[AuditEntry, list[tuple[bytes, bytes]]]] = []
        for entry in self._collected:
            seq += 1
            salts = os.urandom(SALT_BYTES * len(entry.items))
            secrets = [
                (salts[n * SALT_BYTES : (n + 1) * SALT_BYTES], _payload(item)) for n, item in enumerate(entry.items)
            ]
            records = [[i.stream, i.act, i.local_id, i.student_id] for i in entry.items]
            header = _header(seq, at, entry.actor, entry.act, entry.cause, entry.note, records)
            digests = (
                item_digest(salt, _values(payload, item.remote_id))
                for item, (salt, payload) in zip(entry.items, secrets, strict=True)
            )
            digest = entry_digest(digest, header, digests)
            entries.append((seq, at, entry.actor, str(entry.act), entry.cause, entry.note, digest, FORM))
            pending.append((entry, secrets))
        columns = ("seq", "at", "actor", "act", "cause", "note", "digest", "form")
        ids = self._tx.insert_new(state.audit, columns, entries)
        rows = (
            (
                entry_id,
                item.stream.value,
                item.act.value,
                item.local_id,
                item.remote_id,
                item.student_id,
                *secret,
            )
            for entry_id, (entry, secrets) in zip(ids, pending, strict=True)
            for item, secret in zip(entry.items, secrets, strict=True)
        )
        self._tx.insert_new(
            state.audit_items,
            ("entry_id", "stream", "act", "local_id", "remote_id", "student_id", "salt", "payload"),
            rows,
        )
        self._tx.insert(
            state.audit_heads, ("school_id", "seq", "digest"), [(self._tx.school, seq, digest)], _MOVE_HEAD
        )
        self._collected = []

    def _locked_head(self) -> tuple[int, bytes]:
        head = self._head()
        if head == (0, START):  # the first entry of a school: there must be a row to lock
            columns = ("school_id", "seq", "digest")
            row = (self._tx.school, 0, START)
            self._tx.insert(state.audit_heads, columns, [row], "ON CONFLICT (school_id) DO NOTHING")
            head = self._head()
        return head

    def _head(self) -> tuple[int, bytes]:
        rows = self._tx.query(_HEAD, self._tx.school)
        return (rows[0][0], bytes(rows[0][1])) if rows else (0, START)

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
            for item in self._tx.query(_ITEMS, [row[0] for row in rows[start : start + _BATCH]]):
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

    def head(self) -> JournalHead:
        seq, digest = self._head()
        return JournalHead(seq=seq, digest=digest)

    def verify(self, noted: JournalHead | None = None) -> str | None:
        previous, expected = START, 1
        for (_, seq, at, actor, act, cause, note, stored, form), items in self._chain():
            if seq != expected:
                return f"entry {expected} is missing"
            digests = [_digest_of(item, form) for item in items]
            if None in digests:
                return f"entry {seq}: an item has neither values nor digest"
            if any(item[7] is not None and (item[8] is not None or item[9] is not None) for item in items):
                return f"entry {seq}: an erased item holds values"
            if form == FORM and any(item[7] is not None and item[5] is not None for item in items):
                return f"entry {seq}: an erased item names a regional record"
            records = [_record_of(item, form) for item in items]
            header = _header(seq, stamp(moment(at)), actor, act, cause, note, records)
            previous = entry_digest(previous, header, (digest for digest in digests if digest is not None))
            if previous != bytes(stored):
                return f"entry {seq} does not match its digest"
            if noted is not None and seq == noted.seq and previous != noted.digest:
                return f"entry {seq} is not the one that was noted"
            expected += 1
        if noted is not None and noted.seq >= expected:
            return f"entries {expected} to {noted.seq} are missing, which was noted"
        last, digest = self._head()
        if last != expected - 1:
            return f"entries {expected} to {last} are missing" if last >= expected else "the end of the chain is lost"
        return None if digest == previous else f"the end of the chain does not match entry {last}"

    def _chain(self) -> Iterator[tuple[Sequence[Any], list[Sequence[Any]]]]:
        """Every entry with its items, in order, a batch in memory at a time."""
        after = 0
        while entries := self._tx.query(_ENTRIES, self._tx.school, after, _BATCH // 20):
            found = self._tx.query(_ITEMS, [entry[0] for entry in entries])
            items = {entry_id: list(rows) for entry_id, rows in groupby(found, key=lambda row: row[0])}
            for entry in entries:
                yield entry, items.get(entry[0], [])
            after = entries[-1][1]

    def erase(self, student_id: int, records: Mapping[Stream, Iterable[LocalId]]) -> int:
        """Erase the values, and the regional ids, of every item about this pupil or one of these records; the chain
        still verifies. Returns how many items lost something."""
        found = list(self._tx.query(_OF_STUDENT, self._tx.school, student_id))
        for stream, local_ids in records.items():
            if listed := sorted(local_ids):
                found += self._tx.query(_OF_RECORDS, self._tx.school, stream.value, listed)
        forms = self._forms([row[0] for row in found])
        rows = {
            item_id: (
                item_id,
                item_digest(bytes(salt), _values(bytes(payload), remote_id if forms[item_id] == FORM else None)),
                None,
                None,
            )
            for item_id, remote_id, salt, payload in found
        }
        erased = self._tx.update(state.audit_items, ("digest", "salt", "payload"), list(rows.values()))
        if rows:
            self._tx.run(_NAMELESS, self._tx.school, list(rows), self._tx.school, FORM)
        return erased

    def _forms(self, item_ids: list[int]) -> dict[int, int | None]:
        return dict(self._tx.query(_FORMS, self._tx.school, item_ids)) if item_ids else {}
