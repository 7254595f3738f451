"""What people attach to an open case beside its values: notes, a day to come back to it, who looks at it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PRESENT_FOR = timedelta(minutes=2)  # somebody who opened a case this recently still looks at it


class Queue(StrEnum):
    CONFLICTS = "conflicts"
    MATCHES = "matches"
    RELEASES = "releases"
    HOLDS = "holds"
    QUARANTINE = "quarantine"


class Shelf(StrEnum):
    """Where an open case lies, seen by the people of one role."""

    DUE = "due"  # their turn, and its day has come
    PASSED = "passed"  # somebody has said whose turn it is
    LATER = "later"  # put off to a day that has not come


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNote:
    author: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMark:
    """``postponed_until`` is an ISO day in the school's zone: from that day on the case is shown again.
    ``passed_to`` is a role: only its people have the case among what waits for them."""

    postponed_until: str | None = None
    passed_to: str | None = None
    passed_by: str | None = None  # by name
    passed_at: datetime | None = None
    open_by: str | None = None
    open_at: datetime | None = None

    def looked_at_by(self, now: datetime, me: str) -> str | None:
        """Somebody else who has the case open now."""
        if self.open_by in (None, me) or self.open_at is None or now - self.open_at > PRESENT_FOR:
            return None
        return self.open_by
