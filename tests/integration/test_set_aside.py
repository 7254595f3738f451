"""Inbox and quarantine, on both engines."""

from __future__ import annotations

from typing import Any

from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import RemoteRecord, Stream
from tests.databases import SchoolDatabase
from tests.integration.test_links import add, close, new


def parked(remote_id: str, reason: str = "parent", waits_for: str | None = None, **more: Any) -> Parked:
    record = RemoteRecord(
        stream=Stream.MARKS, remote_id=RemoteId(remote_id), values={"value": "5", "comment": None}, **more
    )
    return Parked(record=record, reason=reason, waits_for=waits_for)


def park(at: SchoolDatabase, *items: Parked) -> None:
    with at.database.write(at.school) as unit:
        unit.inbox.park(items)
        unit.commit()


def test_a_parked_record_comes_back_whole_and_in_order(database: SchoolDatabase) -> None:
    """Parking it again replaces it without losing its place."""
    full = parked("b", "held", None, version=2, change_version=9, deleted=True, client_ref="ref")
    park(database, parked("a", waits_for="lessons:1"), full, parked("c", "decision"))
    park(database, parked("a", "inventory", version=3))
    with database.database.write(database.school) as unit:
        inbox = unit.inbox
        assert inbox.parked(Stream.MARKS) == [parked("a", "inventory", version=3), full, parked("c", "decision")]
        assert inbox.parked(Stream.MARKS, limit=1) == [parked("a", "inventory", version=3)]
        assert inbox.parked(Stream.MARKS, reason="held", remote_ids=[RemoteId("b"), RemoteId("c")]) == [full]
        assert inbox.parked(Stream.STUDENTS) == []
        assert inbox.counts() == {
            (Stream.MARKS, "inventory"): 1,
            (Stream.MARKS, "held"): 1,
            (Stream.MARKS, "decision"): 1,
        }
        inbox.remove(Stream.MARKS, [RemoteId("a"), RemoteId("b")])
        inbox.remove(Stream.STUDENTS, [RemoteId("c")])
        assert inbox.parked(Stream.MARKS) == [parked("c", "decision")]


def test_records_are_found_by_what_they_wait_for(database: SchoolDatabase) -> None:
    park(database, parked("a", waits_for="lessons:1"), parked("b", waits_for="students:2"), parked("c"))
    with database.database.read(database.school) as unit:
        found = unit.inbox.parked(Stream.MARKS, waits_for=["lessons:1", "lessons:9"])
        assert [p.record.remote_id for p in found] == ["a"]
        assert unit.inbox.parked(Stream.MARKS, waits_for=[]) == []


def test_records_are_ready_once_their_parent_is_linked(database: SchoolDatabase) -> None:
    """Only a live link of that very stream counts, and only records that wait for a parent."""
    park(
        database,
        parked("a", waits_for="lessons:l-1"),
        parked("b", waits_for="lessons:l-2"),
        parked("c", "held", waits_for="lessons:l-1"),
        parked("d", waits_for="students:l-1"),
        parked("e", waits_for="lessons:l-3"),
    )
    add(database, new(1, "l-1"), stream=Stream.LESSONS)
    (gone,) = add(database, new(3, "l-3"), stream=Stream.LESSONS)
    with database.database.write(database.school) as unit:
        close(unit, gone)
        unit.commit()
    with database.database.read(database.school) as unit:
        assert unit.inbox.ready(Stream.MARKS, 10) == [parked("a", waits_for="lessons:l-1")]
        assert unit.inbox.ready(Stream.STUDENTS, 10) == []
    add(database, new(2, "l-2"), stream=Stream.LESSONS)
    with database.database.read(database.school) as unit:
        assert [p.record.remote_id for p in unit.inbox.ready(Stream.MARKS, 10)] == ["a", "b"]
        assert [p.record.remote_id for p in unit.inbox.ready(Stream.MARKS, 1)] == ["a"]


def poison(direction: str = "pull", *, payload: str = "", code: str = "unmapped_code", **ids: Any) -> QuarantineItem:
    return QuarantineItem(
        stream=Stream.MARKS,
        direction=direction,
        code=code,
        signature="value",
        reason="value: no such code",
        payload=payload,
        **ids,
    )


def test_a_repeated_failure_counts_one_more_try(database: SchoolDatabase) -> None:
    """The newest reason and payload stay; the first moment is remembered."""
    with database.database.write(database.school) as unit:
        unit.quarantine.put([poison(remote_id=RemoteId("r"), payload="{1}"), poison("push", local_id=LocalId(7))])
        unit.commit()
    with database.database.write(database.school) as unit:
        again = poison(remote_id=RemoteId("r"), payload="{2}", code="broken_date")
        unit.quarantine.put([again, again])
        unit.commit()
    with database.database.read(database.school) as unit:
        pulled, pushed = unit.quarantine.items()
        assert unit.quarantine.counts() == {(Stream.MARKS, "pull"): 1, (Stream.MARKS, "push"): 1}
        assert unit.quarantine.items(stream=Stream.MARKS, direction="push") == [pushed]
        assert unit.quarantine.items(limit=1) == [pulled]
        assert unit.quarantine.items(stream=Stream.STUDENTS) == []
        assert unit.quarantine.get(pulled.item_id) == pulled
        assert unit.quarantine.get(10**6) is None
    assert (pulled.tries, pulled.code, pulled.payload, pulled.remote_id) == (3, "broken_date", "{2}", "r")
    assert (pushed.tries, pushed.local_id, pushed.direction) == (1, 7, "push")
    assert pulled.first_seen is not None
    assert pulled.last_seen is not None
    assert pulled.first_seen < pulled.last_seen


def test_records_without_an_id_are_told_apart_by_what_was_received(database: SchoolDatabase) -> None:
    with database.database.write(database.school) as unit:
        unit.quarantine.put([poison(payload="{1}"), poison(payload="{2}"), poison(payload="{1}")])
        assert sorted(item.tries for item in unit.quarantine.items()) == [1, 2]


def test_quarantine_is_left_by_record_or_by_item(database: SchoolDatabase) -> None:
    with database.database.write(database.school) as unit:
        unit.quarantine.put(
            [
                poison(remote_id=RemoteId("a")),
                poison(remote_id=RemoteId("b")),
                poison("push", local_id=LocalId(7)),
                poison("push", local_id=LocalId(8)),
            ]
        )
        assert unit.quarantine.clear(Stream.MARKS) == 0
        assert unit.quarantine.clear(Stream.STUDENTS, remote_ids=[RemoteId("a")]) == 0
        assert unit.quarantine.clear(Stream.MARKS, remote_ids=[RemoteId("a")], local_ids=[LocalId(7)]) == 2
        (b, eight) = unit.quarantine.items()
        assert (b.remote_id, eight.local_id) == ("b", 8)
        unit.quarantine.remove([b.item_id])
        assert unit.quarantine.items() == [eight]
