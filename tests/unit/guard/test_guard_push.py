"""Mass changes of the school are held before they leave, and go only as a person says (invariant 7)."""

from __future__ import annotations

import pytest

from sync_service.domain.errors import DecisionError
from sync_service.domain.holds import Hold, HoldState
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds
from tests.unit.engine.world import World, furnish
from tests.unit.guard.crowd import a_pupil, crowd, live, rows_of


def holds(world: World, *, everything: bool = False) -> list[Hold]:
    with world.db.read(world.school.school_id) as uow:
        return uow.holds.cases() if everything else uow.holds.undecided()


def only_hold(world: World) -> Hold:
    (found,) = holds(world)
    return found


def delete_marks(world: World, rows: list[int]) -> None:
    for row in rows:
        world.delete("marks", row)


def released(world: World, case: Hold) -> Hold:
    """Two people agree."""
    decide_holds.release(world.desk("ivanova"), case.hold_id)
    return decide_holds.release(world.desk("petrova"), case.hold_id, digest=case.digest)


def test_only_the_deletions_are_held_and_the_rest_travels(world: World) -> None:
    """Six of 60 marks deleted, one edited: the edit arrives, no mark goes, the run is «held» until it is decided."""
    crowd(world, 60)
    first, *doomed = rows_of(world, "marks")[:7]
    delete_marks(world, doomed)
    world.update("marks", first, value="2")
    report = world.sync()
    assert (report.status, report.streams[Stream.MARKS].push.held) == (RunStatus.HELD, 6)
    assert [mark["value"] for mark in world.remote.records(Stream.MARKS).values()].count("2") == 1
    assert live(world, Stream.MARKS) == 60
    case = only_hold(world)
    assert (case.stream, case.way, case.kind.operation, case.records, case.total) == (
        Stream.MARKS,
        "push",
        "delete",
        6,
        60,
    )
    assert world.sync().status is RunStatus.HELD
    assert [again.hold_id for again in holds(world)] == [case.hold_id]


def test_five_go_unasked(world: World) -> None:
    crowd(world, 60)
    delete_marks(world, rows_of(world, "marks")[:5])
    assert world.sync().status is RunStatus.SUCCEEDED
    assert live(world, Stream.MARKS) == 55


def test_a_deletion_needs_two_people_and_then_exactly_that_set_goes(world: World) -> None:
    """The same person twice is refused; after the second the next run deletes the six, and they do not count."""
    crowd(world, 60)
    doomed = rows_of(world, "marks")[:6]
    delete_marks(world, doomed)
    world.sync()
    case = only_hold(world)
    assert decide_holds.release(world.desk("ivanova"), case.hold_id).state is HoldState.SECONDING
    with pytest.raises(DecisionError, match="второй человек"):
        decide_holds.release(world.desk("ivanova"), case.hold_id)
    world.sync()
    assert live(world, Stream.MARKS) == 60
    assert decide_holds.release(world.desk("petrova"), case.hold_id).state is HoldState.RELEASED
    assert world.sync().status is RunStatus.SUCCEEDED
    assert live(world, Stream.MARKS) == 54
    assert [(c.state, c.first_by, c.decided_by) for c in holds(world, everything=True)] == [
        (HoldState.APPLIED, "ivanova", "petrova")
    ]
    delete_marks(world, rows_of(world, "marks")[:5])
    assert world.sync().status is RunStatus.SUCCEEDED


def test_a_release_is_for_the_set_that_was_shown(world: World) -> None:
    """One more deletion makes another set: the hash that was shown is refused, and a first word is void."""
    crowd(world, 60)
    delete_marks(world, rows_of(world, "marks")[:6])
    world.sync()
    shown = only_hold(world)
    decide_holds.release(world.desk("ivanova"), shown.hold_id)
    delete_marks(world, rows_of(world, "marks")[:1])
    world.sync()
    grown = only_hold(world)
    assert (grown.records, grown.state, grown.digest == shown.digest) == (7, HoldState.OPEN, False)
    with pytest.raises(DecisionError, match="Обновите"):
        decide_holds.release(world.desk("petrova"), shown.hold_id)
    with pytest.raises(DecisionError, match="состав изменился"):
        decide_holds.release(world.desk("petrova"), grown.hold_id, digest=shown.digest)
    assert live(world, Stream.MARKS) == 60


def test_a_record_that_changed_since_is_not_covered(world: World) -> None:
    """30 phones released, one of them edited afterwards: 29 go as released, the edited one is judged afresh."""
    crowd(world, 60, marks=False)
    pupils = rows_of(world, "students")[:30]
    for row in pupils:
        world.update("students", row, phone="+73431111111")
    assert world.sync().status is RunStatus.HELD
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    world.update("students", pupils[0], phone="+73432222222")
    world.sync()
    phones = [card["phone"] for card in world.remote.records(Stream.STUDENTS).values()]
    assert (phones.count("+73431111111"), phones.count("+73432222222")) == (29, 1)
    with world.db.read(world.school.school_id) as uow:
        states = sorted(item.state for item in uow.holds.items([holds(world, everything=True)[0].hold_id]))
        passed = uow.guard.passed(Stream.STUDENTS, holds(world, everything=True)[0].way)
    assert states == ["applied"] * 29 + ["dropped"]
    assert list(passed.values()) == [1]


def test_a_changed_record_is_held_again_while_too_many_are(world: World) -> None:
    """All 30 are edited after the release: it covers none of them, and they are held as a new set."""
    crowd(world, 60, marks=False)
    pupils = rows_of(world, "students")[:30]
    for row in pupils:
        world.update("students", row, phone="+73431111111")
    world.sync()
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    for row in pupils:
        world.update("students", row, phone="+73432222222")
    assert world.sync().status is RunStatus.HELD
    assert {card["phone"] for card in world.remote.records(Stream.STUDENTS).values()} == {None}
    assert only_hold(world).records == 30


def test_a_release_ends_after_72_hours(world: World) -> None:
    crowd(world, 60)
    delete_marks(world, rows_of(world, "marks")[:6])
    world.sync()
    case = released(world, only_hold(world))
    world.clock.sleep(72 * 3600)
    assert world.sync().status is RunStatus.HELD
    assert live(world, Stream.MARKS) == 60
    states = {c.hold_id: c.state for c in holds(world, everything=True)}
    assert states.pop(case.hold_id) is HoldState.EXPIRED
    assert list(states.values()) == [HoldState.OPEN]


def test_discarded_deletions_come_back(world: World) -> None:
    """The rows stand again under their ids with what was agreed; nothing is sent, and both sides agree."""
    crowd(world, 60)
    before = world.rows("marks")
    delete_marks(world, [row["id"] for row in before[:8]])
    world.sync()
    decide_holds.discard(world.desk(), only_hold(world).hold_id)
    assert world.rows("marks") == before
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (live(world, Stream.MARKS), world.count("outbox")) == (60, 0)


def test_a_row_that_was_put_back_meanwhile_keeps_its_edit(world: World) -> None:
    """Of eight deleted marks another program has put one back with another value: the discard brings back seven."""
    crowd(world, 60)
    before = world.rows("marks")[:8]
    delete_marks(world, [row["id"] for row in before])
    world.sync()
    case = only_hold(world)
    world.insert("marks", **{**before[0], "value": "2"})
    decide_holds.discard(world.desk(), case.hold_id)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert [row["value"] for row in world.rows("marks")].count("2") == 1
    assert [mark["value"] for mark in world.remote.records(Stream.MARKS).values()].count("2") == 1


def test_discarded_updates_stay_here_until_they_change_again(world: World) -> None:
    """Another group of the same record travels; the discarded one only when somebody edits it once more."""
    scene = crowd(world, 60, marks=False)
    pupils = rows_of(world, "students")[:30]
    for row in pupils:
        world.update("students", row, phone="+73431111111")
    world.update("students", pupils[0], address="ул. Мира, 1")
    world.sync()
    decide_holds.discard(world.desk(), only_hold(world).hold_id)
    world.remote.edit(Stream.STUDENTS, scene.pupils[1], address="ул. Мира, 2")
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    cards = world.remote.records(Stream.STUDENTS)
    assert {card["phone"] for card in cards.values()} == {None}
    assert {row["phone"] for row in world.rows("students")[:30]} == {"+73431111111"}
    assert (cards[scene.pupils[0]]["address"], world.rows("students")[1]["address"]) == ("ул. Мира, 1", "ул. Мира, 2")
    world.update("students", pupils[2], phone="+73433333333")
    world.sync()
    assert world.remote.records(Stream.STUDENTS)[scene.pupils[2]]["phone"] == "+73433333333"


def test_a_discarded_fill_of_an_empty_field_stays_out_and_can_be_taken_back(world: World) -> None:
    """Cards linked anew have phones that the region lacks: discarded once, no comparison brings them up again."""
    furnish(world.remote)
    for number in range(60):
        world.remote.create(Stream.STUDENTS, a_pupil(number))
    for number in range(60):
        world.insert("students", **a_pupil(number), phone="+73431111111", incomplete=False)
    world.sync()
    number = next(case.hold_id for case in holds(world) if case.records == 60)
    decide_holds.discard(world.desk(), number)
    world.reconcile(Stream.STUDENTS)
    world.sync()
    assert holds(world) == []
    assert {card["phone"] for card in world.remote.records(Stream.STUDENTS).values()} == {None}
    assert decide_holds.undo(world.desk(), number).state is HoldState.OPEN
    decide_holds.release(world.desk(), number)
    world.sync()
    assert {card["phone"] for card in world.remote.records(Stream.STUDENTS).values()} == {"+73431111111"}


def test_a_discard_is_taken_back(world: World) -> None:
    """The same phones are held again, and go once released."""
    crowd(world, 60, marks=False)
    for row in rows_of(world, "students")[:30]:
        world.update("students", row, phone="+73431111111")
    world.sync()
    number = only_hold(world).hold_id
    decide_holds.discard(world.desk(), number)
    assert decide_holds.undo(world.desk(), number).state is HoldState.OPEN
    assert world.sync().status is RunStatus.HELD
    decide_holds.release(world.desk(), number)
    assert decide_holds.undo(world.desk(), number).state is HoldState.OPEN
    world.sync()
    assert {card["phone"] for card in world.remote.records(Stream.STUDENTS).values()} == {None}
    decide_holds.release(world.desk(), number)
    world.sync()
    assert [c["phone"] for c in world.remote.records(Stream.STUDENTS).values()].count("+73431111111") == 30
    with pytest.raises(DecisionError, match="отменять нечего"):
        decide_holds.undo(world.desk(), number)


def test_rechecked_deletions_that_were_undone_meanwhile_are_gone(world: World) -> None:
    """The program that deleted eight rows has put four back: the rest passes without a person."""
    crowd(world, 60)
    before = world.rows("marks")[:8]
    delete_marks(world, [row["id"] for row in before])
    world.sync()
    for row in before[:4]:
        world.insert("marks", **{name: value for name, value in row.items() if name != "school_id"})
    decide_holds.recheck(world.desk(), only_hold(world).hold_id)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (live(world, Stream.MARKS), holds(world)) == (56, [])


def test_parents_by_the_hundred_are_held_unless_a_person_seeds_an_empty_region(world: World) -> None:
    """The region has no parent yet. Unattended, 40 are held; attended, the first 40 go and the next 40 are held."""
    scene = crowd(world, 60, marks=False)

    def parents(first: int) -> None:
        for number in range(first, first + 40):
            row = world.insert(
                "guardians", last_name=f"Ёлкина {number}", first_name="Ольга", phone=f"+7343{number:07d}"
            )
            pupil = rows_of(world, "students")[number % len(scene.pupils)]
            world.insert("guardianships", student_id=pupil, guardian_id=row, relation="мать")

    parents(0)
    assert world.sync().streams[Stream.GUARDIANS].push.held == 40
    decide_holds.recheck(world.desk(), only_hold(world).hold_id)
    assert world.sync(attended=True).streams[Stream.GUARDIANS].push.acked == 40
    parents(100)
    assert world.sync(attended=True).streams[Stream.GUARDIANS].push.held == 40
    assert live(world, Stream.GUARDIANS) == 40


def test_every_decision_is_in_the_journal(world: World) -> None:
    crowd(world, 60)
    delete_marks(world, rows_of(world, "marks")[:6])
    world.sync()
    case = released(world, only_hold(world))
    decide_holds.undo(world.desk("sidorova"), case.hold_id)
    decide_holds.discard(world.desk("orlova"), case.hold_id)
    entries = [row for row in world.rows("audit") if row["cause"] == f"hold:{case.hold_id}"]
    who = [(row["actor"], row["act"]) for row in entries if row["note"] != "rows restored"]
    assert who == [("ivanova", "decide"), ("petrova", "decide"), ("sidorova", "undo"), ("orlova", "decide")]
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None
