"""A school and a region that agree on some marks, and ways to make them drift apart unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from tests.unit.engine.world import PUPIL, Timetable, World, furnish

MARKS = Stream.MARKS


def seeded(world: World, count: int) -> tuple[RemoteId, list[RemoteId], Timetable]:
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    marks = [
        world.remote.create(
            MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": place}
        )
        for place in range(1, count + 1)
    ]
    assert world.sync().status is RunStatus.SUCCEEDED
    world.remote.calls.clear()
    return pupil, marks, timetable


def forget(world: World, *gone: RemoteId) -> None:
    """The region loses records without a word: no tombstone, no change version."""
    for remote_id in gone:
        del world.remote.region.items[MARKS][remote_id]


@contextmanager
def without_triggers(world: World) -> Iterator[Any]:
    """Another program writes while the change journal is deaf."""
    with world.db.engine.begin() as connection:
        if world.db.engine.dialect.name == "sqlite":
            connection.execute(text("INSERT INTO own_writes (id) VALUES (1)"))
            yield connection
            connection.execute(text("DELETE FROM own_writes"))
        else:
            connection.execute(text("SELECT set_config('ecp_sync.own', 'on', true)"))
            yield connection


def closed_by(world: World) -> list[str]:
    return [row["closed_by"] for row in world.rows("links") if row["closed_by"]]


def pulled(report: RunReport) -> dict[str, int]:
    counts = report.streams[MARKS].pull
    return {name: n for name in counts.__slots__ if (n := getattr(counts, name))}
