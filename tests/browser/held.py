"""What the guard holds, made on the site of a test."""

from __future__ import annotations

from sync_service.domain.streams import Stream
from tests.browser.site import Site
from tests.unit.engine.world import World
from tests.unit.guard.crowd import a_pupil, add_mark, rows_of


def marked_pupils(where: Site, size: int = 30) -> None:
    """Pupils with a mark each, known to both sides."""
    world = where.world
    for pupil in [world.remote.create(Stream.STUDENTS, a_pupil(number)) for number in range(size)]:
        add_mark(world, where.timetable, pupil)
    assert world.sync(attended=True).status == "succeeded"


def lost_marks(where: Site, count: int) -> int:
    """Marks deleted in the school and held; the number of the hold."""
    for row in rows_of(where.world, "marks")[:count]:
        where.world.delete("marks", row)
    where.world.sync()
    return held(where.world)


def held(world: World) -> int:
    """The number of the only undecided hold."""
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.holds.undecided()
    return case.hold_id
