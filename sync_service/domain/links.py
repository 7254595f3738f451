"""Links: which local row and which regional record are the same thing, and what was last agreed.

States of a link: ``live`` → ``tombstoned``. A closed link keeps both ids, the last values and what proved the
end, and is never removed while a cursor is older, nor within 400 days; nothing removes one yet. A record that
returns gets a new link whose ``previous_id`` points to the old one (invariant 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from sync_service.domain.records import Values

SchoolId = NewType("SchoolId", int)
LocalId = NewType("LocalId", int)
RemoteId = NewType("RemoteId", str)
LinkId = NewType("LinkId", int)
RunId = NewType("RunId", str)


class LinkState(StrEnum):
    LIVE = "live"
    TOMBSTONED = "tombstoned"


class ClosedBy(StrEnum):
    """What proved that a pair has come to its end."""

    TOMBSTONE = "tombstone"  # the region said that the record was deleted
    NOT_FOUND = "not_found"  # asked for by its id it was not there, nor in one complete listing
    BOTH = "both"  # deleted here, and gone or deleted on our word in the region
    DECISION = "decision"  # a person decided


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Per field the last agreed pair: what the school and what the region held when they agreed.

    The two differ where the sides agree under comparison only (ё/е) or where the region stored something
    else than we sent (near-miss). A field absent from the snapshot has no base.
    """

    local: Values
    remote: Values

    @classmethod
    def agreed(cls, values: Values) -> Snapshot:
        return cls(values, values)


EMPTY = Snapshot({}, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A live or closed pair with its base."""

    link_id: LinkId
    local_id: LocalId
    remote_id: RemoteId
    base: Snapshot
    version: int | None = None
    change_version: int | None = None
    state: LinkState = LinkState.LIVE
    evidence: str = ""
    previous_id: LinkId | None = None


@dataclass(slots=True, kw_only=True)  # not frozen: one per record of a bulk page, see streams.RemoteRecord
class NewLink:
    local_id: LocalId
    remote_id: RemoteId
    base: Snapshot
    version: int | None
    change_version: int | None
    evidence: str
    previous_id: LinkId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """New state of a link; ``base`` None leaves the base as it is, ``closed_by`` closes the link."""

    link_id: LinkId
    version: int | None
    change_version: int | None
    base: Snapshot | None = None
    closed_by: ClosedBy | None = None

    @property
    def state(self) -> LinkState:
        return LinkState.LIVE if self.closed_by is None else LinkState.TOMBSTONED
