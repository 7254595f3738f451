"""Situations a school meets, each in one call."""

from __future__ import annotations

from dataclasses import dataclass

from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from tests.unit.engine.world import PUPIL, Timetable, World, furnish


@dataclass(frozen=True, slots=True)
class Agreed:
    """A pupil of 8А with one mark, known to both sides."""

    timetable: Timetable
    pupil: RemoteId
    mark: RemoteId
    row: int  # of the pupil


def agreed(world: World) -> Agreed:
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.remote.create(
        Stream.MOVEMENTS,
        {
            "student_id": pupil,
            "kind": "arrival",
            "date": "2026-09-01",
            "order_number": "12",
            "order_date": "2026-08-29",
            "class_to_id": timetable.klass,
            "origin_kind": "none",
        },
    )
    mark = world.remote.create(
        Stream.MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": 1}
    )
    world.sync()
    return Agreed(timetable, pupil, mark, world.rows("students")[0]["id"])


def birth_date_clash(world: World) -> Agreed:
    """The birth date was changed on both sides."""
    scene = agreed(world)
    world.update("students", scene.row, birth_date="2012-06-11")
    world.remote.edit(Stream.STUDENTS, scene.pupil, birth_date="2012-07-11")
    world.sync()
    return scene


def mark_clash(world: World) -> Agreed:
    scene = agreed(world)
    world.update("marks", world.rows("marks")[0]["id"], value="4")
    world.remote.edit(Stream.MARKS, scene.mark, value="3")
    world.sync()
    return scene


def possible_double(world: World) -> tuple[RemoteId, int]:
    """A regional pupil whose first name is spelt otherwise than on our card."""
    furnish(world.remote)
    row = world.insert("students", **(PUPIL | {"snils": None}), incomplete=False)
    pupil = world.remote.create(Stream.STUDENTS, PUPIL | {"snils": None, "first_name": "Аня"})
    world.sync()
    return pupil, row


def not_released(world: World) -> int:
    """An arrival from a school that keeps movement; nobody has released the pupil."""
    timetable = furnish(world.remote)
    world.sync()
    world.remote.add_person(
        {name: PUPIL[name] for name in ("last_name", "first_name", "patronymic", "sex", "birth_date", "snils")},
        organization_id=timetable.neighbour,
    )
    row = world.insert("students", **PUPIL, incomplete=False)
    world.insert(
        "movements",
        student_id=row,
        kind="arrival",
        date="2026-11-16",
        order_number="77-у",
        order_date="2026-11-16",
        class_to_id=world.rows("classes")[0]["id"],
        origin_kind="school",
        origin_organization_id=world.rows("organizations")[0]["id"],
    )
    world.sync()
    return row


def impossible_mark(world: World) -> int:
    """A mark that no journal may hold, entered by another program."""
    scene = agreed(world)
    row = world.insert(
        "marks",
        student_id=scene.row,
        lesson_id=world.rows("lessons")[1]["id"],
        value="6",
        weight=1,
        position=1,
    )
    world.sync()
    return row
