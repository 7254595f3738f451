"""Match cases: two to five candidates a person must tell apart (invariant 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream


class MatchState(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"  # «тот же ребёнок»
    REJECTED = "rejected"  # «другой ребёнок», remembered until a key field changes
    CLOSED = "closed"  # the question went away by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A local record that may be the same; ``reasons`` are codes such as ``snils_equal``, ``surname_differs``."""

    local_id: LocalId
    reasons: tuple[str, ...]
    score: int = 0  # 0…100


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCase:
    """One regional record and its candidates. ``key_digest`` covers the key fields of all of them."""

    case_id: int
    stream: Stream
    remote_id: RemoteId
    candidates: tuple[Candidate, ...]
    key_digest: str
    state: MatchState = MatchState.OPEN
    chosen: LocalId | None = None
    opened_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
