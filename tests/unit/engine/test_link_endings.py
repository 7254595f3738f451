"""How a pair comes to its end, by what proof, and how a record that returns finds its former link."""

from __future__ import annotations

import pytest

from sync_service.domain.conflicts import Side
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.engine.resolve import resolve
from tests.choosing import choose_all
from tests.unit.engine.drift import MARKS, closed_by, seeded
from tests.unit.engine.world import World

pytestmark = pytest.mark.parametrize("world", ["sqlite"], indirect=True)


def row_of(world: World, mark: RemoteId) -> int:
    (row,) = (row["local_id"] for row in world.rows("links") if row["remote_id"] == mark and row["state"] == "live")
    return int(row)


def test_deleted_in_the_region(world: World) -> None:
    _, marks, _ = seeded(world, 3)
    world.remote.delete(MARKS, marks[0])
    world.sync()
    assert closed_by(world) == ["tombstone"]


def test_deleted_here_and_acknowledged(world: World) -> None:
    _, marks, _ = seeded(world, 3)
    world.delete("marks", row_of(world, marks[0]))
    assert world.sync().status is RunStatus.SUCCEEDED
    assert closed_by(world) == ["both"]
    assert len(world.remote.records(MARKS)) == 2


def test_deleted_on_both_sides(world: World) -> None:
    _, marks, _ = seeded(world, 3)
    world.delete("marks", row_of(world, marks[0]))
    world.remote.delete(MARKS, marks[0])
    assert world.sync().status is RunStatus.SUCCEEDED
    assert closed_by(world) == ["both"]


def test_kept_by_decision_and_sent_as_a_new_record(world: World) -> None:
    """The new link points to the one that the decision closed."""
    _, marks, _ = seeded(world, 3)
    row = row_of(world, marks[0])
    world.update("marks", row, value="2")
    world.remote.delete(MARKS, marks[0])
    world.sync()
    (question,) = world.rows("conflicts")
    with world.db.read(world.school.school_id) as uow:
        case = uow.conflicts.get(question["id"])
    assert case is not None
    resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL))
    assert world.sync().status is RunStatus.SUCCEEDED
    (old,) = (link for link in world.rows("links") if link["closed_by"])
    (new,) = (link for link in world.rows("links") if link["previous_id"])
    assert (old["closed_by"], old["remote_id"], old["local_id"]) == ("decision", marks[0], row)
    assert (new["previous_id"], new["local_id"], new["state"]) == (old["id"], row, "live")


def test_a_record_that_returns_under_its_id(world: World) -> None:
    """A new row, and a new link that says what it is."""
    _, marks, _ = seeded(world, 3)
    world.remote.delete(MARKS, marks[0])
    world.sync()
    item = world.remote.region.items[MARKS][marks[0]]
    world.remote.region.replace(MARKS, item, item.values)
    assert world.sync().status is RunStatus.SUCCEEDED
    old, new = (link for link in world.rows("links") if link["remote_id"] == marks[0])
    assert (old["closed_by"], new["state"], new["evidence"]) == ("tombstone", "live", "returned")
    assert new["previous_id"] == old["id"]
    assert world.count("marks") == 3
