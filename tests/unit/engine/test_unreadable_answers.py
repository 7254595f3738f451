"""What was sent and nobody saw the answer of, when the region's record cannot be read (invariants 5 and 8)."""

from __future__ import annotations

import pytest

from sync_service.domain.errors import OutcomeUnknown, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.test_sending import new_mark
from tests.unit.engine.world import World


def mapped(world: World) -> MappedRemote:
    world.remote = remote = MappedRemote.over(world.remote)
    return remote


def unreadable(remote: MappedRemote, mark: RemoteId) -> None:
    """A regional user gave the mark a sign that the code table does not know."""
    remote.broken[mark] = lambda item: {**item, "grade": "5++"}


def lose_a_create(world: World, remote: MappedRemote) -> tuple[int, RemoteId]:
    """A mark that arrived, was moved and re-marked there, and whose answer is still to be read back."""
    row = new_mark(world)
    remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    remote.fail_next(TransientError("503"), call="find")
    world.sync()
    (made,) = [i for i, mark in remote.records(Stream.MARKS).items() if mark["value"] == "3"]
    remote.edit(Stream.MARKS, made, position=2)
    unreadable(remote, made)
    return row, made


def test_a_create_that_cannot_be_read_back_is_not_made_again(world: World) -> None:
    """Its client reference tells that it was carried out; once it can be read, the region's edit comes here."""
    seeded(world)
    remote = mapped(world)
    row, made = lose_a_create(world, remote)
    for _ in range(3):
        world.sync()
    assert len(remote.records(Stream.MARKS)) == 2
    assert [item["remote_id"] for item in world.rows("quarantine")] == [made]
    remote.mended = True
    world.fingerprints = dict.fromkeys(Stream, "mended")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert [mark["position"] for mark in world.rows("marks") if mark["id"] == row] == [2]
    assert len(remote.records(Stream.MARKS)) == 2
    assert world.count("quarantine") == 0


def test_what_nobody_could_read_is_not_overwritten(world: World) -> None:
    """The row is edited here while the region's edit of it cannot be read: it does not leave blindly."""
    seeded(world)
    remote = mapped(world)
    row, made = lose_a_create(world, remote)
    world.sync()
    world.update("marks", row, value="4")
    for _ in range(2):
        world.sync()
    assert remote.records(Stream.MARKS)[made]["value"] == "3"
    assert [item["direction"] for item in world.rows("quarantine")] == ["pull", "push"]


@pytest.mark.parametrize("edited", [False, True])
def test_a_deletion_is_not_taken_for_done_where_the_record_is_still_there(world: World, edited: bool) -> None:
    """It leaves once more, under the version it was made on; a record edited there meanwhile stays."""
    _, mark = seeded(world)
    remote = mapped(world)
    world.delete("marks", world.rows("marks")[0]["id"])
    remote.fail_next(OutcomeUnknown("lost"), call="write")
    unreadable(remote, mark)
    if edited:
        remote.fail_next(TransientError("503"), call="get")
        world.sync()
        remote.edit(Stream.MARKS, mark, weight=2)
    world.sync()
    assert list(remote.records(Stream.MARKS)) == [mark] * edited
    (link,) = [link for link in world.rows("links") if link["stream"] == "marks"]
    assert link["state"] == ("live" if edited else "tombstoned")
    assert world.count("quarantine") == 2 * edited


def test_an_unreadable_record_that_names_no_reference_keeps_the_answer_open(world: World) -> None:
    """Whether it is ours nobody can tell: nothing is sent again, and the stream says so."""
    seeded(world)
    remote = mapped(world)
    _, made = lose_a_create(world, remote)
    remote.broken[made] = lambda item: {**item, "clientRef": 7}
    report = world.sync()
    assert "ContractError" in (report.streams[Stream.MARKS].error or "")
    assert len(remote.records(Stream.MARKS)) == 2
    assert [entry["state"] for entry in world.rows("outbox")] == ["unknown"]
