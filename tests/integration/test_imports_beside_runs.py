"""An import and a run of the same school at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

import pytest

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import nothing
from sync_service.engine.cycle import run_cycle
from sync_service.engine.import_files import import_parsed
from sync_service.engine.stores import Fence
from tests.databases import SchoolDatabase
from tests.unit.engine.world import PUPIL, World, furnish, world_on
from tests.unit.importing.office import pupil, pupils

LISTED = pupils(
    pupil(**{name: PUPIL[name] for name in ("last_name", "first_name", "patronymic", "birth_date", "snils")}),
    school_year=2026,
)


@contextmanager
def leased(world: World) -> Iterator[Fence]:
    school, streams, clock = world.school.school_id, tuple(Stream), world.clock
    fence = world.db.leases.acquire(
        school, streams, "run", wait=0, clock=clock.monotonic, sleep=clock.sleep, period=15
    )
    yield fence
    world.db.leases.release(school, fence)


def run(world: World, fence: Fence, probe: Callable[[str], None] = nothing) -> RunStatus:
    cycle = replace(world.cycle(probe), fence=fence)
    run_cycle(cycle, list(Stream))
    return cycle.report.status


def bring(world: World, probe: Callable[[str], None] = nothing) -> None:
    import_parsed(world.db, world.school, world.clock, LISTED, actor="petrova", file_name="список.csv", probe=probe)


@pytest.mark.parametrize("import_first", [True, False])
def test_a_pupil_who_is_listed_while_the_region_tells_of_them_gets_one_card(
    database: SchoolDatabase, import_first: bool
) -> None:
    """Neither sees what the other is just writing: so the second one waits for the first one's commit."""
    world = world_on(database.database)
    furnish(world.remote)
    written, go = Event(), Event()

    def probe(point: str) -> None:
        if point in ("import.before_commit", "pull.parked.before_commit"):
            written.set()
            assert go.wait(30)

    with leased(world) as fence:
        assert run(world, fence) is RunStatus.SUCCEEDED
        world.remote.create(Stream.STUDENTS, dict(PUPIL))
        if import_first:
            workers = [Thread(target=bring, args=(world, probe)), Thread(target=run, args=(world, fence))]
        else:
            workers = [Thread(target=run, args=(world, fence, probe)), Thread(target=bring, args=(world,))]
        workers[0].start()
        assert written.wait(30)
        workers[1].start()
        workers[1].join(1)  # long enough to write past the first one, if nothing keeps it
        go.set()
        for worker in workers:
            worker.join()
        assert run(world, fence) is RunStatus.SUCCEEDED
    assert [row["snils"] for row in world.rows("students")] == [PUPIL["snils"]]
    assert world.count("outbox") == 0
