"""Statements about processes, each a function of a count: short in ``make test``, full in ``make simulate``.

    sigterm_moments(100, …)   14  SIGTERM at random moments: exit 0 in at most 30 s, no half page
    double_starts(100, …)     15  two daemons at once: one has the database, the other exits with 11

Real processes against the simulator on a socket. Every function raises AssertionError when its statement does not
hold, and returns what it has counted.
"""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync_service.bootstrap import Service
from sync_service.config import load_settings
from sync_service.domain.streams import Stream
from tests.acceptance.processes import Installation, Process, Simulator, installation, simulator, wait_for
from tests.acceptance.starter import starter

PROMISED_SECONDS = 30.0
SLOW_PAGES = {"kind": "slow", "match": {"route": "page"}, "params": {"seconds": 0.1}}
CONFIG = """
database_url = "sqlite:///school.sqlite"

[schedule]
heartbeat = 0.5
intervals = {{ marks = 1, attendance = 1 }}

[web]
enabled = {page}
port = 0

[[schools]]
code = "school-1"
name = "Школа № 1"
organization_id = "{organization}"
base_url = "{url}"
page_size = 100
"""


@dataclass(slots=True)
class Stopped:
    """What :func:`sigterm_moments` has counted; ``seconds`` is how long each stop took."""

    endings: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class DoubleStarts:
    """What :func:`double_starts` has counted. ``seconds`` is from the start of the refused process to its end, as
    the clock on the wall has it; ``processor`` what the processor has worked for it, which does not depend on what
    else the machine does. Both include the start of the interpreter."""

    holders: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@contextmanager
def _school(folder: Path, *, page: bool) -> Iterator[tuple[Simulator, Installation]]:
    with simulator() as region:
        config = CONFIG.format(
            organization=region.organizations[0]["id"], url=region.url, page="true" if page else "false"
        )
        with installation(folder, config) as made:
            yield region, made


def _begin_anew(region: Simulator, made: Installation) -> None:
    """An empty database with a token of its own."""
    for file in made.folder.glob("school.sqlite*"):
        file.unlink()
    empty = made.folder / "empty.sqlite"
    if not empty.exists():
        Service.open(load_settings(made.config), create=True).close()
        (made.folder / "school.sqlite").rename(empty)
    shutil.copyfile(empty, made.folder / "school.sqlite")
    token = region.admin("POST", "tokens/issue", {})["refreshToken"]
    with Service.open(load_settings(made.config)) as service:
        service.db.connection(service.school(None).school_id).save(None, token)


def sigterm_moments(count: int, folder: Path, *, seed: int = 0) -> Stopped:
    """RELIABILITY 14: the daemon begins to read an empty school, and is told to end at a random moment: before its
    first request, in the middle of the pages, or at rest. It exits with 0 within 30 s, what it leaves is whole, and
    the next daemon goes on from there; the one after that begins with an empty school again."""
    dice = random.Random(seed)
    found = Stopped()
    with _school(folder, page=True) as (region, made):
        region.admin("POST", "faults", {"rules": [SLOW_PAGES]})
        for number in range(count):
            if number % 2 == 0:
                _begin_anew(region, made)
            region.admin("POST", "reset-counters")
            with closing(_daemon(made)) as daemon:
                daemon.wait_for_event("daemon_started")
                _wait_for_requests(region, daemon, dice.randrange(45))
                time.sleep(dice.random() * 0.15)  # somewhere between two requests
                asked = time.monotonic()
                daemon.terminate()
                code = daemon.wait(PROMISED_SECONDS)
                found.seconds.append(time.monotonic() - asked)
                assert code == 0, f"seed {seed}, moment {number}: exit {code}: {daemon.words()}"
                assert "Traceback" not in daemon.words()
            found.endings[_ending(daemon)] += 1
            _look_for_halves(made.folder / "school.sqlite", f"seed {seed}, moment {number}")
        region.admin("POST", "faults", {"rules": []})
        with closing(_daemon(made)) as daemon:
            assert daemon.wait_for_event("run_finished")["status"] == "succeeded"
            daemon.terminate()
            assert daemon.wait(PROMISED_SECONDS) == 0
        (ours, *_) = region.admin("GET", "state")["organizations"]
        assert _rows(made.folder / "school.sqlite") == sum(stream["live"] for stream in ours["streams"].values())
    return found


def _daemon(made: Installation) -> Process:
    """The daemon on today's date, its modules loaded before."""
    modules = ("sync_service.daemon", "sync_service.daemon_duty", "sync_service.web.server")
    return Process(starter().start("tests.acceptance.on_a_day", ("0", "run"), cwd=made.folder, loaded=modules))


def _wait_for_requests(region: Simulator, daemon: Process, requests: int) -> None:
    """Until the region has heard so many, or nothing more comes."""
    wait_for(lambda: region.requests() >= requests or daemon.events("run_finished"), f"{requests} requests")


def _ending(daemon: Process) -> str:
    """How the run that was under way ended."""
    runs = daemon.events("run_finished")
    return str(runs[-1]["status"]) if runs else "not begun"


def _look_for_halves(file: Path, when: str) -> None:
    """A page is rows, links, bases, audit and position together, or nothing of it."""
    connection = sqlite3.connect(file)
    try:

        def one(statement: str) -> Any:
            return connection.execute(statement).fetchone()[0]

        assert one("PRAGMA integrity_check") == "ok", when
        assert one("SELECT count(*) FROM runs WHERE status = 'running'") == 0, when
        assert one("SELECT count(*) FROM leases WHERE holder IS NOT NULL") == 0, when
        assert one("SELECT count(*) FROM own_writes") == 0, when
        assert one("SELECT count(*) FROM changes") == 0, f"{when}: our own writes are in the change journal"
        for stream in Stream:
            rows = one(f"SELECT count(*) FROM {stream.value}")
            links = one(f"SELECT count(*) FROM links WHERE stream = '{stream.value}' AND state = 'live'")
            told = one(f"SELECT count(*) FROM audit_items WHERE stream = '{stream.value}' AND act = 'create'")
            assert rows == links == told, f"{when}: {stream.value}: {rows} rows, {links} links, {told} in the journal"
            position = one(f"SELECT count(*) FROM cursors WHERE stream = '{stream.value}'")
            assert position or not rows, f"{when}: {stream.value}: rows without a position"
    finally:
        connection.close()


def _rows(file: Path) -> int:
    connection = sqlite3.connect(file)
    try:
        return sum(connection.execute(f"SELECT count(*) FROM {stream.value}").fetchone()[0] for stream in Stream)
    finally:
        connection.close()


def double_starts(count: int, folder: Path) -> DoubleStarts:
    """RELIABILITY 15: two daemons are started at the same moment. One of them works, the other exits with 11 and has
    asked nothing of the region; the one that works ends with 0 when told to."""
    found = DoubleStarts()
    with _school(folder, page=False) as (region, made):
        _begin_anew(region, made)
        for number in range(count):
            before = _processor()
            both = [made.start("run") for _ in range(2)]
            refused = _first_to_end(both)
            found.seconds.append(time.monotonic() - refused.started)
            found.processor.append(_processor() - before)
            (holder,) = (one for one in both if one is not refused)
            assert refused.wait() == 11, f"start {number}: {refused.words()}"
            assert refused.events("daemon_started") == []
            found.refused += 1
            holder.wait_for_event("daemon_started")
            holder.terminate()
            assert holder.wait(PROMISED_SECONDS) == 0, f"start {number}: {holder.words()}"
            found.holders += 1
    return found


def _processor() -> float:
    """Seconds the processor has worked for children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _first_to_end(both: list[Process]) -> Process:
    return wait_for(lambda: next((one for one in both if not one.is_running), None), "the refusal of one of them")
