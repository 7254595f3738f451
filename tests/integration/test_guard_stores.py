"""What the guard counts and holds, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sync_service.domain.guards import CREATES, DELETES, Kind, Operation, Way
from sync_service.domain.holds import Hold, HoldItem, HoldState, ItemState
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.streams import Stream
from tests.databases import SchoolDatabase
from tests.integration.test_links import add, new

PHONE = Kind(Operation.UPDATE, "phone")
ONE, TWO, THREE = LocalId(1), LocalId(2), LocalId(3)


def test_what_passed_is_summed_over_a_day_and_then_forgotten(database: SchoolDatabase) -> None:
    """By stream, way and kind; the hour in which the day began counts whole."""

    def count(**kinds: int) -> None:
        with database.database.write(database.school) as unit:
            named = {"deletes": DELETES, "phone": PHONE, "creates": CREATES}
            unit.guard.count(Stream.MARKS, Way.PUSH, {named[name]: number for name, number in kinds.items()})
            unit.commit()

    def passed(stream: Stream = Stream.MARKS, way: Way = Way.PUSH) -> dict[Kind, int]:
        with database.database.read(database.school) as unit:
            return unit.guard.passed(stream, way)

    count(deletes=2, phone=1)
    count(deletes=3)
    database.clock.moment += timedelta(hours=23)
    count(phone=4, creates=0)
    assert passed() == {DELETES: 5, PHONE: 5}
    assert passed(way=Way.PULL) == passed(Stream.STUDENTS) == {}
    database.clock.moment += timedelta(hours=2)
    assert passed() == {PHONE: 4}
    count(deletes=1)
    with database.database.write(database.school) as unit:
        assert len(unit._tx.query("SELECT hour FROM guard_counts")) == 2  # the rest is pruned


def test_a_hold_keeps_its_items_and_what_was_said(database: SchoolDatabase) -> None:
    opened = Hold(
        hold_id=0,
        stream=Stream.MARKS,
        way=Way.PUSH,
        kind=PHONE,
        digest="d",
        records=2,
        total=60,
        cause="run",
        opened_at=database.clock.moment,
    )
    items = [HoldItem(local_id=ONE, precondition="p1"), HoldItem(remote_id=RemoteId("r2"), precondition="p2")]
    with database.database.write(database.school) as unit:
        number = unit.holds.open(opened, items)
        unit.commit()
    with database.database.write(database.school) as unit:
        found = unit.holds.get(number)
        assert found == replace(opened, hold_id=number)
        assert unit.holds.undecided(Stream.MARKS, Way.PUSH) == unit.holds.undecided() == [found]
        assert unit.holds.undecided(Stream.MARKS, Way.PULL) == unit.holds.undecided(Stream.STUDENTS) == []
        first, second = unit.holds.items([number])
        assert [replace(i, item_id=0, hold_id=0) for i in (first, second)] == items
        assert unit.holds.covered(Stream.MARKS, Way.PUSH) == []
        released = replace(
            found,
            state=HoldState.RELEASED,
            decided_by="ivanova",
            decided_at=database.clock.moment,
            expires_at=database.clock.moment + timedelta(hours=72),
        )
        unit.holds.save([released])
        unit.holds.mark([first.item_id], ItemState.RELEASED)
        assert [item.local_id for item in unit.holds.covered(Stream.MARKS, Way.PUSH)] == [ONE]
        assert unit.holds.covered(Stream.MARKS, Way.PULL) == unit.holds.covered(Stream.STUDENTS, Way.PUSH) == []
        assert unit.holds.left([number], ItemState.HELD) == {number: 1}
        assert unit.holds.cases(states=[HoldState.RELEASED]) == unit.holds.cases() == [released]
        assert unit.holds.undecided() == []
        assert unit.holds.items([]) == []


def test_due_entries_are_counted_by_what_they_change(database: SchoolDatabase) -> None:
    """With a link or without; deletions can be left out of a claim, those of a retry too."""
    add(database, new(int(ONE), "r-1"), new(int(TWO), "r-2"))
    with database.database.write(database.school) as unit:
        unit.outbox.enqueue(Stream.MARKS, {ONE: ("value",), TWO: ("*",), THREE: ("value",)})
        found = unit.outbox.by_local(Stream.MARKS, [TWO])
        unit.outbox.save([replace(found[TWO], state=EntryState.RETRY)])
        now = database.clock.moment
        assert sorted(unit.outbox.due_groups(Stream.MARKS, now)) == [
            (("*",), True, 1),
            (("value",), False, 1),
            (("value",), True, 1),
        ]
        assert [e.local_id for e in unit.outbox.claim(Stream.MARKS, None, now)] == [ONE, TWO, THREE]
        assert [e.local_id for e in unit.outbox.claim(Stream.MARKS, 5, now, deletions=False)] == [ONE, THREE]
        assert [e.local_id for e in unit.outbox.deletions(Stream.MARKS)] == [TWO]
        assert unit.links.some(Stream.MARKS, 5, besides=[RemoteId("r-1")]) == [RemoteId("r-2")]
        assert len(unit.links.some(Stream.MARKS, 1)) == 1


def test_notes_are_read_by_their_beginning(database: SchoolDatabase) -> None:
    with database.database.write(database.school) as unit:
        for key in ("scope:marks", "scope:students", "scoped", "seed:pull:students"):
            unit.cursors.put_note(key, key.upper())
        assert unit.cursors.notes("scope:") == {"marks": "SCOPE:MARKS", "students": "SCOPE:STUDENTS"}
        assert unit.cursors.notes("seed:push:") == {}


def test_many_rows_come_back_under_their_ids(database: SchoolDatabase) -> None:
    with database.database.write(database.school) as unit:
        assert unit.staging.is_empty(Stream.SUBJECTS)
        ids = unit.staging.insert(Stream.SUBJECTS, [{"name": "Алгебра"}, {"name": "Физика"}])
        rows = unit.staging.rows(Stream.SUBJECTS, ids)
        unit.staging.delete(Stream.SUBJECTS, ids)
        unit.staging.restore_all(Stream.SUBJECTS, rows)
        assert unit.staging.rows(Stream.SUBJECTS, ids) == rows
        assert not unit.staging.is_empty(Stream.SUBJECTS)
