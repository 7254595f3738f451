"""A cycle in which nothing has changed: what it asks the region, and that it reads no table of records whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from benchmarks.quiet_cycle import await_pupils
from benchmarks.region import DATE
from benchmarks.school import Installation, installed
from benchmarks.statements import Scan, Watch, scans, watched
from connectors.ecp.simulator import Handle, build_world, start_in_thread
from sync_service.engine.cycle import Direction

PUPILS, MARKS = 10, 800
# Tables that grow with the school; whatever else a plan reads whole holds work that waits.
RECORDS = {"marks", "attendance", "links", "lessons", "final_marks", "movements", "audit", "audit_items", "changes"}


class ThreadedRegion:
    """The benchmark's view of a region that runs in this process."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.organization = handle.organizations[0]["id"]
        self.neighbour = handle.organizations[1]["id"]

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._handle.admin("POST", path, body)
        return found

    def requests(self) -> dict[str, int]:
        counters = self._handle.admin("GET", "/simulator/counters")
        return {what: count for what, count in counters["requests"].items() if count}

    def job(self, file: Path) -> dict[str, Any]:
        entered = self.call("/simulator/tokens/issue", {})["refreshToken"]
        return {
            "url": self._handle.url,
            "organization": self.organization,
            "tokens": {"access": None, "refresh": entered},
            "date": DATE,
            "file": str(file),
        }

    def add_marks(self, copies: int) -> None:
        """Each mark of our school ``copies`` times more, at further places of its cell."""
        listed = self._handle.admin("GET", "/simulator/dump", {"stream": "marks", "deleted": "false"})["items"]
        for copy in range(1, copies + 1):
            more = [
                {name: mark[name] for name in ("studentId", "lessonId", "grade", "weight")}
                | {"ordinal": mark["ordinal"] + 10 * copy}
                for mark in listed
            ]
            self.call("/simulator/create", {"stream": "marks", "items": more})


@contextmanager
def threaded() -> Iterator[ThreadedRegion]:
    handle = start_in_thread(build_world(seed=1, date=DATE, population="bench", marks=MARKS), port=0)
    try:
        yield ThreadedRegion(handle)
    finally:
        handle.stop()


@pytest.fixture
def region() -> Iterator[ThreadedRegion]:
    with threaded() as region:
        yield region


@pytest.fixture
def ours(region: ThreadedRegion, tmp_path: Path) -> Iterator[Installation]:
    """Our school in agreement with the region."""
    with installed(region.job(tmp_path / "school.sqlite")) as ours:
        ours.run(Direction.BOTH)
        yield ours


def quiet_cycle(region: ThreadedRegion, ours: Installation) -> tuple[Watch, dict[str, int]]:
    """One cycle under watch, and the requests it made."""
    region.call("/simulator/reset-counters", {})
    with watched(ours.db.engine) as watch:
        ours.run(Direction.BOTH)
    return watch, region.requests()


def test_a_quiet_cycle_asks_once(region: ThreadedRegion, ours: Installation) -> None:
    """One request tells that no stream has changed; no page is read."""
    assert quiet_cycle(region, ours)[1] == {"GET changeVersion": 1}


def test_open_releases_are_looked_up_in_one_batch(region: ThreadedRegion, ours: Installation) -> None:
    """However many pupils are not released, they cost one more request."""
    await_pupils(region, ours.file, 3)
    assert ours.run(Direction.BOTH).releases.not_released == 3
    assert quiet_cycle(region, ours)[1] == {"GET changeVersion": 1, "POST available": 1}


@pytest.mark.parametrize("arriving", [0, 3])
def test_a_quiet_cycle_scans_no_records(region: ThreadedRegion, ours: Installation, arriving: int) -> None:
    """No plan of any statement reads a table of records, or one of their indexes, from end to end."""
    if arriving:
        await_pupils(region, ours.file, arriving)
        ours.run(Direction.BOTH)
    watch, _ = quiet_cycle(region, ours)
    assert [scan for scan in scans(ours.file, watch) if scan.table in RECORDS] == []
    assert any("FROM changes" in statement for statement in watch.statements), "the watch missed the capture"


def test_the_work_of_a_quiet_cycle_does_not_grow_with_the_marks(tmp_path: Path) -> None:
    """Four times the marks: the same number of statements, and of steps of SQLite's machine."""
    costs: list[tuple[int, int]] = []
    for copies in (0, 3):
        with threaded() as region:
            region.add_marks(copies)
            with installed(region.job(tmp_path / f"{copies}.sqlite")) as ours:
                pulled = ours.run(Direction.BOTH)
                assert sum(stream.pull.received for stream in pulled.streams.values()) > MARKS * (copies + 1)
                watch, _ = quiet_cycle(region, ours)
        costs.append((watch.executed, watch.steps))
    assert costs[0] == costs[1]
    assert costs[0][1] > 0


Watching = Callable[..., list[Scan]]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    """Runs statements on two small tables under watch and returns the scans found."""
    file = tmp_path / "plain.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE marks (id INTEGER PRIMARY KEY, value TEXT)")
        connection.execute("CREATE TABLE links (id INTEGER PRIMARY KEY, local_id INTEGER)")
        connection.execute("CREATE INDEX ix_links_local ON links (local_id)")

    def run(statement: str, *parameters: Any) -> list[Scan]:
        engine = create_engine(f"sqlite:///{file}")
        with watched(engine) as watch, engine.connect() as connection:
            connection.exec_driver_sql(statement, parameters)
        engine.dispose()
        assert watch.executed == 1
        return scans(file, watch)

    return run


def test_scans_are_found_under_their_alias(watching: Watching) -> None:
    """What the tests above rely on: a table read whole is named, also behind an alias and in a sub-query."""
    assert [scan.table for scan in watching("SELECT t.id FROM marks AS t WHERE t.value = ?", "5")] == ["marks"]
    inner = "SELECT 1 FROM marks AS m WHERE m.id IN (SELECT l.local_id FROM links AS l WHERE l.id > 0 + l.local_id)"
    assert [scan.table for scan in watching(inner)] == ["links"]
    sorting = "SELECT l.local_id FROM links AS l ORDER BY l.local_id"
    assert [(scan.table, scan.index) for scan in watching(sorting)] == [("links", "ix_links_local")]


def test_searches_are_no_scans(watching: Watching) -> None:
    """Look-ups by key, or by a list passed as one value, are what a cycle should do."""
    assert watching("SELECT t.id FROM marks AS t WHERE t.id = ?", 5) == []
    listed = "SELECT l.id FROM links AS l WHERE l.local_id IN (SELECT value FROM json_each(?))"
    assert watching(listed, "[1,2]") == []
