"""What is stored of the school's own records: the rows, their links to the region, and what changed in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sync_service.domain.links import Link, LinkChange, LinkId, LocalId, NewLink, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream


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

    def rowless(self, stream: Stream) -> list[Link]:
        """Live links whose row is not there any more; one statement, which looks at every link of the stream."""
        ...

    def move(self, links: Sequence[Link]) -> None:
        """Write the row and the evidence of these links: they belong to other rows, or for another reason."""
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

    def noted_at(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, datetime]:
        """When the newest change of these rows was made, by the clock of the database; only what is still in the
        journal."""
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


class SubjectStore(Protocol):
    def everything(self, student_id: LocalId) -> dict[str, list[dict[str, Any]]]:
        """Table → rows about one pupil, as they are stored; empty when there is no such pupil."""
        ...
