"""The outbox and its attempts, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import AttemptItem, AttemptState, Entry, EntryState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import Stream
from tests.databases import SchoolDatabase

ONE, TWO = LocalId(1), LocalId(2)


def enqueue(at: SchoolDatabase, *ids: LocalId, groups: tuple[str, ...] = ("value",)) -> dict[LocalId, Entry]:
    with at.database.write(at.school) as unit:
        unit.outbox.enqueue(Stream.MARKS, dict.fromkeys(ids, groups))
        unit.commit()
    return entries(at)


def entries(at: SchoolDatabase) -> dict[LocalId, Entry]:
    with at.database.read(at.school) as unit:
        return unit.outbox.by_local(Stream.MARKS, [LocalId(i) for i in range(10)])


def save(at: SchoolDatabase, *changed: Entry) -> None:
    with at.database.write(at.school) as unit:
        unit.outbox.save(changed)
        unit.commit()


def due(at: SchoolDatabase, *, hours: float = 0, limit: int = 10) -> list[LocalId]:
    with at.database.write(at.school) as unit:
        now = at.clock.moment + timedelta(hours=hours)
        claimed = [entry.local_id for entry in unit.outbox.claim(Stream.MARKS, limit, now)]
        assert unit.outbox.due(now) == ({Stream.MARKS} if claimed else set())
    return claimed


def test_a_dirty_record_is_one_entry(database: SchoolDatabase) -> None:
    """A second change adds its groups; the entry keeps its identity and its place."""
    first = enqueue(database, ONE, TWO)
    again = enqueue(database, ONE, groups=("comment", "value"))
    assert again[ONE] == replace(first[ONE], groups=("value", "comment"))
    assert again[TWO] == first[TWO]
    assert first[ONE].client_ref != first[TWO].client_ref
    assert first[ONE].state is EntryState.PENDING
    with database.database.read(database.school) as unit:
        assert unit.outbox.by_client_ref(Stream.MARKS, [first[TWO].client_ref, "x"]) == {
            first[TWO].client_ref: first[TWO]
        }


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (EntryState.PENDING, EntryState.PENDING, False),
        (EntryState.LEASED, EntryState.LEASED, True),
        (EntryState.UNKNOWN, EntryState.UNKNOWN, True),
        (EntryState.RETRY, EntryState.PENDING, False),
        (EntryState.REJECTED, EntryState.PENDING, False),
        (EntryState.WAITING, EntryState.PENDING, False),
        (EntryState.HELD, EntryState.HELD, False),
    ],
)
def test_what_a_new_change_does_to_each_state(
    database: SchoolDatabase, before: EntryState, after: EntryState, again: bool
) -> None:
    """Under way: marked dirty again. Stopped for a reason that may be gone: pending. Held stays held."""
    entry = enqueue(database, ONE)[ONE]
    later = database.clock.moment + timedelta(hours=1)
    parked = replace(
        entry, state=before, tries=3, not_before=later, waiting=WaitingFor.PARENT, waits_for="x:1", code="c"
    )
    save(database, parked)
    found = enqueue(database, ONE, groups=("comment",))[ONE]
    assert (found.state, found.dirty_again, found.groups) == (after, again, ("value", "comment"))
    if after is EntryState.PENDING and before is not EntryState.PENDING:
        assert (found.not_before, found.waiting, found.waits_for, found.code) == (None, None, None, None)
    else:
        assert (found.not_before, found.waiting, found.waits_for, found.tries) == (
            later,
            WaitingFor.PARENT,
            "x:1",
            3,
        )


def test_due_entries_come_oldest_first(database: SchoolDatabase) -> None:
    """Pending ones; retry and waiting ones once their moment has come; nothing else."""
    ids = [LocalId(i) for i in range(1, 9)]
    found = enqueue(database, *ids)
    soon = database.clock.moment + timedelta(hours=1)
    save(
        database,
        replace(found[ids[1]], state=EntryState.RETRY, not_before=soon),
        replace(found[ids[2]], state=EntryState.WAITING, not_before=soon, waiting=WaitingFor.PERMIT),
        replace(found[ids[3]], state=EntryState.WAITING, waiting=WaitingFor.PARENT, waits_for="lessons:1"),
        replace(found[ids[4]], state=EntryState.LEASED),
        replace(found[ids[5]], state=EntryState.REJECTED),
        replace(found[ids[6]], state=EntryState.RETRY),
    )
    assert due(database) == [ids[0], ids[6], ids[7]]
    assert due(database, hours=2) == [ids[0], ids[1], ids[2], ids[6], ids[7]]
    assert due(database, hours=2, limit=2) == ids[:2]


def test_waking_by_what_an_entry_waits_for(database: SchoolDatabase) -> None:
    found = enqueue(database, ONE, TWO)
    waiting: dict[str, Any] = {"state": EntryState.WAITING, "waiting": WaitingFor.PARENT}
    save(
        database,
        replace(found[ONE], waits_for="lessons:1", **waiting),
        replace(found[TWO], waits_for="l2", **waiting),
    )
    with database.database.write(database.school) as unit:
        assert unit.outbox.wake(Stream.ATTENDANCE, ["lessons:1"]) == 0
        assert unit.outbox.wake(Stream.MARKS, ["lessons:1", "other"]) == 1
        assert unit.outbox.wake(None, ["l2"]) == 1
        assert unit.outbox.wake(None, []) == 0
        unit.commit()
    assert due(database) == [ONE, TWO]
    assert entries(database)[ONE].waits_for is None


def test_counts_oldest_deletions_and_removal(database: SchoolDatabase) -> None:
    found = enqueue(database, ONE)
    enqueue(database, TWO, groups=("*",))
    save(database, replace(found[ONE], state=EntryState.WAITING, waiting=WaitingFor.PERMIT))
    with database.database.write(database.school) as unit:
        assert unit.outbox.counts() == {
            (Stream.MARKS, EntryState.WAITING, WaitingFor.PERMIT): 1,
            (Stream.MARKS, EntryState.PENDING, None): 1,
        }
        assert unit.outbox.oldest() == {Stream.MARKS: found[ONE].created_at}
        assert [entry.local_id for entry in unit.outbox.deletions(Stream.MARKS)] == [TWO]
        unit.outbox.remove([found[ONE].entry_id])
        unit.commit()
    assert set(entries(database)) == {TWO}
    assert enqueue(database, ONE)[ONE].client_ref != found[ONE].client_ref


def item(entry: Entry, value: str) -> AttemptItem:
    return AttemptItem(
        entry_id=entry.entry_id,
        local_id=entry.local_id,
        client_ref=entry.client_ref,
        op="update",
        groups=("value",),
        values={"value": value, "weight": 1, "comment": None},
        remote_id=RemoteId("r"),
        version=4,
    )


def test_an_attempt_comes_back_with_frozen_values_in_order(database: SchoolDatabase) -> None:
    """Unanswered are those without an answer and those whose answer was lost."""
    found = enqueue(database, ONE, TWO)
    items = [item(found[TWO], "5"), item(found[ONE], "4")]
    with database.database.write(database.school) as unit:
        first = unit.attempts.record(Stream.MARKS, "key-1", items)
        second = unit.attempts.record(Stream.MARKS, "key-2", items[:1])
        unit.attempts.close(second, "answered", ["done"])
        unit.commit()
    with database.database.read(database.school) as unit:
        (attempt,) = unit.attempts.unanswered(Stream.MARKS)
        assert unit.attempts.unanswered(Stream.STUDENTS) == []
    assert (attempt.attempt_id, attempt.key, attempt.items) == (first, "key-1", tuple(items))
    assert attempt.state is AttemptState.SENT
    with database.database.write(database.school) as unit:
        unit.attempts.close(first, AttemptState.UNKNOWN)
        unit.commit()
    with database.database.read(database.school) as unit:
        (attempt,) = unit.attempts.unanswered()
    assert attempt.state is AttemptState.UNKNOWN


def test_results_are_kept_per_item(database: SchoolDatabase) -> None:
    found = enqueue(database, ONE, TWO)
    with database.database.write(database.school) as unit:
        attempt = unit.attempts.record(Stream.MARKS, "k", [item(found[ONE], "5"), item(found[TWO], "4")])
        unit.attempts.close(attempt, "answered", ["done", "stale"])
        unit.commit()
    rows = database.sql("SELECT local_id, result FROM attempt_items ORDER BY position")
    assert [(row["local_id"], row["result"]) for row in rows] == [(1, "done"), (2, "stale")]
