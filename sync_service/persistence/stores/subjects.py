"""Everything the database holds about one pupil, table by table (152-ФЗ, article 14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select

from sync_service.domain.links import LocalId
from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.schema import people, review, state
from sync_service.persistence.schema.staging import STAGING
from sync_service.persistence.transactions import Transaction

_CHUNK = 500
_BY_RECORD = (state.links, state.quarantine, state.conflicts, state.outbox, review.plan_items)
_CASES = {"conflicts": state.conflicts, "quarantine": state.quarantine, "releases": state.releases}
Row = dict[str, Any]


class Subjects:
    """Reads whole rows: a person's right is to what is stored, not to what a screen shows."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def everything(self, student_id: LocalId) -> dict[str, list[Row]]:
        """Table → rows as they are stored; empty when there is no such pupil. A parent's card counts as the pupil's
        own, shared or not: it says who the parents are."""
        records = self._records(student_id)
        if not records[Stream.STUDENTS]:
            return {}
        found: dict[str, list[Row]] = {}
        for stream, rows in records.items():
            found[stream.value] = rows
        ids = {stream: [int(row["id"]) for row in rows] for stream, rows in records.items() if rows}
        for table in _BY_RECORD:
            found[table.name] = [
                row
                for stream, listed in ids.items()
                for row in self._some(table, table.c.local_id, listed, table.c.stream == stream.value)
            ]
        found |= self._joined(ids)
        remote = {str(row["remote_id"]) for row in found["links"]}
        pupils = [str(row["remote_id"]) for row in found["links"] if row["stream"] == Stream.STUDENTS.value]
        for table, column in ((state.inbox, state.inbox.c.record), (state.quarantine, state.quarantine.c.payload)):
            rows = self._some(table, table.c.remote_id, remote)
            rows += [row for one in pupils for row in self._rows(table, column.contains(one, autoescape=True))]
            found[table.name] = _once([*found.get(table.name, []), *rows])
        asked = self._some(state.match_cases, state.match_cases.c.remote_id, remote)
        asked += self._some(state.match_cases, state.match_cases.c.chosen, ids[Stream.STUDENTS])
        found["match_cases"] = _once(asked)
        found["releases"] = self._some(state.releases, state.releases.c.student_id, [student_id])
        cases = [row["id"] for row in found["releases"]]
        found["release_steps"] = self._some(state.release_steps, state.release_steps.c.release_id, cases)
        key = state.notifications.c.key
        found["notifications"] = self._rows(state.notifications, key.startswith(f"release:{student_id}:"))
        found["case_notes"] = [
            row
            for queue, table in _CASES.items()
            for row in self._some(
                people.case_notes,
                people.case_notes.c.case_id,
                [one["id"] for one in found[table.name]],
                people.case_notes.c.queue == queue,
            )
        ]
        found["audit"] = self._journal(student_id)
        return {name: rows for name, rows in found.items() if rows}

    def _records(self, student_id: LocalId) -> dict[Stream, list[Row]]:
        own = {
            stream: self._some(STAGING[stream], STAGING[stream].c.student_id, [student_id])
            for stream in Stream
            if "student_id" in SPECS[stream].references
        }
        table = STAGING[Stream.GUARDIANS]
        parents = [row["guardian_id"] for row in own[Stream.GUARDIANSHIPS]]
        card = STAGING[Stream.STUDENTS]
        return {
            Stream.STUDENTS: self._some(card, card.c.id, [student_id]),
            Stream.GUARDIANS: self._some(table, table.c.id, parents),
            **own,
        }

    def _joined(self, ids: dict[Stream, list[int]]) -> dict[str, list[Row]]:
        """Rows that know their stream by another one."""
        found: dict[str, list[Row]] = {}
        for items, parent, key in (
            (state.attempt_items, state.attempts, state.attempt_items.c.attempt_id),
            (review.hold_items, review.holds, review.hold_items.c.hold_id),
        ):
            found[items.name] = [
                row
                for stream, listed in ids.items()
                for row in self._some(
                    items,
                    items.c.local_id,
                    listed,
                    key.in_(select(parent.c.id).where(parent.c.stream == stream.value)),
                )
            ]
        return found

    def _journal(self, student_id: LocalId) -> list[Row]:
        """Who did and saw what, with the values that were kept; salts and digests left out."""
        entry, item = state.audit, state.audit_items
        shown = (entry.c.seq, entry.c.at, entry.c.actor, entry.c.act, entry.c.cause, entry.c.note)
        statement = (
            select(*shown, item.c.stream, item.c.local_id, item.c.remote_id, item.c.payload)
            .join(item, item.c.entry_id == entry.c.id)
            .where(and_(entry.c.school_id == self._tx.school, item.c.student_id == student_id))
            .order_by(entry.c.seq, item.c.id)
        )
        return [dict(row) for row in self._tx.connection.execute(statement).mappings()]

    def _some(
        self, table: Table, column: ColumnElement[Any], values: Iterable[Any], *more: ColumnElement[bool]
    ) -> list[Row]:
        found: list[Row] = []
        for part in _chunks(list(values)):
            found += self._rows(table, column.in_(part), *more)
        return found

    def _rows(self, table: Table, *conditions: ColumnElement[bool]) -> list[Row]:
        statement = select(table).where(and_(table.c.school_id == self._tx.school, *conditions))
        return [dict(row) for row in self._tx.connection.execute(statement).mappings()]


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _once(rows: list[Row]) -> list[Row]:
    return list({row["id"]: row for row in rows}.values())
