"""Every row that says something of one pupil, table by table: what an erasure looks at, and then takes out.

Which records are the pupil's is found first (``belongings.py``). Texts without an owner (a record of the region
nobody could read, a note on another case) are searched for the region's number of the person, the СНИЛС, or the
whole name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select

from sync_service.domain.conflicts import ConflictState
from sync_service.domain.erasures import Obstacle
from sync_service.domain.holds import HoldState, ItemState
from sync_service.domain.matches import MatchState
from sync_service.domain.outbox import AttemptState, EntryState
from sync_service.domain.plans import PlanState
from sync_service.domain.releases import OPEN_STATES
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import load
from sync_service.persistence.schema import people, review, state
from sync_service.persistence.schema.staging import STAGING
from sync_service.persistence.stores.belongings import belongings_of
from sync_service.persistence.stores.selection import Row, Selection, contains_words, key_of
from sync_service.persistence.transactions import Transaction

PERSONS = (Stream.STUDENTS, Stream.GUARDIANS)
_STUCK = (EntryState.WAITING.value, EntryState.REJECTED.value)  # may never come to an end by themselves
_UNANSWERED = (AttemptState.SENT.value, AttemptState.UNKNOWN.value)
_UNDECIDED = (ConflictState.OPEN.value, ConflictState.UNDOING.value)
_HELD = (HoldState.OPEN.value, HoldState.SECONDING.value, HoldState.RELEASED.value)
_OPEN = tuple(one.value for one in OPEN_STATES)


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
        self._find = Selection(tx)
        self._id = student_id

    def find(self) -> Traces | None:
        """None when the school has no such pupil."""
        table = STAGING[Stream.STUDENTS]
        cards = self._find.rows(table, table.c.id == self._id)
        if not cards:
            return None
        belongings = belongings_of(self._find, self._id)
        found = Traces(card=cards[0], records=belongings.records, remote_ids={})
        self._note(found, state.links, belongings.links)
        for link in belongings.links:
            found.remote_ids.setdefault(Stream(link["stream"]), set()).add(link["remote_id"])
        self._staging(found)
        self._by_record(found)
        self._by_regional_id(found)
        self._by_case(found)
        self._elsewhere(found)
        return found

    def _staging(self, found: Traces) -> None:
        for stream, ids in found.records.items():
            rows = self._find.some(STAGING[stream], STAGING[stream].c.id, ids)
            self._note(found, STAGING[stream], rows)
            for row in rows:
                names = ("listed_class_id", "class_from_id", "class_to_id", "class_id")
                found.class_ids |= {row[name] for name in names if row.get(name) is not None}

    def _by_record(self, found: Traces) -> None:
        """Tables that know a record by stream and local id."""
        for table in (state.changes, state.quarantine, state.conflicts, state.outbox, review.plan_items):
            for stream, ids in found.records.items():
                self._note(
                    found, table, self._find.some(table, table.c.local_id, ids, table.c.stream == stream.value)
                )
        self._journal(found)
        for items, parent, key in (
            (state.attempt_items, state.attempts, state.attempt_items.c.attempt_id),
            (review.hold_items, review.holds, review.hold_items.c.hold_id),
        ):
            for stream, ids in found.records.items():
                its = key.in_(select(parent.c.id).where(parent.c.stream == stream.value))
                self._note(found, items, self._find.some(items, items.c.local_id, ids, its))
        for stream, remote in found.remote_ids.items():  # of what the region was to bring there is no row
            its = review.hold_items.c.hold_id.in_(
                select(review.holds.c.id).where(review.holds.c.stream == stream.value)
            )
            found_items = self._find.some(review.hold_items, review.hold_items.c.remote_id, remote, its)
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
        own = self._find.select(columns, item, item.c.student_id == self._id, kept)
        nobodys = self._find.select(
            columns, item, item.c.student_id.is_(None), item.c.stream.in_([s.value for s in found.records]), kept
        )
        found.journal |= {row["id"] for row in own}
        found.journal |= {row["id"] for row in nobodys if row["local_id"] in found.records[Stream(row["stream"])]}

    def _by_regional_id(self, found: Traces) -> None:
        persons = [i for stream in PERSONS for i in found.remote_ids.get(stream, ())]
        for table, texts in ((state.inbox, ("record", "waits_for")), (state.quarantine, ("payload",))):
            for stream, remote in found.remote_ids.items():
                self._note(
                    found, table, self._find.some(table, table.c.remote_id, remote, table.c.stream == stream.value)
                )
            self._note(found, table, self._find.naming(table, texts, [(one,) for one in persons]))
        self._note(
            found, review.plan_items, self._find.naming(review.plan_items, ("detail",), [(i,) for i in persons])
        )
        for stream, remote in found.remote_ids.items():
            of_stream = review.plan_items.c.stream == stream.value
            rows = self._find.some(review.plan_items, review.plan_items.c.remote_id, remote, of_stream)
            self._note(found, review.plan_items, rows)
            self._note(
                found, review.plans, self._find.naming(review.plans, ("scope",), [(f"gis:{i}",) for i in remote])
            )
        unread = and_(state.quarantine.c.remote_id.is_(None), state.quarantine.c.local_id.is_(None))
        self._note(
            found, state.quarantine, self._find.naming(state.quarantine, ("payload",), self._telling(found), unread)
        )
        for plan in {key[0] for key in found.rows["plans"]}:  # a plan of one record goes with its items
            self._note(
                found, review.plan_items, self._find.rows(review.plan_items, review.plan_items.c.plan_id == plan)
            )
        planned = {key[0] for key in found.rows["plan_items"]}
        applying = review.plans.c.state == PlanState.APPLYING.value
        found.obstacles[Obstacle.PLAN] += len(self._find.some(review.plans, review.plans.c.id, planned, applying))
        self._count(found, Obstacle.HOLD, state.inbox, state.inbox.c.reason == "held")

    def _by_case(self, found: Traces) -> None:
        """Questions, release cases, and what people attached to either."""
        for row in self._find.rows(state.match_cases, state.match_cases.c.stream.in_([s.value for s in PERSONS])):
            stream = Stream(row["stream"])
            asked = {candidate[0] for candidate in load(row["candidates"])} | {row["chosen"]}
            if row["remote_id"] in found.remote_ids.get(stream, ()) or asked & found.records[stream]:
                self._note(found, state.match_cases, [row])
        self._count(found, Obstacle.MATCH, state.match_cases, state.match_cases.c.state == MatchState.OPEN.value)
        releases = self._find.rows(state.releases, state.releases.c.student_id == self._id)
        self._note(found, state.releases, releases)
        self._count(found, Obstacle.RELEASE, state.releases, state.releases.c.state.in_(_OPEN))
        steps = state.release_steps
        self._note(found, steps, self._find.some(steps, steps.c.release_id, [row["id"] for row in releases]))
        for queue, table in (
            ("conflicts", state.conflicts),
            ("matches", state.match_cases),
            ("quarantine", state.quarantine),
            ("releases", state.releases),
        ):
            cases = [key[0] for key in found.rows[table.name]]
            for attached in (people.case_notes, people.case_marks):
                self._note(
                    found, attached, self._find.some(attached, attached.c.case_id, cases, attached.c.queue == queue)
                )

    def _elsewhere(self, found: Traces) -> None:
        """Messages, files that wait for their import, and texts that name the person."""
        told = state.notifications
        self._note(found, told, self._find.rows(told, told.c.key.startswith(f"release:{self._id}:", autoescape=True)))
        self._note(found, people.uploads, self._find.rows(people.uploads))  # of this hour; any may hold the pupil
        telling = self._telling(found)
        for table in (people.case_notes, state.release_steps):
            rows = self._find.naming(table, ("note",), telling)
            found.texts[table.name] |= {key_of(table, row) for row in rows} - found.rows[table.name]
        flashed = self._tx.connection.execute(
            select(people.sessions.c.digest).where(contains_words(people.sessions, ("flash",), telling))
        )
        found.texts["sessions"] |= {(digest,) for (digest,) in flashed}

    def _telling(self, found: Traces) -> list[tuple[str, ...]]:
        """Words which together tell the pupil or one of the parents."""
        table = STAGING[Stream.GUARDIANS]
        parents = self._find.some(table, table.c.id, found.records[Stream.GUARDIANS])
        names = [
            tuple(str(row[name]) for name in ("last_name", "first_name", "patronymic") if row[name])
            for row in (found.card, *parents)
        ]
        snils = found.card["snils"]
        return [words for words in names if len(words) > 1] + ([(str(snils),)] if snils else [])

    # --- noted and counted ---------------------------------------------------------------------------------------

    def _note(self, found: Traces, table: Table, rows: Iterable[Row]) -> None:
        found.rows[table.name] |= {key_of(table, row) for row in rows}

    def _count(self, found: Traces, obstacle: Obstacle, table: Table, *conditions: ColumnElement[bool]) -> None:
        found.obstacles[obstacle] += self._counted(found, table, *conditions)

    def _counted(self, found: Traces, table: Table, *conditions: ColumnElement[bool]) -> int:
        """Rows already found that meet the conditions."""
        keys = found.rows[table.name]
        return sum(key_of(table, row) in keys for row in self._find.rows(table, *conditions)) if keys else 0
