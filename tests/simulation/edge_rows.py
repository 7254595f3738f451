"""Malformed answers on their way into the database (RELIABILITY statement 17: 0 rows lost, each with a reason)."""

from __future__ import annotations

from random import Random

import httpx
import respx

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction, run_cycle
from tests.simulation.edge_answers import by_the_book, connector
from tests.simulation.malformed import JSON, malformed, marks, written
from tests.unit.connectors.regions import BASE
from tests.unit.engine.world import World, build

VERSIONS = {"serverTime": "2026-11-20T12:00:00+05:00", "streams": {"marks": {"newest": 90, "oldest": 0}}}
IDS = {item["id"] for item in marks()["items"]}


def statement_17_rows(url: str, count: int = 300, seed: int = 170) -> int:
    """Each malformed answer becomes an error of the stream, or rows and quarantine that account for every record."""
    world = build(url)
    world.remote = connector()  # type: ignore[assignment]  # the engine takes any RemoteSystem
    try:
        with respx.mock(assert_all_called=False) as router:
            router.get(f"{BASE}/organizations/org-1/changeVersion").respond(json=VERSIONS)
            fresh = {"accessToken": "access-1", "refreshToken": "refresh-1"}
            router.post(f"{BASE}/auth/token/refresh").respond(json=fresh)
            page = router.get(f"{BASE}/organizations/org-1/marks")
            for number in range(count):
                status, headers, body = malformed(Random(f"{seed}-{number}"))
                page.return_value = httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
                _taken_or_told(world, body, f"statement 17, rows, seed {seed}, answer {number}")
            page.return_value = httpx.Response(
                200, headers={"Content-Type": JSON}, stream=httpx.ByteStream(written(marks()))
            )
            assert not _pull(world), "statement 17, rows: the stream does not recover"
            parked = {row["remote_id"] for row in world.rows("inbox")}
            assert parked >= IDS, f"statement 17, rows: lost {IDS - parked}"
    finally:
        world.remote.close()
        world.db.close()
    return count


def _taken_or_told(world: World, body: bytes, where: str) -> None:
    """A page is kept whole or not at all; the comparison that follows it may still find the answer wanting."""
    before = world.rows("inbox"), world.rows("quarantine")
    told = _pull(world)
    if told:
        assert len(told) > 30, f"{where}: no reason: {told}"
    if told and (world.rows("inbox"), world.rows("quarantine")) != before:
        said = by_the_book(body)
        named = {item["id"] for item in said["items"] if isinstance(item, dict) and isinstance(item.get("id"), str)}
        kept = {row["remote_id"] for table in ("inbox", "quarantine") for row in world.rows(table)}
        assert named <= kept, f"{where}: a part of it was kept"
    assert all(row["reason"] and row["code"] for row in world.rows("quarantine")), f"{where}: without a reason"


def _pull(world: World) -> str | None:
    """Read everything anew; what the run says went wrong."""
    with world.db.write(world.school.school_id) as uow:
        uow.cursors.reset(Stream.MARKS)
        uow.commit()
    cycle = world.cycle()
    run_cycle(cycle, [Stream.MARKS], Direction.PULL)
    report = cycle.report
    error = report.streams[Stream.MARKS].error or report.error
    assert error is None or report.status is not RunStatus.SUCCEEDED, "a run with an error is green"
    return error
