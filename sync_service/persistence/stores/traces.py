"""Every row that says something of one pupil, table by table: what an erasure looks at, and then takes out.

A pupil's records are found by the rows that are there, by the journal, and by the bases of links, closed ones
included: a mark that was deleted long ago still has its last values in one. A parent's card counts as the pupil's
when it is no other pupil's parent. Texts without an owner (a record of the region nobody could read, a note on
another case) are searched for the region's number of the person, the СНИЛС, or the whole name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, any_, cast, false, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from sync_service.domain.conflicts import ConflictState
from sync_service.domain.erasures import Obstacle
from sync_service.domain.holds import HoldState, ItemState
from sync_service.domain.matches import MatchState
from sync_service.domain.outbox import AttemptState, EntryState
from sync_service.domain.plans import PlanState
from sync_service.domain.releases import OPEN_STATES
from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.schema import people, review, state
from sync_service.persistence.schema.staging import STAGING
from sync_service.persistence.transactions import Transaction

CHILDREN = tuple(stream for stream in Stream if "student_id" in SPECS[stream].references)
PERSONS = (Stream.STUDENTS, Stream.GUARDIANS)
_STUCK = (EntryState.WAITING.value, EntryState.REJECTED.value)  # may never come to an end by themselves
_UNANSWERED = (AttemptState.SENT.value, AttemptState.UNKNOWN.value)
_UNDECIDED = (ConflictState.OPEN.value, ConflictState.UNDOING.value)
_HELD = (HoldState.OPEN.value, HoldState.SECONDING.value, HoldState.RELEASED.value)
_OPEN = tuple(one.value for one in OPEN_STATES)
Row = Mapping[str, Any]


@dataclass(slots=True)
class Traces:
    """Primary keys by table (rows that go), and what engine and eraser need to know of them."""

    card: Row
    records: dict[Stream, set[int]]
    remote_ids: dict[Stream, set[str]]
    rows: dict[str, set[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(set))
    journal: set[int] = field(default_factory=set)  # items of the audit journal that still hold values
    texts: dict[str, set[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(set))  # to be blanked
    obstacles: Counter[Obstacle] = field(default_factory=Counter)
    class_ids: set[int] = field(default_factory=set)
    unsent: int = 0


class Tracer:
    """Looks a pupil up in every table of :mod:`sync_service.persistence.holdings`."""

    def __init__(self, tx: Transaction, student_id: int) -> None:
        self._tx = tx
        self._id = student_id

    def find(self) -> Traces | None:
        """None when the school has no such pupil."""
        table = STAGING[Stream.STUDENTS]
        cards = self._rows(table, table.c.id == self._id)
        if not cards:
            return None
        found = Traces(card=cards[0], records=self._records(), remote_ids={})
        self._leave_others(found.records)
        links = self._linked(found.records, (Stream.STUDENTS, *CHILDREN))
        found.records[Stream.GUARDIANS] = self._parents(links)
        links += self._linked(found.records, (Stream.GUARDIANS,))
        self._note(found, state.links, links)
        for link in links:
            found.remote_ids.setdefault(Stream(link["stream"]), set()).add(link["remote_id"])
        self._staging(found)
        self._by_record(found)
        self._by_regional_id(found)
        self._by_case(found)
        self._elsewhere(found)
        return found

    # --- whose records -------------------------------------------------------------------------------------------

    def _records(self) -> dict[Stream, set[int]]:
        """Local ids this pupil's records have or ever had, as far as rows, journal and closed links tell."""
        records: dict[Stream, set[int]] = {stream: set() for stream in CHILDREN}
        records[Stream.STUDENTS] = {self._id}
        for stream in CHILDREN:
            table = STAGING[stream]
            records[stream] |= {row["id"] for row in self._rows(table, table.c.student_id == self._id)}
        item = state.audit_items
        told = self._select(select(item.c.stream, item.c.local_id).distinct(), item, item.c.student_id == self._id)
        for row in told:
            if row["stream"] in CHILDREN and row["local_id"] is not None:
                records[Stream(row["stream"])].add(row["local_id"])
        table = state.links
        bases = (table.c.base_local, table.c.base_remote)
        marks = (f'%"student_id":{self._id}{end}%' for end in ",}")
        names_pupil = or_(*(base.like(mark) for mark in marks for base in bases))
        closed: ColumnElement[bool] = literal_column(
            state.CLOSED
        )  # word for word that of their index: live ones are found by their rows
        for link in self._rows(table, closed, table.c.stream.in_([s.value for s in CHILDREN]), names_pupil):
            records[Stream(link["stream"])].add(link["local_id"])
        return records

    def _leave_others(self, records: dict[Stream, set[int]]) -> None:
        """A mark that was entered for this pupil and belongs to another one by now is the other one's."""
        for stream in CHILDREN:
            table = STAGING[stream]
            rows = self._some(table, table.c.id, records[stream], table.c.student_id != self._id)
            records[stream] -= {row["id"] for row in rows}

    def _linked(self, records: Mapping[Stream, set[int]], streams: Iterable[Stream]) -> list[Row]:
        table = state.links
        return [
            row
            for stream in streams
            for row in self._some(table, table.c.local_id, records[stream], table.c.stream == stream.value)
        ]

    def _parents(self, links: Iterable[Row]) -> set[int]:
        table = STAGING[Stream.GUARDIANSHIPS]
        theirs = {row["guardian_id"] for row in self._rows(table, table.c.student_id == self._id)}
        for link in links:
            if link["stream"] == Stream.GUARDIANSHIPS.value:
                theirs.add(load(link["base_local"]).get("guardian_id"))
        theirs.discard(None)
        shared = self._some(table, table.c.guardian_id, theirs, table.c.student_id != self._id)
        return theirs - {row["guardian_id"] for row in shared}

    # --- what is stored of them ----------------------------------------------------------------------------------

    def _staging(self, found: Traces) -> None:
        for stream, ids in found.records.items():
            rows = self._some(STAGING[stream], STAGING[stream].c.id, ids)
            self._note(found, STAGING[stream], rows)
            for row in rows:
                names = ("listed_class_id", "class_from_id", "class_to_id", "class_id")
                found.class_ids |= {row[name] for name in names if row.get(name) is not None}

    def _by_record(self, found: Traces) -> None:
        """Tables that know a record by stream and local id."""
        for table in (state.changes, state.quarantine, state.conflicts, state.outbox, review.plan_items):
            for stream, ids in found.records.items():
                self._note(found, table, self._some(table, table.c.local_id, ids, table.c.stream == stream.value))
        self._journal(found)
        for items, parent, key in (
            (state.attempt_items, state.attempts, state.attempt_items.c.attempt_id),
            (review.hold_items, review.holds, review.hold_items.c.hold_id),
        ):
            for stream, ids in found.records.items():
                its = key.in_(select(parent.c.id).where(parent.c.stream == stream.value))
                self._note(found, items, self._some(items, items.c.local_id, ids, its))
        for stream, remote in found.remote_ids.items():  # of what the region was to bring there is no row
            its = review.hold_items.c.hold_id.in_(
                select(review.holds.c.id).where(review.holds.c.stream == stream.value)
            )
            found_items = self._some(review.hold_items, review.hold_items.c.remote_id, remote, its)
            self._note(found, review.hold_items, found_items)
        self._count(found, Obstacle.CHANGES, state.changes)
        self._count(found, Obstacle.CONFLICT, state.conflicts, state.conflicts.c.state.in_(_UNDECIDED))
        self._count(found, Obstacle.OUTBOX, state.outbox, state.outbox.c.state.not_in(_STUCK))
        found.unsent = self._counted(found, state.outbox, state.outbox.c.state.in_(_STUCK))
        unanswered = select(state.attempts.c.id).where(state.attempts.c.state.in_(_UNANSWERED))
        self._count(found, Obstacle.OUTBOX, state.attempt_items, state.attempt_items.c.attempt_id.in_(unanswered))
        undecided = select(review.holds.c.id).where(review.holds.c.state.in_(_HELD))
        going_on = review.hold_items.c.state.in_((ItemState.HELD.value, ItemState.RELEASED.value))
        self._count(found, Obstacle.HOLD, review.hold_items, going_on, review.hold_items.c.hold_id.in_(undecided))

    def _journal(self, found: Traces) -> None:
        """Items about the pupil, and those of the same records that name no pupil (a parent's card, a decision)."""
        item = state.audit_items
        columns = select(item.c.id, item.c.stream, item.c.local_id)
        kept = item.c.payload.is_not(None)
        own = self._select(columns, item, item.c.student_id == self._id, kept)
        nobodys = self._select(
            columns, item, item.c.student_id.is_(None), item.c.stream.in_([s.value for s in found.records]), kept
        )
        found.journal |= {row["id"] for row in own}
        found.journal |= {row["id"] for row in nobodys if row["local_id"] in found.records[Stream(row["stream"])]}

    def _by_regional_id(self, found: Traces) -> None:
        persons = [i for stream in PERSONS for i in found.remote_ids.get(stream, ())]
        for table, texts in ((state.inbox, ("record", "waits_for")), (state.quarantine, ("payload",))):
            for stream, remote in found.remote_ids.items():
                self._note(found, table, self._some(table, table.c.remote_id, remote, table.c.stream == stream.value))
            self._note(found, table, self._naming(table, texts, [(one,) for one in persons]))
        self._note(found, review.plan_items, self._naming(review.plan_items, ("detail",), [(i,) for i in persons]))
        for stream, remote in found.remote_ids.items():
            of_stream = review.plan_items.c.stream == stream.value
            rows = self._some(review.plan_items, review.plan_items.c.remote_id, remote, of_stream)
            self._note(found, review.plan_items, rows)
            self._note(found, review.plans, self._naming(review.plans, ("scope",), [(f"gis:{i}",) for i in remote]))
        unread = and_(state.quarantine.c.remote_id.is_(None), state.quarantine.c.local_id.is_(None))
        self._note(
            found, state.quarantine, self._naming(state.quarantine, ("payload",), self._telling(found), unread)
        )
        for plan in {key[0] for key in found.rows["plans"]}:  # a plan of one record goes with its items
            self._note(found, review.plan_items, self._rows(review.plan_items, review.plan_items.c.plan_id == plan))
        planned = {key[0] for key in found.rows["plan_items"]}
        applying = review.plans.c.state == PlanState.APPLYING.value
        found.obstacles[Obstacle.PLAN] += len(self._some(review.plans, review.plans.c.id, planned, applying))
        self._count(found, Obstacle.HOLD, state.inbox, state.inbox.c.reason == "held")

    def _by_case(self, found: Traces) -> None:
        """Questions, release cases, and what people attached to either."""
        for row in self._rows(state.match_cases, state.match_cases.c.stream.in_([s.value for s in PERSONS])):
            stream = Stream(row["stream"])
            asked = {candidate[0] for candidate in load(row["candidates"])} | {row["chosen"]}
            if row["remote_id"] in found.remote_ids.get(stream, ()) or asked & found.records[stream]:
                self._note(found, state.match_cases, [row])
        self._count(found, Obstacle.MATCH, state.match_cases, state.match_cases.c.state == MatchState.OPEN.value)
        releases = self._rows(state.releases, state.releases.c.student_id == self._id)
        self._note(found, state.releases, releases)
        self._count(found, Obstacle.RELEASE, state.releases, state.releases.c.state.in_(_OPEN))
        steps = state.release_steps
        self._note(found, steps, self._some(steps, steps.c.release_id, [row["id"] for row in releases]))
        for queue, table in (
            ("conflicts", state.conflicts),
            ("matches", state.match_cases),
            ("quarantine", state.quarantine),
            ("releases", state.releases),
        ):
            cases = [key[0] for key in found.rows[table.name]]
            for attached in (people.case_notes, people.case_marks):
                self._note(
                    found, attached, self._some(attached, attached.c.case_id, cases, attached.c.queue == queue)
                )

    def _elsewhere(self, found: Traces) -> None:
        """Messages, files that wait for their import, and texts that name the person."""
        told = state.notifications
        self._note(found, told, self._rows(told, told.c.key.startswith(f"release:{self._id}:", autoescape=True)))
        self._note(found, people.uploads, self._rows(people.uploads))  # of this hour; any may hold the pupil
        telling = self._telling(found)
        for table in (people.case_notes, state.release_steps):
            rows = self._naming(table, ("note",), telling)
            found.texts[table.name] |= {_key(table, row) for row in rows} - found.rows[table.name]
        flashed = self._tx.connection.execute(
            select(people.sessions.c.digest).where(_names(people.sessions, ("flash",), telling))
        )
        found.texts["sessions"] |= {(digest,) for (digest,) in flashed}

    def _telling(self, found: Traces) -> list[tuple[str, ...]]:
        """Words which together tell the pupil or one of the parents."""
        table = STAGING[Stream.GUARDIANS]
        parents = self._some(table, table.c.id, found.records[Stream.GUARDIANS])
        names = [
            tuple(str(row[name]) for name in ("last_name", "first_name", "patronymic") if row[name])
            for row in (found.card, *parents)
        ]
        snils = found.card["snils"]
        return [words for words in names if len(words) > 1] + ([(str(snils),)] if snils else [])

    # --- statements ----------------------------------------------------------------------------------------------

    def _note(self, found: Traces, table: Table, rows: Iterable[Row]) -> None:
        found.rows[table.name] |= {_key(table, row) for row in rows}

    def _count(self, found: Traces, obstacle: Obstacle, table: Table, *conditions: ColumnElement[bool]) -> None:
        found.obstacles[obstacle] += self._counted(found, table, *conditions)

    def _counted(self, found: Traces, table: Table, *conditions: ColumnElement[bool]) -> int:
        """Rows already found that meet the conditions."""
        keys = found.rows[table.name]
        return sum(_key(table, row) in keys for row in self._rows(table, *conditions)) if keys else 0

    def _naming(
        self, table: Table, columns: Iterable[str], words: Iterable[tuple[str, ...]], *more: ColumnElement[bool]
    ) -> list[Row]:
        return self._rows(table, _names(table, columns, words), *more)

    def _some(
        self, table: Table, column: ColumnElement[Any], values: Iterable[Any], *more: ColumnElement[bool]
    ) -> list[Row]:
        listed = list(values)
        return self._rows(table, one_of(self._tx, column, listed), *more) if listed else []

    def _rows(self, table: Table, *conditions: ColumnElement[bool]) -> list[Row]:
        return self._select(select(table), table, *conditions)

    def _select(self, statement: Select[Any], table: Table, *conditions: ColumnElement[bool]) -> list[Row]:
        wanted = statement.where(and_(table.c.school_id == self._tx.school, *conditions))
        return [dict(row) for row in self._tx.connection.execute(wanted).mappings()]


def one_of(tx: Transaction, column: ColumnElement[Any], values: list[Any]) -> ColumnElement[bool]:
    """Membership in a list that is one parameter, however long: one look through a table, not several."""
    if tx.dialect.name == "sqlite":
        return column.in_(select(func.json_each(dump(values)).table_valued("value").c.value))
    return column == any_(cast(values, ARRAY(column.type)))


def _key(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _names(table: Table, columns: Iterable[str], words: Iterable[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether one of the columns holds all words of one group."""
    listed = list(words)
    return or_(
        false(),
        *(and_(*(table.c[c].contains(word, autoescape=True) for word in group)) for c in columns for group in listed),
    )
