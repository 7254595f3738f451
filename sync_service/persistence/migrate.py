"""Bring the schema up to date: Alembic migrations from inside the package, then the triggers.

All of it is one transaction on both engines: a migration that is interrupted leaves the old schema.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Engine, inspect, text

from sync_service.domain.errors import ConfigError
from sync_service.persistence.engine import connected
from sync_service.persistence.triggers import install_triggers, verify_triggers

HEAD = "0008"
SCRIPTS = "sync_service.persistence:migrations"
_LOCK = 4_917_365_201  # any number, the same in every version: one migration at a time on PostgreSQL
_ONE_AT_A_TIME = threading.Lock()  # Alembic keeps the migration under way in globals of its modules


def current_revision(engine: Engine) -> str | None:
    """The revision of the schema; None for an empty database."""
    with connected(engine, writing=False) as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: Engine) -> None:
    """Upgrade to ``HEAD`` and reinstall the triggers; harmless when nothing is to be done.

    Raises ConfigError when the database was written by a newer version of this program.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with _ONE_AT_A_TIME, connected(engine, writing=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)
        if found is not None and found not in known:
            raise ConfigError([f"the database has schema {found}, which a newer version wrote; update ecp-sync"])
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
        install_triggers(connection)
        problems = verify_triggers(connection)
        if problems:
            raise ConfigError(problems)
        connection.commit()
