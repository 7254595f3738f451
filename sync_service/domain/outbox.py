"""The outbox: what is to be sent, and what was sent with which values (invariant 5).

An entry says only that a record is dirty; its payload is planned from today's row when it leaves. What left
is an attempt with frozen values, so that a lost answer can be read back and an acknowledgement moves the
base to the values that were really sent.

    pending ──claim──► leased ──ack──► (entry removed, attempt kept)
       ▲                 │ ├─answer lost, process died─► unknown ──read back──► acked or pending
       │                 │ ├─transient──► retry (not before …)
       │                 │ ├─refused────► rejected (quarantine names why)
       └────cause gone───┴─┴─must wait──► waiting (parent, permit, release, decision)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import Stream


class EntryState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    UNKNOWN = "unknown"
    RETRY = "retry"
    REJECTED = "rejected"
    WAITING = "waiting"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One dirty record. ``waits_for`` names what would wake a waiting entry, e.g. ``students:17`` or ``lessons``."""

    entry_id: int
    stream: Stream
    local_id: LocalId
    client_ref: str
    state: EntryState = EntryState.PENDING
    groups: tuple[str, ...] = ()
    dirty_again: bool = False
    tries: int = 0
    not_before: datetime | None = None
    waiting: WaitingFor | None = None
    waits_for: str | None = None
    code: str | None = None
    created_at: datetime | None = None


class AttemptState(StrEnum):
    SENT = "sent"  # stored before the request leaves; found later it means that nobody saw the answer
    ANSWERED = "answered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptItem:
    """Frozen values of one entry as they left; references are local ids."""

    entry_id: int
    local_id: LocalId
    client_ref: str
    op: str
    groups: tuple[str, ...]
    values: Values
    remote_id: RemoteId | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    attempt_id: int
    stream: Stream
    key: str  # Idempotency-Key
    items: tuple[AttemptItem, ...]
    state: AttemptState = AttemptState.SENT
    sent_at: datetime | None = None
