"""A run that was taken for dead and comes back writes nothing, wherever it wakes up (RELIABILITY 16)."""

from __future__ import annotations

from sync_service.domain.reports import TAKEN_OVER, RunStatus
from sync_service.domain.streams import Stream
from tests.simulation.lease_statements import Heir, busy, late_runs, run
from tests.unit.engine.world import World


def test_a_run_that_lost_its_leases_keeps_nothing(world: World) -> None:
    """Run after run loses its leases one write further on than the one before, until the work is done."""
    assert late_runs(world) >= 12


def test_a_run_that_slept_before_sending_sends_nothing(world: World) -> None:
    """The batch is ready and its attempt stored when the process falls asleep: the heir reads it back and sends
    it, the late run leaves it alone."""
    busy(world)
    world.remote.faults.clear()
    heir = Heir(world)

    def sleep(point: str) -> None:
        if point == "push.before_send":
            heir.take_over()

    report = run(world, world.db, sleep)
    assert (report.status, report.error) == (RunStatus.INTERRUPTED, TAKEN_OVER)
    heir.find_everything_as_it_was_left()
    assert run(world, world.db).status is RunStatus.SUCCEEDED
    assert len(world.remote.records(Stream.STUDENTS)) == 2
