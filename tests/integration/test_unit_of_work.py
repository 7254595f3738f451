"""Transactions: what is kept, what is refused, what others see meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.conflicts import Conflict, ConflictKind, FieldClash
from sync_service.domain.errors import FatalError, LeaseLost, SyncError
from sync_service.domain.inbox import Parked, QuarantineItem
from sync_service.domain.links import LinkChange, LocalId, NewLink, RemoteId, Snapshot
from sync_service.domain.matches import Candidate, MatchCase
from sync_service.domain.outbox import AttemptItem
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.ports import Notification, Role
from sync_service.engine.stores import Fence
from sync_service.persistence.leases import SqlLeases
from sync_service.persistence.unit_of_work import SqlUnitOfWork
from tests.databases import Moments, SchoolDatabase
from tests.integration.test_staging import PUPIL, insert, mark


class Ticking:
    """A monotonic clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def fence(at: SchoolDatabase, *streams: Stream, holder: str = "run-1") -> Fence:
    time = Ticking()
    return at.database.leases.acquire(
        at.school, streams, holder, wait=60, clock=time.clock, sleep=time.sleep, period=5
    )


def test_nothing_is_kept_without_commit(database: SchoolDatabase) -> None:
    """A unit of work that ends early, by an error or without commit, leaves no trace in any table."""
    with database.database.write(database.school) as unit:
        fill(unit, 1)
    with pytest.raises(ZeroDivisionError):
        fail_on_the_way(database)
    for table in ("students", "links", "outbox", "attempts", "cursors", "audit", "audit_items", "changes"):
        assert database.sql(f"SELECT * FROM {table}") == [], table
    (pupil,) = insert(database, Stream.STUDENTS, PUPIL)
    assert pupil > 0


def fail_on_the_way(at: SchoolDatabase) -> None:
    with at.database.write(at.school) as unit:
        fill(unit, 1)
        raise ZeroDivisionError


def fill(unit: SqlUnitOfWork, count: int) -> None:
    """Touch every store with ``count`` records."""
    ids = unit.staging.insert(Stream.STUDENTS, [PUPIL] * count)
    remote = [RemoteId(f"r{i}") for i in ids]
    links = unit.links.insert(
        Stream.STUDENTS,
        [
            NewLink(
                local_id=i, remote_id=r, base=Snapshot.agreed(PUPIL), version=1, change_version=1, evidence="test"
            )
            for i, r in zip(ids, remote, strict=True)
        ],
    )
    unit.staging.update(Stream.STUDENTS, [(i, {"address": f"ул. Мира, {i}"}) for i in ids])
    unit.links.update(
        [LinkChange(link_id=link, version=2, change_version=2, base=Snapshot({}, {})) for link in links]
    )
    records = [
        RemoteRecord(stream=Stream.MARKS, remote_id=RemoteId(f"m{i}"), values={"value": "5"}, version=1)
        for i in range(count)
    ]
    unit.inbox.park([Parked(record=r, reason="parent", waits_for=f"students:{remote[0]}") for r in records])
    unit.quarantine.put(
        [
            QuarantineItem(
                stream=Stream.MARKS,
                direction="pull",
                code="unmapped_code",
                signature="value",
                reason="…",
                remote_id=r.remote_id,
            )
            for r in records
        ]
    )
    clash = FieldClash(field="address", group="address", local="a", remote="b")
    unit.conflicts.save(
        [
            Conflict(
                conflict_id=0,
                stream=Stream.STUDENTS,
                link_id=link,
                local_id=i,
                kind=ConflictKind.EDIT,
                clashes=(clash,),
            )
            for link, i in zip(links, ids, strict=True)
        ]
    )
    unit.outbox.enqueue(Stream.STUDENTS, {i: ["address"] for i in ids})
    unit.outbox.enqueue(Stream.STUDENTS, {i: ["phone"] for i in ids})
    entries = unit.outbox.by_local(Stream.STUDENTS, ids)
    attempt = unit.attempts.record(
        Stream.STUDENTS,
        f"key-{count}",
        [
            AttemptItem(
                entry_id=e.entry_id,
                local_id=e.local_id,
                client_ref=e.client_ref,
                op="update",
                groups=e.groups,
                values={"address": "a"},
            )
            for e in entries.values()
        ],
    )
    unit.attempts.close(attempt, "answered", ["done"] * count)
    unit.cursors.put(Stream.STUDENTS, f"cursor-{count}")
    unit.matches.save(
        [
            MatchCase(
                case_id=0,
                stream=Stream.STUDENTS,
                remote_id=RemoteId(f"x{r}"),
                candidates=(Candidate(local_id=ids[0], reasons=()),),
                key_digest="d",
            )
            for r in remote
        ]
    )
    unit.releases.save(
        [Release(release_id=0, student_id=i, case=ReleaseCase.NOT_RELEASED, state=ReleaseState.CLAIMED) for i in ids]
    )
    unit.notifications.add([Notification(key=f"n{i}", role=Role.DIRECTOR, subject="…", text="…") for i in ids])
    unit.audit.append(
        [
            AuditEntry(
                act="pull",
                actor="system",
                cause="run-1",
                items=tuple(
                    AuditItem(stream=Stream.STUDENTS, act=Act.LINK, local_id=i, student_id=i, base_local=PUPIL)
                    for i in ids
                ),
            )
        ]
    )


READS: dict[str, Callable[[SqlUnitOfWork, list[LocalId]], object]] = {
    "rows": lambda u, ids: u.staging.rows(Stream.STUDENTS, ids),
    "where": lambda u, ids: u.staging.where(Stream.MARKS, "student_id", ids),
    "unlinked": lambda u, ids: u.staging.unlinked(Stream.MARKS, "student_id", ids),
    "with_children": lambda u, ids: u.staging.with_children(Stream.STUDENTS, ids),
    "cells": lambda u, ids: u.staging.cells(Stream.MARKS, ids, "2026-09-01", "2026-12-31"),
    "lessons_on": lambda u, ids: u.staging.lessons_on([(i, 1, "2026-11-20") for i in ids]),
    "ordinals_used": lambda u, ids: u.staging.ordinals_used([(i, 1, "2026-11-20") for i in ids]),
    "lesson_dates": lambda u, ids: u.staging.lesson_dates(ids),
    "current_class": lambda u, ids: u.staging.current_class(ids),
    "by_remote": lambda u, ids: u.links.by_remote(Stream.STUDENTS, [RemoteId(f"r{i}") for i in ids]),
    "by_local": lambda u, ids: u.links.by_local(Stream.STUDENTS, ids, closed=True),
    "local_ids": lambda u, ids: u.links.local_ids(Stream.STUDENTS, [RemoteId(f"r{i}") for i in ids]),
    "remote_ids": lambda u, ids: u.links.remote_ids(Stream.STUDENTS, ids),
    "parked": lambda u, ids: u.inbox.parked(Stream.MARKS, remote_ids=[RemoteId(f"m{i}") for i in ids]),
    "ready": lambda u, ids: u.inbox.ready(Stream.MARKS, len(ids)),
    "outbox": lambda u, ids: u.outbox.by_local(Stream.STUDENTS, ids),
    "unanswered": lambda u, ids: u.attempts.unanswered(),
    "matches": lambda u, ids: u.matches.open_for(Stream.STUDENTS, [RemoteId(f"xr{i}") for i in ids]),
    "candidates": lambda u, ids: u.releases.candidates(),
    "departures": lambda u, ids: u.releases.departures(),
    "cases": lambda u, ids: u.releases.by_student(ids),
    "due of some": lambda u, ids: u.outbox.claim(Stream.STUDENTS, len(ids), datetime.now(UTC), only=ids),
    "rows in order": lambda u, ids: u.plans.local_ids(Stream.STUDENTS, after=LocalId(0), limit=len(ids)),
    "claim": lambda u, ids: u.journal.claim(Stream.STUDENTS, len(ids)),
}


def test_the_number_of_statements_does_not_grow_with_the_page(database: SchoolDatabase) -> None:
    """Every method costs the same few statements for 50 records and for 1,000."""
    counts: dict[int, dict[str, int]] = {}
    for size in (50, 1000):
        with database.database.write(database.school) as unit:
            with database.statements() as seen:
                fill(unit, size)
                unit.audit.flush()
            counts[size] = {"writes": len(seen)}
            ids = list(unit.staging.all_rows(Stream.STUDENTS))
            for name, read in READS.items():
                with database.statements() as seen:
                    read(unit, ids)
                counts[size][name] = len(seen)
    assert counts[50] == counts[1000]
    assert all(count <= 2 for name, count in counts[50].items() if name != "writes")


def test_a_reader_sees_one_moment(database: SchoolDatabase) -> None:
    """What is committed while a reading unit is open does not appear in it; the writer is not held up."""
    (first,) = insert(database, Stream.MARKS, mark(1, 2))
    with database.database.read(database.school) as unit:
        assert len(unit.staging.rows(Stream.MARKS, [first])) == 1
        with database.database.write(database.school) as writing:
            writing.staging.delete(Stream.MARKS, [first])
            writing.commit()
        assert len(unit.staging.rows(Stream.MARKS, [first])) == 1
    with database.database.read(database.school) as unit:
        assert unit.staging.rows(Stream.MARKS, [first]) == {}


def test_a_reading_unit_refuses_to_write(database: SchoolDatabase) -> None:
    """Rows, audit entries and commit alike; the connection is as good as new afterwards."""
    with pytest.raises(FatalError), database.database.read(database.school) as unit:
        unit.staging.insert(Stream.MARKS, [mark(1, 2)])
    with database.database.read(database.school) as unit:
        with pytest.raises(RuntimeError):
            unit.audit.append([AuditEntry(act="view", actor="system", cause="test")])
        with pytest.raises(RuntimeError):
            unit.commit()
    assert len(insert(database, Stream.MARKS, mark(1, 2))) == 1


def test_a_valid_fence_lets_the_commit_pass(database: SchoolDatabase) -> None:
    held = fence(database, Stream.MARKS, Stream.STUDENTS)
    with database.database.write(database.school, fence=held) as unit:
        unit.staging.insert(Stream.MARKS, [mark(1, 2)])
        unit.commit()
    assert len(database.sql("SELECT * FROM marks")) == 1


LOSSES = ["taken over", "released", "part taken over"]


def test_a_commit_that_fails_leaves_no_open_transaction(
    sqlite_database: SchoolDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk under the lease's commit: the connection goes back rolled back, the next one can take the lease."""
    engine, school = sqlite_database.database.engine, sqlite_database.school
    leases = SqlLeases(engine)

    def fail(_connection: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    def nothing(_seconds: float) -> None:
        raise AssertionError("nobody else holds it")

    def acquire() -> Fence:
        return leases.acquire(school, (Stream.MARKS,), "one", wait=0, clock=float, sleep=nothing, period=1.0)

    with monkeypatch.context() as broken:
        broken.setattr(engine.dialect, "do_commit", fail)
        with pytest.raises(SyncError):
            acquire()
    assert acquire().token == 1


@pytest.mark.parametrize("lost", LOSSES)
def test_a_stale_fence_keeps_nothing(database: SchoolDatabase, lost: str) -> None:
    """Whoever lost one of its streams, or gave them back, cannot write any more."""
    held = fence(database, Stream.MARKS, Stream.STUDENTS)
    lose(database, held, lost)
    with database.database.write(database.school, fence=held) as unit:
        unit.staging.insert(Stream.MARKS, [mark(1, 2)])
        with pytest.raises(LeaseLost):
            unit.commit()
    assert database.sql("SELECT * FROM marks") == []


@pytest.mark.parametrize("lost", LOSSES)
def test_a_fence_lost_on_the_way_keeps_nothing(postgres_database: SchoolDatabase, lost: str) -> None:
    """On PostgreSQL a lease may go while the transaction is open; the check at commit sees it."""
    held = fence(postgres_database, Stream.MARKS, Stream.STUDENTS)
    with postgres_database.database.write(postgres_database.school, fence=held) as unit:
        unit.staging.insert(Stream.MARKS, [mark(1, 2)])
        lose(postgres_database, held, lost)
        with pytest.raises(LeaseLost):
            unit.commit()
    assert postgres_database.sql("SELECT * FROM marks") == []


def lose(at: SchoolDatabase, held: Fence, how: str) -> None:
    if how == "released":
        at.database.leases.release(at.school, held)
    else:
        fence(at, *(held.streams if how == "taken over" else held.streams[:1]), holder="run-2")


def test_two_writers_on_the_same_rows_wait_for_each_other(database: SchoolDatabase) -> None:
    """Read, decide, write under the lock: 40 increments by four threads are 40 increments."""
    (row,) = insert(database, Stream.MARKS, mark(1, 2, weight=0))

    def work(_: int) -> None:
        for _ in range(10):
            with database.database.write(database.school) as unit:
                weight = unit.staging.rows(Stream.MARKS, [row])[row]["weight"]
                assert isinstance(weight, int)
                unit.staging.update(Stream.MARKS, [(row, {"weight": weight + 1})])
                unit.audit.append([AuditEntry(act="pull", actor="system", cause="test")])
                unit.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with database.database.read(database.school) as unit:
        assert unit.staging.rows(Stream.MARKS, [row])[row]["weight"] == 40
        assert unit.audit.verify() is None


def test_moments_are_kept_in_utc(database: SchoolDatabase) -> None:
    """A moment comes back aware, in UTC, equal to the one stored, to the microsecond."""
    clock: Moments = database.clock
    before = clock.moment
    with database.database.write(database.school) as unit:
        unit.outbox.enqueue(Stream.MARKS, {LocalId(1): ["value"]})
        unit.commit()
    with database.database.read(database.school) as unit:
        created = unit.outbox.oldest()[Stream.MARKS]
    assert created.utcoffset() == timedelta(0)
    assert created - before == timedelta(milliseconds=1)
