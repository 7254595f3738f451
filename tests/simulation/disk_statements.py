"""What the disk may do to us: writes that fail, no room, copies at any instant, damaged pages (11, 12, 13).

A history gives the work: edits on both sides, then a run under the fault, then unharmed cycles and all invariants
of a history. Nothing is mocked but the failing call of the database driver.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url

from sync_service.domain.errors import SyncError
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction
from sync_service.engine.leased_run import Job, run_leased
from sync_service.persistence import open_database
from sync_service.persistence.health import damage
from tests.simulation import machine_steps as machine
from tests.simulation import region_steps as region
from tests.simulation import school_steps as school
from tests.simulation.databases import AtUrl, Databases
from tests.simulation.history import EDITS, begin, check, settle
from tests.simulation.state import History
from tests.simulation.upgrade_statements import in_child
from tests.unit.engine.world import POLICIES, normalise

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
PAGE = 4096
ADDING = (school.adds_mark, school.edits_mark, school.edits_student, school.adds_guardian, region.adds_mark)
UNAVAILABLE = 77  # exit status of a child that may not make a file system here
CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC = 0x20000, 0x10000000, 0x40000, 0x4000


def statement_11(count: int, databases: Databases) -> str:
    """At most ``count`` failing writes per engine, spread evenly; then the three kinds of full disk."""
    failed = {"SQLite": _every_write_fails(databases.file, count)}
    if databases.has_server:
        failed["PostgreSQL"] = _every_write_fails(databases.on_server, count)
    kinds = {
        "max_page_count": _sweep_sizes(databases, _no_more_pages, count),
        "RLIMIT_FSIZE": _sweep_sizes(databases, _no_longer_files, count),
        "tmpfs": _full_tmpfs(databases),
    }
    parts = [f"{number} failing writes on {name}" for name, number in failed.items()]
    parts += [f"{kind} {number if number else 'not available here'}" for kind, number in kinds.items()]
    return ", ".join(parts) + ": database intact, 0 lost, 0 doubled, resumed unaided"


def _prepared(url: str, seed: int = 4) -> History:
    """Both sides have work for a busy run; the same every time."""
    history = begin(seed, AtUrl(url))
    weights, steps = zip(*EDITS, strict=True)
    for _ in range(40):
        history.random.choices(steps, weights)[0](history)
    return history


def _run(history: History) -> RunStatus:
    """A run as the service makes it, with lease and row; its status, FAILED when it raised."""
    world = history.world
    job = Job(
        school=world.school,
        streams=tuple(Stream),
        direction=Direction.BOTH,
        trigger="manual",
        db=world.db,
        remote=world.remote,
        policies=POLICIES,
        normalise=normalise,
        clock=world.clock,
        notifier=world.ears,
        period=600.0,
        wait=0.0,
        stop=threading.Event(),
    )
    try:
        report = run_leased(job)
    except SyncError:
        return RunStatus.FAILED
    history.reports.append(report)
    return report.status


def _recovers(history: History, where: str) -> None:
    """Sound, and the next cycles finish the work without help."""
    if history.world.db.engine.dialect.name == "sqlite":
        with history.world.db.engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok", where
    try:
        settle(history)
        check(history)
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
    finally:
        history.world.db.close()


# --- the N-th write fails ----------------------------------------------------------------------------------------


class _FailingWrites:
    """The N-th write of an engine fails as a broken disk makes it fail; commits count as writes."""

    def __init__(self, engine: Engine, number: int) -> None:
        self.seen = 0
        self.armed = True
        self.table = ""  # what the last write was about; a commit belongs to the write before it
        self._number = number
        dialect: Any = engine.dialect
        self._error = _broken_disk(dialect.name)
        for name in ("do_execute", "do_executemany"):
            setattr(dialect, name, self._wrapped(getattr(dialect, name)))
        self._commit = dialect.do_commit
        dialect.do_commit = self._committing

    def _committing(self, connection: Any) -> None:
        self._count()
        self._commit(connection)

    def _wrapped(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        def call(cursor: Any, statement: str, parameters: Any, context: Any = None) -> Any:
            if statement.lstrip()[:7].upper().startswith(WRITES):
                if self.armed and self.seen < self._number:
                    self.table = _table_of(statement)
                self._count()
            return execute(cursor, statement, parameters, context)

        return call

    def _count(self) -> None:
        if self.armed:
            self.seen += 1
            if self.seen == self._number:
                raise self._error


def _table_of(statement: str) -> str:
    words = re.split(r"[\s(]+", statement.strip())
    return words[1] if words[0].upper() == "UPDATE" else words[2]


def _broken_disk(dialect: str) -> Exception:
    if dialect == "sqlite":
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_WRITE"
        return error
    import psycopg

    return psycopg.errors.DiskFull("could not write")


def _every_write_fails(fresh: Callable[[], Any], most: int) -> int:
    with fresh() as url:
        history = _prepared(url)
        counted = _FailingWrites(history.world.db.engine, 0)
        assert _run(history) is RunStatus.SUCCEEDED
        total = counted.seen
        history.world.db.close()
    failed = 0
    for number in range(1, total + 1, max(1, total // most)):
        with fresh() as url:
            history = _prepared(url)
            writes = _FailingWrites(history.world.db.engine, number)
            status = _run(history)
            writes.armed = False
            # A beat that is missed beats again, and a lease that is not given back runs out.
            assert status is not RunStatus.SUCCEEDED or writes.table == "leases", (
                f"write {number}, to {writes.table}, failed, and the run is green"
            )
            _recovers(history, f"write {number} of {total} failed")
            failed += 1
    return failed


# --- no room -----------------------------------------------------------------------------------------------------


def _sweep_sizes(databases: Databases, fill: Callable[[History, int], bool], most: int) -> int:
    """Room for one more page, two, … until the run needs no more; how often there was too little."""
    full = 0
    for pages in range(most):
        with databases.file() as url:
            history = _prepared(url)
            if not fill(history, pages):
                history.world.db.close()
                break
            full += 1
    assert full, f"{fill.__name__}: the disk was never full"
    return full


def _no_more_pages(history: History, pages: int) -> bool:
    """Whether the run met the limit; recovered when it did."""
    engine = history.world.db.engine
    with engine.connect() as connection:
        now = int(connection.execute(text("PRAGMA page_count")).scalar() or 0)
    engine.dispose()
    limit = now + pages

    def limited(driver: Any, _record: object) -> None:
        driver.execute(f"PRAGMA max_page_count = {limit}")

    event.listen(engine, "connect", limited)
    status = _run(history)
    event.remove(engine, "connect", limited)
    engine.dispose()
    if status is RunStatus.SUCCEEDED:
        return False
    _recovers(history, f"no room beyond {limit} pages")
    return True


def _no_longer_files(history: History, pages: int) -> bool:
    """The same under the limit of the operating system, in a process of its own."""
    file = Path(str(history.world.db.engine.url.database))
    history.world.db.engine.dispose()

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        wal = file.with_name(file.name + "-wal")
        longest = max(file.stat().st_size, wal.stat().st_size if wal.exists() else 0)
        room = longest if pages == 0 else longest + pages * 8 * 4096
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(room // 2, 4096) if pages == 0 else room, hard))
        status = _run(history)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        if status is RunStatus.SUCCEEDED:
            os._exit(UNAVAILABLE)
        _recovers(history, f"files no longer than {room} bytes")

    code = in_child(work)
    assert code in (0, UNAVAILABLE), f"files no longer: the child ended with {code}"
    return code == 0


def _full_tmpfs(databases: Databases) -> int:
    """A real file system of 4 MB without room, in a name space of its own; 0 where that is not allowed."""
    with databases.file() as url:
        source = Path(str(make_url(url).database))
        mountpoint = source.parent / "small"
        mountpoint.mkdir()

        def work() -> None:
            if not _mount_small(mountpoint):
                os._exit(UNAVAILABLE)
            file = mountpoint / "school.sqlite"
            shutil.copyfile(source, file)
            history = _prepared(f"sqlite:///{file}")
            history.world.db.engine.dispose()
            ballast = mountpoint / "ballast"
            free = shutil.disk_usage(mountpoint).free
            ballast.write_bytes(b"\0" * max(0, free - 3 * 4096))
            status = _run(history)
            assert status is not RunStatus.SUCCEEDED, "the disk was full, and the run is green"
            ballast.unlink()
            _recovers(history, "tmpfs full")

        code = in_child(work)
    assert code in (0, UNAVAILABLE), f"tmpfs: the child ended with {code}"
    return int(code == 0)


def _mount_small(mountpoint: Path) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            return False
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    if libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    return bool(libc.mount(b"tmpfs", str(mountpoint).encode(), b"tmpfs", 0, b"size=4m") == 0)


# --- copies at random instants -----------------------------------------------------------------------------------


def statement_12(count: int, databases: Databases) -> int:
    """Database and log are copied between two statements of a busy history, checkpoints included."""
    with databases.file() as url, databases.folder() as folder:
        history = begin(12, AtUrl(url))
        file = Path(str(make_url(url).database))
        copies: list[Path] = []
        chance = random.Random(12)

        def copy(*_: Any) -> None:
            if len(copies) < count and chance.random() < 0.05:
                target = folder / f"copy-{len(copies)}.sqlite"
                copies.append(target)
                shutil.copyfile(file, target)
                wal = file.with_name(file.name + "-wal")
                if wal.exists():
                    shutil.copyfile(wal, target.with_name(target.name + "-wal"))

        engine = history.world.db.engine
        with engine.connect() as connection:  # checkpoints come often, so that copies meet them
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 20")
        event.listen(engine, "before_cursor_execute", copy)
        weights, steps = zip(*EDITS, strict=True)
        while len(copies) < count:
            for _ in range(5):
                history.random.choices(steps, weights)[0](history)
            machine.cycle(history)
        event.remove(engine, "before_cursor_execute", copy)
        for one in copies:
            _opens_clean(history, one)
        history.world.db.close()
    return len(copies)


def _opens_clean(history: History, file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok", file.name
    with database.read(history.world.school.school_id) as uow:
        assert uow.audit.verify() is None, file.name
    database.close()


# --- damaged pages -----------------------------------------------------------------------------------------------


def statement_13(count: int, databases: Databases) -> str:
    """One random page of the database is overwritten; nothing wrong may leave, and somebody must say so.

    A run that meets the page fails. One that does not read it may succeed; doctor tells of the damage then, or
    there is none (a free page) and both sides agree.
    """
    refused = told = harmless = 0
    for number in range(count):
        with databases.file() as url:
            history = begin(number, AtUrl(url))
            for adding in (20, 15):
                for _ in range(adding):
                    history.random.choice(ADDING)(history)
                if adding == 20:
                    machine.cycle(history)
            before = _deleted(history)
            history.world.db.close()
            _damage(Path(str(make_url(url).database)), random.Random(number))
            status = _run_anew(history)
            assert _deleted(history) == before, f"corruption {number}: a deletion was sent"
            if status is not RunStatus.SUCCEEDED:
                refused += 1
            elif damage(history.world.db.engine) is not None:
                told += 1
            else:
                _recovers(history, f"corruption {number}")
                harmless += 1
            history.world.db.close()
    parts = f"{refused} refused by the run, {told} not met by it and told by doctor, {harmless} in free pages"
    return f"{count} corruptions: {parts}, 0 deletes sent"


def _deleted(history: History) -> int:
    return sum(len(history.world.remote.records(stream, deleted=True)) for stream in Stream)


def _damage(file: Path, chance: random.Random) -> None:
    with file.open("r+b") as database:
        pages = file.stat().st_size // PAGE
        database.seek(PAGE * chance.randrange(pages))
        database.write(chance.choice((bytes(PAGE), chance.randbytes(PAGE))))


def _run_anew(history: History) -> RunStatus:
    """As a process that starts on the damaged file; a database that does not open is refused as well."""
    try:
        history.reopen()
    except SyncError:
        return RunStatus.FAILED
    return _run(history)
