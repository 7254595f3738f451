"""A plan shows what would be written, and its application writes exactly that (invariant 10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text

from sync_service.domain.conflicts import Side
from sync_service.domain.errors import AlreadyRunning, DecisionError, OutcomeUnknown, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.plans import ItemResult, Plan, PlanKind, PlanState, Scope
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine import resolve, undo
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from tests.choosing import choose_all
from tests.unit.engine.resyncs import (
    FINGERPRINTS,
    acts,
    carry_out,
    job,
    plan,
    plan_one,
    region,
    school,
)
from tests.unit.engine.test_sending import Killed
from tests.unit.engine.world import PUPIL, World, furnish

on_sqlite = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
"""What does not depend on the database is told once."""


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Every statement the database gets."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    event.listen(world.db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(world.db.engine, "before_cursor_execute", note)


def agreed(world: World, marks: int = 2) -> tuple[RemoteId, list[RemoteId]]:
    """A pupil with marks, known to both sides; the regional ids."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    made = [
        world.remote.create(
            Stream.MARKS,
            {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "weight": 1, "position": n},
        )
        for n in range(1, marks + 1)
    ]
    world.sync()
    return pupil, made


def card(world: World) -> dict[str, Any]:
    (row,) = world.rows("students")
    return row


def edited_on_both_sides(world: World) -> RemoteId:
    """Phone in the school, e-mail in the region, address on both."""
    pupil, _ = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001", address="ул. Мира, 1")
    world.remote.edit(Stream.STUDENTS, pupil, email="anna@example.ru", address="ул. Мира, 2")
    return pupil


# --- the plan ---------------------------------------------------------------------------


def test_planning_writes_nothing_but_the_plan(world: World) -> None:
    """Counted on the way to the database and to the region: rows of ``plans`` and ``plan_items``, nothing else."""
    edited_on_both_sides(world)
    world.remote.calls.clear()
    with statements(world) as seen:
        made = plan(world)
    writing = [one for one in seen if one.split(maxsplit=1)[0].upper() in {"INSERT", "UPDATE", "DELETE", "MERGE"}]
    assert {one.split()[2] for one in writing} == {"plans", "plan_items"}
    assert all(one.startswith("INSERT") for one in writing)
    assert "write" not in world.remote.calls
    assert made.items


@on_sqlite
def test_a_plan_says_what_would_be_written_sent_and_asked(world: World) -> None:
    """One item per record: what comes here, what goes there, what a person would decide."""
    edited_on_both_sides(world)
    made = plan(world)
    assert acts(made) == {"students": ["update_here+conflict+send_update"]}
    changes = {c.field: (c.target.value, c.school, c.gis) for c in made.items[0].changes}
    assert changes == {
        "email": ("school", None, "anna@example.ru"),
        "phone": ("gis", "+79120000001", None),
        "address": ("ask", "ул. Мира, 1", "ул. Мира, 2"),
    }


@on_sqlite
def test_a_plan_of_agreeing_sides_is_empty(world: World) -> None:
    """Bumped versions are no change, and applying nothing is done at once."""
    agreed(world)
    world.remote.bump(Stream.MARKS)
    made = plan(world)
    assert (made.items, made.left) == ((), {})
    assert carry_out(world, made).state is PlanState.APPLIED


def test_children_are_planned_with_the_parents_they_need(world: World) -> None:
    """A new school in one plan: a mark refers to a lesson and a pupil that only the plan creates; parents of the
    pupil are matched by name although nothing is linked yet."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    mother = world.remote.create(Stream.GUARDIANS, {"last_name": "Ёлкина", "first_name": "Ольга", "phone": None})
    world.remote.create(
        Stream.GUARDIANSHIPS, {"student_id": pupil, "guardian_id": mother, "relation": "мать", "relation_note": None}
    )
    world.remote.create(
        Stream.MARKS,
        {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "weight": 1, "position": 1},
    )
    here = world.insert("students", **PUPIL, incomplete=False)
    parent = world.insert("guardians", last_name="Ёлкина", first_name="Ольга")
    world.insert("guardianships", student_id=here, guardian_id=parent, relation="мать")
    made = plan(world)
    assert acts(made)["marks"] == ["create_here"]
    assert acts(made)["guardians"] == ["link"]
    done = carry_out(world, made)
    assert done.results().keys() <= {"applied", "sent"}
    assert [(row["student_id"], row["lesson_id"]) for row in world.rows("marks")] == [(here, 1)]
    assert plan(world).items == ()


@on_sqlite
def test_a_plan_costs_the_same_statements_for_a_few_records_and_for_many(world: World) -> None:
    """Up to a chunk of records; what would be written in the end is one statement too."""
    pupil, _ = agreed(world, marks=3)
    world.remote.page_size = 1000
    counts = []
    for more in (10, 300):
        for n in range(more):
            place = more * 1000 + n
            values: Values = {"student_id": pupil, "lesson_id": "lessons-3", "value": "4", "weight": 1}
            world.remote.create(Stream.MARKS, {**values, "position": place})
        with statements(world) as seen:
            assert len(plan(world, Stream.MARKS).items) >= more
        counts.append(len(seen) - sum(one.startswith("INSERT INTO plan_items") for one in seen))
    assert counts[0] == counts[1]


@on_sqlite
def test_a_record_is_named_by_either_side(world: World) -> None:
    """By its row, by its regional id; an unknown one is an error and leaves no plan."""
    pupil = edited_on_both_sides(world)
    by_row = plan_one(world, Stream.STUDENTS, f"local:{card(world)['id']}")
    by_id = plan_one(world, Stream.STUDENTS, f"gis:{pupil}")
    assert len(by_row.items) == 1
    assert [replace(i, chunk=0) for i in by_row.items] == [replace(i, chunk=0) for i in by_id.items]
    plans = world.count("plans")
    for unknown in ("local:999", "gis:nobody"):
        with pytest.raises(DecisionError, match="Нет такой записи"):
            plan_one(world, Stream.STUDENTS, unknown)
    assert world.count("plans") == plans


def test_a_time_range_is_what_the_service_did_then(world: World) -> None:
    """Records written or sent on these days of the school's zone; a look at them does not count."""
    edited_on_both_sides(world)
    today = world.clock.today(world.school.zone).isoformat()
    scope = Scope(streams=tuple(Stream), since=today, until=today)
    assert acts(make_plan(job(world), PlanKind.COMPARE, scope)).keys() == {"students"}
    world.clock.sleep(2 * 24 * 3600)
    later = world.clock.today(world.school.zone).isoformat()
    assert make_plan(job(world), PlanKind.COMPARE, replace(scope, since=later, until=None)).items == ()


@on_sqlite
def test_a_plan_never_deletes(world: World) -> None:
    """Deleted here, or there: left to the run and its guard, and said so."""
    _, marks = agreed(world, marks=3)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.remote.delete(Stream.MARKS, marks[1])
    made = plan(world)
    assert made.items == ()
    assert made.left == {Stream.MARKS: {"deletion": 1, "missing": 1}}
    tombstone = plan_one(world, Stream.MARKS, f"gis:{marks[1]}")
    assert (tombstone.items, tombstone.left) == ((), {Stream.MARKS: {"deletion": 1}})
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (2, 2)


# --- the application ---------------------------------------------------------------------------


def test_what_is_applied_is_what_was_planned(world: World) -> None:
    """The row, the region and the case, and nothing is left to plan."""
    pupil = edited_on_both_sides(world)
    done = carry_out(world, plan(world))
    assert (done.state, done.results()) == (PlanState.APPLIED, {"sent": 1})
    assert card(world)["email"] == "anna@example.ru"
    theirs = world.remote.records(Stream.STUDENTS)[pupil]
    assert (theirs["phone"], theirs["address"]) == ("+79120000001", "ул. Мира, 2")
    assert len(world.rows("conflicts")) == 1
    assert plan(world).items == ()
    causes = {(row["actor"], row["cause"]) for row in world.rows("audit") if row["cause"].startswith("plan:")}
    assert causes == {("petrova", f"plan:{done.plan_id}")}


def test_nothing_outside_the_plan_is_touched(world: World) -> None:
    """Other edits stay as they are: not pulled, not sent, not read back; the next run takes them."""
    _, marks = agreed(world)
    first, second = (row["id"] for row in world.rows("marks"))
    world.update("marks", second, value="3")
    world.remote.fail_next(OutcomeUnknown("answer lost"), call="write")
    world.remote.fail_next(TransientError("503"), call="get")
    world.sync()  # leaves an attempt that nobody has seen the answer of
    world.update("marks", first, value="4")
    made = plan_one(world, Stream.MARKS, f"local:{first}")
    world.update("students", card(world)["id"], phone="+79120000009")
    world.remote.create(Stream.SUBJECTS, {"name": "Химия"})
    before = {name: world.rows(name) for name in ("students", "subjects", "attempts")}
    assert carry_out(world, made).results() == {"sent": 1}
    after = {name: world.rows(name) for name in ("students", "subjects", "attempts")}
    assert (after["students"], after["subjects"]) == (before["students"], before["subjects"])
    assert after["attempts"][: len(before["attempts"])] == before["attempts"]
    theirs = world.remote.records(Stream.MARKS)
    assert (theirs[marks[0]]["value"], theirs[marks[1]]["value"]) == ("4", "5")
    for _ in range(2):
        world.clock.sleep(7200)
        world.sync()
    assert world.remote.records(Stream.MARKS)[marks[1]]["value"] == "3"
    assert plan(world).items == ()


@pytest.mark.parametrize("side", ["school", "region"])
@on_sqlite
def test_what_has_changed_since_is_drifted(world: World, side: str) -> None:
    """The rest of the plan is carried out; the changed record stays as somebody left it."""
    pupil, marks = agreed(world)
    first, second = world.rows("marks")
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 1")
    world.remote.edit(Stream.MARKS, marks[0], value="3")
    made = plan(world)
    if side == "school":
        world.update("marks", first["id"], value="4")
    else:
        world.remote.edit(Stream.MARKS, marks[0], value="2")
    before = school(world), region(world)
    found = {item.stream: item.outcome for item in carry_out(world, made).items}
    assert found == {Stream.STUDENTS: ItemResult.APPLIED, Stream.MARKS: ItemResult.DRIFTED}
    assert (school(world)["marks"], region(world)) == (before[0]["marks"], before[1])
    assert card(world)["address"] == "ул. Мира, 1"
    assert world.rows("marks")[1] == second


@on_sqlite
def test_a_decision_in_between_makes_a_record_drift(world: World) -> None:
    """The open case is a fact of the plan like the values are."""
    clashing(world)
    made = plan(world)
    assert acts(made) == {"students": ["update_here"]}
    (case,) = world.rows("conflicts")
    with world.db.read(world.school.school_id) as uow:
        conflict = uow.conflicts.get(case["id"])
    assert conflict is not None
    resolve.resolve(world.desk(), case["id"], choose_all(conflict, Side.GIS))
    assert carry_out(world, made).results() == {"drifted": 1}
    assert card(world)["phone"] == "+79120000001"


@on_sqlite
def test_a_record_that_changes_while_it_is_sent_is_drifted(world: World) -> None:
    """The version check refuses the write; what the region holds now is left to the next run."""
    pupil, _ = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001")
    made = plan(world)

    def meanwhile(point: str) -> None:
        if point == "push.before_send":
            world.remote.edit(Stream.STUDENTS, pupil, email="new@example.ru")

    done = apply_plan(job(world, probe=meanwhile), made.plan_id)
    assert done.results() == {"drifted": 1}
    assert card(world)["email"] is None
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] is None
    world.sync()
    assert card(world)["email"] == "new@example.ru"
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] == "+79120000001"


@on_sqlite
def test_a_row_that_changes_before_it_is_sent_is_drifted(world: World) -> None:
    """What leaves is what was approved, or nothing."""
    pupil, _ = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001")
    made = plan(world)

    def meanwhile(point: str) -> None:
        if point == "resync.chunk.after_commit":
            world.update("students", card(world)["id"], phone="+79120000002")

    assert apply_plan(job(world, probe=meanwhile), made.plan_id).results() == {"drifted": 1}
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] is None
    world.sync()
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] == "+79120000002"


@on_sqlite
def test_what_the_region_refuses_is_told_with_its_code(world: World) -> None:
    """And lies in quarantine as after a run."""
    agreed(world, marks=1)
    world.remote.rewrite = lambda _, values: {**values, "value": "9"}
    world.update("marks", world.rows("marks")[0]["id"], value="4")
    done = carry_out(world, plan(world))
    assert [item.result for item in done.items] == ["refused:invalid"]
    assert world.count("quarantine") == 1


@on_sqlite
def test_a_lost_answer_is_read_back(world: World) -> None:
    """Nothing is sent twice, by a plan no more than by a run."""
    pupil, _ = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001")
    world.remote.fail_next(OutcomeUnknown("answer lost"), after_commit=True)
    version = world.remote.region.items[Stream.STUDENTS][pupil].version
    assert carry_out(world, plan(world)).results() == {"sent": 1}
    assert world.remote.region.items[Stream.STUDENTS][pupil].version == version + 1


@on_sqlite
def test_an_outage_leaves_the_rest_for_another_try(world: World) -> None:
    """The plan stays begun; applying it again finishes it."""
    pupil, _ = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001")
    made = plan(world)
    world.remote.fail_next(TransientError("503"), call="write")
    with pytest.raises(TransientError):
        carry_out(world, made)
    world.clock.sleep(60)
    done = carry_out(world, made)
    assert (done.state, done.results()) == (PlanState.APPLIED, {"sent": 1})
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] == "+79120000001"


def test_a_killed_application_goes_on_where_it_died(world: World) -> None:
    """Killed at every named point in turn, then applied again each time: each record is written and sent once."""
    pupil, marks = agreed(world)
    world.update("students", card(world)["id"], phone="+79120000001")
    world.update("marks", world.rows("marks")[0]["id"], value="4")
    world.remote.edit(Stream.MARKS, marks[1], value="3")
    world.insert(
        "marks", student_id=card(world)["id"], lesson_id=world.rows("lessons")[1]["id"], value="2", position=1
    )
    made = plan(world)
    died: set[str] = set()

    def die_once(point: str) -> None:
        if point not in died:
            died.add(point)
            raise Killed

    while True:
        try:
            done = apply_plan(job(world, probe=die_once), made.plan_id)
            break
        except Killed:
            world.clock.sleep(1)
    assert {"resync.begin.before_commit", "resync.chunk.after_commit", "push.after_send", "push.read_back"} <= died
    assert (done.state, done.results()) == (PlanState.APPLIED, {"sent": 3, "applied": 1})
    assert sorted(str(v["value"]) for v in world.remote.records(Stream.MARKS).values()) == ["2", "3", "4"]
    versions = [world.remote.region.items[Stream.STUDENTS][pupil].version]
    versions += [world.remote.region.items[Stream.MARKS][mark].version for mark in marks]
    assert versions == [2, 2, 2]
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None


# --- refusals ---------------------------------------------------------------------------


def refused(world: World, made: Plan, why: str, **changed: Any) -> None:
    before = school(world), region(world)
    with pytest.raises(DecisionError, match=why):
        apply_plan(job(world, **changed), made.plan_id)
    assert (school(world), region(world)) == before


@on_sqlite
def test_a_plan_is_valid_for_half_an_hour_and_once(world: World) -> None:
    """And only with the mapping tables it was made with."""
    edited_on_both_sides(world)
    made = plan(world)
    refused(world, made, "таблицам соответствия", fingerprints={**FINGERPRINTS, Stream.STUDENTS: "other"})
    world.clock.sleep(30 * 60)
    refused(world, made, "просрочен")
    fresh = plan(world)
    world.clock.sleep(30 * 60 - 1)
    assert carry_out(world, fresh).state is PlanState.APPLIED
    refused(world, fresh, "уже выполнен")
    with pytest.raises(DecisionError, match="нет такой записи"):
        apply_plan(job(world), 999)


ALTERATIONS = (
    "UPDATE plan_items SET detail = replace(detail, 'anna', 'olga')",
    "UPDATE plan_items SET precondition = 'x'",
    "DELETE FROM plan_items",
    "UPDATE plans SET created_by = 'somebody'",
    "UPDATE plans SET kind = 'accept_gis'",
)


@on_sqlite
def test_an_altered_plan_is_refused(world: World) -> None:
    """Whatever was changed after it was shown."""
    edited_on_both_sides(world)
    for statement in ALTERATIONS:
        made = plan(world)
        with world.db.engine.begin() as connection:
            connection.execute(text(statement))
        refused(world, made, "контрольная сумма")


@on_sqlite
def test_a_plan_does_not_work_beside_a_run(world: World) -> None:
    """Its streams are leased; those of other streams are free."""
    edited_on_both_sides(world)
    made = plan(world)
    leases, clock = world.db.leases, world.clock
    terms: dict[str, Any] = {"wait": 0.0, "clock": clock.monotonic, "sleep": clock.sleep, "period": 60.0}
    leases.acquire(world.school.school_id, [Stream.MARKS], "run-a", **terms)
    held = leases.acquire(world.school.school_id, [Stream.STUDENTS], "run-b", **terms)
    with pytest.raises(AlreadyRunning):
        carry_out(world, made)
    leases.release(world.school.school_id, held)
    assert carry_out(world, made).state is PlanState.APPLIED


# --- one side is right ---------------------------------------------------------------------------


def clashing(world: World) -> RemoteId:
    """An open case about the address; the phone was sent and agreed, then changed by the region alone."""
    pupil = edited_on_both_sides(world)
    world.sync()
    world.remote.edit(Stream.STUDENTS, pupil, phone="+79120000007")
    return pupil


def test_the_region_is_right(world: World) -> None:
    """Its values come here whatever was agreed before; the case is decided by the one who applied the plan, and the
    decision can be taken back."""
    pupil = clashing(world)
    world.update("students", card(world)["id"], email="school@example.ru")
    made = plan(world, Stream.STUDENTS, kind=PlanKind.ACCEPT_GIS)
    assert acts(made) == {"students": ["update_here+decide"]}
    assert carry_out(world, made).results() == {"applied": 1}
    theirs, ours = world.remote.records(Stream.STUDENTS)[pupil], card(world)
    names = ("address", "phone", "email")
    assert (
        [ours[n] for n in names] == [theirs[n] for n in names] == ["ул. Мира, 2", "+79120000007", "anna@example.ru"]
    )
    (case,) = world.rows("conflicts")
    assert (case["state"], case["decided_by"]) == ("resolved", "petrova")
    assert plan(world).items == ()
    undo.undo(world.desk(), case["id"])
    assert card(world)["address"] == "ул. Мира, 1"


def test_the_school_is_right(world: World) -> None:
    """Its values go there, except of fields the region owns; nothing comes here."""
    pupil = clashing(world)
    world.update("students", card(world)["id"], person_id="somebody")
    before = card(world)
    made = plan(world, kind=PlanKind.ACCEPT_LOCAL)
    assert acts(made) == {"students": ["decide+send_update"]}
    assert {c.field for c in made.items[0].changes} == {"address", "phone"}
    assert carry_out(world, made).results() == {"sent": 1}
    theirs = world.remote.records(Stream.STUDENTS)[pupil]
    assert (theirs["address"], theirs["phone"]) == ("ул. Мира, 1", "+79120000001")
    assert theirs["person_id"] != "somebody"
    assert card(world) == {**before, "person_id": theirs["person_id"]}, "the region's own field follows its answer"
    assert world.rows("conflicts")[0]["state"] == "resolved"


@on_sqlite
@pytest.mark.parametrize("kind", [PlanKind.ACCEPT_GIS, PlanKind.ACCEPT_LOCAL])
def test_accepting_a_side_neither_creates_nor_deletes(world: World, kind: PlanKind) -> None:
    """A record that one side does not have is no question of values."""
    _, marks = agreed(world, marks=3)
    rows = world.rows("marks")
    world.delete("marks", rows[0]["id"])
    world.remote.delete(Stream.MARKS, marks[1])
    world.remote.create(Stream.STUDENTS, {**PUPIL, "snils": None, "first_name": "Ольга"})
    world.insert("marks", student_id=card(world)["id"], lesson_id=2, value="2", position=1)
    assert plan(world, kind=kind).items == ()
