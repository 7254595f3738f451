"""Records set aside: regional ones that must wait, and poison of either direction (invariant 6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import RemoteRecord, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A regional record set aside unapplied. ``reason``: parent, inventory (matching pass to come),
    decision (a match case is open) or held (mass-change guard). ``waits_for``: the parent it names,
    ``stream:remote_id``."""

    record: RemoteRecord
    reason: str
    waits_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """A record that is set aside because something is wrong with it. ``direction`` is pull or push;
    ``payload`` stays in the database and may hold personal data, ``reason`` never does."""

    stream: Stream
    direction: str
    code: str
    signature: str
    reason: str
    remote_id: RemoteId | None = None
    local_id: LocalId | None = None
    payload: str = ""
    item_id: int = 0
    tries: int = 1
    first_seen: datetime | None = None
    last_seen: datetime | None = None
