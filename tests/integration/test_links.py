"""Links and their bases, on both engines."""

from __future__ import annotations

import pytest

from sync_service.domain.errors import FatalError
from sync_service.domain.links import ClosedBy, LinkChange, LinkId, LinkState, LocalId, NewLink, RemoteId, Snapshot
from sync_service.domain.streams import Stream
from sync_service.persistence.unit_of_work import SqlUnitOfWork
from tests.databases import SchoolDatabase


def new(local: int, remote: str, base: Snapshot | None = None, previous: int | None = None) -> NewLink:
    return NewLink(
        local_id=LocalId(local),
        remote_id=RemoteId(remote),
        base=base or Snapshot.agreed({"value": "5", "weight": 1, "comment": None}),
        version=3,
        change_version=40,
        evidence="snils",
        previous_id=None if previous is None else LinkId(previous),
    )


def add(at: SchoolDatabase, *links: NewLink, stream: Stream = Stream.MARKS) -> list[LinkId]:
    with at.database.write(at.school) as unit:
        ids = unit.links.insert(stream, links)
        unit.commit()
    return ids


def close(unit: SqlUnitOfWork, link_id: LinkId) -> None:
    unit.links.update([LinkChange(link_id=link_id, version=4, change_version=41, closed_by=ClosedBy.TOMBSTONE)])


def test_a_link_is_found_by_either_side_with_everything_it_holds(database: SchoolDatabase) -> None:
    """Both bases come back as they were stored, whether they are equal or not."""
    near_miss = Snapshot({"last_name": "Ёлкина"}, {"last_name": "Елкина"})
    first, second = add(database, new(1, "r1"), new(2, "r2", near_miss))
    with database.database.read(database.school) as unit:
        by_remote = unit.links.by_remote(Stream.MARKS, [RemoteId("r1"), RemoteId("r2"), RemoteId("r3")])
        by_local = unit.links.by_local(Stream.MARKS, [LocalId(2), LocalId(9)])
        assert unit.links.by_remote(Stream.LESSONS, [RemoteId("r1")]) == {}
        assert unit.links.by_remote(Stream.MARKS, []) == {}
        assert unit.links.local_ids(Stream.MARKS, [RemoteId("r2"), RemoteId("r3")]) == {"r2": 2}
        assert unit.links.remote_ids(Stream.MARKS, [LocalId(1), LocalId(3)]) == {1: "r1"}
        assert unit.links.count(Stream.MARKS) == 2
        assert unit.links.count(Stream.LESSONS) == 0
    link = by_remote[RemoteId("r1")]
    assert (link.link_id, link.local_id, link.version, link.change_version) == (first, 1, 3, 40)
    assert (link.state, link.evidence, link.previous_id) == (LinkState.LIVE, "snils", None)
    assert link.base == Snapshot.agreed({"value": "5", "weight": 1, "comment": None})
    assert by_local == {2: by_remote[RemoteId("r2")]}
    assert by_local[LocalId(2)].link_id == second
    assert by_local[LocalId(2)].base == near_miss


def test_update_moves_the_base_only_when_told(database: SchoolDatabase) -> None:
    a, b = add(database, new(1, "r1"), new(2, "r2"))
    moved = Snapshot({"value": "4"}, {"value": "3"})
    with database.database.write(database.school) as unit:
        unit.links.update(
            [
                LinkChange(link_id=a, version=5, change_version=50),
                LinkChange(link_id=b, version=6, change_version=None, base=moved),
            ]
        )
        unit.commit()
    with database.database.read(database.school) as unit:
        found = unit.links.by_local(Stream.MARKS, [LocalId(1), LocalId(2)])
    assert (found[LocalId(1)].version, found[LocalId(1)].base.local["value"]) == (5, "5")
    assert (found[LocalId(2)].change_version, found[LocalId(2)].base) == (None, moved)


def test_changes_of_one_link_in_one_call_add_up(database: SchoolDatabase) -> None:
    """A record that comes twice on a page: the last version counts, and a base once moved stays moved."""
    (one,) = add(database, new(1, "r1"))
    moved = Snapshot.agreed({"value": "4"})
    with database.database.write(database.school) as unit:
        unit.links.update(
            [
                LinkChange(link_id=one, version=5, change_version=50, base=moved),
                LinkChange(link_id=one, version=6, change_version=60),
            ]
        )
        (link,) = unit.links.by_local(Stream.MARKS, [LocalId(1)]).values()
    assert (link.version, link.change_version, link.base) == (6, 60, moved)


def test_a_closed_link_makes_room_and_is_found_on_request(database: SchoolDatabase) -> None:
    """Tombstoned links are kept; the newest is found for ids that have no live link, others are not."""
    (first,) = add(database, new(1, "r1"))
    with database.database.write(database.school) as unit:
        close(unit, first)
        (second,) = unit.links.insert(Stream.MARKS, [new(1, "r1", previous=first)])
        assert unit.links.by_remote(Stream.MARKS, [RemoteId("r1")], closed=True) == {}
        close(unit, second)
        unit.commit()
    with database.database.read(database.school) as unit:
        assert unit.links.by_remote(Stream.MARKS, [RemoteId("r1")]) == {}
        assert unit.links.count(Stream.MARKS) == 0
        by_remote = unit.links.by_remote(Stream.MARKS, [RemoteId("r1")], closed=True)
        by_local = unit.links.by_local(Stream.MARKS, [LocalId(1)], closed=True)
    assert by_remote[RemoteId("r1")].link_id == by_local[LocalId(1)].link_id == second
    assert by_remote[RemoteId("r1")].previous_id == first
    assert by_remote[RemoteId("r1")].state is LinkState.TOMBSTONED


@pytest.mark.parametrize("second", [new(1, "r2"), new(2, "r1")])
def test_a_second_live_link_of_either_side_is_refused(database: SchoolDatabase, second: NewLink) -> None:
    """The database itself keeps one record from being two things at once."""
    add(database, new(1, "r1"))
    add(database, second, stream=Stream.ATTENDANCE)
    with pytest.raises(FatalError):
        add(database, second)


def test_a_closed_link_says_when_and_by_what_proof(database: SchoolDatabase) -> None:
    """Both ids and the last values stay; a link that lives has neither moment nor proof."""
    first, _ = add(database, new(1, "r1"), new(2, "r2"))
    with database.database.write(database.school) as unit:
        unit.links.update([LinkChange(link_id=first, version=4, change_version=41, closed_by=ClosedBy.NOT_FOUND)])
        unit.commit()
    closed, live = database.sql(
        "SELECT remote_id, local_id, closed_by, closed_at IS NULL AS never, base_local FROM links ORDER BY id"
    )
    assert (closed["remote_id"], closed["local_id"], closed["closed_by"], bool(closed["never"])) == (
        "r1",
        1,
        "not_found",
        False,
    )
    assert '"value":"5"' in closed["base_local"]
    assert (live["closed_by"], bool(live["never"])) == (None, True)
