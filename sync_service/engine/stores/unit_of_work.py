"""One unit of work over all stores of a school, and the database that opens it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sync_service.domain.links import SchoolId
from sync_service.engine.stores.decisions import (
    CaseStore,
    ConflictStore,
    GuardStore,
    HoldStore,
    MatchStore,
    PlanStore,
    ReleaseStore,
)
from sync_service.engine.stores.erasures import ErasureStore
from sync_service.engine.stores.exchange import AttemptStore, CursorStore, Inbox, OutboxStore, QuarantineStore
from sync_service.engine.stores.journal import AuditedStore, AuditStore, ContactStore, NotificationStore
from sync_service.engine.stores.runs import Fence, Leases, RunStore
from sync_service.engine.stores.staging import Journal, LinkStore, StagingStore, SubjectStore


class UnitOfWork(Protocol):
    """One transaction of one school; nothing is kept unless ``commit`` is reached."""

    @property
    def staging(self) -> StagingStore: ...

    @property
    def links(self) -> LinkStore: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def inbox(self) -> Inbox: ...

    @property
    def quarantine(self) -> QuarantineStore: ...

    @property
    def conflicts(self) -> ConflictStore: ...

    @property
    def outbox(self) -> OutboxStore: ...

    @property
    def attempts(self) -> AttemptStore: ...

    @property
    def cursors(self) -> CursorStore: ...

    @property
    def matches(self) -> MatchStore: ...

    @property
    def releases(self) -> ReleaseStore: ...

    @property
    def audit(self) -> AuditStore: ...

    @property
    def audited(self) -> AuditedStore: ...

    @property
    def notifications(self) -> NotificationStore: ...

    @property
    def contacts(self) -> ContactStore: ...

    @property
    def plans(self) -> PlanStore: ...

    @property
    def guard(self) -> GuardStore: ...

    @property
    def holds(self) -> HoldStore: ...

    @property
    def cases(self) -> CaseStore: ...

    @property
    def subjects(self) -> SubjectStore: ...

    @property
    def erasures(self) -> ErasureStore: ...

    def commit(self) -> None:
        """Check the fence, then commit. Raises LeaseLost, and keeps nothing, when the fence is stale."""
        ...


class Database(Protocol):
    """Opens units of work and owns what lives outside them."""

    @property
    def leases(self) -> Leases: ...

    @property
    def runs(self) -> RunStore: ...

    def write(
        self, school: SchoolId, *, fence: Fence | None = None, own: bool = True
    ) -> AbstractContextManager[UnitOfWork]:
        """``own`` marks writes to staging as the engine's: they do not enter the change journal."""
        ...

    def read(self, school: SchoolId) -> AbstractContextManager[UnitOfWork]:
        """A consistent view; writing through it raises."""
        ...

    def scrub(self) -> bool:
        """Overwrite what deleted rows have left in the database's files; False when that was not to be done now."""
        ...
