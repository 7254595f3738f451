"""One daemon per installation: a lock that dies with its process, also after a kill or a power failure.

SQLite: a write transaction on a small file of its own beside the database (``….daemon-lock``), held as long
as the daemon lives. SQLite brings file locks for every operating system, and they vanish with the process; the
file itself stays and means nothing. PostgreSQL: a session-level advisory lock on a connection kept for it; when
the connection breaks the server gives the lock back, which :meth:`InstanceLock.held` notices. A connection
pooler in transaction mode cannot carry it.

The lock is about comfort: two clocks would start the same runs. That no record is written twice is the leases'
and their fences' business.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sync_service.domain.errors import AlreadyRunning, ConfigError, SyncError

if TYPE_CHECKING:
    from sqlalchemy import Connection

SUFFIX = ".daemon-lock"
_BUSY = "another ecp-sync daemon runs on this database; stop it first, or look at it with ecp-sync status"
_KEY = (4917, 3652)  # any two numbers, the same in every version


class InstanceLock(Protocol):
    def held(self) -> bool:
        """Whether the lock is still ours."""
        ...

    def release(self) -> None: ...


class FileLock:
    """Raises AlreadyRunning when another process holds it, ConfigError when the folder cannot be written."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + SUFFIX)
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error:
            raise ConfigError(
                [f"database_url: the folder {path.parent} does not exist or cannot be written"]
            ) from None
        try:
            # Not EXCLUSIVE: that waits for readers, and of two daemons started at one moment each would find the
            # other reading, and both would leave.
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._connection.close()
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise AlreadyRunning(_BUSY) from None
            raise ConfigError([f"{path} cannot be written; check the rights of the folder"]) from None

    def held(self) -> bool:
        return True  # the operating system takes it back with the process only

    def release(self) -> None:
        self._connection.close()


class AdvisoryLock:
    """Raises AlreadyRunning when another session holds it, TransientError when the server is away."""

    def __init__(self, url: str) -> None:
        from sync_service.persistence.engine import create

        self._engine = create(url)
        self._connection: Connection | None = None
        with ExitStack() as on_error:
            on_error.callback(self._engine.dispose)
            self._take()
            on_error.pop_all()

    def _take(self) -> None:
        from sync_service.persistence.engine import translated

        with translated(), ExitStack() as on_error:
            connection = self._engine.connect()
            on_error.callback(connection.close)
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            if not connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s, %s)", _KEY).scalar_one():
                raise AlreadyRunning(_BUSY)
            on_error.pop_all()
            self._connection = connection

    def held(self) -> bool:
        """Asks the server; after a broken connection the lock is taken again when it is free. TransientError
        when the server is away."""
        from sync_service.persistence.engine import translated

        if self._connection is not None:
            try:
                with translated():
                    self._connection.exec_driver_sql("SELECT 1")
            except SyncError:
                self._connection.invalidate()
                self._connection = None
        if self._connection is None:
            try:
                self._take()
            except AlreadyRunning:
                return False
        return True

    def release(self) -> None:
        """Free for the next daemon when this returns, not only when the server notices that we have gone."""
        from sync_service.persistence.engine import translated

        if self._connection is not None:
            with suppress(SyncError), translated():
                self._connection.exec_driver_sql("SELECT pg_advisory_unlock(%s, %s)", _KEY)
            self._connection.close()
        self._engine.dispose()


def take_lock(database_url: str) -> InstanceLock:
    """The lock of the installation with this database."""
    scheme, _, rest = database_url.partition(":///")
    if scheme.startswith("sqlite"):
        return FileLock(Path(rest.partition("?")[0]))
    return AdvisoryLock(database_url)
