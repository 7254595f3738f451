"""Whether a database file is sound: what SQLite itself can tell of it."""

from __future__ import annotations

from sqlalchemy import Engine, text

from sync_service.domain.errors import DatabaseDamaged
from sync_service.persistence.engine import connected


def damage(engine: Engine) -> str | None:
    """What is wrong with the file, without a value of it; None when it is sound. Reads all of it.

    A PostgreSQL server looks after its own files: always None.
    """
    if engine.dialect.name != "sqlite":
        return None
    try:
        with connected(engine, writing=False) as connection:
            verdict = str(connection.execute(text("PRAGMA integrity_check(1)")).scalar())
    except DatabaseDamaged as damaged:
        return str(damaged)
    return None if verdict == "ok" else "integrity_check found a damaged page or index"
