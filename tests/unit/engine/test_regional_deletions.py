"""Deletions the region tells of, and what has become of the records until they are settled (invariants 4 and 7)."""

from __future__ import annotations

import pytest

from sync_service.domain.guards import Limit, Limits
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.unit.engine.test_sending import Killed
from tests.unit.engine.test_stale_decisions import a_mark, live_links, one_mark
from tests.unit.engine.world import World


def test_a_tombstone_is_the_last_word_about_a_row_deleted_here_since(world: World) -> None:
    """Read, and not settled before the row went here as well: the pair is at its end, and nothing is left that a
    hold could ask about."""
    _, _, mark = one_mark(world)
    world.remote.delete(Stream.MARKS, mark)

    def dies(point: str) -> None:
        if point == "pull.deletions.before_commit":
            raise Killed

    with pytest.raises(Killed):
        world.sync(probe=dies)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.limits = Limits(deletes=Limit(0, 0.0))
    assert world.sync().status is RunStatus.SUCCEEDED
    assert [link["closed_by"] for link in world.rows("links") if link["stream"] == "marks"] == ["both"]
    assert (world.rows("holds"), world.rows("outbox"), world.rows("inbox")) == ([], [], [])


def test_a_record_known_to_be_gone_is_no_witness_that_the_region_answers(world: World) -> None:
    """Edited here and deleted there, it waits for a decision; the region has forgotten it. Other deletions go on."""
    timetable, pupil, asked = one_mark(world)
    told = world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[1], "3", 1))
    kept = world.remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[1], "4", 2))
    world.sync()
    rows = {remote: local for local, remote in live_links(world, Stream.MARKS).items()}
    world.update("marks", rows[asked], value="2")
    world.remote.delete(Stream.MARKS, asked)
    world.sync()
    world.remote.compact(Stream.MARKS)
    world.remote.delete(Stream.MARKS, told)
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    assert [case["kind"] for case in world.rows("conflicts")] == ["deleted_in_region"]
    assert sorted(row["id"] for row in world.rows("marks")) == sorted([rows[asked], rows[kept]])
