"""Statements about resync, each as a function with a count: plan equals apply; what has changed is refused.

Both play on one history after the other: random edits of both sides without a run between, then a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count as count_from
from itertools import islice
from typing import Any

from sync_service.domain.errors import DecisionError
from sync_service.domain.links import RemoteId
from sync_service.domain.plans import ItemResult, Plan, PlanAct, PlanItem, PlanKind, PlanState, Target
from sync_service.domain.records import Values
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from tests.simulation import machine_steps as machine
from tests.simulation import people_steps as people
from tests.simulation import region_steps as region
from tests.simulation import school_steps as school
from tests.simulation.databases import AtUrl
from tests.simulation.history import begin
from tests.simulation.state import History
from tests.unit.engine.resyncs import EVERYTHING, job
from tests.unit.engine.world import World

ROUNDS = 20  # states per history
KINDS = (PlanKind.COMPARE, PlanKind.COMPARE, PlanKind.ACCEPT_GIS, PlanKind.ACCEPT_LOCAL)
EDITS: tuple[Callable[[History], None], ...] = (
    school.adds_mark,
    school.edits_mark,
    school.deletes_mark,
    school.edits_student,
    school.marks_absence,
    school.adds_student,
    region.adds_mark,
    region.edits_mark,
    region.deletes_mark,
    region.edits_student,
    region.adds_student,
    region.bumps,
)
Rows = dict[tuple[Stream, Any], Values]


def plan_equals_apply(count: int, url: Callable[[], str], *, first: int = 0) -> int:
    """In ``count`` random states a plan writes nothing but itself, and its application writes exactly its items:
    the difference of both sides before and after is what the items say. Returns the items that were compared."""
    compared = 0
    for history in islice(_histories(url, first), count):
        before, tables = _sides(history.world), _tables(history.world)
        kind = history.random.choice(KINDS)
        plan = make_plan(job(history.world), kind, EVERYTHING)
        where = f"seed {history.seed}, plan {plan.plan_id} ({kind.value})\n" + "\n".join(history.log[-30:])
        assert (_sides(history.world), _tables(history.world)) == (before, tables), f"planning wrote: {where}"
        done = apply_plan(job(history.world), plan.plan_id)
        drifted = [item for item in done.items if item.outcome is ItemResult.DRIFTED]
        assert not drifted, f"nothing has changed, yet {drifted} drifted: {where}"
        assert done.state is PlanState.APPLIED, where
        expected = _expected(history, before, done)
        found = _sides(history.world)
        for side, title in enumerate(("school", "region")):
            assert found[side] == expected[side], f"{title}: {_difference(expected[side], found[side])}\n{where}"
        compared += len(done.items)
    return compared


def stale_plans_are_refused(count: int, url: Callable[[], str], *, first: int = 0) -> int:
    """Of ``count`` records in plans, each changed on a random side between plan and application, none is written;
    an expired plan is refused whole. Returns the changes that were refused."""
    refused = 0
    for history in _histories(url, first):
        if refused >= count:
            break
        plan = make_plan(job(history.world), PlanKind.COMPARE, EVERYTHING)
        items = [item for item in plan.items if item.stream in (Stream.STUDENTS, Stream.MARKS)]
        if not items:
            continue
        changed = history.random.sample(items, min(len(items), history.random.randint(1, 3)))
        for item in changed:
            _change(history, item)
        before = _sides(history.world)
        refused += len(changed)
        if plan.plan_id % 5 == 0:
            history.world.clock.sleep(30 * 60)
            _must_refuse(history, plan)
            assert _sides(history.world) == before
            continue
        done = {item.position: item for item in apply_plan(job(history.world), plan.plan_id).items}
        after = _sides(history.world)
        for item in changed:
            where = f"seed {history.seed}: {item}\n" + "\n".join(history.log[-30:])
            assert done[item.position].outcome is ItemResult.DRIFTED, where
            for side, key in ((0, (item.stream, item.local_id)), (1, (item.stream, item.remote_id))):
                assert after[side].get(key) == before[side].get(key), where
    return refused


def _histories(url: Callable[[], str], first: int) -> Iterator[History]:
    """One history after the other, each in many states: a few edits of either side since the last one."""
    for seed in count_from(first):
        history = begin(seed, AtUrl(url()))
        try:
            for _ in range(ROUNDS):
                for _ in range(history.random.randint(4, 12)):
                    history.random.choice(EDITS)(history)
                if history.random.random() < 0.3:
                    machine.cycle(history)
                    for _ in range(3):
                        history.random.choice(EDITS)(history)
                if history.random.random() < 0.3:
                    people.resolves(history)
                if history.random.random() < 0.2:
                    people.undoes(history)
                yield history
        finally:
            history.world.db.close()


def _change(history: History, item: PlanItem) -> None:
    """Somebody edits the record of an item, on the side where there is one."""
    world, number = history.world, history.number()
    field, value = (
        ("value", "2345н"[number % 4]) if item.stream is Stream.MARKS else ("address", f"ул. Новая, {number}")
    )
    here = item.local_id is not None and any(row["id"] == item.local_id for row in world.rows(item.stream.value))
    there = item.remote_id is not None and item.remote_id in world.remote.records(item.stream)
    if here and (not there or history.random.random() < 0.5):
        row = next(row for row in world.rows(item.stream.value) if row["id"] == item.local_id)
        if row[field] == value:
            value = "2" if value != "2" else "3"
        world.update(item.stream.value, row["id"], **{field: value})
        history.say(f"between: school sets {field} of {item.stream.value} {row['id']} to {value}")
    elif there and item.remote_id is not None:
        world.remote.edit(item.stream, item.remote_id, **{field: value})
        history.say(f"between: region sets {field} of {item.remote_id} to {value}")


def _must_refuse(history: History, plan: Plan) -> None:
    try:
        apply_plan(job(history.world), plan.plan_id)
    except DecisionError:
        return
    raise AssertionError(f"seed {history.seed}: plan {plan.plan_id} is expired and was applied")


# --- both sides, before and after ------------------------------------------------------------------------------


def _sides(world: World) -> tuple[Rows, Rows]:
    """Every record of the school and of the region."""
    here: Rows = {
        (stream, row["id"]): {name: row[name] for name in SPECS[stream].fields}
        for stream in Stream
        for row in world.rows(stream.value)
    }
    there: Rows = {
        (stream, remote_id): values
        for stream in BOTH_WAYS
        for remote_id, values in world.remote.records(stream).items()
    }
    return here, there


def _tables(world: World) -> dict[str, int]:
    names = ("links", "conflicts", "outbox", "attempts", "inbox", "quarantine", "match_cases", "changes", "audit")
    return {name: world.count(name) for name in names}


def _expected(history: History, before: tuple[Rows, Rows], done: Plan) -> tuple[Rows, Rows]:
    """Both sides before, changed as the items with a result say; the region may spell what it stores its own way."""
    world = history.world
    here = {key: dict(values) for key, values in before[0].items()}
    there = {key: dict(values) for key, values in before[1].items()}
    now_here, now_there = _sides(world)
    with world.db.read(world.school.school_id) as uow:
        for item in done.items:
            stream = item.stream
            if PlanAct.CREATE_HERE in item.acts and item.remote_id is not None:
                local_id = uow.links.local_ids(stream, [item.remote_id])[item.remote_id]
                here[stream, local_id] = dict.fromkeys(SPECS[stream].fields)
            else:
                assert item.local_id is not None or item.acts == (PlanAct.MATCH_QUESTION,)
                local_id = item.local_id  # type: ignore[assignment]  # a question writes no field
            remote_id = item.remote_id
            if item.outcome is ItemResult.SENT and PlanAct.SEND_CREATE in item.acts and item.local_id is not None:
                remote_id = uow.links.remote_ids(stream, [item.local_id])[item.local_id]
                there[stream, remote_id] = dict.fromkeys(now_there[stream, remote_id])
            for c in item.changes:
                value = c.gis if c.target is Target.SCHOOL else c.school
                parent = SPECS[stream].references.get(c.field)
                if c.target is Target.SCHOOL:
                    if parent is not None and isinstance(value, str):
                        guid = RemoteId(value.partition(":")[2])
                        value = uow.links.local_ids(parent, [guid])[guid]
                    here[stream, local_id][c.field] = _as_stored(value, now_here[stream, local_id][c.field])
                elif c.target is Target.GIS and item.outcome is ItemResult.SENT:
                    assert remote_id is not None
                    if parent is not None and isinstance(value, int):
                        value = uow.links.remote_ids(parent, [value])[value]  # type: ignore[list-item,index]
                    there[stream, remote_id][c.field] = history.rewritten(value)
    return here, there


def _as_stored(value: Any, stored: Any) -> Any:
    """SQLite keeps a flag as a number."""
    return stored if isinstance(value, bool) and int(value) == stored else value


def _difference(expected: Rows, found: Rows) -> dict[Any, Any]:
    keys = [key for key in {*expected, *found} if expected.get(key) != found.get(key)]
    return {key: (expected.get(key), found.get(key)) for key in keys}
