"""What is on its way: news of the region not yet applied, records set aside, writes not yet confirmed, positions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import Attempt, AttemptItem, Entry, EntryState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import Stream


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
        discarded: bool | None = False,
    ) -> list[QuarantineItem]:
        """Those set aside now, those a person has discarded, or (None) both."""
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

    def many(self, item_ids: Iterable[int]) -> list[QuarantineItem]:
        """In the order of their ids; unknown ones are absent."""
        ...

    def get(self, item_id: int) -> QuarantineItem | None: ...

    def remove(self, item_ids: Iterable[int]) -> None: ...

    def counts(self) -> dict[tuple[Stream, str], int]:
        """(stream, direction) → items, discarded ones left out."""
        ...

    def signatures(self) -> list[SignatureCount]:
        """How many records fail for which reason, most first; discarded ones left out. One statement."""
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

    def wake_permits(self, streams: Iterable[Stream]) -> int:
        """Entries of these streams that wait for a permit, or for their day, become pending."""
        ...

    def counts(self) -> dict[tuple[Stream, EntryState, WaitingFor | None], int]: ...

    def oldest(self) -> dict[Stream, datetime]:
        """Creation time of the oldest open entry."""
        ...

    def retrying(self, since: datetime, until: datetime) -> list[Entry]:
        """Entries to be tried again later that were sent between these moments, both included."""
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
