"""Takes out what :mod:`traces` has found, and keeps the book of erasures with the marks they leave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table, and_, delete, update

from sync_service.domain.erasures import Erasure, Footprint, Reason, name_mark, named, record_mark
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream
from sync_service.persistence.moments import moment, moment_or_none, stamp
from sync_service.persistence.schema import erasures as book
from sync_service.persistence.schema import metadata
from sync_service.persistence.stores.audit import Audit
from sync_service.persistence.stores.cursors import Cursors
from sync_service.persistence.stores.selection import one_of
from sync_service.persistence.stores.traces import Tracer, Traces
from sync_service.persistence.transactions import Transaction

KEY = "erasure:key"  # note of the school: what its marks are keyed with, in hex
BLANK = {"flash": "", "note": "[удалено по акту]"}

_ANY = "SELECT 1 FROM erasure_marks WHERE school_id = ? LIMIT 1"
_MARKED = "SELECT t.digest FROM erasure_marks AS t WHERE t.school_id = ? AND t.digest {texts}"
_NAMES = "SELECT t.digest, t.erasure_id FROM erasure_marks AS t WHERE t.school_id = ? AND t.kind = 'name'"
_CASES = (
    "SELECT t.id, t.reason, t.actor, t.made_at, t.records, t.scrubbed_at, t.lifted_at, t.lifted_by,"
    " (SELECT count(*) FROM erasure_marks AS m WHERE m.erasure_id = t.id) FROM erasures AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_FORGET = "DELETE FROM erasure_marks WHERE school_id = ? AND erasure_id = ?"
_LET_IN = "DELETE FROM erasure_marks WHERE school_id = ? AND digest {texts}"
_LIFT = "UPDATE erasures SET lifted_at = ?, lifted_by = ? WHERE school_id = ? AND id = ?"
_SCRUBBED = "UPDATE erasures SET scrubbed_at = ? WHERE school_id = ? AND id {ints}"


class Erasures:
    """One school's."""

    def __init__(self, tx: Transaction, audit: Audit) -> None:
        self._tx = tx
        self._audit = audit
        self._cursors = Cursors(tx)
        self._marks: bool | None = None  # whether there are any; a page asks several times

    # --- the person ----------------------------------------------------------------------------------------------

    def footprint(self, student_id: LocalId) -> Footprint | None:
        found = Tracer(self._tx, student_id).find()
        return None if found is None else _footprint(student_id, found)

    def take_out(self, student_id: LocalId) -> Footprint | None:
        found = Tracer(self._tx, student_id).find()
        if found is None:
            return None
        footprint = _footprint(student_id, found)
        self._tx.mute_journal()  # nobody deleted these rows as a change that travels
        for name, keys in found.texts.items():
            self._blank(metadata.tables[name], keys)
        self._audit.erase(student_id, footprint.records)
        for table in reversed(metadata.sorted_tables):  # children before what they refer to
            self._delete(table, found.rows.get(table.name, set()))
        return footprint

    def _delete(self, table: Table, keys: set[tuple[Any, ...]]) -> None:
        if not keys:
            return
        first, *more = table.primary_key.columns
        if not more:
            self._tx.connection.execute(delete(table).where(one_of(self._tx, first, sorted(key[0] for key in keys))))
            return
        for key in keys:
            self._tx.connection.execute(delete(table).where(_is(table, key)))

    def _blank(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        column = next(name for name in BLANK if name in table.c)
        for key in keys:
            self._tx.connection.execute(update(table).where(_is(table, key)).values({column: BLANK[column]}))

    # --- the book and the marks ----------------------------------------------------------------------------------

    def record(
        self,
        reason: Reason,
        *,
        actor: str,
        rows: int,
        remote_ids: Mapping[Stream, Iterable[RemoteId]],
        names: Iterable[str],
    ) -> int:
        key = self._new_key()
        entry = (reason.value, actor, stamp(self._tx.now()), rows)
        (erasure_id,) = self._tx.insert_new(book.erasures, ("reason", "actor", "made_at", "records"), [entry])
        marks = [("record", record_mark(key, stream, i)) for stream, ids in remote_ids.items() for i in sorted(ids)]
        marks += [("name", name_mark(key, text)) for text in names]
        self._tx.insert_new(
            book.erasure_marks, ("erasure_id", "kind", "digest"), [(erasure_id, *mark) for mark in marks]
        )
        self._marks = None
        return erasure_id

    def marked(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> set[RemoteId]:
        wanted = list(remote_ids)
        if not wanted or not self.any():
            return set()
        key = self._key()
        by_mark = {record_mark(key, stream, remote_id): remote_id for remote_id in wanted}
        return {by_mark[digest] for (digest,) in self._tx.query(_MARKED, self._tx.school, list(by_mark))}

    def named(self, texts: Iterable[str]) -> dict[str, int]:
        if not self.any():
            return {}
        marks: dict[str, int] = dict(self._tx.query(_NAMES, self._tx.school))
        return {text: marks[mark] for text, mark in named(self._key(), texts, marks).items()}

    def let_in(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> int:
        wanted = list(remote_ids)
        if not wanted or not self.any():
            return 0
        key = self._key()
        self._marks = None
        return self._tx.run(_LET_IN, self._tx.school, [record_mark(key, stream, i) for i in wanted])

    def lift(self, erasure_id: int, *, by: str) -> None:
        self._tx.run(_FORGET, self._tx.school, erasure_id)
        self._tx.run(_LIFT, stamp(self._tx.now()), by, self._tx.school, erasure_id)
        self._marks = None

    def scrubbed(self, erasure_ids: Iterable[int]) -> None:
        self._tx.run(_SCRUBBED, stamp(self._tx.now()), self._tx.school, list(erasure_ids))

    def get(self, erasure_id: int) -> Erasure | None:
        return next(map(_erasure, self._tx.search(_CASES, ("t.id = ?", erasure_id))), None)

    def cases(self) -> list[Erasure]:
        return [_erasure(row) for row in self._tx.search(_CASES)]

    def any(self) -> bool:
        if self._marks is None:
            self._marks = bool(self._tx.query(_ANY, self._tx.school))
        return self._marks

    def _key(self) -> bytes:
        return bytes.fromhex(self._cursors.get_note(KEY) or "")

    def _new_key(self) -> bytes:
        if self._cursors.get_note(KEY) is None:
            self._cursors.put_note(KEY, os.urandom(32).hex())
        return self._key()


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == part for column, part in zip(table.primary_key.columns, key, strict=True)))


def _erasure(row: Any) -> Erasure:
    erasure_id, reason, actor, made_at, rows, scrubbed_at, lifted_at, lifted_by, marks = row
    return Erasure(
        erasure_id=erasure_id,
        reason=Reason(reason),
        actor=actor,
        made_at=moment(made_at),
        rows=rows,
        scrubbed_at=moment_or_none(scrubbed_at),
        lifted_at=moment_or_none(lifted_at),
        lifted_by=lifted_by,
        marks=marks,
    )


def _footprint(student_id: LocalId, found: Traces) -> Footprint:
    counts = {name: len(keys) for name, keys in found.rows.items() if keys}
    if found.journal:
        counts["audit_items"] = len(found.journal)
    return Footprint(
        student_id=student_id,
        rows=counts,
        obstacles={obstacle: count for obstacle, count in found.obstacles.items() if count > 0},
        records={stream: frozenset(LocalId(i) for i in ids) for stream, ids in found.records.items()},
        remote_ids={stream: frozenset(RemoteId(i) for i in ids) for stream, ids in found.remote_ids.items()},
        class_ids=frozenset(found.class_ids),
        unsent=found.unsent,
        mentions=sum(len(keys) for keys in found.texts.values()),
    )
