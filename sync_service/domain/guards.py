"""The mass-change guard and the systemic brake: what looks like damage stops, the rest goes on (invariants 6, 7).

The guard counts what is about to happen in one stream and one direction, by :class:`Kind`, together with what has
passed in the last 24 hours and with what is held already. A kind that is over its limit is held whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from sync_service.domain.streams import Stream

DELETES_AT_LEAST, DELETES_PERCENT = 5, 2.0
CREATES_AT_LEAST, CREATES_PERCENT = 30, 10.0
UPDATES_AT_LEAST, UPDATES_PERCENT = 20, 20.0
REMEMBERED = timedelta(hours=24)
SYSTEMIC_MORE_THAN = 20
SYSTEMIC_SHARE = 0.05

# New marks by the hundred are a school day; new pupils, parents and orders by the hundred are not.
WATCHED_CREATES = frozenset({Stream.STUDENTS, Stream.GUARDIANS, Stream.MOVEMENTS})


class Operation(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Way(StrEnum):
    """Which side the change would be written to: ``pull`` the school's, ``push`` the region's."""

    PULL = "pull"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted together: an operation, of an update the field group it changes."""

    operation: Operation
    group: str = ""


CREATES = Kind(Operation.CREATE)
DELETES = Kind(Operation.DELETE)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most max(``at_least``, ``percent`` of the stream) pass unasked; with ``at_least`` 0 none ever does."""

    at_least: int
    percent: float

    def allowed(self, of: int) -> float:
        return max(self.at_least, of * self.percent / 100) if self.at_least else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOver:
    """The weeks in which classes are promoted: ``first`` and ``last`` are (month, day), both included. Creates and
    updates have wider limits then; deletions never do."""

    first: tuple[int, int] = (8, 25)
    last: tuple[int, int] = (9, 15)
    creates: Limit = Limit(300, 150.0)
    updates: Limit = Limit(300, 100.0)

    def covers(self, day: date) -> bool:
        today = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= today <= self.last
        return today >= self.first or today <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of an installation. An update needs more than 20 records as well as 20 %, so that a stream with
    four records is not held for one edit."""

    deletes: Limit = Limit(DELETES_AT_LEAST, DELETES_PERCENT)
    creates: Limit = Limit(CREATES_AT_LEAST, CREATES_PERCENT)
    updates: Limit = Limit(UPDATES_AT_LEAST, UPDATES_PERCENT)
    rollover: RollOver | None = field(default_factory=RollOver)

    def on(self, day: date) -> Limits:
        """The limits that hold on a day of the school's calendar."""
        if self.rollover is None or not self.rollover.covers(day):
            return self
        return replace(self, creates=self.rollover.creates, updates=self.rollover.updates)

    def of(self, operation: Operation) -> Limit:
        match operation:
            case Operation.CREATE:
                return self.creates
            case Operation.UPDATE:
                return self.updates
            case Operation.DELETE:
                return self.deletes


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one stream stands in one direction: ``of`` live links now; what ``passed`` unasked in the last 24 hours;
    what is ``held`` undecided; ``exempt`` kinds pass uncounted (a first seeding)."""

    stream: Stream
    of: int
    limits: Limits
    passed: Mapping[Kind, int] = field(default_factory=dict)
    held: Mapping[Kind, int] = field(default_factory=dict)
    exempt: frozenset[Kind] = frozenset()

    def watches(self, kind: Kind) -> bool:
        """Creates count in three streams, updates and deletions in all."""
        if kind in self.exempt:
            return False
        return kind != CREATES or self.stream in WATCHED_CREATES

    def room(self, kind: Kind) -> float:
        """How many more of a kind may pass unasked; below 0 when too many are held or have passed already."""
        before = self.of - self.passed.get(CREATES, 0) + self.passed.get(DELETES, 0)  # the stream a day ago
        allowed = self.limits.of(kind.operation).allowed(max(before, 0))
        return allowed - self.passed.get(kind, 0) - self.held.get(kind, 0)

    def least_room(self, groups: Iterable[str], *, creates: bool) -> float:
        """Any set of changes no larger than this passes, whatever kinds it is made of. Deletions apart."""
        kinds = [Kind(Operation.UPDATE, group) for group in groups] if self.of else []
        if creates:
            kinds.append(CREATES)
        return min((self.room(kind) for kind in kinds if self.watches(kind)), default=float("inf"))


def judge(planned: Mapping[Kind, int], standing: Standing) -> frozenset[Kind]:
    """The kinds that are to be held, each of them whole: more is planned than there is room for."""
    return frozenset(
        kind for kind, count in planned.items() if count and standing.watches(kind) and count > standing.room(kind)
    )


def systemic_failure(signatures: Iterable[str], *, of: int) -> str | None:
    """The signature that more than 20 and more than 5 % of ``of`` records fail with, None when there is none.

    So many equal failures are our bug or the region's release, not so many bad records: the stream is stopped
    instead of emptied into the quarantine (invariant 6).
    """
    for signature, count in Counter(signatures).most_common(1):
        if count > SYSTEMIC_MORE_THAN and count > of * SYSTEMIC_SHARE:
            return signature
    return None
