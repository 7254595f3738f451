"""The database as the engine sees it: one unit of work, a store per noun, everything in batches.

All reads inside a writing unit of work happen under its lock (SQLite: BEGIN IMMEDIATE before the first read;
PostgreSQL: FOR UPDATE on rows that are decided about). Every method costs a constant number of statements,
whatever the length of its arguments. Every store is bound to one school.
"""

from sync_service.engine.stores.decisions import (
    Arrival,
    CaseStore,
    ConflictStore,
    GuardStore,
    HoldStore,
    MatchStore,
    PlanStore,
    ReleaseStore,
)
from sync_service.engine.stores.erasures import ErasureStore
from sync_service.engine.stores.exchange import (
    AttemptStore,
    CursorStore,
    Inbox,
    OutboxStore,
    QuarantineStore,
    SignatureCount,
)
from sync_service.engine.stores.journal import (
    AuditedStore,
    AuditRow,
    AuditStore,
    ChainedEntry,
    ChainedItem,
    ContactStore,
    NotificationStore,
)
from sync_service.engine.stores.runs import DayCount, Fence, Leases, RunStore
from sync_service.engine.stores.staging import (
    Cell,
    Journal,
    LinkStore,
    LocalChange,
    MovementFilter,
    StagingStore,
    SubjectStore,
)
from sync_service.engine.stores.unit_of_work import Database, UnitOfWork

__all__ = [
    "Arrival",
    "AttemptStore",
    "AuditRow",
    "AuditStore",
    "AuditedStore",
    "CaseStore",
    "Cell",
    "ChainedEntry",
    "ChainedItem",
    "ConflictStore",
    "ContactStore",
    "CursorStore",
    "Database",
    "DayCount",
    "ErasureStore",
    "Fence",
    "GuardStore",
    "HoldStore",
    "Inbox",
    "Journal",
    "Leases",
    "LinkStore",
    "LocalChange",
    "MatchStore",
    "MovementFilter",
    "NotificationStore",
    "OutboxStore",
    "PlanStore",
    "QuarantineStore",
    "ReleaseStore",
    "RunStore",
    "SignatureCount",
    "StagingStore",
    "SubjectStore",
    "UnitOfWork",
]
