"""What waits for a permit because it is late leaves when it is late no more (invariant 13)."""

from __future__ import annotations

from typing import Any

from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.world import World


def only(world: World, table: str) -> int:
    (row,) = world.rows(table)
    return int(row["id"])


def late_final_mark(world: World) -> RemoteId:
    """A final mark of a period that ended eight days and more ago; returns the period."""
    (period,) = world.remote.records(Stream.PERIODS)
    world.remote.edit(Stream.PERIODS, period, ends_on="2026-11-10")
    world.sync()
    references = {
        name: only(world, f"{name.removesuffix('_id')}s") for name in ("student_id", "subject_id", "period_id")
    }
    world.insert("final_marks", **references, kind="period", value="4")
    assert world.sync().streams[Stream.FINAL_MARKS].waiting == {"permit": 1}
    return period


def final_marks(world: World) -> list[Any]:
    return [mark["value"] for mark in world.remote.records(Stream.FINAL_MARKS).values()]


def test_a_final_mark_leaves_when_the_region_prolongs_the_period(world: World) -> None:
    seeded(world)
    period = late_final_mark(world)
    world.remote.edit(Stream.PERIODS, period, ends_on="2026-11-22")
    world.sync()
    assert final_marks(world) == ["4"]
    assert world.count("outbox") == 0


def test_a_final_mark_leaves_when_the_pupil_comes_into_a_class_whose_journal_is_open(world: World) -> None:
    """Until then nobody knew the class: no journal that opens could have woken the mark."""
    pupil, _ = seeded(world)
    late_final_mark(world)
    (klass,) = world.remote.records(Stream.CLASSES)
    world.remote.edit(Stream.CLASSES, klass, late_entry_until="2026-11-30")
    world.sync()
    assert final_marks(world) == []
    arrival = {"kind": "arrival", "date": "2026-09-01", "order_number": "7", "order_date": "2026-08-28"}
    world.remote.create(Stream.MOVEMENTS, {"student_id": pupil, "class_to_id": klass, **arrival})
    world.sync()
    assert final_marks(world) == ["4"]


def test_a_mark_leaves_when_its_lesson_is_moved_to_a_later_day(world: World) -> None:
    seeded(world)
    (old,) = [i for i, lesson in world.remote.records(Stream.LESSONS).items() if lesson["date"] == "2026-10-01"]
    (lesson,) = [row["id"] for row in world.rows("lessons") if str(row["date"]) == "2026-10-01"]
    world.insert("marks", student_id=only(world, "students"), lesson_id=lesson, value="4")
    assert world.sync().streams[Stream.MARKS].waiting == {"permit": 1}
    world.remote.edit(Stream.LESSONS, old, number=3)
    world.sync()
    assert world.rows("outbox")[0]["state"] == "waiting"
    world.remote.edit(Stream.LESSONS, old, date="2026-11-15")
    world.sync()
    assert sorted(str(mark["value"]) for mark in world.remote.records(Stream.MARKS).values()) == ["4", "5"]
