"""Statements about mass damage and honesty, each a function of how often it is tried; it returns what it counted.

A short form runs with the tests, a long one with the simulation. Every function takes a fresh world.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from connectors.pagination import Listing
from sync_service.domain.errors import (
    AccessRefused,
    ContractError,
    CursorExpired,
    LoginNeeded,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds
from tests.unit.engine.world import PUPIL, World, furnish
from tests.unit.guard.crowd import Crowd, add_mark, crowd, live

# --- the truth table ---------------------------------------------------------------------------------------------

BASE, GONE = "4", None
# (school, region) → what both hold in the end, and whether a person is asked. Both sides began with BASE.
TABLE: dict[tuple[str | None, str | None], tuple[str | None, str | None, bool]] = {
    (BASE, BASE): (BASE, BASE, False),
    (BASE, "5"): ("5", "5", False),
    (BASE, "2"): ("2", "2", False),
    (BASE, GONE): (GONE, GONE, False),
    ("5", BASE): ("5", "5", False),
    ("5", "5"): ("5", "5", False),
    ("5", "2"): ("5", "2", True),
    ("5", GONE): ("5", GONE, True),
    ("3", BASE): ("3", "3", False),
    ("3", "5"): ("3", "5", True),
    ("3", "2"): ("3", "2", True),
    ("3", GONE): ("3", GONE, True),
    (GONE, BASE): (GONE, GONE, False),
    (GONE, "5"): (GONE, "5", True),
    (GONE, "2"): (GONE, "2", True),
    (GONE, GONE): (GONE, GONE, False),
}
# The same for marks that never were agreed on: nothing is ever deleted. A region's GONE is a tombstone.
WITHOUT_BASE: dict[tuple[str | None, str | None], tuple[str | None, str | None, bool]] = {
    ("5", "5"): ("5", "5", False),
    ("5", "2"): ("5", "2", True),
    (GONE, "2"): ("2", "2", False),
    ("5", GONE): ("5", "5", False),
    (GONE, GONE): (GONE, GONE, False),
}


def truth_table(world: World) -> tuple[int, int]:
    """Statement 3. Every row of both tables in one run; returns (rows proven, rows deleted without a base: 0)."""
    scene = crowd(world, len(TABLE) + len(WITHOUT_BASE), marks=False)
    with_base, without = scene.pupils[: len(TABLE)], scene.pupils[len(TABLE) :]
    marks = {pupil: add_mark(world, scene.timetable, pupil, BASE) for pupil in with_base}
    world.sync()
    rows = {row["student_id"]: row["id"] for row in world.rows("marks")}
    cards = dict(zip(scene.pupils, (row["id"] for row in world.rows("students")), strict=True))
    for pupil, (school, region) in zip(with_base, TABLE, strict=True):
        _bring(world, "marks", rows[cards[pupil]], school)
        if region is GONE:
            world.remote.delete(Stream.MARKS, marks[pupil])
        elif region != BASE:
            world.remote.edit(Stream.MARKS, marks[pupil], value=region)
    lesson = world.rows("lessons")
    first = next(row["id"] for row in lesson if row["date"] and str(row["date"]) == "2026-11-18")
    for pupil, (school, region) in zip(without, WITHOUT_BASE, strict=True):
        if school is not GONE:
            world.insert("marks", student_id=cards[pupil], lesson_id=first, value=school, weight=1, position=1)
        made = add_mark(world, scene.timetable, pupil, region or "5")
        if region is GONE:
            world.remote.delete(Stream.MARKS, made)
    for _ in range(2):
        world.sync()
    here = {row["student_id"]: row["value"] for row in world.rows("marks")}
    there = {mark["student_id"]: mark["value"] for mark in world.remote.records(Stream.MARKS).values()}
    asked = {row["local_id"] for row in world.rows("conflicts") if row["state"] == "open"}
    links = {link["remote_id"]: link["local_id"] for link in world.rows("links") if link["stream"] == "marks"}
    of_pupil = {mark["student_id"]: links.get(i) for i, mark in _all_marks(world).items()}
    lost = 0
    for pupils, table in ((with_base, TABLE), (without, WITHOUT_BASE)):
        for pupil, (case, expected) in zip(pupils, table.items(), strict=True):
            found = (here.get(cards[pupil]), there.get(pupil), of_pupil.get(pupil) in asked)
            assert found == expected, f"{case}: {found} instead of {expected}"
            lost += table is WITHOUT_BASE and case[0] is not GONE and found[0] is GONE
    return len(TABLE) + len(WITHOUT_BASE), lost


def _bring(world: World, table: str, row: int, value: str | None) -> None:
    if value is GONE:
        world.delete(table, row)
    elif value != BASE:
        world.update(table, row, value=value)


def _all_marks(world: World) -> dict[RemoteId, dict[str, Any]]:
    return {**world.remote.records(Stream.MARKS, deleted=True), **world.remote.records(Stream.MARKS)}


# --- lists that lie ----------------------------------------------------------------------------------------------


def lying_lists(world: World, tries: int, *, seed: int = 1) -> dict[str, int]:
    """Statement 26. Full and partial readings of marks whose list is empty, half or truncated, with 200: no row and
    no regional record is ever deleted. Returns tries and deletions by kind."""
    draw = random.Random(seed)
    scene = crowd(world, 30)
    honest = world.remote._page
    counts = dict.fromkeys(("empty", "half", "truncated", "deleted"), 0)
    for number in range(tries):
        kind = ("empty", "half", "truncated")[number % 3]
        share = draw.uniform(0.0, 0.9)
        world.remote._page = _liar(honest, kind, share)  # type: ignore[method-assign]  # the fault of this try
        if draw.random() < 0.7:
            world.remote.fail_next(CursorExpired("the region forgot"), call="page")
        world.remote.edit(Stream.MARKS, draw.choice(scene.marks), value=draw.choice("2345"))
        report = world.sync()
        counts[kind] += 1
        counts["deleted"] += 60 - world.count("marks") - live(world, Stream.MARKS)
        assert report.streams[Stream.MARKS].pull.balances
        world.remote._page = honest  # type: ignore[method-assign]
        world.remote.faults.clear()
        world.sync()
    assert len(world.rows("marks")) == live(world, Stream.MARKS) == 30
    return counts


def _liar(honest: Callable[..., Listing], kind: str, share: float) -> Callable[..., Listing]:
    def page(stream: Stream, low: int, high: int, number: int, size: int) -> Listing:
        told = honest(stream, low, high, number, size)
        if stream is not Stream.MARKS:
            return told
        kept = list(told.items)[: int(len(told.items) * share)]
        match kind:
            case "empty":
                return replace(told, items=[], total=0)
            case "half":
                return replace(told, items=kept, total=len(kept))
            case _:
                return replace(told, items=kept)

    return page


def refusals(world: World, tries: int) -> tuple[int, int]:
    """Statement 27. 401, 403 and 404 for a stream with deletions due on both sides. Returns (runs, green or deleting
    ones: 0)."""
    scene = crowd(world, 20)
    world.remote.delete(Stream.MARKS, scene.marks[0])
    world.delete("marks", world.rows("marks")[1]["id"])
    wrong = 0
    for number in range(tries):
        match number % 3:
            case 0:
                world.remote.login_needed = True
            case 1:
                world.remote.refused.add(Stream.MARKS)
            case _:
                world.remote.fail_next(AccessRefused("marks: 404"), call="pages", times=12)
                world.remote.fail_next(AccessRefused("marks: 404"), call="get", times=12)
        report = world.sync()
        gone = world.count("marks") != 19 or live(world, Stream.MARKS) != 19
        wrong += gone or report.status is RunStatus.SUCCEEDED
        world.remote.login_needed = False
        world.remote.refused.clear()
        world.remote.faults.clear()
        world.clock.sleep(60)
    world.clock.sleep(7200)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("marks") == live(world, Stream.MARKS) == 18
    return tries, wrong


# --- look-ups ----------------------------------------------------------------------------------------------------

ERRORS: tuple[Callable[[str], SyncError], ...] = (
    TransientError,
    RateLimited,
    Unreachable,
    ContractError,
    AccessRefused,
    LoginNeeded,
)


def failed_look_ups(world: World, tries: int) -> tuple[int, int]:
    """Statement 28. An arrival whose look-up fails in every way. Returns (failed look-ups, pupils created: 0)."""
    timetable = furnish(world.remote)
    world.sync()
    row = world.insert("students", **PUPIL, incomplete=False)
    world.insert(
        "movements",
        student_id=row,
        kind="arrival",
        date="2026-11-16",
        order_number="77-у",
        order_date="2026-11-16",
        class_to_id=world.rows("classes")[0]["id"],
        origin_kind="none",
    )
    created = 0
    for number in range(tries):
        world.remote.fail_next(ERRORS[number % len(ERRORS)]("look-up"), call="find_available")
        report = world.sync()
        created += live(world, Stream.STUDENTS)
        assert not world.remote.faults, "the look-up was not made"
        assert report.status is not RunStatus.SUCCEEDED
        world.clock.sleep(60)
    world.sync()
    assert live(world, Stream.STUDENTS) == 1, timetable
    return tries, created


# --- many small runs, and releases of what has changed -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallRuns:
    runs: int
    asked: int
    passed: int


def small_runs(world: World, runs: int, *, each: int, way: str) -> SmallRuns:
    """Runs within 24 hours that delete a few marks each, on one side: together no more pass than in one."""
    scene = crowd(world, 100)
    for number in range(runs):
        _delete(world, scene, range(number * each, (number + 1) * each), way)
        world.clock.sleep(24 * 3600 / (runs + 1))
        world.sync()
    left = live(world, Stream.MARKS) if way == "push" else world.count("marks")
    return SmallRuns(runs=runs, asked=runs * each, passed=100 - left)


def _delete(world: World, scene: Crowd, numbers: range, way: str) -> None:
    for number in numbers:
        if way == "push":
            world.delete("marks", number + 1)
        else:
            world.remote.delete(Stream.MARKS, scene.marks[number])


def changed_after_release(world: World, tries: int, *, seed: int = 1) -> tuple[int, int]:
    """Statement 30, the guard's part. Releases after which some of the records change: returns (records changed,
    those of them that a release covered: 0)."""
    draw = random.Random(seed)
    crowd(world, 40, marks=False)
    changed = covered = 0
    for number in range(tries):
        world.clock.sleep(26 * 3600)
        rows = [row["id"] for row in world.rows("students")[:30]]
        for row in rows:
            world.update("students", row, phone=f"+7343{number:03d}{row:04d}")
        world.sync()
        with world.db.read(world.school.school_id) as uow:
            (case,) = uow.holds.undecided()
        decide_holds.release(world.desk(), case.hold_id)
        chosen = draw.sample(rows, draw.randint(1, 30))
        for row in chosen:
            world.update("students", row, phone=f"+7912{number:03d}{row:04d}")
        world.sync()
        with world.db.read(world.school.school_id) as uow:
            applied = {item.local_id for item in uow.holds.items([case.hold_id]) if item.state == "applied"}
            left = uow.holds.undecided()
        changed += len(chosen)
        covered += len(applied & set(chosen))
        assert len(applied) == 30 - len(chosen)
        assert bool(left) is (len(chosen) > 20)
        for one in left:
            decide_holds.discard(world.desk(), one.hold_id)
    return changed, covered
