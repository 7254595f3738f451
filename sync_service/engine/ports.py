"""What the engine asks of the world outside: the regional system, the clock, the people to tell.

The stores of the database are in :mod:`sync_service.engine.stores`. Adapters translate foreign errors into
:mod:`sync_service.domain.errors`; nothing of httpx or SQLAlchemy passes these doors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteItem:
    """One change as it leaves; references in ``values`` are regional ids.

    ``values`` of a create hold every field that has a value; of an update only the changed fields, where None
    clears. ``version`` is the regional version the change was planned on.
    """

    client_ref: str
    op: Op
    remote_id: RemoteId | None = None
    version: int | None = None
    values: Values = field(default_factory=dict)


class WriteStatus(StrEnum):
    """What the region said of one item."""

    DONE = "done"  # 200 or 201
    DUPLICATE = "duplicate"  # 409: it exists already, ``remote_id`` names it when the region told
    NOT_RELEASED = "not_released"  # 409: the person is still enrolled elsewhere
    STALE = "stale"  # 412: the version is not the current one
    NOT_FOUND = "not_found"  # 404
    INVALID = "invalid"  # 422, or the mapping refused to write the values
    WINDOW_CLOSED = "window_closed"  # 423
    NOT_DONE = "not_done"  # read back: the region has nothing of it, it may be sent anew
    FAILED = "failed"  # 429, 5xx of the item: retry later


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The answer for the item at the same position. ``stored`` is what the region keeps now, when it told."""

    client_ref: str
    status: WriteStatus
    remote_id: RemoteId | None = None
    version: int | None = None
    change_version: int | None = None
    stored: RemoteRecord | None = None
    code: str = ""
    detail: str = ""  # field path and code only, no values


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonQuery:
    """Asks whether a person is «доступен для зачисления». ``ref`` returns with the answer."""

    ref: str
    last_name: str
    first_name: str
    patronymic: str | None = None
    birth_date: str | None = None
    snils: str | None = None


class PersonStatus(StrEnum):
    AVAILABLE = "available"
    ENROLLED_ELSEWHERE = "enrolled_elsewhere"
    ENROLLED_HERE = "enrolled_here"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCandidate:
    person_id: str
    status: PersonStatus
    last_name: str
    first_name: str
    patronymic: str | None = None
    birth_date: str | None = None
    snils: str | None = None
    organization_id: RemoteId | None = None  # where the person studies or studied last


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswer:
    ref: str
    status: PersonStatus
    candidates: tuple[PersonCandidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Answer of a look-up: canonical records, and those that could not be read."""

    records: tuple[RemoteRecord, ...]
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeVersions:
    """Newest and oldest change version per stream; ``server_time`` is an aware datetime in UTC."""

    server_time: datetime
    streams: Mapping[Stream, StreamVersions]


class RemoteSystem(Protocol):
    """One school's view of a regional system.

    Every method raises TransientError (with its subclasses), LoginNeeded, ContractError (AccessRefused) as
    described in ``domain.errors``. A failed look-up raises; an empty answer means «not there».
    """

    def change_versions(self) -> ChangeVersions:
        """One request telling whether anything changed in any stream."""
        ...

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        """Pages changed since ``cursor`` (None: everything), each with the cursor to store after it.

        The upper bound is fixed when a window starts (``versions.newest`` when given), an interrupted window
        is resumed, pages come last to first. The next page may be read ahead while the caller works.
        No page is yielded when nothing changed; a first reading (cursor None) of an empty stream yields one.
        Raises CursorExpired when the region forgot the position.
        """
        ...

    def listing(self, stream: Stream) -> Iterator[Mapping[RemoteId, int | None]]:
        """Id and version (None: the region keeps none) of every live record, without bodies, page by page.

        Ends only when the declared total was met and every page read; raises otherwise. So what is in none of the
        pages of a listing that ended was not in the region's list. A record may come twice.
        """
        ...

    def position(self, cursor: str | None) -> int:
        """The change version up to which ``cursor`` has everything; 0 for None or an unfinished first window."""
        ...

    def get(self, stream: Stream, remote_ids: Sequence[RemoteId]) -> Found:
        """The current state of these records, tombstones included; unknown ids are absent from the answer."""
        ...

    def find(self, stream: Stream, *, client_refs: Sequence[str] = (), keys: Sequence[Values] = ()) -> Found:
        """Records with one of these client references, tombstones included, and live ones with one of these natural
        keys (regional ids in them)."""
        ...

    def write(self, stream: Stream, items: Sequence[WriteItem], *, key: str) -> list[WriteResult]:
        """Send at most ``batch_limit`` items under one idempotency key; one result per item, in order.

        Raises OutcomeUnknown when the request left and no trustworthy answer came back; any other error means
        that nothing of the batch was committed.
        """
        ...

    def find_available(self, persons: Sequence[PersonQuery]) -> list[PersonAnswer]:
        """Look all of them up in «доступные для зачисления»; one answer per query, in order."""
        ...

    @property
    def batch_limit(self) -> int: ...

    def connection_state(self) -> str:
        """``ok``, ``login_needed`` or ``unknown``; makes no request."""
        ...

    def close(self) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC."""
        ...

    def today(self, zone: str) -> date:
        """The calendar day in an IANA zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        ...

    def sleep(self, seconds: float) -> None: ...


class Role(StrEnum):
    """Whom a notification is for; the names behind a role are the local ``contacts`` table."""

    DIRECTOR = "director"
    DEPUTY_HEAD = "deputy_head"
    CLASS_TEACHER = "class_teacher"
    SECRETARY = "secretary"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody who is told. ``class_name`` is whose class teacher it is; ``address`` a mailbox, a number or a name
    in a messenger, as the channels of the settings want it."""

    contact_id: int = 0  # 0: not stored yet
    role: Role
    class_name: str | None = None
    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one role. ``subject`` and ``text`` are Russian; ``key`` makes a repeat harmless.

    The subject names no pupil. ``discreet`` says the same as ``text`` without naming anybody; None when the text
    names nobody anyway.
    """

    key: str
    role: Role
    subject: str
    text: str
    class_name: str | None = None
    severity: str = "info"
    discreet: str | None = None

    @property
    def nameless(self) -> str:
        """What may be said over any channel."""
        return self.text if self.discreet is None else self.discreet


class Notifier(Protocol):
    """Tells people. A failing channel never stops work: implementations do not raise."""

    def tell(self, school_code: str, notification: Notification, contacts: Sequence[str]) -> bool:
        """True: done. False: it is on its way, and whoever carries it notes when it has arrived."""
        ...
