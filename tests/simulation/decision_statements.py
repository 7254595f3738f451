"""RELIABILITY.md 34 and 35: one winner of many decisions at once, and undoing that never overwrites newer data.

Count-parametrised: ``make test`` plays a few, ``make simulate`` the full figures. Each function prints what it
has counted and raises AssertionError with the seed that fails.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, ConflictState, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from tests.choosing import choose_all
from tests.unit.engine.world import PUPIL, World, build, furnish

DATES = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")
PUPILS = 48
MOST_DELETIONS = 4  # of one kind in one world: the guard against mass changes is not what is tested here


def one_winner(url: str, *, people: int) -> int:
    """``people`` resolve one case at the same moment: one decision counts, the others learn who made it, when."""
    world = build(url)
    try:
        furnish(world.remote)
        pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
        world.sync()
        row = world.rows("students")[0]["id"]
        world.update("students", row, birth_date="2012-06-11")
        world.remote.edit(Stream.STUDENTS, pupil, birth_date="2012-07-11")
        world.sync()
        (case,) = _cases(world)
        winners, losers = _all_at_once(world, case, people)
        assert len(winners) == 1, f"{len(winners)} decisions of {people} were carried out"
        (decided,) = _cases(world)
        assert decided.decided_by == winners[0]
        assert decided.decided_at is not None
        told = world.desk().said(winners[0], decided.decided_at)
        assert winners[0] in told
        assert f"{decided.decided_at.astimezone(ZoneInfo(world.school.zone)):%H:%M}" in told
        assert len(losers) == people - 1
        assert all(told in text for text in losers), "somebody was not told who had decided, and when"
        assert sum(entry["act"] == "decide" for entry in world.rows("audit")) == 1
    finally:
        world.db.close()
    print(f"34: {people} decisions at once, 1 winner, {len(losers)} told who and when")  # noqa: T201 - the figure of the statement
    return len(losers)


def _all_at_once(world: World, case: Conflict, people: int) -> tuple[list[str], list[str]]:
    begin = threading.Barrier(people)
    winners: list[str] = []
    losers: list[str] = []
    broken: list[BaseException] = []

    def decide(number: int) -> None:
        desk = world.desk(f"secretary-{number}")
        begin.wait()
        try:
            side = Side.LOCAL if number % 2 else Side.GIS
            resolve(desk, case.conflict_id, choose_all(case, side), stamp=case.stamp)
            winners.append(desk.actor)
        except DecisionError as error:
            losers.append(str(error))
        except BaseException as error:  # noqa: BLE001 - reported by the main thread
            broken.append(error)

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken, broken[0]
    return winners, losers


# --- 35 --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Scenario:
    """One mark with a decision about it; ``newer`` says who enters a «2» after the decision, and when."""

    pupil: RemoteId
    lesson: RemoteId
    mark: RemoteId
    row: int
    kind: ConflictKind
    side: Side
    sent: bool  # the decision has reached the region when it is undone
    newer: tuple[str, str] | None  # (school or region, before or after the undo)
    case: Conflict | None = None
    outcome: str = "undone"


def undo_never_overwrites(new_url: Callable[[], str], *, scenarios: int, first_seed: int = 0) -> Counter[str]:
    """Random decisions are taken back at random moments, some with an edit before or after; counts the outcomes.

    Without an edit the case is open again as it was, and both sides hold what they held. With one, the edit
    stands on the side that made it, whatever becomes of the undo.
    """
    counts: Counter[str] = Counter()
    seed = first_seed
    while counts["scenarios"] < scenarios:
        counts.update(_world_of(seed, new_url(), scenarios - counts["scenarios"]))
        seed += 1
    print(f"35: {dict(counts)}, seeds {first_seed} to {seed - 1}")  # noqa: T201 - the figure of the statement
    return counts


def _world_of(seed: int, url: str, most: int) -> Counter[str]:
    world = build(url)
    try:
        played = _scenarios(world, random.Random(seed))[:most]  # a history that can be replayed
        sent, unsent = [one for one in played if one.sent], [one for one in played if not one.sent]
        for one in played:
            _disagree(world, one)
        world.sync()
        cases = {case.local_id: case for case in _cases(world)}
        for one in played:
            one.case = cases[LocalId(one.row)]
        _decide(world, sent)
        world.sync()
        world.clock.moment += timedelta(hours=25)  # the guard counts the deletions of a day
        _edit(world, sent, "before")
        world.sync()
        _decide(world, unsent)
        _edit(world, unsent, "before")
        _undo(world, played)
        _edit(world, played, "after")
        for _ in range(4):
            world.clock.moment += timedelta(hours=2)
            world.sync()
        problems = [problem for one in played for problem in _problems(world, one)]
        assert not problems, f"seed {seed}\n" + "\n".join(problems)
        with world.db.read(world.school.school_id) as uow:
            assert uow.audit.verify() is None, f"seed {seed}: the journal is broken"
    finally:
        world.db.close()
    return Counter(one.outcome for one in played) + Counter(scenarios=len(played))


def _scenarios(world: World, chance: random.Random) -> list[Scenario]:
    """A school with a mark of every pupil at every lesson; a sixth is decided about."""
    timetable = furnish(world.remote, dates=DATES)
    marks: dict[RemoteId, tuple[RemoteId, RemoteId]] = {}
    for number in range(PUPILS):
        card: Values = {"last_name": f"Ученик{'абвгдежзиклмнопр'[number % 16]}", "first_name": "Анна", "sex": "Ж"}
        pupil = world.remote.create(Stream.STUDENTS, {**card, "birth_date": f"2012-01-{number % 28 + 1:02d}"})
        for lesson in timetable.lessons:
            values: Values = {"student_id": pupil, "lesson_id": lesson, "value": "4", "weight": 1, "position": 1}
            marks[world.remote.create(Stream.MARKS, values)] = (pupil, lesson)
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        local_ids = uow.links.local_ids(Stream.MARKS, marks)
    made: list[Scenario] = []
    budget = {ConflictKind.DELETED_IN_SCHOOL: MOST_DELETIONS, ConflictKind.DELETED_IN_REGION: MOST_DELETIONS}
    for mark in chance.sample(sorted(marks), len(marks) // 6):
        kind = chance.choice((ConflictKind.EDIT, ConflictKind.DELETED_IN_SCHOOL, ConflictKind.DELETED_IN_REGION))
        sides = (Side.LOCAL, Side.GIS, Side.VALUE) if kind is ConflictKind.EDIT else (Side.LOCAL, Side.GIS)
        side = chance.choice(sides)
        if kind in budget and side is Side.LOCAL:
            budget[kind] -= 1
            side = side if budget[kind] >= 0 else Side.GIS
        newer = chance.choice((None, *((who, when) for who in ("school", "region") for when in ("before", "after"))))
        row = local_ids[mark]
        made.append(
            Scenario(
                pupil=marks[mark][0],
                lesson=marks[mark][1],
                mark=mark,
                row=int(row),
                kind=kind,
                side=side,
                sent=chance.random() < 0.6,
                newer=newer,
            )
        )
    return made


def _disagree(world: World, one: Scenario) -> None:
    if one.kind is ConflictKind.DELETED_IN_SCHOOL:
        world.delete("marks", one.row)
    else:
        world.update("marks", one.row, value="5")
    if one.kind is ConflictKind.DELETED_IN_REGION:
        world.remote.delete(Stream.MARKS, one.mark)
    else:
        world.remote.edit(Stream.MARKS, one.mark, value="3")


def _decide(world: World, scenarios: list[Scenario]) -> None:
    for one in scenarios:
        assert one.case is not None
        choices: tuple[Choice, ...] = choose_all(one.case, one.side)
        if one.side is Side.VALUE:
            choices = (Choice(group="mark", side=Side.VALUE, values={"value": "1"}),)
        resolve(world.desk(), one.case.conflict_id, choices, stamp=one.case.stamp)


def _edit(world: World, scenarios: list[Scenario], when: str) -> None:
    """A «2» entered by the one who does so now; a mark that is gone there is entered anew."""
    present = {row["id"] for row in world.rows("marks")}
    for one in scenarios:
        if one.newer == ("school", when):
            if one.row in present:
                world.update("marks", one.row, value="2")
            else:
                one.newer = None  # nothing to edit
        elif one.newer == ("region", when):
            known = _there(world, one)
            if known:
                world.remote.edit(Stream.MARKS, next(iter(known)), value="2")
            else:
                place: Values = {"student_id": one.pupil, "lesson_id": one.lesson, "weight": 1, "position": 1}
                world.remote.create(Stream.MARKS, {**place, "value": "2"})


def _undo(world: World, scenarios: list[Scenario]) -> None:
    for one in scenarios:
        assert one.case is not None
        try:
            undo(world.desk("petrova"), one.case.conflict_id)
        except DecisionError:
            one.outcome = "refused"


def _problems(world: World, one: Scenario) -> list[str]:
    assert one.case is not None
    here = [row["value"] for row in world.rows("marks") if row["id"] == one.row]
    there = [str(values["value"]) for values in _there(world, one).values()]
    what = f"{one}: {here} here, {there} there"
    if one.newer is not None:
        kept = here if one.newer[0] == "school" else there
        return [] if "2" in kept else [f"a newer value was overwritten: {what}"]
    with world.db.read(world.school.school_id) as uow:
        case = uow.conflicts.get(one.case.conflict_id)
    ours = [] if one.kind is ConflictKind.DELETED_IN_SCHOOL else ["5"]
    theirs = [] if one.kind is ConflictKind.DELETED_IN_REGION else ["3"]
    if one.outcome != "undone" or case is None or case.state is not ConflictState.OPEN:
        return [f"not undone, the case is {case.state if case else None}: {what}"]
    if (here, there, case.stamp) != (ours, theirs, one.case.stamp):
        return [f"not as it was before the decision: {what}"]
    return []


def _there(world: World, one: Scenario) -> dict[RemoteId, Any]:
    """The live records of the mark's cell in the region."""
    return {
        remote_id: values
        for remote_id, values in world.remote.records(Stream.MARKS).items()
        if (values["student_id"], values["lesson_id"]) == (one.pupil, one.lesson)
    }


def _cases(world: World) -> list[Conflict]:
    """Every case, decided ones included."""
    with world.db.read(world.school.school_id) as uow:
        return uow.conflicts.cases(state=None)
