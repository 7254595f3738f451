"""What waits for a person, and what persons decided: conflicts, doubles, holds, releases, plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync_service.domain.cases import CaseMark, CaseNote, Queue, Shelf
from sync_service.domain.conflicts import Conflict
from sync_service.domain.guards import Kind, Way
from sync_service.domain.holds import Hold, HoldItem, HoldState, ItemState
from sync_service.domain.links import LinkId, LocalId, RemoteId
from sync_service.domain.matches import MatchCase
from sync_service.domain.people import Role
from sync_service.domain.plans import Plan
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseStep
from sync_service.domain.streams import Stream


class ConflictStore(Protocol):
    def open_for(self, links: Iterable[LinkId]) -> dict[LinkId, Conflict]:
        """Cases in state open or undoing."""
        ...

    def save(self, conflicts: Sequence[Conflict]) -> list[int]:
        """Insert those with conflict_id 0, update the others; ids in order."""
        ...

    def get(self, conflict_id: int) -> Conflict | None: ...

    def cases(
        self, *, state: str | None = "open", limit: int | None = None, decided_since: datetime | None = None
    ) -> list[Conflict]: ...

    def open_ids(self, shelf: Shelf, role: Role, stream: Stream | None = None, *, on: str) -> list[int]:
        """Open cases on a shelf as people of ``role`` see it on the day ``on`` (ISO), oldest first."""
        ...

    def on_shelf(self, shelf: Shelf, role: Role, *, on: str) -> int:
        """How many ``open_ids`` there are."""
        ...

    def many(self, conflict_ids: Iterable[int]) -> list[Conflict]:
        """In the order of their ids; unknown ones are absent."""
        ...

    def counts(self) -> dict[Stream, int]:
        """Open cases."""
        ...


class MatchStore(Protocol):
    def open_for(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, MatchCase]: ...

    def save(self, cases: Sequence[MatchCase]) -> list[int]: ...

    def get(self, case_id: int) -> MatchCase | None: ...

    def cases(self, *, state: str | None = "open", decided_since: datetime | None = None) -> list[MatchCase]: ...

    def rejected_pairs(self, stream: Stream) -> dict[tuple[RemoteId, LocalId], str]:
        """«Not the same child» pairs with the key digest they were decided on."""
        ...

    def open_locals(self, stream: Stream) -> set[LocalId]:
        """Local records that are candidates of an open case."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A card with the movement in question (empty when there is none) and, for departures, its open case D."""

    student_id: LocalId
    student: Values
    movement_id: LocalId | None = None
    movement: Values = field(default_factory=dict)
    case: Release | None = None


class ReleaseStore(Protocol):
    def candidates(self) -> list[Arrival]:
        """Unlinked students, incomplete cards left out, each with its latest arrival; one statement or two."""
        ...

    def open(self) -> list[Release]: ...

    def by_student(self, student_ids: Iterable[LocalId]) -> dict[LocalId, Release]:
        """The newest arrival case of each."""
        ...

    def save(self, releases: Sequence[Release]) -> list[int]: ...

    def log(self, steps: Sequence[ReleaseStep]) -> None: ...

    def get(self, release_id: int) -> Release | None: ...

    def steps(self, release_ids: Iterable[int]) -> dict[int, list[ReleaseStep]]:
        """The log of each case, oldest first; one statement."""
        ...

    def cases(self, *, state: str | None = None, closed_since: datetime | None = None) -> list[Release]: ...

    def departures(self) -> list[Arrival]:
        """Linked students whose latest movement is a departure that the region has (linked), unless its case D is
        closed already; ``case`` is the open one."""
        ...

    def counts(self) -> dict[str, int]: ...


class PlanStore(Protocol):
    """Previewed plans of a resync, and what they need to know of a whole stream."""

    def add(self, plan: Plan) -> int: ...

    def get(self, plan_id: int) -> Plan | None:
        """The plan with its items, under lock in a writing unit of work."""
        ...

    def latest(self, limit: int) -> list[Plan]:
        """Newest first; the items say what and where, not with which values."""
        ...

    def mark(self, plan: Plan) -> None:
        """Store state, ``applied_at`` and ``applied_by``."""
        ...

    def conclude(self, plan_id: int, results: Mapping[int, str]) -> None:
        """Position of an item → what became of it."""
        ...

    def local_ids(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        """Ids of rows in order, beginning behind ``after``."""
        ...

    def touched(self, since: datetime, until: datetime) -> dict[Stream, tuple[set[LocalId], set[RemoteId]]]:
        """Records the service wrote, linked, sent, queued or asked about in [since, until): what the audit journal,
        the outbox and the conflicts say. Looking at a record is not touching it."""
        ...

    def outlived(self, *, begun_before: datetime, made_before: datetime) -> list[int]:
        """Plans made before ``begun_before``, and of those nobody has begun also what was made before
        ``made_before``; oldest first."""
        ...

    def drop(self, plan_id: int, *, most: int) -> bool:
        """Delete up to ``most`` items, and the plan once it has none; True when it is gone."""
        ...


class GuardStore(Protocol):
    """What has passed the mass-change guard unasked; a constant number of statements."""

    def passed(self, stream: Stream, way: Way) -> dict[Kind, int]:
        """Sums of the last 24 hours."""
        ...

    def count(self, stream: Stream, way: Way, counts: Mapping[Kind, int]) -> None:
        """Add to the current hour, and forget what is too old to count."""
        ...


class HoldStore(Protocol):
    def open(self, hold: Hold, items: Sequence[HoldItem]) -> int: ...

    def undecided(self, stream: Stream | None = None, way: Way | None = None) -> list[Hold]:
        """Holds that wait for a person, or for a second one."""
        ...

    def cases(
        self,
        *,
        states: Iterable[HoldState] | None = None,
        limit: int | None = None,
        decided_since: datetime | None = None,
    ) -> list[Hold]: ...

    def get(self, hold_id: int) -> Hold | None: ...

    def save(self, holds: Sequence[Hold]) -> None:
        """Update state, digest, records and who decided when."""
        ...

    def items(self, hold_ids: Iterable[int], *, state: ItemState | None = None) -> list[HoldItem]: ...

    def covered(self, stream: Stream, way: Way) -> list[HoldItem]:
        """Released items of released holds that are still to be applied."""
        ...

    def mark(self, item_ids: Iterable[int], state: ItemState) -> None: ...

    def left(self, hold_ids: Iterable[int], state: ItemState) -> dict[int, int]:
        """Hold → items in that state; holds without any are absent."""
        ...


class CaseStore(Protocol):
    """What people attach to cases of any queue."""

    def add_note(self, queue: Queue, case_id: int, *, author: str, text: str) -> None: ...

    def notes(self, queue: Queue, case_id: int) -> list[CaseNote]:
        """Oldest first."""
        ...

    def last_notes(self, queue: Queue, case_ids: Iterable[int]) -> dict[int, CaseNote]: ...

    def marks(self, queue: Queue, case_ids: Iterable[int]) -> dict[int, CaseMark]: ...

    def mark(self, queue: Queue, case_id: int, mark: CaseMark) -> None:
        """Replace the mark of a case."""
        ...
