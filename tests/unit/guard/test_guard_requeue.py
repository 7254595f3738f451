"""Records that come back out of the quarantine by themselves are counted like any other change."""

from __future__ import annotations

from typing import Any

from sync_service.domain.guards import Kind, Operation, Way
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.engine.world import World
from tests.unit.guard.crowd import Crowd, crowd

PHONE = Kind(Operation.UPDATE, "phone")


def a_day_nobody_can_read(item: dict[str, Any]) -> Any:
    return {**item, "birthDate": "вчера"}


def set_aside(world: World, remote: MappedRemote, people: Crowd, *batches: range) -> list[RemoteId]:
    """New phones of these pupils, each batch in a cycle of its own, none of them readable."""
    everybody: list[RemoteId] = []
    for batch in batches:
        pupils = [people.pupils[number] for number in batch]
        remote.broken.update(dict.fromkeys(pupils, a_day_nobody_can_read))
        for pupil in pupils:
            remote.edit(Stream.STUDENTS, pupil, phone="+79120000055")
        world.sync()
        everybody += pupils
    assert len(world.rows("quarantine")) == len(everybody)
    return everybody


def many(world: World) -> tuple[MappedRemote, Crowd]:
    people = crowd(world, 60, marks=False)
    remote = world.remote = MappedRemote.over(world.remote)
    world.fingerprints = dict.fromkeys(Stream, "first")
    world.sync()
    return remote, people


def mended(world: World, remote: MappedRemote) -> None:
    remote.mended = True
    world.fingerprints = dict.fromkeys(Stream, "second")


def phones(world: World) -> int:
    return sum(row["phone"] == "+79120000055" for row in world.rows("students"))


def test_many_that_can_be_read_at_last_are_held(world: World) -> None:
    """40 phones, set aside fifteen a day, come back at once when the mapping is mended: held as one set, and written
    once a person has released it."""
    remote, people = many(world)
    set_aside(world, remote, people, range(15), range(15, 30), range(30, 40))
    mended(world, remote)
    assert world.sync().status is RunStatus.HELD
    assert phones(world) == 0
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.holds.undecided(Stream.STUDENTS, Way.PULL)
    assert (case.kind, case.records) == (PHONE, 40)
    assert world.rows("quarantine") == []
    decide_holds.release(world.desk(), case.hold_id)
    world.sync()
    assert phones(world) == 40


def test_a_few_are_written_and_counted(world: World) -> None:
    """Fifteen pass and count for a day: fifteen more within it are too many."""
    remote, people = many(world)
    set_aside(world, remote, people, range(15))
    mended(world, remote)
    world.sync()
    assert phones(world) == 15
    with world.db.read(world.school.school_id) as uow:
        assert uow.guard.passed(Stream.STUDENTS, Way.PULL)[PHONE] == 15
    remote.mended = False
    set_aside(world, remote, people, range(15, 30))
    remote.mended = True
    world.fingerprints = dict.fromkeys(Stream, "third")
    assert world.sync().status is RunStatus.HELD
    assert phones(world) == 15
