"""A school with enough records for the guard to have something to count, and what happens to many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from tests.unit.engine.world import Timetable, World, furnish


@dataclass(frozen=True, slots=True)
class Crowd:
    """Pupils with one mark each, known to both sides, in the order of their rows."""

    timetable: Timetable
    pupils: tuple[RemoteId, ...]
    marks: tuple[RemoteId, ...]


def a_pupil(number: int) -> dict[str, Any]:
    return {
        "last_name": f"Ёлкина{'абвгдежзик'[number % 10]}{'абвгдежзик'[number // 10 % 10]}",
        "first_name": "Анна" if number < 100 else "Мария",
        "sex": "Ж",
        "birth_date": f"2012-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "personal_file_no": f"К-{number}",
    }


def crowd(world: World, size: int, *, marks: bool = True) -> Crowd:
    """``size`` pupils of the region, each with one mark; one attended first run brings them here."""
    timetable = furnish(world.remote)
    for pupil in [world.remote.create(Stream.STUDENTS, a_pupil(number)) for number in range(size)]:
        if marks:
            add_mark(world, timetable, pupil)
    report = world.sync(attended=True)
    assert report.status == "succeeded", report
    return Crowd(timetable, _in_order(world, Stream.STUDENTS), _in_order(world, Stream.MARKS))


def _in_order(world: World, stream: Stream) -> tuple[RemoteId, ...]:
    links = [link for link in world.rows("links") if link["stream"] == stream]
    return tuple(RemoteId(link["remote_id"]) for link in sorted(links, key=lambda link: int(link["local_id"])))


def add_mark(world: World, timetable: Timetable, pupil: RemoteId, value: str = "4") -> RemoteId:
    lesson = timetable.lessons[0]
    return world.remote.create(
        Stream.MARKS, {"student_id": pupil, "lesson_id": lesson, "value": value, "weight": 1, "position": 1}
    )


def an_order(timetable: Timetable, pupil: RemoteId, number: int = 1) -> dict[str, Any]:
    return {
        "student_id": pupil,
        "kind": "class_change",
        "date": "2026-11-16",
        "order_number": f"{number}-у",
        "order_date": "2026-11-16",
        "class_to_id": timetable.klass,
    }


def rows_of(world: World, table: str) -> list[int]:
    return [int(row["id"]) for row in world.rows(table)]


def live(world: World, stream: Stream) -> int:
    """Records the region has."""
    return len(world.remote.records(stream))
