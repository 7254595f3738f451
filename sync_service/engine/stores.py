"""The database as the engine sees it: one unit of work, a store per noun, everything in batches.

All reads inside a writing unit of work happen under its lock (SQLite: BEGIN IMMEDIATE before the first read;
PostgreSQL: FOR UPDATE on rows that are decided about). Every method costs a constant number of statements,
whatever the length of its arguments. Every store is bound to one school.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from sync_service.domain.audit import AuditEntry, AuditItem
from sync_service.domain.cases import CaseMark, CaseNote, Queue
from sync_service.domain.conflicts import Conflict
from sync_service.domain.guards import Kind, Way
from sync_service.domain.holds import Hold, HoldItem, HoldState, ItemState
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import Link, LinkChange, LinkId, LocalId, NewLink, RemoteId, SchoolId
from sync_service.domain.matches import MatchCase
from sync_service.domain.outbox import Attempt, AttemptItem, Entry, EntryState
from sync_service.domain.plans import Plan
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseStep
from sync_service.domain.reports import RunReport, WaitingFor
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A mark or absence addressed as a class report addresses it."""

    local_id: LocalId
    student_id: LocalId
    subject_id: int
    lesson_date: str
    ordinal: int
    position: int  # 1 for an absence
    content: str  # value of the mark, symbol of the absence


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementFilter:
    """Which lines of the book of movement; None is no condition. Days are ISO dates, both inclusive."""

    kind: str | None = None
    first: str | None = None
    last: str | None = None
    class_id: int | None = None  # left or entered


class StagingStore(Protocol):
    """The school's own rows. Values use canonical field names; local-only columns come along in reads:
    ``students.incomplete`` (bool), ``students.listed_class_id`` (the class a list or report names) and, in
    marks and attendance, the look-up columns ``class_id``, ``subject_id``, ``lesson_date``,
    ``lesson_ordinal`` of cells that came from a class report."""

    def rows(self, stream: Stream, ids: Iterable[LocalId]) -> dict[LocalId, Values]: ...

    def all_rows(self, stream: Stream) -> dict[LocalId, Values]:
        """Every row of a small stream (directories, students, guardians); never of marks or lessons."""
        ...

    def unlinked(self, stream: Stream, field: str | None = None, values: Iterable[Any] = ()) -> dict[LocalId, Values]:
        """Rows without a live link; with ``field`` only those whose field is one of ``values``."""
        ...

    def size(self, stream: Stream) -> int:
        """Rows, linked or not."""
        ...

    def where(self, stream: Stream, field: str, values: Iterable[Any]) -> dict[LocalId, Values]:
        """Rows, linked or not, whose field is one of ``values``."""
        ...

    def insert(self, stream: Stream, rows: Sequence[Values]) -> list[LocalId]:
        """New rows; ids in the order of ``rows``. Ids are never used twice, also not after a deletion."""
        ...

    def restore(self, stream: Stream, local_id: LocalId, values: Values) -> None:
        """The same record back under the id it had; other records never get a used id."""
        ...

    def restore_all(self, stream: Stream, rows: Mapping[LocalId, Values]) -> None:
        """Many records back, each under the id it had."""
        ...

    def is_empty(self, stream: Stream) -> bool:
        """Whether the stream has no row at all."""
        ...

    def update(self, stream: Stream, changes: Sequence[tuple[LocalId, Values]]) -> None: ...

    def delete(self, stream: Stream, ids: Iterable[LocalId]) -> None: ...

    def with_children(self, stream: Stream, ids: Iterable[LocalId]) -> set[LocalId]:
        """Those of ``ids`` that other rows refer to."""
        ...

    def lessons_on(
        self, slots: Iterable[tuple[int, int, str]]
    ) -> dict[tuple[int, int, str], list[tuple[LocalId, int]]]:
        """(class, subject, date) → its lessons as (local id, number), by number."""
        ...

    def ordinals_used(self, slots: Iterable[tuple[int, int, str]]) -> dict[tuple[int, int, str], set[int]]:
        """(class, subject, date) → the ordinals that rows of marks and attendance with look-up columns use there,
        whether they have found their lesson or not."""
        ...

    def unplaced(self, stream: Stream, *, after: LocalId, limit: int) -> dict[LocalId, Values]:
        """Marks or absences without a lesson yet, in order of id, beginning behind ``after``."""
        ...

    def cells(self, stream: Stream, student_ids: Iterable[LocalId], first: str, last: str) -> list[Cell]:
        """Marks or absences of these students with lesson dates in [first, last], as cells of a class report.
        Rows with look-up columns report those; others the ordinal of their lesson among the lessons of the
        same class, subject and day."""
        ...

    def lesson_dates(self, ids: Iterable[LocalId]) -> dict[LocalId, tuple[str, int]]:
        """Lesson → (date, class id)."""
        ...

    def current_class(self, student_ids: Iterable[LocalId]) -> dict[LocalId, int]:
        """Student → class by the latest movement that leads into one; absent when none or departed."""
        ...

    def movements(self, wanted: MovementFilter, *, limit: int, offset: int = 0) -> tuple[list[LocalId], int]:
        """Lines of the book of movement, latest first, and how many there are in all; two statements."""
        ...


class LinkStore(Protocol):
    def by_remote(
        self, stream: Stream, remote_ids: Iterable[RemoteId], *, closed: bool = False
    ) -> dict[RemoteId, Link]:
        """Live links (with ``closed``: the newest tombstoned one of ids that have no live link)."""
        ...

    def by_local(
        self, stream: Stream, local_ids: Iterable[LocalId], *, closed: bool = False
    ) -> dict[LocalId, Link]: ...

    def by_id(self, link_id: LinkId) -> Link | None:
        """One link, live or closed."""
        ...

    def local_ids(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, LocalId]: ...

    def remote_ids(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, RemoteId]: ...

    def insert(self, stream: Stream, links: Sequence[NewLink]) -> list[LinkId]: ...

    def update(self, changes: Sequence[LinkChange]) -> None: ...

    def move(self, links: Mapping[LinkId, LocalId]) -> None:
        """Let links belong to other rows."""
        ...

    def count(self, stream: Stream) -> int:
        """Live links."""
        ...

    def agreeing(self, stream: Stream) -> int:
        """Live links about which nothing is open: no case, no entry in the outbox, no change to capture."""
        ...

    def versions(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, tuple[LinkId, int | None]]:
        """Live links with the version their record had when it was last read; bases stay where they are."""
        ...

    def live(self, stream: Stream, *, after: LinkId, limit: int) -> list[tuple[LinkId, LocalId, RemoteId]]:
        """Live links behind ``after``, in order of id."""
        ...

    def some(self, stream: Stream, limit: int, *, besides: Iterable[RemoteId] = ()) -> list[RemoteId]:
        """Regional ids of a few live links, ``besides`` left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalChange:
    """A row that was inserted, updated or deleted by somebody else; ``deleted`` tells its latest state."""

    local_id: LocalId
    deleted: bool


class Journal(Protocol):
    """Rows changed by other programs, imports or our page; filled by triggers, claimed and deleted here."""

    def claim(self, stream: Stream, limit: int) -> list[LocalChange]:
        """Up to ``limit`` journal rows, oldest first, one LocalChange per record; they are gone on commit."""
        ...

    def edited(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        """Rows behind ``after``, in order of id, that differ from the base of their link or have no link, while
        nothing of them is in the journal, the outbox or the quarantine. One statement; a suspicion, no proof."""
        ...

    def gone(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        """The same for live links whose row is not there any more."""
        ...

    def note(self, stream: Stream, local_ids: Iterable[LocalId]) -> None:
        """Add these rows to the journal, as a trigger would have."""
        ...

    def pending(self) -> dict[Stream, int]:
        """Journal rows per stream; one statement."""
        ...


class Inbox(Protocol):
    def park(self, items: Sequence[Parked]) -> None:
        """Insert, or replace the one with the same stream and regional id."""
        ...

    def parked(
        self,
        stream: Stream,
        *,
        reason: str | None = None,
        waits_for: Iterable[str] | None = None,
        remote_ids: Iterable[RemoteId] | None = None,
        limit: int | None = None,
    ) -> list[Parked]: ...

    def ready(self, stream: Stream, limit: int) -> list[Parked]:
        """Records parked for a parent that has a live link by now; one statement."""
        ...

    def remove(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> None: ...

    def counts(self) -> dict[tuple[Stream, str], int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCount:
    """Records of one stream and direction that fail alike. ``reason`` names nobody."""

    stream: Stream
    direction: str
    code: str
    reason: str
    count: int


class QuarantineStore(Protocol):
    def put(self, items: Sequence[QuarantineItem]) -> None:
        """Insert, or count one more try of the same stream, direction and record."""
        ...

    def clear(
        self,
        stream: Stream,
        *,
        remote_ids: Iterable[RemoteId] = (),
        local_ids: Iterable[LocalId] = (),
    ) -> int: ...

    def items(
        self,
        *,
        stream: Stream | None = None,
        direction: str | None = None,
        limit: int | None = None,
        discarded: bool = False,
    ) -> list[QuarantineItem]:
        """Those set aside now, or those a person has discarded."""
        ...

    def due(self, fingerprints: Mapping[Stream, str], limit: int) -> list[QuarantineItem]:
        """Records whose cause has changed since they failed; without ``fingerprints`` the mapping counts as
        unchanged. One statement. Regional records without an id are never due: they cannot be asked for."""
        ...

    def tried(self, item_ids: Iterable[int], fingerprint: str | None) -> None:
        """What caused them counts as seen: they are due when it changes again."""
        ...

    def discard(self, item_ids: Iterable[int], *, by: str) -> None:
        """Remembered until the record changes: the same content that fails again stays discarded."""
        ...

    def recall(self, stream: Stream, local_ids: Iterable[LocalId]) -> None:
        """These rows have changed: what was discarded of them is not any more."""
        ...

    def restore(self, item_ids: Iterable[int]) -> None:
        """Take a discard back; the records are due at once."""
        ...

    def forget_unnamed(self, stream: Stream, *, before: datetime) -> int:
        """Drop regional records without an id that were not seen since ``before``."""
        ...

    def get(self, item_id: int) -> QuarantineItem | None: ...

    def remove(self, item_ids: Iterable[int]) -> None: ...

    def counts(self) -> dict[tuple[Stream, str], int]:
        """(stream, direction) → items, discarded ones left out."""
        ...

    def signatures(self) -> list[SignatureCount]:
        """How many records fail for which reason, most first; discarded ones left out. One statement."""
        ...


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

    def open_ids(self, stream: Stream | None = None, *, shown_on: str) -> list[int]:
        """Open cases, oldest first, without those a person has put off beyond the day ``shown_on`` (ISO)."""
        ...

    def many(self, conflict_ids: Iterable[int]) -> list[Conflict]:
        """In the order of their ids; unknown ones are absent."""
        ...

    def counts(self) -> dict[Stream, int]:
        """Open cases."""
        ...


class OutboxStore(Protocol):
    def enqueue(self, stream: Stream, dirty: Mapping[LocalId, Iterable[str]]) -> None:
        """One entry per record: a new pending one, or groups added to the existing one. A leased or unknown
        entry gets ``dirty_again``; a retry, rejected or waiting one becomes pending."""
        ...

    def claim(
        self,
        stream: Stream,
        limit: int | None,
        now: datetime,
        *,
        only: Collection[LocalId] | None = None,
        deletions: bool = True,
    ) -> list[Entry]:
        """Due entries (pending; retry or waiting whose not_before has come), oldest first; their state is
        unchanged. ``only``: those of these records, nothing else; ``deletions`` False leaves out records that were
        deleted here."""
        ...

    def due_groups(self, stream: Stream, now: datetime) -> list[tuple[tuple[str, ...], bool, int]]:
        """Due entries counted by (dirty groups, whether the record has a live link); one statement."""
        ...

    def by_local(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, Entry]: ...

    def by_client_ref(self, stream: Stream, refs: Iterable[str]) -> dict[str, Entry]: ...

    def save(self, entries: Sequence[Entry]) -> None:
        """Update state, groups, tries, not_before, waiting, waits_for, code, dirty_again of existing entries."""
        ...

    def remove(self, entry_ids: Iterable[int]) -> None: ...

    def deletions(self, stream: Stream) -> list[Entry]:
        """Entries to be sent, now or later, with ``"*"`` among their dirty groups: the record was deleted here."""
        ...

    def wake(self, stream: Stream | None, keys: Iterable[str]) -> int:
        """Waiting entries whose ``waits_for`` is one of ``keys`` become pending (None: in every stream)."""
        ...

    def wake_timed(self) -> int:
        """Entries that are to be tried again at a moment, or wait for a permit, become pending: the clock by which
        that was decided was wrong."""
        ...

    def counts(self) -> dict[tuple[Stream, EntryState, WaitingFor | None], int]: ...

    def oldest(self) -> dict[Stream, datetime]:
        """Creation time of the oldest open entry."""
        ...

    def due(self, now: datetime) -> set[Stream]:
        """Streams that have due entries; one statement."""
        ...


class AttemptStore(Protocol):
    def record(self, stream: Stream, key: str, items: Sequence[AttemptItem]) -> int: ...

    def close(self, attempt_id: int, state: str, results: Sequence[str] = ()) -> None:
        """``results``: one status word per item."""
        ...

    def unanswered(self, stream: Stream | None = None) -> list[Attempt]:
        """Attempts in state sent or unknown."""
        ...


class CursorStore(Protocol):
    def get(self, stream: Stream) -> str | None: ...

    def put(self, stream: Stream, cursor: str | None) -> None:
        """Store the cursor and keep the last 30; None is refused unless ``reset`` was called in this unit."""
        ...

    def reset(self, stream: Stream) -> None:
        """Forget the position (410, or an administrator's order): the next pull compares everything."""
        ...

    def get_note(self, key: str) -> str | None:
        """Small named facts of the school, such as the last regional change version seen."""
        ...

    def put_note(self, key: str, value: str) -> None: ...

    def notes(self, prefix: str) -> dict[str, str]:
        """Every note whose key begins with ``prefix`` (which ends with a colon), by the rest of the key."""
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

    def steps(self, release_id: int) -> list[ReleaseStep]: ...

    def cases(self, *, state: str | None = None, closed_since: datetime | None = None) -> list[Release]: ...

    def departures(self) -> list[Arrival]:
        """Linked students whose latest movement is a departure that the region has (linked), unless its case D is
        closed already; ``case`` is the open one."""
        ...

    def counts(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the journal; ``students`` are the pupils it touched, ``records`` how many records."""

    seq: int
    at: datetime
    actor: str
    act: str
    cause: str
    note: str
    students: tuple[int, ...]
    records: int


class AuditStore(Protocol):
    def page(
        self, *, before: int | None = None, limit: int = 50, actor: str | None = None, student: int | None = None
    ) -> list[AuditRow]:
        """Entries, newest first, that lie before the number ``before``."""
        ...

    def append(self, entries: Sequence[AuditEntry]) -> None: ...

    def decided(self, cause: str) -> AuditItem | None:
        """What the newest decision with this cause touched; None when its values have been erased."""
        ...

    def replaced(self, stream: Stream, local_id: LocalId) -> Values:
        """What the newest linking of a pupil's or parent's card has replaced in it; empty when nothing, or when the
        values have been erased."""
        ...

    def verify(self) -> str | None:
        """None when the chain holds; else what is broken, by sequence number."""
        ...


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


class NotificationStore(Protocol):
    def add(self, notifications: Sequence[Notification]) -> list[Notification]:
        """Store them; returns those whose key was new."""
        ...

    def untold(self) -> list[Notification]:
        """Those nobody has been told of yet, oldest first; one statement over what waits."""
        ...

    def told(self, keys: Iterable[str]) -> None: ...

    def contacts(self, role: str, class_name: str | None) -> list[str]: ...

    def latest(self, limit: int = 100) -> list[tuple[datetime, Notification]]: ...


class SubjectStore(Protocol):
    def everything(self, student_id: LocalId) -> dict[str, list[dict[str, Any]]]:
        """Table → rows about one pupil, as they are stored; empty when there is no such pupil."""
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

    def marks(self, queue: Queue, case_ids: Iterable[int]) -> dict[int, CaseMark]: ...

    def mark(self, queue: Queue, case_id: int, mark: CaseMark) -> None:
        """Replace the mark of a case."""
        ...


class UnitOfWork(Protocol):
    """One transaction of one school; nothing is kept unless ``commit`` is reached."""

    @property
    def staging(self) -> StagingStore: ...

    @property
    def links(self) -> LinkStore: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def inbox(self) -> Inbox: ...

    @property
    def quarantine(self) -> QuarantineStore: ...

    @property
    def conflicts(self) -> ConflictStore: ...

    @property
    def outbox(self) -> OutboxStore: ...

    @property
    def attempts(self) -> AttemptStore: ...

    @property
    def cursors(self) -> CursorStore: ...

    @property
    def matches(self) -> MatchStore: ...

    @property
    def releases(self) -> ReleaseStore: ...

    @property
    def audit(self) -> AuditStore: ...

    @property
    def notifications(self) -> NotificationStore: ...

    @property
    def plans(self) -> PlanStore: ...

    @property
    def guard(self) -> GuardStore: ...

    @property
    def holds(self) -> HoldStore: ...

    @property
    def cases(self) -> CaseStore: ...

    @property
    def subjects(self) -> SubjectStore: ...

    def commit(self) -> None:
        """Check the fence, then commit. Raises LeaseLost, and keeps nothing, when the fence is stale."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Proof that the run still owns its streams: the token of the lease at the time it was taken."""

    token: int
    streams: tuple[Stream, ...]


TAKEN_OVER = "another run has taken over the streams of this one; what was durable stays, the other run goes on"
NO_LAST_WORD = "the process of this run ended without a word; what was durable stays, the next run goes on from there"


class Leases(Protocol):
    """One run per school and stream (invariant 12). A holder is dead when its counter stands still for three
    periods of the observer's monotonic clock."""

    def acquire(
        self,
        school: SchoolId,
        streams: Sequence[Stream],
        holder: str,
        *,
        wait: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        period: float,
    ) -> Fence:
        """All of ``streams`` or AlreadyRunning after ``wait`` seconds."""
        ...

    def beat(self, school: SchoolId, fence: Fence) -> bool:
        """Raise the counter; False when the lease was taken over."""
        ...

    def release(self, school: SchoolId, fence: Fence) -> None: ...

    def holds(self, school: SchoolId, fence: Fence) -> bool:
        """Whether the fence is still the newest one: to be asked before anything that no transaction can take
        back."""
        ...

    def alive(self, school: SchoolId) -> frozenset[str]:
        """Holders that have given a sign of life within minutes, by wall clocks: for views only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """Records of one stream on one day (UTC): agreed on, and refused (``StreamReport.done`` and ``failed``)."""

    stream: Stream
    day: date
    done: int
    failed: int


class RunStore(Protocol):
    def start(self, school: SchoolId, report: RunReport, trigger: str) -> None: ...

    def finish(self, school: SchoolId, report: RunReport) -> bool:
        """The last word of a run; False when another run has closed the row meanwhile: it stays as it is."""
        ...

    def progress(self, school: SchoolId, report: RunReport) -> bool:
        """What a run has come to so far; False, and nothing is written, when its row is not «running» any more."""
        ...

    def recover(self, school: SchoolId) -> int:
        """Runs left «running» by a dead process become «interrupted»; returns how many."""
        ...

    def since(self, school: SchoolId, moment: datetime, limit: int = 1500) -> list[RunReport]:
        """Of the last ``limit`` runs those that started at ``moment`` or later, newest first."""
        ...

    def days(self, school: SchoolId, since: date) -> list[DayCount]:
        """What ended runs came to from this day (UTC) on, the streams that had nothing left out; one statement."""
        ...

    def latest(self, school: SchoolId, limit: int = 20) -> list[RunReport]:
        """Newest first, in the order in which they were started, whatever the clock said."""
        ...

    def get(self, run_id: str) -> RunReport | None: ...


class Database(Protocol):
    """Opens units of work and owns what lives outside them."""

    @property
    def leases(self) -> Leases: ...

    @property
    def runs(self) -> RunStore: ...

    def write(
        self, school: SchoolId, *, fence: Fence | None = None, own: bool = True
    ) -> AbstractContextManager[UnitOfWork]:
        """``own`` marks writes to staging as the engine's: they do not enter the change journal."""
        ...

    def read(self, school: SchoolId) -> AbstractContextManager[UnitOfWork]:
        """A consistent view; writing through it raises."""
        ...
