"""From 31 August to 1 September (RELIABILITY 33)."""

from __future__ import annotations

from datetime import timedelta

from sync_service.domain.streams import Stream
from tests.simulation.calendar_statements import LAST_DAY, agreed, new_year, old_year
from tests.unit.engine.world import World


def test_the_first_of_september(world: World) -> None:
    """Thirty pupils change classes, and nobody is doubled or lost."""
    assert new_year(world) == 30


def test_a_mark_of_the_old_year_waits_for_a_permit(world: World) -> None:
    """Three months late on 1 September; the region is not asked."""
    world.clock.moment = LAST_DAY + timedelta(days=1)
    made = old_year(world)
    agreed(world.sync())
    world.update("marks", world.rows("marks")[0]["id"], value="5")
    report = world.sync()
    assert report.streams[Stream.MARKS].waiting == {"permit": 1}
    assert world.remote.records(Stream.MARKS)[made.mark]["value"] == "4"
