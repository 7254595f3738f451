"""What is told afterwards: the audit journal and notifications."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_service.domain.audit import AuditEntry, AuditItem, JournalHead
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Contact, Notification


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedItem:
    """A record an entry touched, with the digest that stands for its values in the chain."""

    stream: str
    act: str
    local_id: int | None
    remote_id: str | None
    student_id: int | None
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainedEntry:
    """An entry with everything its digest is made of; ``previous`` is the digest of the entry before it. ``form`` 2:
    the digests of its items cover their regional ids; None: its header does."""

    seq: int
    at: datetime
    actor: str
    act: str
    cause: str
    note: str
    previous: bytes
    digest: bytes
    form: int | None
    items: tuple[ChainedItem, ...]


class AuditStore(Protocol):
    """The chain of the audit journal."""

    def append(self, entries: Sequence[AuditEntry]) -> None: ...

    def head(self) -> JournalHead:
        """The end of the chain as it stands."""
        ...

    def verify(self, noted: JournalHead | None = None) -> str | None:
        """None when the chain holds, and passes through ``noted``; else what is broken, by sequence number."""
        ...


class AuditedStore(Protocol):
    """The audit journal read; entries appended in this unit of work are not in it yet."""

    def page(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        actor: str | None = None,
        student: int | None = None,
        cause: str | None = None,
    ) -> list[AuditRow]:
        """Entries, newest first, that lie before the number ``before``."""
        ...

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
        """Entries of ``since`` ≤ at < ``until``, oldest first, with what proves their place in the chain."""
        ...

    def decided(self, cause: str) -> AuditItem | None:
        """What the newest decision with this cause touched; None when its values have been erased."""
        ...

    def replaced(self, stream: Stream, local_id: LocalId) -> Values:
        """What the newest linking of a pupil's or parent's card has replaced in it; empty when nothing, or when the
        values have been erased."""
        ...

    def author(self, student_id: int, stream: Stream, local_id: LocalId, at: datetime) -> str | None:
        """Who entered or imported this record of a pupil in the transaction that changed it at ``at``; None when
        another program did, or nobody knows."""
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


class ContactStore(Protocol):
    def all(self) -> list[Contact]:
        """By role, class and name."""
        ...

    def put(self, contact: Contact) -> Contact:
        """Add it; one of the same role, class and address gets the name instead. Returns it as stored."""
        ...

    def drop(self, contact_id: int) -> Contact | None:
        """None when there is none of this number in the school."""
        ...
