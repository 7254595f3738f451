"""kill -9 of the real process at each of its commits (statement 9); random moments are in soak_statements.

The day is the busy one of tests/acceptance/working_day; a process is killed right before or right after its N-th
commit, or at a named point around a request. Then the next run must find a sound database, be ready soon, and
bring both sides to what they hold after a day without a kill.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from sqlalchemy import text

from sync_service.persistence import open_database
from tests.acceptance.agreement import Portrait
from tests.acceptance.office import Office, office, region
from tests.acceptance.processes import Process
from tests.acceptance.starter import starter
from tests.acceptance.working_day import PAGE_SIZE, agreed_database, copied, read_everything, undisturbed
from tests.simulation.after_a_kill import assert_sound, synced
from tests.simulation.databases import Databases
from tests.simulation.killed_commands import ON_AN_AGREED_DAY, Command
from tests.simulation.upgrade_statements import first_schema

HANDFUL = 10  # kills per engine below which commits are not counted first
PROMISED_SECONDS = 10.0
HEARTBEAT = 2.0  # the default: how long a dead holder's lease is respected follows from it
OLD_PUPILS = 100
OLD_CONFIG = """
database_url = "{url}"

[[schools]]
code = "s"
name = "S"
organization_id = "o"
base_url = "http://127.0.0.1:9"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Seconds until the next run had done its work. ``waited``: for the dead holder's lease, on the program's clock;
    ``worked``: of the processor, the region's part included; ``wall`` is what a clock on the wall says, which
    depends on what else the machine does as well."""

    waited: float
    worked: float
    wall: float

    @property
    def ready(self) -> float:
        """On a machine that has nothing else to do."""
        return self.waited + self.worked


@dataclass(slots=True)
class Kills:
    """What a sweep has found; ``places`` are the commits and named points at which it killed."""

    counts: dict[str, int] = field(default_factory=dict)
    places: set[tuple[str, ...]] = field(default_factory=set)
    recoveries: list[Recovery] = field(default_factory=list)
    logins: int = 0  # kills after which a person had to log in

    def add(self, name: str, how: tuple[str, ...], recovery: Recovery) -> None:
        """``how`` ends with the number of the commit, or the name of the point, at which the process died."""
        self.counts[name] = self.counts.get(name, 0) + 1
        self.places.add((name, how[-1]))
        self.recoveries.append(recovery)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        ready = [one.ready for one in self.recoveries]
        wall = [one.wall for one in self.recoveries]
        return (
            f"{self.total:,} kills at {len(self.places):,} points ({parts}), 0 lost, 0 doubled; ready again in"
            f" {median(ready):.1f} s (median), {max(ready):.1f} s at most, counted as"
            f" {max(one.waited for one in self.recoveries):.1f} s at most of waiting for the dead holder's lease and"
            f" {max(one.worked for one in self.recoveries):.1f} s at most of the processor; by the clock on the wall"
            f" {median(wall):.1f} s (median), {max(wall):.1f} s at most under a load of {os.getloadavg()[1]:.0f} on"
            f" {os.cpu_count()} cores; after {self.logins} kills a person had to log in"
        )


def statement_09(count: int, databases: Databases) -> str:
    """At most ``count`` kills per engine, spread evenly over all commit points of all commands."""
    with tempfile.TemporaryDirectory(prefix="ecp-sync-kills-") as folder:
        agreed, day, kills = (Path(folder) / name for name in ("agreed", "day", "kills"))
        for place in (agreed, day, kills):
            place.mkdir()
        database = agreed_database(agreed)
        return killed_at_commits(database, undisturbed(database, day), kills, databases, count)


def killed_at_commits(agreed: Path, expected: Portrait, folder: Path, databases: Databases, count: int) -> str:
    """The same, beginning with copies of the database ``agreed`` on a day that should end as ``expected``."""
    kills = Kills()
    sweep = _Sweep(folder, databases, agreed, expected)
    sweep.run("SQLite", sweep.on_sqlite, count, kills)
    sweep.migrate("SQLite", sweep.old_file, count, kills)
    if databases.has_server:
        sweep.migrate("PostgreSQL", sweep.old_server, count, kills)
        if count >= HANDFUL:  # tests/acceptance/test_kill.py has the handful of PostgreSQL
            with databases.on_server() as url:
                sweep.agree_on_server(url)
                sweep.run("PostgreSQL", sweep.on_postgres, count, kills)
    return str(kills)


class _Sweep:
    def __init__(self, folder: Path, databases: Databases, agreed: Path, expected: Portrait) -> None:
        self._folder = folder
        self._databases = databases
        self._agreed = agreed
        self._agreed_on_server = ""
        self._expected = expected

    def agree_on_server(self, url: str) -> None:
        """Read the region once into the database that every kill on PostgreSQL begins with a copy of."""
        with self._place() as here:
            read_everything(here, url)
        self._agreed_on_server = url

    @contextmanager
    def on_sqlite(self) -> Iterator[Office]:
        with (
            self._place() as here,
            region() as door,
            office(door, here, url=copied(self._agreed, here), page_size=PAGE_SIZE, heartbeat=HEARTBEAT) as made,
        ):
            yield made

    @contextmanager
    def on_postgres(self) -> Iterator[Office]:
        with (
            self._place() as here,
            self._databases.on_server(like=self._agreed_on_server) as url,
            region() as door,
            office(door, here, url=url, page_size=PAGE_SIZE, heartbeat=HEARTBEAT) as made,
        ):
            yield made

    @contextmanager
    def _place(self) -> Iterator[Path]:
        here = self._folder / "here"
        here.mkdir()
        try:
            yield here
        finally:
            shutil.rmtree(here)

    def run(
        self, engine: str, offices: Callable[[], AbstractContextManager[Office]], most: int, kills: Kills
    ) -> None:
        """Kill the commands at no more than ``most`` points: every commit before or after it, then the rest."""
        plans = [self._plans(command, offices, counted=most >= HANDFUL) for command in ON_AN_AGREED_DAY]
        firsts, rest = (
            [(command, how) for command, ways in zip(ON_AN_AGREED_DAY, plans, strict=True) for how in ways[part]]
            for part in (0, 1)
        )
        chosen = [*firsts, *rest][:most] if most >= len(firsts) else firsts[:: -(-len(firsts) // most)]
        for command, how in chosen:
            with offices() as made:
                _killed(made, how, command.prepare(made))
                assert_sound(made)
                kills.add(f"{command.name} on {engine}", how, _ready(made, kills))
                try:
                    command.verify(made, self._expected)
                except AssertionError as error:
                    raise AssertionError(f"{engine}, {command.name} killed at {how}: {error}") from error

    def _plans(
        self, command: Command, offices: Callable[[], AbstractContextManager[Office]], *, counted: bool
    ) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Every commit once, before and after it in turn; and the other ways to die."""
        if not counted:
            return [("commit", "after", "1")], []
        with offices() as made:
            commits = _commits(_dying(made, "count", 0, command.prepare(made)))
        ways = ("before", "after")
        once = [("commit", ways[n % 2], str(n)) for n in range(1, commits + 1)]
        again = [("commit", ways[1 - n % 2], str(n)) for n in range(1, commits + 1)]
        return [*once], [*(("point", point) for point in command.points), *again]

    @contextmanager
    def old_file(self) -> Iterator[tuple[Path, str]]:
        with self._place() as here:
            yield here, f"sqlite:///{here / 'old.sqlite'}"

    @contextmanager
    def old_server(self) -> Iterator[tuple[Path, str]]:
        with self._place() as here, self._databases.on_server(empty=True) as url:
            yield here, url

    def migrate(
        self, engine: str, places: Callable[[], AbstractContextManager[tuple[Path, str]]], most: int, kills: Kills
    ) -> None:
        """The upgrade of an old database is killed before and after its commits, and completed afterwards."""
        commits = 1
        ways = ("before", "after") if most >= HANDFUL else ("before",)
        if most >= HANDFUL:
            with places() as (here, url):
                commits = _commits(_upgrading(here, url, "count", 0))
        for number in range(1, commits + 1):
            for when in ways:
                with places() as (here, url):
                    process = _upgrading(here, url, when, number)
                    assert process.wait() == -signal.SIGKILL, process.words()
                    process.close()
                    last = _upgrading(here, url, "count", 0, fresh=False)
                    assert last.wait() == 0, last.words()
                    wall = time.monotonic() - last.started
                    last.close()
                    recovery = Recovery(waited=0.0, worked=_processor(last), wall=wall)
                    kills.add(f"migrate on {engine}", (str(number),), recovery)
                    database = open_database(url)
                    with database.engine.connect() as connection:
                        assert connection.execute(text("SELECT count(*) FROM students")).scalar() == OLD_PUPILS
                    database.close()


def _upgrading(here: Path, url: str, when: str, number: int, *, fresh: bool = True) -> Process:
    if fresh:
        first_schema(url, OLD_PUPILS)
        (here / "config.toml").write_text(OLD_CONFIG.format(url=url), encoding="utf-8")
    arguments = ("0", when, str(number), "migrate")
    return Process(starter().start("tests.acceptance.dying", arguments, cwd=here, environment=None))


def _dying(made: Office, when: str, number: int, arguments: list[str]) -> Process:
    return made.start_module("tests.acceptance.dying", when, str(number), *arguments)


def _commits(process: Process) -> int:
    """How many commits a process that is not killed makes; it is waited for."""
    process.wait()
    found = re.search(r"commits: (\d+)", "".join(process.err))
    process.close()
    assert found, process.words()
    return int(found[1])


def _processor(process: Process) -> float:
    """Seconds the processor has worked for a process that was not killed."""
    found = re.search(r"processor: ([\d.]+)", "".join(process.err))
    assert found, process.words()
    return float(found[1])


def _killed(made: Office, how: tuple[str, ...], arguments: list[str]) -> None:
    if how[0] == "point":
        code = made.run(*arguments, environment={"ECP_SYNC_CRASH_AT": how[1]}).code
    else:
        process = _dying(made, how[1], int(how[2]), arguments)
        code = process.wait()
        process.close()
    assert code == -signal.SIGKILL, f"{how} was not passed: {code}"


def _ready(made: Office, kills: Kills) -> Recovery:
    """The next run, from the wait for the dead holder's lease to its end. It is ready within what is promised."""
    clock = made.clock
    waited, worked, wall = clock.waited, time.process_time(), clock.monotonic()
    kills.logins += synced(made)
    found = Recovery(waited=clock.waited - waited, worked=time.process_time() - worked, wall=clock.monotonic() - wall)
    assert found.ready <= PROMISED_SECONDS, f"ready after {found}"
    return found
