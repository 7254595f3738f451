"""kill -9 of the real process at each of its commits (statement 9); random moments are in soak_statements.

The day is the busy one of tests/acceptance/working_day; a process is killed right before or right after its N-th
commit, or at a named point around a request. Then the next run must find a sound database, be ready soon, and
bring both sides to what they hold after a day without a kill.
"""

from __future__ import annotations

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
from tests.acceptance.agreement import Portrait, disagreements
from tests.acceptance.office import Office, office, region
from tests.acceptance.processes import Process
from tests.acceptance.starter import starter
from tests.acceptance.working_day import (
    PAGE_SIZE,
    agreed_database,
    assert_everything_arrived,
    copied,
    edit_both_sides,
    import_files,
    undisturbed,
    write_files,
)
from tests.simulation.after_a_kill import assert_sound, synced
from tests.simulation.databases import Databases
from tests.simulation.upgrade_statements import first_schema

BATCHES = 6  # that a busy day sends; a plan has nothing to say about releases, and sends fewer
BATCHES_OF_A_PLAN = 4
HANDFUL = 10  # kills per engine below which commits are not counted first
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
class Command:
    """What is killed: the work before it, its arguments, and the proof that nothing was lost or doubled."""

    name: str
    prepare: Callable[[Office], list[str]]
    verify: Callable[[Office, Portrait], None]
    points: tuple[str, ...] = ()


@dataclass(slots=True)
class Kills:
    """What a sweep has found; ``places`` are the commits and named points at which it killed."""

    counts: dict[str, int] = field(default_factory=dict)
    places: set[tuple[str, ...]] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)  # until the next run had done its work

    def add(self, name: str, how: tuple[str, ...], ready: float) -> None:
        """``how`` ends with the number of the commit, or the name of the point, at which the process died."""
        self.counts[name] = self.counts.get(name, 0) + 1
        self.places.add((name, how[-1]))
        self.seconds.append(ready)

    logins: int = 0  # kills after which a person had to log in

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return (
            f"{self.total:,} kills at {len(self.places):,} points ({parts}), 0 lost, 0 doubled,"
            f" ready again in {median(self.seconds):.1f} s (median), {max(self.seconds):.1f} s at most;"
            f" after {self.logins} a person had to log in"
        )


def _prepare_sync(made: Office) -> list[str]:
    made.region.admin("POST", "settings", {"idempotency": "ignored"})
    files = write_files(made)
    edit_both_sides(made)
    import_files(made, files)
    return ["sync"]


def _prepare_import(made: Office) -> list[str]:
    made.region.admin("POST", "settings", {"idempotency": "ignored"})
    files = write_files(made)
    edit_both_sides(made)
    return ["import", str(files.pupils)]


def _verify_day(made: Office, expected: Portrait) -> None:
    made.settle()
    assert_everything_arrived(made, expected)


def _verify_import(made: Office, expected: Portrait) -> None:
    """The file went in whole or not at all; importing all of them again doubles nothing."""
    import_again(made)
    _verify_day(made, expected)


def import_again(made: Office) -> None:
    for path in sorted(made.folder.iterdir(), key=lambda p: p.stat().st_mtime_ns):
        if path.suffix in (".csv", ".xlsx"):
            made.service.files.bring_in(made.school(), path, actor="secretary")


def _prepare_resolve(made: Office) -> list[str]:
    card = made.dump("students")[0]
    edit = {"stream": "students", "items": [{"id": card["id"], "changes": {"address": "ул. Новая, 1"}}]}
    made.region.admin("POST", "edit", edit)
    row = made.local_id("students", card["id"])
    made.sql("UPDATE students SET address = 'ул. Старая, 2' WHERE id = :id", id=row)
    made.sync()
    (case,) = made.sql("SELECT id FROM conflicts WHERE state = 'open'")
    return ["conflicts", "resolve", str(case["id"]), "--take", "school", "--as", "ivanova"]


def _verify_resolve(made: Office, expected: Portrait) -> None:
    """Decided or not decided; when not, the case still stands and can be decided."""
    if cases := made.sql("SELECT id FROM conflicts WHERE state = 'open'"):
        made.must("conflicts", "resolve", str(cases[0]["id"]), "--take", "school", "--as", "ivanova")
    made.settle()
    assert disagreements(made) == []
    assert [one["address"] for one in made.dump("students")].count("ул. Старая, 2") == 1


def _prepare_resync(made: Office) -> list[str]:
    _prepare_sync(made)
    plan = made.run("resync", "plan", "--all", "--json")
    assert plan.code == 10, plan.err
    return ["resync", "apply", str(plan.json()["id"])]


def _verify_resync(made: Office, expected: Portrait) -> None:
    """The same command goes on; a cycle was faster with the rest, which is told and not done again."""
    (plan,) = made.sql("SELECT max(id) AS id FROM plans")
    again = made.run("resync", "apply", str(plan["id"]))
    assert again.code in (0, 3) or "уже выполнен" in again.err, again.out + again.err
    _verify_day(made, expected)


def _around_requests(batches: int) -> tuple[str, ...]:
    return tuple(f"push.{when}_send:{n}" for when in ("before", "after") for n in range(1, batches + 1))


SYNC = Command(name="sync", prepare=_prepare_sync, verify=_verify_day, points=_around_requests(BATCHES))
ON_AN_AGREED_DAY = (
    SYNC,
    Command(name="import", prepare=_prepare_import, verify=_verify_import),
    Command(name="resolve", prepare=_prepare_resolve, verify=_verify_resolve),
    Command(
        name="resync apply",
        prepare=_prepare_resync,
        verify=_verify_resync,
        points=_around_requests(BATCHES_OF_A_PLAN),
    ),
)


def statement_09(count: int, databases: Databases) -> str:
    """At most ``count`` kills per engine, spread evenly over all commit points of all commands."""
    kills = Kills()
    with tempfile.TemporaryDirectory(prefix="ecp-sync-kills-") as folder:
        sweep = _Sweep(Path(folder), databases)
        sweep.run("SQLite", sweep.on_sqlite, count, kills)
        sweep.migrate("SQLite", sweep.old_file, count, kills)
        if databases.has_server:
            sweep.migrate("PostgreSQL", sweep.old_server, count, kills)
            if count >= HANDFUL:  # tests/acceptance/test_kill.py has the handful of PostgreSQL
                sweep.run("PostgreSQL", sweep.on_postgres, count, kills)
    return str(kills)


class _Sweep:
    def __init__(self, folder: Path, databases: Databases) -> None:
        self._folder = folder
        self._databases = databases
        (folder / "agreed").mkdir()
        (folder / "day").mkdir()
        self._agreed = agreed_database(folder / "agreed")
        self._expected = undisturbed(self._agreed, folder / "day")

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
            self._databases.on_server() as url,
            region() as door,
            office(door, here, url=url, page_size=PAGE_SIZE, heartbeat=HEARTBEAT) as made,
        ):
            made.settle()
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
        if most >= HANDFUL:
            with places() as (here, url):
                commits = _commits(_upgrading(here, url, "count", 0))
        for number in range(1, commits + 1):
            for when in ("before", "after"):
                with places() as (here, url):
                    process = _upgrading(here, url, when, number)
                    assert process.wait() == -signal.SIGKILL, process.words()
                    process.close()
                    begun = time.monotonic()
                    last = _upgrading(here, url, "count", 0, fresh=False)
                    assert last.wait() == 0, last.words()
                    last.close()
                    kills.add(f"migrate on {engine}", (str(number),), time.monotonic() - begun)
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


def _killed(made: Office, how: tuple[str, ...], arguments: list[str]) -> None:
    if how[0] == "point":
        code = made.run(*arguments, environment={"ECP_SYNC_CRASH_AT": how[1]}).code
    else:
        process = _dying(made, how[1], int(how[2]), arguments)
        code = process.wait()
        process.close()
    assert code == -signal.SIGKILL, f"{how} was not passed: {code}"


def _ready(made: Office, kills: Kills) -> float:
    """Seconds until the next run has done its work, waits for the dead holder's lease included."""
    begun = made.clock.monotonic()
    kills.logins += synced(made)
    return made.clock.monotonic() - begun
