"""The database: SQLite for a school, PostgreSQL for a region, behind the ports of the engine."""

from sync_service.persistence.connections import ConnectionStore
from sync_service.persistence.database import SqlDatabase, open_database
from sync_service.persistence.migrate import current_revision, migrate
from sync_service.persistence.schools import School, Schools
from sync_service.persistence.triggers import install_triggers, verify_triggers

__all__ = [
    "ConnectionStore",
    "School",
    "Schools",
    "SqlDatabase",
    "current_revision",
    "install_triggers",
    "migrate",
    "open_database",
    "verify_triggers",
]
