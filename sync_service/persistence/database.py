"""The database of an installation: opens units of work and owns what lives outside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Engine

from sync_service.domain.errors import ConfigError
from sync_service.domain.links import SchoolId
from sync_service.engine.stores import Fence
from sync_service.persistence import engine as engines
from sync_service.persistence.connections import ConnectionStore
from sync_service.persistence.dialects import dialect_of
from sync_service.persistence.leases import SqlLeases
from sync_service.persistence.migrate import HEAD, current_revision, migrate
from sync_service.persistence.people import SqlPeople
from sync_service.persistence.runs import SqlRuns
from sync_service.persistence.schools import Schools
from sync_service.persistence.scrubbing import scrub
from sync_service.persistence.statistics import FreshStatistics
from sync_service.persistence.transactions import Transaction
from sync_service.persistence.unit_of_work import SqlUnitOfWork

_SCHOOL_EXISTS = "SELECT 1 FROM schools WHERE id = ?"

# PostgreSQL: a run must not miss a card that an import or «Движение» is just adding, nor the other way round, or both
# would add the pupil; rows that are not there yet cannot be locked. On SQLite writers take turns anyway.
_TURN_OF_RUNS = "SELECT pg_advisory_xact_lock_shared(4918, ?)"
_TURN_OF_PEOPLE = "SELECT pg_advisory_xact_lock(4918, ?)"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_ref() -> str:
    return uuid4().hex


class SqlDatabase:
    """Units of work of any school; safe to share between threads."""

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime] = _utc_now,
        new_ref: Callable[[], str] = _new_ref,
    ) -> None:
        self.engine = engine
        self.leases = SqlLeases(engine, now=now)
        self.runs = SqlRuns(engine)
        self.people = SqlPeople(engine)
        self.schools = Schools(engine)
        self._dialect = dialect_of(engine)
        self._now = now
        self._new_ref = new_ref
        self._statistics = FreshStatistics(engine)
        self._known: set[int] = set()

    def connection(self, school: SchoolId) -> ConnectionStore:
        """The regional tokens of a school."""
        return ConnectionStore(self.engine, school)

    @contextmanager
    def write(self, school: SchoolId, *, fence: Fence | None = None, own: bool = True) -> Iterator[SqlUnitOfWork]:
        """One transaction under the writer's lock. Raises TransientError when the lock is not to be had."""
        with engines.connected(self.engine, writing=True) as connection:
            tx = Transaction(connection, self._dialect, school, now=self._now, writable=True, own=own)
            self._check_school(tx)
            if self._dialect.name == "postgresql" and (fence is not None or not own):
                tx.query(_TURN_OF_PEOPLE if fence is None else _TURN_OF_RUNS, school)
            unit = SqlUnitOfWork(tx, fence, self._new_ref)
            yield unit
        if unit.committed:
            self._statistics.note(tx.inserted)

    @contextmanager
    def read(self, school: SchoolId) -> Iterator[SqlUnitOfWork]:
        """One consistent view; the database refuses writes through it (FatalError)."""
        with engines.connected(self.engine, writing=False) as connection:
            tx = Transaction(connection, self._dialect, school, now=self._now, writable=False)
            self._check_school(tx)
            yield SqlUnitOfWork(tx, None, self._new_ref)

    def _check_school(self, tx: Transaction) -> None:
        if tx.school in self._known:
            return
        if not tx.query(_SCHOOL_EXISTS, tx.school):
            raise ConfigError([f"school {tx.school} is not in the database; add it to config.toml and start again"])
        self._known.add(tx.school)

    def scrub(self) -> bool:
        return scrub(self.engine)

    def close(self) -> None:
        self.engine.dispose()


def open_database(
    url: str,
    *,
    create: bool = False,
    durable: bool = True,
    now: Callable[[], datetime] = _utc_now,
    new_ref: Callable[[], str] = _new_ref,
) -> SqlDatabase:
    """The database at ``url``, ready for work.

    ``create`` brings an empty or older one up to date first. Raises ConfigError when the schema is not the one
    this version works with, TransientError when the server cannot be reached.
    """
    engine = engines.create(url, durable=durable)
    if create:
        migrate(engine)
    else:
        found = current_revision(engine)
        if found != HEAD:
            engine.dispose()
            raise ConfigError([f"the database has schema {found or 'none'}, expected {HEAD}; run ecp-sync migrate"])
    return SqlDatabase(engine, now=now, new_ref=new_ref)
