"""What every decision of a person shares: who decides, in which unit of work, and how it is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import Normalise, School
from sync_service.engine.ports import Clock, RemoteSystem
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where decisions are made: one school, one named person. ``actor`` is a login or the name after ``--as``;
    ``name_of`` tells the person's name of such a login."""

    school: School
    db: Database
    policies: Mapping[Stream, StreamPolicy]
    normalise: Normalise
    clock: Clock
    actor: str
    remote: RemoteSystem | None = None
    fingerprints: Mapping[Stream, str] = field(default_factory=dict)  # of the mapping tables
    name_of: Callable[[str], str] = str

    def now(self) -> datetime:
        return self.clock.now()

    def said(self, by: str | None, at: datetime | None) -> str:
        """« (Петрова А. В., 03.02.2026 16:40)» in the school's zone; nothing for what nobody decided."""
        if by is None or at is None:
            return ""
        return f" ({self.name_of(by)}, {words.moment_of(at.isoformat(), self.school.zone)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a decision or its undoing has led to: fields written here, groups on their way to the region."""

    conflict_id: int
    written: tuple[str, ...]
    pushed: tuple[str, ...]


def journal(
    uow: UnitOfWork,
    desk: Desk,
    act: Act,
    cause: str,
    *,
    stream: Stream,
    local_ids: tuple[LocalId, ...] = (),
    items: tuple[AuditItem, ...] = (),
    note: str = "",
) -> None:
    """One entry of the journal for one decision."""
    touched = items or tuple(
        AuditItem(
            stream=stream,
            act=act,
            local_id=local_id,
            student_id=int(local_id) if stream is Stream.STUDENTS else None,
        )
        for local_id in local_ids
    )
    uow.audit.append([AuditEntry(act=act.value, actor=desk.actor, cause=cause, items=touched, note=note)])


def not_found(what: str, number: int) -> DecisionError:
    return NoSuchCase(f"{what} {number}: нет такой записи. Обновите список.")
