"""A long queue of conflicts, made at once."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text

from sync_service.domain.guards import Limit
from sync_service.domain.streams import Stream
from tests.browser.site import Site
from tests.unit.guard.crowd import a_pupil


def long_queue(made: Site, number: int) -> None:
    """So many more pupils whose phone both sides changed."""
    world = made.world
    world.remote.page_size = 1000
    world.limits = replace(world.limits, creates=Limit(number + 1000, 1000.0), updates=Limit(number + 1000, 1000.0))
    before = set(world.remote.records(Stream.STUDENTS))
    for pupil in range(number):
        world.remote.create(Stream.STUDENTS, {**a_pupil(pupil), "last_name": f"Ёлкина {pupil + len(before)}"})
    world.sync()
    with world.db.engine.begin() as connection:
        connection.execute(text("UPDATE students SET phone = '+7912' || (1000000 + id) WHERE phone IS NULL"))
    for record in set(world.remote.records(Stream.STUDENTS)) - before:
        world.remote.edit(Stream.STUDENTS, record, phone="+79220000000")
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        found = uow.conflicts.counts()
    assert found.get(Stream.STUDENTS, 0) == number + len(before), f"{found} of {number}"
