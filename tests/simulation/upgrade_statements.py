"""An upgrade with 10,000 pupils, killed at each of its statements (statement 40), and at its commits.

The upgrade runs in a child process that dies by kill -9 right before its N-th SQL statement. What it leaves is
the old schema or the new one, and the next upgrade completes.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import event, text

from sync_service.persistence import engine as engines
from sync_service.persistence.migrate import HEAD, SCRIPTS, current_revision, migrate
from sync_service.persistence.triggers import install_triggers, verify_triggers
from tests.simulation.databases import Databases

PUPILS = 10_000


def first_schema(url: str, pupils: int) -> None:
    """A database as version 0001 of the schema has left it, with this many pupils."""
    from alembic import command
    from alembic.config import Config

    engine = engines.create(url, durable=False)
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    with engines.connected(engine, writing=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO schools (id, code, name, organization_id, zone) VALUES (1, 's', 'S', 'o', 'UTC')")
        )
        rows = [{"n": f"Иванова{number}"} for number in range(pupils)]
        connection.execute(
            text("INSERT INTO students (school_id, last_name, first_name) VALUES (1, :n, 'Анна')"), rows
        )
        install_triggers(connection)
        connection.commit()
    engine.dispose()


def in_child(work: Callable[[], None]) -> int:
    """Do the work in a forked process; its exit status as of waitpid, negative for a signal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads; the child starts none
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _upgrade(url: str, die_at: int) -> None:
    engine = engines.create(url, durable=False)
    passed = 0

    def count(*_: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    migrate(engine)


def statement_40(count: int, databases: Databases) -> str:
    """At most ``count`` statements per engine, spread evenly; the full number of pupils only when there are many."""
    pupils = PUPILS if count > 100 else 200
    killed = {"SQLite": _sweep(lambda: _sqlite(databases, pupils), pupils, count)}
    if databases.has_server:
        killed["PostgreSQL"] = _sweep(lambda: _postgres(databases, pupils), pupils, count)
    parts = ", ".join(f"{name} {number}" for name, number in killed.items())
    return f"{pupils:,} pupils, killed at {sum(killed.values())} statements ({parts}): each completes or rolls back"


@contextmanager
def _sqlite(databases: Databases, pupils: int) -> Iterator[str]:
    with databases.folder() as folder:
        url = f"sqlite:///{folder / 'old.sqlite'}"
        first_schema(url, pupils)
        yield url


@contextmanager
def _postgres(databases: Databases, pupils: int) -> Iterator[str]:
    with databases.on_server(empty=True) as url:
        first_schema(url, pupils)
        yield url


def _sweep(fresh: Callable[[], Any], pupils: int, most: int) -> int:
    with fresh() as url:
        total = _statements_of(url)
    killed = 0
    with fresh() as url:
        for number in range(1, total + 1, max(1, total // most)):
            code = in_child(partial(_upgrade, url, number))
            if code == 0:
                break
            assert code == -signal.SIGKILL, f"the upgrade ended with {code} before statement {number}"
            killed += 1
            engine = engines.create(url, durable=False)
            found = current_revision(engine)
            assert found == "0001", f"killed before statement {number} of {total}: schema {found}"
            engine.dispose()
        engine = engines.create(url, durable=False)
        migrate(engine)
        assert current_revision(engine) == HEAD
        with engines.connected(engine, writing=False) as connection:
            assert connection.execute(text("SELECT count(*) FROM students")).scalar() == pupils
            assert verify_triggers(connection) == []
        engine.dispose()
    return killed


def _statements_of(url: str) -> int:
    engine = engines.create(url, durable=False)
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1

    event.listen(engine, "before_cursor_execute", count)
    migrate(engine)
    engine.dispose()
    return seen
