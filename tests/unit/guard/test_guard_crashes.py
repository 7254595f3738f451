"""A process that dies while the guard works loses nothing and lets nothing slip by."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds
from tests.unit.engine.world import World
from tests.unit.guard.crowd import crowd
from tests.unit.guard.test_guard_push import only_hold


class Crash(BaseException):
    """Nothing in the code under test may catch it."""


def dies_at(point: str) -> Callable[[str], None]:
    def probe(passed: str) -> None:
        if passed == point:
            raise Crash(point)

    return probe


@pytest.mark.parametrize("point", ["pull.page.after_commit", "pull.guard.before_commit", "pull.parked.before_commit"])
def test_a_large_window_is_judged_whole_after_a_crash(world: World, point: str) -> None:
    """30 phones and 15 addresses change. Wherever the run dies, the next one writes the addresses and holds the
    phones."""
    scene = crowd(world, 60, marks=False)
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    for pupil in scene.pupils[30:45]:
        world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 1")
    with pytest.raises(Crash):
        world.sync(probe=dies_at(point))
    report = world.sync()
    assert report.status is RunStatus.HELD
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 0
    assert [row["address"] for row in world.rows("students")].count("ул. Мира, 1") == 15
    assert only_hold(world).records == 30
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    with pytest.raises(Crash):
        world.sync(probe=dies_at("pull.parked.before_commit"))
    world.sync()
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 30
