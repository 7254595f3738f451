"""Holds: the exact set of records whose operation the guard stopped, and what a person said of it (invariant 7).

    open ──first person of a deletion──► seconding ──another person──► released ──every item done──► applied
      │                                     │                             └──72 hours──► expired
      ├── the set grew, went away, or is read again ─► superseded
      └── not wanted ─► discarded

A release is valid for the records with the values they had when they were held, for 72 hours. Each item is
verified again when it is applied; one that has changed since is judged afresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sync_service.domain.guards import Kind, Operation, Way
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream

VALID_FOR = timedelta(hours=72)


class HoldState(StrEnum):
    OPEN = "open"
    SECONDING = "seconding"  # one person wants the deletion, another one must agree
    RELEASED = "released"
    APPLIED = "applied"
    DISCARDED = "discarded"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


UNDECIDED = (HoldState.OPEN, HoldState.SECONDING)


class ItemState(StrEnum):
    HELD = "held"
    RELEASED = "released"
    APPLIED = "applied"
    DROPPED = "dropped"  # changed or went away: the decision does not cover it
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldItem:
    """One record of a hold: a row (push), a regional record (pull), or both. ``precondition`` is the digest of
    what was known of it when it was held."""

    local_id: LocalId | None = None
    remote_id: RemoteId | None = None
    precondition: str
    state: ItemState = ItemState.HELD
    item_id: int = 0
    hold_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One held operation of one stream. ``total``: live links when it was counted; ``cause``: the run."""

    hold_id: int
    stream: Stream
    way: Way
    kind: Kind
    digest: str
    records: int
    total: int
    cause: str
    state: HoldState = HoldState.OPEN
    opened_at: datetime | None = None
    first_by: str | None = None
    first_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def needs_second(self) -> bool:
        return self.kind.operation is Operation.DELETE

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def set_digest(items: Iterable[HoldItem]) -> str:
    """Changes when a record joins or leaves the set, or when what is known of one changes."""
    return _digest(sorted([str(i.local_id), str(i.remote_id), i.precondition] for i in items))


def pull_precondition(record: RemoteRecord, link: Link | None) -> str:
    """What a release of a regional change relies on: the values seen there, and what had been agreed."""
    return _digest([record.values, record.deleted, _base(link)])


def push_precondition(row: Values | None, link: Link | None) -> str:
    """What a release of a change of the school relies on: the row as it stands, and what had been agreed."""
    return _digest([row, _base(link)])


def _base(link: Link | None) -> list[object] | None:
    """Agreed to be empty on both sides means what never having been agreed on means: either side may fill it."""
    if link is None:
        return None
    local, remote = link.base.local, link.base.remote
    empty = {field for field in local if local[field] is None and remote.get(field) is None}
    return [link.remote_id, *({f: v for f, v in side.items() if f not in empty} for side in (local, remote))]


def _digest(content: object) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
