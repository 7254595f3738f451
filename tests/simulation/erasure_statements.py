"""RELIABILITY.md 50: after an erasure 0 canaries are left in the database's files, nothing brings one back, nobody
else has lost anything, the journal verifies, and act and extract are produced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import structlog

from sync_service.domain.erasures import Reason
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.erase_subject import Erased, erase_subject, restore_subject
from sync_service.persistence import verify_triggers
from tests.simulation.canaries import (
    Subject,
    a_list,
    a_report,
    bring,
    everything,
    files_of,
    leave_deleted_bytes,
    spread,
)
from tests.simulation.databases import Databases
from tests.simulation.replay import journal_problems
from tests.unit.engine.resyncs import job, plan
from tests.unit.engine.world import World, build

# Where the canaries of one subject must have been, or the proof proves nothing.
WIDELY = frozenset(
    {
        "students", "guardians", "guardianships", "movements", "marks", "attendance", "links",
        "conflicts", "quarantine", "attempt_items", "plan_items", "uploads", "case_notes", "audit_items", "inbox",
    }
)  # fmt: skip
TURNS = {0: frozenset({"notifications", "release_steps"}), 1: frozenset({"match_cases"})}


def statement_50(count: int, databases: Databases) -> str:
    """``count`` subjects, half of them by each way in, on each engine in turn."""
    canaries = bytes_read = 0
    for seed in range(count):
        with databases.each_engine() as urls:
            url = urls[(seed // 2) % len(urls)]
            world = build(url)
            try:
                found = erased_for_good(world, seed)
            finally:
                world.db.close()
        canaries, bytes_read = canaries + found["canaries"], bytes_read + found["bytes"]
    return (
        f"{count:,} subjects with {canaries:,} canaries: 0 left in {bytes_read / 2**20:,.0f} MiB of database files,"
        " 0 back after a run, a comparison, a plan and two files; act and extract of each"
    )


def erased_for_good(world: World, seed: int) -> Counter[str]:
    leave_deleted_bytes(world)
    made = spread(world, seed)
    before = left_where(world, made.told | made.ids)
    missing = (WIDELY | TURNS[seed % 2]) - set(before)
    assert not missing, f"seed {seed}: no canary ever was in {sorted(missing)}"
    strangers = of_others(world, made)
    with structlog.testing.capture_logs() as logged:
        act = erase_subject(job(world), LocalId(made.local), Reason.CONSENT)
        told = made.told | made.ids
        read = nothing_left(world, told, seed)
        with world.db.engine.begin() as connection:
            assert verify_triggers(connection) == [], f"seed {seed}: the change journal has lost a trigger"
        assert of_others(world, made) == strangers, f"seed {seed}: somebody else has lost something"
        nothing_comes_back(world, made, told, seed)
    assert not [one for one in told if one in str(logged)], f"seed {seed}: a canary in the log"
    the_act_tells(act, made)
    and_may_come_again(world, made, act)
    return Counter(canaries=len(made.told), bytes=read)


def left_where(world: World, told: Iterable[str]) -> Counter[str]:
    """Table → canaries in it."""
    wanted = [canary.encode() for canary in told]
    return Counter(table for table, row in everything(world) for canary in wanted if canary in row)


def nothing_left(world: World, told: set[str], seed: int) -> int:
    """No canary in any row, nor in a byte of the files; returns how many bytes were looked through."""
    assert not (found := left_where(world, told)), f"seed {seed}: canaries in {dict(found)}"
    total = 0
    for file in files_of(world):
        content = file.read_bytes()
        total += len(content)
        left = [canary for canary in told if canary.encode() in content]
        assert not left, f"seed {seed}: {len(left)} canaries in {file.name}: {left[:3]}"
    return total


def nothing_comes_back(world: World, made: Subject, told: set[str], seed: int) -> None:
    """While the region lists the pupil and a file names the pupil; every count balances, those that were passed by
    included."""
    world.remote.edit(Stream.STUDENTS, made.remote, address=made.canary("наб. "))
    world.remote.create(Stream.MOVEMENTS, _another_order(world, made))
    reports = [world.sync(), world.reconcile(), world.sync()]
    for report in reports:
        for stream, entry in report.streams.items():
            assert entry.pull.balances, f"seed {seed}: {stream.value} {entry.pull}"
            assert entry.error is None, f"seed {seed}: {entry.error}"
    told |= made.told
    passed = {stream: entry.pull.erased for stream, entry in reports[1].streams.items() if entry.pull.erased}
    assert set(passed) >= {Stream.STUDENTS, Stream.GUARDIANS, Stream.MARKS, Stream.MOVEMENTS}, (
        f"seed {seed}: {passed}"
    )
    planned = plan(world)
    assert not [item for item in planned.items if item.remote_id in made.ids], f"seed {seed}: planned"
    assert bring(made, a_list(made)) == ["erased"]
    assert bring(made, a_report(made)) == ["erased"]
    world.sync()
    found = left_where(world, told)
    assert not found, f"seed {seed}: back in {dict(found)}"
    assert not list(journal_problems(world)), f"seed {seed}"
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None, f"seed {seed}"


def _another_order(world: World, made: Subject) -> dict[str, Any]:
    (klass,) = [i for i, row in world.remote.records(Stream.CLASSES).items() if row["name"] == "8А"]
    values = {"kind": "arrival", "date": "2026-09-01", "order_number": made.canary("пр-"), "order_date": "2026-09-01"}
    return {"student_id": made.remote, "class_to_id": klass, **values}


def of_others(world: World, made: Subject) -> dict[str, list[tuple[Any, ...]]]:
    """Rows and links of everybody else, and the shared parent."""
    parents = {row["guardian_id"] for row in world.rows("guardianships") if row["student_id"] != made.local}
    mine = {"students": "id", "guardianships": "student_id", "movements": "student_id", "marks": "student_id"}
    kept = {
        table: [tuple(row.values()) for row in world.rows(table) if row[column] != made.local]
        for table, column in mine.items()
    }
    kept["guardians"] = [tuple(row.values()) for row in world.rows("guardians") if row["id"] in parents]
    rows = {table: {row[0] for row in listed} for table, listed in kept.items()}
    kept["links"] = [
        tuple(row.values()) for row in world.rows("links") if row["local_id"] in rows.get(row["stream"], ())
    ]
    return kept


def the_act_tells(act: Erased, made: Subject) -> None:
    """What order № 179 asks for, from the only copy of the names there is."""
    assert act.view.name == " ".join(made.names[name] for name in ("last_name", "first_name", "patronymic"))
    assert act.erasure.scrubbed_at is not None
    assert act.entry.act == "erase"
    assert {one.table for one in act.view.categories} >= {"students", "guardians", "marks", "movements", "links"}


def and_may_come_again(world: World, made: Subject, act: Erased) -> None:
    """A person lifts the mark: the next run brings the pupil, and everybody with it."""
    restore_subject(world.desk(), act.erasure.erasure_id)
    world.remote.mended = True  # type: ignore[attr-defined]  # canaries.spread has made it a MappedRemote
    world.fingerprints = dict.fromkeys(Stream, "second")
    world.sync()
    names = [row["last_name"] for row in world.rows("students")]
    assert names.count(made.names["last_name"]) == 1
