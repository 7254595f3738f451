"""SQLite keeps any text where a number belongs: a row that refers to nobody stops nobody (invariant 6)."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.queries_captions import load_captions
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.world import World

pytestmark = pytest.mark.parametrize("world", ["sqlite"], indirect=True)

REFERENCES = [
    (stream, name)
    for stream in (Stream.GUARDIANSHIPS, Stream.MOVEMENTS, Stream.MARKS, Stream.FINAL_MARKS, Stream.ATTENDANCE)
    for name in SPECS[stream].references
]


def sound(world: World, stream: Stream) -> dict[str, Any]:
    order = {"kind": "arrival", "date": "2026-11-16", "order_number": "7", "order_date": "2026-11-16"}
    facts: dict[Stream, dict[str, Any]] = {
        Stream.GUARDIANSHIPS: {"relation": "мать", "guardian_id": 1},
        Stream.MOVEMENTS: order,
        Stream.MARKS: {"value": "3", "position": 2},
        Stream.FINAL_MARKS: {"kind": "period", "value": "4"},
        Stream.ATTENDANCE: {"symbol": "Б"},
    }
    needed = {name: SPECS[stream].references[name] for name in SPECS[stream].required_references}
    ids = {name: world.rows(parent.value)[0]["id"] for name, parent in needed.items() if world.count(parent.value)}
    return {**ids, **facts[stream]}


@pytest.mark.parametrize(("stream", "name"), REFERENCES, ids=lambda part: str(part))
@pytest.mark.parametrize("value", ["abc", "2026-11-20", b"\x00\xff"])
def test_a_reference_that_is_no_number_is_set_aside(world: World, stream: Stream, name: str, value: object) -> None:
    seeded(world)
    (mark,) = world.rows("marks")
    world.insert(stream.value, **{**sound(world, stream), name: value})
    world.update("marks", mark["id"], comment="рядом")
    report = world.sync()
    assert report.error is None
    assert {entry.error for entry in report.streams.values()} == {None}
    assert [i["code"] for i in world.rows("quarantine")] == ["wrong_type"]
    assert [there["comment"] for there in world.remote.records(Stream.MARKS).values()] == ["рядом"]
    with world.db.read(world.school.school_id) as uow:
        load_captions(uow, {stream: set(uow.staging.all_rows(stream))})


def test_a_spoilt_reference_of_a_linked_record_clears_nothing_there(world: World) -> None:
    """Not even one that may be empty."""
    seeded(world)
    world.remote.create(
        Stream.MOVEMENTS,
        {
            "student_id": next(iter(world.remote.records(Stream.STUDENTS))),
            "class_to_id": next(iter(world.remote.records(Stream.CLASSES))),
            "kind": "arrival",
            "date": "2026-11-16",
            "order_number": "7",
            "order_date": "2026-11-16",
        },
    )
    world.sync()
    before = world.remote.records(Stream.MOVEMENTS)
    world.update("movements", world.rows("movements")[0]["id"], class_to_id="8А")
    for _ in range(2):
        world.sync()
    assert world.remote.records(Stream.MOVEMENTS) == before
    assert [i["code"] for i in world.rows("quarantine")] == ["wrong_type"]
