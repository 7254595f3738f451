"""Records set aside: regional ones that must wait, and poison of either direction (invariant 6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import RemoteRecord, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A regional record set aside unapplied. ``reason``: parent, inventory (matching pass to come), decision
    (a match case is open), deletion (until the stream is read), guard (a change that may be one of too many,
    until the window is read), held (mass-change guard) or discarded (a person does not want it).
    ``waits_for``: the parent it names, ``stream:remote_id``."""

    record: RemoteRecord
    reason: str
    waits_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """A record that is set aside because something is wrong with it. ``direction`` is pull or push;
    ``payload`` stays in the database and may hold personal data, ``reason`` never does.

    It is tried again by itself when its cause changes: the mapping table or a code table (``fingerprint``), the
    parent (``waits_for``: a regional record waits until the parent is linked, one of ours until the refused
    parent is linked to another record), the row, or the regional record it is linked to. A discarded one is
    tried again only when the record itself changes."""

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
    fingerprint: str | None = None  # of the mapping table it failed under; None: the mapping is not the cause
    waits_for: str | None = None  # the parent it names, ``stream:remote_id``
    discarded_at: datetime | None = None
    discarded_by: str | None = None

    @property
    def group(self) -> str:
        """Equal for records of one stream and direction that fail for one reason; begins with a letter."""
        text = f"{self.stream.value}\0{self.direction}\0{self.signature}"
        return "g" + hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
