"""A school at work on 20 November 2026: its database, its region on a socket, its programs.

The same installation is used as people use it (``ecp-sync`` in processes) and, where no process matters, through
the service itself in this process. In both the day is the same and stands for every run of the tests; in this
process a wait of the program passes at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from connectors.ecp.simulator import Handle, build_world, start_in_thread
from sync_service.bootstrap import Service
from sync_service.cli.exit_codes import ExitCode, of_report
from sync_service.clock import SystemClock
from sync_service.config import load_settings
from sync_service.domain.reports import RunReport
from sync_service.engine.context import School
from sync_service.engine.queries import open_decisions
from tests.acceptance.processes import Process
from tests.acceptance.starter import starter

DAY = date(2026, 11, 20)  # a Friday of the second quarter
OPENING = "2026-11-20T10:00:00+05:00"
ENOUGH_CYCLES = 4
CONFIG = """
database_url = "{url}"
log_level = "warning"

[schedule]
heartbeat = {heartbeat}

[web]
port = 0
"""
SCHOOL = """
[[schools]]
code = "{code}"
name = "Школа {code}"
organization_id = "{organization}"
base_url = "{url}"
page_size = {page_size}
"""

Item = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Door(Protocol):
    """A running simulator, in whatever process."""

    @property
    def url(self) -> str: ...

    @property
    def organizations(self) -> list[Item]: ...

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any: ...


class Region:
    """A simulator in a thread of this process; its contract is spoken over a real socket all the same."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def url(self) -> str:
        return self._handle.url

    @property
    def organizations(self) -> list[Item]:
        return self._handle.organizations

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._handle.admin(method, f"/simulator/{path}", dict(body or {}))


@contextmanager
def region(**options: Any) -> Iterator[Region]:
    """A region of its own on the day; ``options`` as of ``build_world``."""
    handle = start_in_thread(build_world(**{"seed": 1, "date": DAY.isoformat(), "population": "small", **options}))
    try:
        yield Region(handle)
    finally:
        handle.stop()


class DayClock(SystemClock):
    """Begins at the opening of the region and runs on; a wait passes at once, and whoever waits is late after it."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = datetime.fromisoformat(OPENING) - super().now()
        self._waited = timedelta()

    @property
    def waited(self) -> float:
        """Seconds of all waits so far, which passed at once."""
        return self._waited.total_seconds()

    @property
    def seconds_ahead(self) -> float:
        return (self._ahead + self._waited).total_seconds()

    def now(self) -> datetime:
        return super().now() + self._ahead + self._waited

    def monotonic(self) -> float:
        return super().monotonic() + self.waited

    def sleep(self, seconds: float) -> None:
        self._waited += timedelta(seconds=seconds)


class Office:
    """One installation with the first schools of a region; ``organization`` counts them from 0."""

    def __init__(
        self, door: Door, folder: Path, url: str, codes: Sequence[str], *, page_size: int, heartbeat: float
    ) -> None:
        self.region = door
        self.folder = folder
        self.url = url
        self.codes = list(codes)
        self.clock = DayClock()
        self.config = folder / "config.toml"
        self._processes = ExitStack()
        self._service: Service | None = None
        self._engine: Engine | None = None
        parts = [CONFIG.format(url=url, heartbeat=heartbeat)]
        parts += [
            SCHOOL.format(code=code, organization=one["id"], url=door.url, page_size=page_size)
            for code, one in zip(codes, door.organizations, strict=False)
        ]
        self.config.write_text("".join(parts), encoding="utf-8")

    def close(self) -> None:
        self._processes.close()
        if self._service is not None:
            self._service.close()
        if self._engine is not None:
            self._engine.dispose()

    def log_in(self) -> None:
        """Tokens as a person has entered them, not used yet."""
        for number, code in enumerate(self.codes):
            token = self.region.admin("POST", "tokens/issue", {"organizationId": self.organization(number)})
            self.service.db.connection(self.school(code).school_id).save(None, token["refreshToken"])

    # as the service

    @property
    def service(self) -> Service:
        if self._service is None:
            self._service = Service.open(load_settings(self.config, {}), create=True, clock=self.clock)
        return self._service

    def school(self, code: str | None = None) -> School:
        return self.service.school(code or self.codes[0])

    def sync(self, code: str | None = None) -> RunReport:
        return self.service.sync(self.school(code))

    def sync_with_code(self) -> tuple[RunReport, ExitCode]:
        """One cycle, and how ``ecp-sync sync`` would have ended."""
        school = self.school()
        before = open_decisions(self.service.db, school)
        report = self.service.sync(school)
        return report, of_report(report, new_decisions=bool(open_decisions(self.service.db, school) - before))

    def settle(self, code: str | None = None) -> RunReport:
        """Cycles until one sends nothing, with time for every retry to fall due; the report of the last one."""
        for _ in range(ENOUGH_CYCLES):
            self.clock.sleep(2 * 3600)
            report = self.sync(code)
            if not any(entry.push.acked or entry.pull.applied for entry in report.streams.values()):
                return report
        raise AssertionError(f"the two sides are still busy after {ENOUGH_CYCLES} cycles: {report.to_json()}")

    # as people

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """``ecp-sync …`` in the background."""
        process = self.start_module("tests.acceptance.on_a_day", *arguments, environment=environment)
        self._processes.callback(process.close)
        return process

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
        """``ecp-sync …`` to its end."""
        process = self.start(*arguments, environment=environment)
        return Ended(code=process.wait(), out="".join(process.out), err="".join(process.err))

    def must(self, *arguments: str) -> Ended:
        """The same, for commands that must succeed."""
        outcome = self.run(*arguments)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome

    def start_module(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """``module.main`` on this day, in a process of its own; the caller closes it."""
        day = str(self.clock.seconds_ahead)
        return Process(starter().start(module, (day, *arguments), cwd=self.folder, environment=environment))

    # as another program with a connection to the database

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            url = make_url(self.url)
            if url.drivername == "sqlite":
                self._engine = create_engine(url, connect_args={"timeout": 30})
            else:
                self._engine = create_engine(url.set(drivername="postgresql+psycopg"))
        return self._engine

    def sql(self, statement: str, **values: Any) -> list[Item]:
        """One statement in a transaction of its own; dates come as text."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            if not result.returns_rows:
                return []
            return [{name: plain(value) for name, value in row.items()} for row in result.mappings()]

    # what the region has

    def organization(self, number: int = 0) -> str:
        return str(self.region.organizations[number]["id"])

    def dump(self, stream: str, number: int = 0) -> list[Item]:
        """Live regional records of one stream (its name in the URL)."""
        query = {"organizationId": self.organization(number), "stream": stream, "deleted": "false"}
        items: list[Item] = self.region.admin("GET", "dump", query)["items"]
        return items

    def counted(self, prefix: str) -> int:
        """Requests whose name begins so, as «POST batch marks», since the counters were reset."""
        requests = self.region.admin("GET", "counters")["requests"]
        return sum(count for name, count in requests.items() if name.startswith(prefix))

    def faults(self, *rules: Item) -> None:
        self.region.admin("POST", "faults", {"rules": list(rules)})

    def local_id(self, stream: str, remote_id: str) -> int:
        """The row of the school that stands for a regional record."""
        (row,) = self.sql(
            "SELECT local_id FROM links WHERE stream = :stream AND remote_id = :remote_id AND state = 'live'",
            stream=stream,
            remote_id=remote_id,
        )
        return int(row["local_id"])


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@contextmanager
def office(
    door: Door,
    folder: Path,
    *,
    url: str | None = None,
    codes: Sequence[str] = ("school-900",),
    page_size: int = 1000,
    heartbeat: float = 0.2,
) -> Iterator[Office]:
    """An installation in ``folder``, by default on a new SQLite file, logged in."""
    made = Office(
        door, folder, url or f"sqlite:///{folder / 'school.sqlite'}", codes, page_size=page_size, heartbeat=heartbeat
    )
    try:
        made.log_in()
        yield made
    finally:
        made.close()
