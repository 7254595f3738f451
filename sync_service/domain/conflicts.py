"""Conflicts: one open case per record, holding only the field groups that clash (invariants 1, 2, 9)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from sync_service.domain.links import LinkId, LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Stream


class ConflictKind(StrEnum):
    EDIT = "edit"  # both sides changed a group differently
    FIRST_MEETING = "first_meeting"  # linked for the first time with different values
    DELETED_IN_SCHOOL = "deleted_in_school"  # deleted here, changed or not deletable there
    DELETED_IN_REGION = "deleted_in_region"  # deleted there, changed or not deletable here


class ConflictState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CONVERGED = "converged"  # the sides came to agree by themselves
    UNDOING = "undoing"  # a compensating change is on its way; then the case is open again


class Side(StrEnum):
    LOCAL = "local"
    GIS = "gis"
    VALUE = "value"  # a third value, typed by the person


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldClash:
    """One field of a clashing group; ``has_base`` is false when the sides never agreed on it."""

    field: str
    group: str
    local: Scalar
    remote: Scalar
    base_local: Scalar = None
    base_remote: Scalar = None
    has_base: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the field holds a number, as far as the sides tell; nought is one."""
        return isinstance(self.remote if self.local is None else self.local, int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A person's decision for one group; ``values`` only with Side.VALUE."""

    group: str
    side: Side
    values: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    conflict_id: int
    stream: Stream
    link_id: LinkId
    local_id: LocalId
    kind: ConflictKind
    clashes: tuple[FieldClash, ...]
    state: ConflictState = ConflictState.OPEN
    opened_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    choices: tuple[Choice, ...] = ()
    local_at: datetime | None = None  # when each side was last changed, by its own clock, where that is known
    remote_at: datetime | None = None

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(c.group for c in self.clashes)

    @property
    def stamp(self) -> str:
        """Equal exactly when the values under decision are equal; a decision names the stamp it was made on."""
        return stamp_of(self.kind, self.clashes)


def moment_told(text: str | None) -> datetime | None:
    """The moment a regional system writes as ISO 8601, in UTC; None for one without a zone, that cannot be read, or
    that lies in no pupil's lifetime: no database and no calendar has to bear it."""
    try:
        told = datetime.fromisoformat(text) if text else None
        if told is None or told.tzinfo is None:
            return None
        told = told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return told if 1900 <= told.year < 2100 else None


def reopened(conflict: Conflict, clashes: tuple[FieldClash, ...]) -> Conflict:
    """The case before anybody decided it, about ``clashes``."""
    return replace(conflict, state=ConflictState.OPEN, clashes=clashes, choices=(), decided_at=None, decided_by=None)


def standing(conflict: Conflict) -> Conflict:
    """The decision stands: its undoing was overtaken by newer data, or the region refused it."""
    return replace(conflict, state=ConflictState.RESOLVED)


def stamp_of(kind: ConflictKind, clashes: tuple[FieldClash, ...]) -> str:
    content = [[c.field, c.local, c.remote, c.base_local, c.base_remote] for c in clashes]
    text = json.dumps([kind.value, sorted(content, key=lambda row: str(row[0]))], ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
