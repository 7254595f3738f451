"""The change journal: triggers note every local change, except the engine's own (DESIGN.md 3).

Each table that travels both ways has triggers for INSERT, UPDATE and DELETE that add a row to ``changes``; an
UPDATE that changes nothing adds none. The engine's own writes are recognised by a flag inside its transaction:
on SQLite a row in ``own_writes`` (BEGIN IMMEDIATE keeps every other writer out while it is there), on
PostgreSQL the transaction-local setting ``ecp_sync.own``. A guard trigger refuses to change the ``id`` or the
``school_id`` of a row: links and the journal know rows by them.

On PostgreSQL the journal function runs with the rights of its owner, so that another program needs rights on
the staging tables only; TRUNCATE, which would pass the triggers by, is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Connection

from sync_service.domain.streams import BOTH_WAYS
from sync_service.persistence.schema import STAGING

_REFUSAL = "id and school_id of a staging row must not change; delete the row and insert a new one"
_SQLITE_NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"  # as persistence.moments writes it
_SQLITE_MUTED = "EXISTS (SELECT 1 FROM own_writes)"
_OPS = {"insert": "NEW", "update": "NEW", "delete": "OLD"}


def install_triggers(connection: Connection) -> None:
    """(Re)create all triggers; idempotent, inside the caller's transaction."""
    for statement in _sqlite() if connection.dialect.name == "sqlite" else _postgres():
        connection.exec_driver_sql(statement)


def verify_triggers(connection: Connection) -> list[str]:
    """What is wrong with the triggers, for ``doctor``; empty when all is well."""
    if connection.dialect.name == "sqlite":
        return _verify_sqlite(connection)
    return _verify_postgres(connection)


# -- SQLite -----------------------------------------------------------------------------------------------


def _sqlite_texts() -> dict[str, str]:
    texts: dict[str, str] = {}
    for stream in BOTH_WAYS:
        table = STAGING[stream]
        changed = " OR ".join(f'OLD."{c.name}" IS NOT NEW."{c.name}"' for c in table.c)
        for op, row in _OPS.items():
            condition = f"NOT {_SQLITE_MUTED}" + (f" AND ({changed})" if op == "update" else "")
            name = f"journal_{stream.value}_{op}"
            texts[name] = (
                f"CREATE TRIGGER {name} AFTER {op.upper()} ON {table.name} FOR EACH ROW WHEN {condition}"  # noqa: S608  # schema names
                " BEGIN INSERT INTO changes (school_id, stream, local_id, op, at)"
                f" VALUES ({row}.school_id, '{stream.value}', {row}.id, '{op}', {_SQLITE_NOW}); END"
            )
        name = f"guard_{stream.value}"
        texts[name] = (
            f"CREATE TRIGGER {name} BEFORE UPDATE OF id, school_id ON {table.name} FOR EACH ROW"
            f" WHEN OLD.id IS NOT NEW.id OR OLD.school_id IS NOT NEW.school_id"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
    return texts


def _sqlite() -> list[str]:
    statements: list[str] = []
    for name, text in _sqlite_texts().items():
        statements += [f"DROP TRIGGER IF EXISTS {name}", text]
    return statements


def _verify_sqlite(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    found: dict[str, str] = dict(rows.all())
    problems = _differences(_sqlite_texts(), found)
    if connection.exec_driver_sql(f"SELECT {_SQLITE_MUTED}").scalar():
        problems.append("the journal is muted: own_writes holds a row outside a transaction; delete it")
    return problems


def _differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    problems = [f"trigger {name} is missing" for name in expected if name not in found]
    problems += [
        f"trigger {name} was changed" for name in expected if name in found and found[name] != expected[name]
    ]
    return problems


# -- PostgreSQL -------------------------------------------------------------------------------------------

_FUNCTIONS = {
    "ecp_sync_journal": (
        "SECURITY DEFINER SET search_path FROM CURRENT",
        """
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO changes (school_id, stream, local_id, op, at)
    VALUES (OLD.school_id, TG_TABLE_NAME, OLD.id, 'delete', clock_timestamp());
  ELSE
    INSERT INTO changes (school_id, stream, local_id, op, at)
    VALUES (NEW.school_id, TG_TABLE_NAME, NEW.id, lower(TG_OP), clock_timestamp());
  END IF;
  RETURN NULL;
END
""",
    ),
    "ecp_sync_guard": ("", f"\nBEGIN\n  RAISE EXCEPTION '{_REFUSAL}';\nEND\n"),
    "ecp_sync_no_truncate": (
        "",
        "\nBEGIN\n  RAISE EXCEPTION 'TRUNCATE would hide deletions from synchronisation; use DELETE';\nEND\n",
    ),
}
_POSTGRES_MUTED = "current_setting('ecp_sync.own', true) IS NOT DISTINCT FROM 'on'"


def _postgres_texts() -> dict[tuple[str, str], str]:
    """(trigger, table) → definition."""
    texts: dict[tuple[str, str], str] = {}
    for stream in BOTH_WAYS:
        table = stream.value
        for op in _OPS:
            changed = " AND OLD.* IS DISTINCT FROM NEW.*" if op == "update" else ""
            texts[f"journal_{table}_{op}", table] = (
                f"AFTER {op.upper()} ON {table} FOR EACH ROW WHEN (NOT ({_POSTGRES_MUTED}){changed})"
                " EXECUTE FUNCTION ecp_sync_journal()"
            )
        texts[f"guard_{table}", table] = (
            f"BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (OLD.id IS DISTINCT FROM NEW.id OR OLD.school_id IS DISTINCT FROM NEW.school_id)"
            " EXECUTE FUNCTION ecp_sync_guard()"
        )
        texts[f"no_truncate_{table}", table] = (
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION ecp_sync_no_truncate()"
        )
    return texts


def _mark(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _postgres() -> list[str]:
    statements = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {options} AS $${body}$$"
        for name, (options, body) in _FUNCTIONS.items()
    ]
    for (name, table), text in _postgres_texts().items():
        statements += [
            f"DROP TRIGGER IF EXISTS {name} ON {table}",
            f"CREATE TRIGGER {name} {text}",
            f"COMMENT ON TRIGGER {name} ON {table} IS '{_mark(text)}'",  # a replaced trigger loses it
        ]
    return statements


def _verify_postgres(connection: Connection) -> list[str]:
    tables = [s.value for s in BOTH_WAYS]
    triggers: Sequence[tuple[str, str, str, str | None]] = connection.exec_driver_sql(
        "SELECT t.tgname, c.relname, t.tgenabled::text, obj_description(t.oid, 'pg_trigger')"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE NOT t.tgisinternal AND n.nspname = current_schema() AND c.relname = ANY(%s)",
        (tables,),
    ).fetchall()
    functions = connection.exec_driver_sql(
        "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = current_schema() AND p.proname = ANY(%s)",
        (list(_FUNCTIONS),),
    )
    bodies: dict[str, str] = dict(functions.all())
    found = {f"{name} on {table}": mark or "" for name, table, _, mark in triggers}
    problems = _differences({f"{n} on {t}": _mark(text) for (n, t), text in _postgres_texts().items()}, found)
    problems += [f"trigger {n} on {t} is disabled" for n, t, enabled, _ in triggers if enabled not in "OA"]
    problems += [
        f"function {name} was changed or is missing"
        for name, (_, body) in _FUNCTIONS.items()
        if bodies.get(name) != body
    ]
    return problems
