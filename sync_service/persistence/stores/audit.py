"""The chain of the audit journal: appended at commit, verified as a whole, erased pupil by pupil.

Erasing replaces the salt and the values of an item by the digest they had, so that the chain still holds
(invariant 15). What the digests cover stands in ``audit_digests.py``; ``audited.py`` reads the journal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sync_service.domain.audit import AuditEntry, JournalHead, entry_digest, item_digest
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.stores.audit_digests import (
    FORM,
    ITEMS,
    START,
    digest_of,
    header_of,
    payload_of,
    record_of,
    values_of,
)
from sync_service.persistence.transactions import Transaction

SALT_BYTES = 16
_BATCH = 100

_HEAD = "SELECT t.seq, t.digest FROM audit_heads AS t WHERE t.school_id = ? {lock}"
_MOVE_HEAD = "ON CONFLICT (school_id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest"
_ENTRIES = (
    "SELECT t.id, t.seq, t.at, t.actor, t.act, t.cause, t.note, t.digest, t.form FROM audit AS t"
    " WHERE t.school_id = ? AND t.seq > ? ORDER BY t.seq LIMIT ?"
)
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
                (salts[n * SALT_BYTES : (n + 1) * SALT_BYTES], payload_of(item)) for n, item in enumerate(entry.items)
            ]
            records = [[i.stream, i.act, i.local_id, i.student_id] for i in entry.items]
            header = header_of(seq, at, entry.actor, entry.act, entry.cause, entry.note, records)
            digests = (
                item_digest(salt, values_of(payload, item.remote_id))
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

    def head(self) -> JournalHead:
        seq, digest = self._head()
        return JournalHead(seq=seq, digest=digest)

    def verify(self, noted: JournalHead | None = None) -> str | None:
        previous, expected = START, 1
        for (_, seq, at, actor, act, cause, note, stored, form), items in self._chain():
            if seq != expected:
                return f"entry {expected} is missing"
            digests = [digest_of(item, form) for item in items]
            if None in digests:
                return f"entry {seq}: an item has neither values nor digest"
            if any(item[7] is not None and (item[8] is not None or item[9] is not None) for item in items):
                return f"entry {seq}: an erased item holds values"
            if form == FORM and any(item[7] is not None and item[5] is not None for item in items):
                return f"entry {seq}: an erased item names a regional record"
            records = [record_of(item, form) for item in items]
            header = header_of(seq, stamp(moment(at)), actor, act, cause, note, records)
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
        while entries := self._tx.query(_ENTRIES, self._tx.school, after, _BATCH):
            found = self._tx.query(ITEMS, [entry[0] for entry in entries])
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
                item_digest(bytes(salt), values_of(bytes(payload), remote_id if forms[item_id] == FORM else None)),
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
