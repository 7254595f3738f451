"""Only what failed in one run is tried again: what was shown, no more, and nothing of another run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_service.domain.errors import DecisionError, NoSuchCase, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import run_cycle
from sync_service.engine.retry_failed import Failed, Retried, failed_of, retry_failed
from tests.unit.engine.test_quarantine import school, unknown_mark
from tests.unit.engine.test_stale_decisions import a_mark
from tests.unit.engine.world import World


def recorded(world: World) -> str:
    """A run with a row of its own, as the service keeps it."""
    cycle = world.cycle()
    report = cycle.report
    report.started_at = world.clock.now().isoformat()
    world.db.runs.start(world.school.school_id, report, "manual")
    run_cycle(cycle, list(Stream))
    done = replace(report, status=RunStatus.COMPLETED_WITH_ERRORS, finished_at=world.clock.now().isoformat())
    world.db.runs.finish(world.school.school_id, done)
    return report.run_id


def failed(world: World, run_id: str) -> Failed:
    return failed_of(world.db, world.school, run_id)


def sketch(found: Failed) -> tuple[int, int, int]:
    """Read from the region, kept back at school, waiting for a second try."""
    pulled = sum(item.direction == "pull" for item in found.items)
    return pulled, len(found.items) - pulled, len(found.entries)


def test_what_failed_in_a_run_is_tried_again_and_nothing_else(world: World) -> None:
    remote, pupil, marks = school(world, marks=3)
    world.sync()
    remote.broken.update(dict.fromkeys(marks[:2], unknown_mark))
    for mark in marks[:2]:
        remote.edit(Stream.MARKS, mark, comment="Молодец!")
    world.update("marks", world.rows("marks")[2]["id"], value="3")
    child = world.rows("students")[0]["id"]
    world.update("students", child, snils="11223344596")
    remote.fail_next(TransientError("503"), call="write")
    first = recorded(world)
    assert sketch(failed(world, first)) == (2, 1, 1)

    shown = failed(world, first).digest
    world.clock.moment += timedelta(hours=1)
    other = remote.create(Stream.MARKS, a_mark(pupil, world_lesson(world), position=7))
    remote.broken[other] = unknown_mark
    second = recorded(world)  # the entry the region was too busy for has left with it
    assert sketch(failed(world, second)) == (1, 0, 0)
    assert sketch(failed(world, first)) == (2, 1, 0)
    with pytest.raises(DecisionError, match="список изменился") as refused:
        retry_failed(world.desk(), first, shown)
    assert refused.value.stale

    remote.mended = True
    world.update("students", child, snils="08765430300")
    done = retry_failed(world.desk(), first, failed(world, first).digest)
    assert done == Retried(asked=2, read=2, due=1)
    assert sketch(failed(world, first)) == (0, 0, 0)
    assert sketch(failed(world, second)) == (1, 0, 0)
    assert {row["cause"] for row in world.rows("audit")} >= {"quarantine:retry"}
    with pytest.raises(DecisionError, match="Повторять нечего"):
        retry_failed(world.desk(), first)


def test_what_the_region_was_too_busy_for_is_due_at_once(world: World) -> None:
    """It would have waited for its moment; the values are today's, and nothing is sent twice."""
    remote, _, _ = school(world, marks=1)
    world.sync()
    world.update("marks", world.rows("marks")[0]["id"], value="3")
    remote.fail_next(TransientError("503"), call="write")
    run = recorded(world)
    world.sync()
    assert world.rows("outbox")[0]["state"] == "retry"
    assert retry_failed(world.desk("petrova"), run) == Retried(asked=0, read=0, due=1)
    assert world.rows("outbox")[0]["state"] == "pending"
    assert (world.rows("audit")[-1]["actor"], world.rows("audit")[-1]["cause"]) == ("petrova", f"retry:{run}")
    world.sync()
    assert world.rows("outbox") == []
    assert [mark["value"] for mark in remote.records(Stream.MARKS).values()] == ["3"]


def test_a_run_that_goes_on_or_never_was_is_refused(world: World) -> None:
    cycle = world.cycle()
    cycle.report.started_at = world.clock.now().isoformat()
    world.db.runs.start(world.school.school_id, cycle.report, "manual")
    world.db.leases.acquire(
        world.school.school_id, list(Stream), cycle.report.run_id, wait=0, clock=float, sleep=print, period=1
    )
    with pytest.raises(DecisionError, match="ещё идёт"):
        failed(world, cycle.report.run_id)
    with pytest.raises(NoSuchCase):
        failed(world, "nobody")


def world_lesson(world: World) -> RemoteId:
    """The regional id of the first lesson."""
    with world.db.read(world.school.school_id) as uow:
        lesson = world.rows("lessons")[0]["id"]
        return uow.links.remote_ids(Stream.LESSONS, [lesson])[lesson]
