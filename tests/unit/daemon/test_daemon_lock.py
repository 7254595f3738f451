"""One daemon per installation: who gets the instance lock, and what takes it away."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sync_service.daemon_lock import AdvisoryLock, take_lock
from sync_service.domain.errors import AlreadyRunning, ConfigError
from tests.acceptance.processes import wait_for
from tests.databases import SchoolDatabase

HOLDER = """
import sys
from sync_service.daemon_lock import take_lock
lock = take_lock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_daemon_is_refused_and_a_later_one_is_not(database: SchoolDatabase) -> None:
    """The lock is free again as soon as it is released."""
    first = take_lock(database.url)
    with pytest.raises(AlreadyRunning, match="another ecp-sync daemon"):
        take_lock(database.url)
    assert first.held()
    first.release()
    take_lock(database.url).release()


def test_a_rival_that_still_looks_does_not_refuse_us_both(tmp_path: Path) -> None:
    """Of two daemons started at one moment the first finds the second reading the file: it gets the lock."""
    with closing(sqlite3.connect(tmp_path / "school.sqlite.daemon-lock", isolation_level=None)) as rival:
        rival.execute("BEGIN")
        rival.execute("SELECT count(*) FROM sqlite_master").fetchone()
        lock = take_lock(f"sqlite:///{tmp_path}/school.sqlite")
    assert lock.held()
    lock.release()


def test_the_lock_of_one_database_does_not_lock_another(tmp_path: Path) -> None:
    """Two installations in one folder run side by side."""
    locks = [take_lock(f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("a", "b")]
    assert all(lock.held() for lock in locks)
    for lock in locks:
        lock.release()


def test_a_killed_process_leaves_no_lock(database: SchoolDatabase) -> None:
    """The lock dies with its process, without anybody tidying up."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning):
            take_lock(database.url)
        holder.kill()
    wait_for(lambda: is_free(database.url), "the server noticing that the holder has gone")


def is_free(url: str) -> bool:
    try:
        take_lock(url).release()
    except AlreadyRunning:
        return False
    return True


def test_a_folder_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """The message names the folder."""
    with pytest.raises(ConfigError, match="missing"):
        take_lock(f"sqlite:///{tmp_path}/missing/school.sqlite")


def test_a_broken_connection_is_noticed_and_the_lock_taken_again(postgres_database: SchoolDatabase) -> None:
    """The server ends the session; nobody else is there, so the daemon goes on."""
    lock = AdvisoryLock(postgres_database.url)
    end_sessions(postgres_database)
    assert lock.held()
    with pytest.raises(AlreadyRunning):
        AdvisoryLock(postgres_database.url)
    lock.release()


def test_a_lock_that_went_to_another_daemon_is_not_held(postgres_database: SchoolDatabase) -> None:
    """While the connection was broken another daemon started: the first one learns that it has lost."""
    lock = AdvisoryLock(postgres_database.url)
    end_sessions(postgres_database)
    other = AdvisoryLock(postgres_database.url)
    assert not lock.held()
    other.release()
    assert lock.held()
    lock.release()


def end_sessions(database: SchoolDatabase) -> None:
    """End every session that holds an advisory lock in this database."""
    database.sql(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )
