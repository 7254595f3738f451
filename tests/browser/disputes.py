"""Many conflicts at once, of every shape a secretary meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sync_service.domain.guards import Limit
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from tests.browser.site import Site
from tests.unit.guard.crowd import a_pupil, add_mark

SHAPES = ("phone", "address", "phone and address", "spelling", "mark", "mark deleted here", "mark deleted there")


def disputes(where: Site, number: int) -> list[int]:
    """So many open conflicts, the shapes in turn; their numbers, oldest first. Everything else agrees."""
    world = where.world
    pupils = [world.remote.create(Stream.STUDENTS, a_pupil(n)) for n in range(number)]
    marks = {n: add_mark(world, where.timetable, pupil) for n, pupil in enumerate(pupils) if "mark" in shape_of(n)}
    world.limits, usual = replace(world.limits, creates=Limit(number, 100.0)), world.limits
    assert world.sync().status == "succeeded"
    world.limits = usual
    with world.db.read(world.school.school_id) as uow:
        cards = uow.links.local_ids(Stream.STUDENTS, pupils)
        rows = uow.links.local_ids(Stream.MARKS, list(marks.values()))
    for n, pupil in enumerate(pupils):
        if n in marks:
            _dispute_mark(where, shape_of(n), rows[marks[n]], marks[n])
        else:
            _dispute_card(where, shape_of(n), n, cards[pupil], pupil)
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        found = [case.conflict_id for case in uow.conflicts.cases()]
    assert len(found) == number, f"{len(found)} conflicts of {number}"
    return found


def shape_of(number: int) -> str:
    return SHAPES[number % len(SHAPES)]


def _dispute_card(where: Site, shape: str, number: int, row: int, record: RemoteId) -> None:
    here: dict[str, Any] = {}
    there: dict[str, Any] = {}
    if "phone" in shape:
        here["phone"], there["phone"] = f"+7912{number:07d}", f"+7922{number:07d}"
    if "address" in shape:
        here["address"], there["address"] = f"ул. Ленина, {number}", f"ул. Мира, {number}"
    if shape == "spelling":
        here["address"], there["address"] = f"ул. Зелёная, {number}", f"ул. Зеленая, {number} а"
    where.world.update("students", row, **here)
    where.world.remote.edit(Stream.STUDENTS, record, **there)


def _dispute_mark(where: Site, shape: str, row: int, record: RemoteId) -> None:
    world = where.world
    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "mark": (
            lambda: world.update("marks", row, value="5"),
            lambda: world.remote.edit(Stream.MARKS, record, value="3"),
        ),
        "mark deleted here": (
            lambda: world.delete("marks", row),
            lambda: world.remote.edit(Stream.MARKS, record, value="3"),
        ),
        "mark deleted there": (
            lambda: world.update("marks", row, value="5"),
            lambda: world.remote.delete(Stream.MARKS, record),
        ),
    }
    for way in ways[shape]:
        way()
