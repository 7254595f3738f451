"""«The same child» is taken back after marks were linked: every record goes back to whom it belongs."""

from __future__ import annotations

import pytest

from sync_service.domain.conflicts import Choice, Side
from sync_service.domain.errors import DecisionError, OutcomeUnknown, TransientError
from sync_service.domain.guards import Limit, Limits
from sync_service.domain.links import LocalId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds, decide_matches
from sync_service.engine.resolve import resolve
from tests.simulation.replay import journal_problems
from tests.unit.engine.test_stale_decisions import a_mark, live_links
from tests.unit.engine.world import PUPIL, World, furnish


def confirmed(world: World) -> tuple[int, int]:
    """Two girls of one name, taken for one: the card had a mark of its own, the region two, one of them alike.
    Returns the case and the card."""
    timetable = furnish(world.remote)
    world.sync()
    card = world.insert("students", **(PUPIL | {"snils": None, "personal_file_no": None}), incomplete=False)
    lesson = world.rows("lessons")[0]["id"]
    world.insert("marks", student_id=card, lesson_id=lesson, value="5", weight=1, position=1)
    other = world.remote.create(Stream.STUDENTS, PUPIL | {"snils": None, "first_name": "Аня"})
    world.remote.create(Stream.MARKS, a_mark(other, timetable.lessons[0], "5"))
    world.remote.create(Stream.MARKS, a_mark(other, timetable.lessons[1], "3"))
    world.sync()
    (case,) = [row for row in world.rows("match_cases") if row["state"] == "open"]
    decide_matches.confirm(world.desk(), case["id"], LocalId(card))
    world.sync()
    assert len(world.rows("marks")) == len(live_links(world, Stream.MARKS)) == 2
    return case["id"], card


def test_marks_go_back_to_whom_they_belong(world: World) -> None:
    """The card keeps its own mark, unlinked; the other girl gets a card with both of hers; the region is left
    as it was."""
    case, card = confirmed(world)
    changes = world.remote.region.changes
    decide_matches.undo(world.desk("petrova"), case)
    for _ in range(3):
        world.sync()
    own_card = next(row for row in world.rows("students") if row["id"] == card)
    assert (own_card["first_name"], own_card["personal_file_no"], own_card["person_id"]) == ("Анна", None, None)
    assert [row["state"] for row in world.rows("conflicts")] == ["converged"]
    (stranger,) = [row["id"] for row in world.rows("students") if row["id"] != card]
    marks = {row["student_id"]: [] for row in world.rows("marks")}  # type: ignore[var-annotated]
    for row in world.rows("marks"):
        marks[row["student_id"]].append(row["value"])
    assert {student: sorted(values) for student, values in marks.items()} == {card: ["5"], stranger: ["3", "5"]}
    own = next(row["id"] for row in world.rows("marks") if row["student_id"] == card)
    assert own not in live_links(world, Stream.MARKS)
    assert len(live_links(world, Stream.MARKS)) == 2
    assert world.rows("inbox") == []
    assert world.remote.region.changes == changes
    assert [row["actor"] for row in world.rows("audit") if row["act"] == "undo"] == ["petrova"]


def test_a_mark_sent_for_the_card_is_taken_back_from_the_other_pupil(world: World) -> None:
    """The region loses it where it does not belong; it stays with the card and waits for the card's own pupil."""
    case, card = confirmed(world)
    lesson = world.rows("lessons")[1]["id"]
    row = world.insert("marks", student_id=card, lesson_id=lesson, value="4", weight=1, position=2)
    for _ in range(2):  # sent, and its echo read
        world.sync()
    assert sorted(str(mark["value"]) for mark in world.remote.records(Stream.MARKS).values()) == ["3", "4", "5"]
    decide_matches.undo(world.desk(), case)
    for _ in range(3):
        world.sync()
    assert sorted(str(mark["value"]) for mark in world.remote.records(Stream.MARKS).values()) == ["3", "5"]
    assert sorted(mark["value"] for mark in world.rows("marks") if mark["student_id"] == card) == ["4", "5"]
    assert row in [mark["id"] for mark in world.rows("marks")]
    assert {(entry["local_id"], entry["waits_for"]) for entry in world.rows("outbox")} >= {(row, f"students:{card}")}


@pytest.mark.parametrize("edited", [False, True])
def test_a_recalled_mark_whose_deletion_is_not_wanted_belongs_to_the_other_pupil(world: World, edited: bool) -> None:
    """A discarded hold, or a decision for what the region has edited meanwhile: the record stays where it stands, and
    comes here with the other pupil's own card; the card keeps the row that it was sent from."""
    case, card = confirmed(world)
    lesson = world.rows("lessons")[1]["id"]
    row = world.insert("marks", student_id=card, lesson_id=lesson, value="4", weight=1, position=2)
    for _ in range(2):
        world.sync()
    (sent,) = [i for i, mark in world.remote.records(Stream.MARKS).items() if mark["value"] == "4"]
    world.limits = Limits(deletes=Limit(0, 0.0))
    decide_matches.undo(world.desk(), case)
    if edited:
        world.remote.edit(Stream.MARKS, sent, comment="устно")
    assert world.sync().status is (RunStatus.SUCCEEDED if edited else RunStatus.HELD)
    if edited:
        (question,) = [one for one in world.rows("conflicts") if one["state"] == "open"]
        resolve(world.desk(), question["id"], [Choice(group="*", side=Side.GIS)])
    else:
        decide_holds.discard(world.desk(), world.rows("holds")[-1]["id"])
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    (stranger,) = [one["id"] for one in world.rows("students") if one["id"] != card]
    found = {mark["id"]: mark for mark in world.rows("marks")}
    taken = found[{remote: local for local, remote in live_links(world, Stream.MARKS).items()}[sent]]
    assert (taken["student_id"], taken["comment"]) == (stranger, "устно" if edited else None)
    assert (found[row]["student_id"], found[row]["value"]) == (card, "4")
    assert sent in world.remote.records(Stream.MARKS)
    assert world.rows("inbox") == []
    assert list(journal_problems(world)) == []


def test_a_deletion_on_its_way_goes_with_the_pupil_it_was_about(world: World) -> None:
    """A mark of the card was deleted here and the deletion is held when the card is separated: not wanted after all,
    it comes back with the other pupil's card, not with this one."""
    case, card = confirmed(world)
    lesson = world.rows("lessons")[1]["id"]
    row = world.insert("marks", student_id=card, lesson_id=lesson, value="4", weight=1, position=2)
    for _ in range(2):
        world.sync()
    world.limits = Limits(deletes=Limit(0, 0.0))
    world.delete("marks", row)
    assert world.sync().status is RunStatus.HELD
    decide_matches.undo(world.desk(), case)
    decide_holds.discard(world.desk(), world.rows("holds")[-1]["id"])
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    assert [mark["student_id"] == card for mark in world.rows("marks") if mark["value"] == "4"] == [False]


def test_nothing_is_separated_while_nobody_knows_what_has_arrived(world: World) -> None:
    """The answer about a mark of the card was lost: it may stand under the other pupil by now."""
    case, card = confirmed(world)
    lesson = world.rows("lessons")[1]["id"]
    world.insert("marks", student_id=card, lesson_id=lesson, value="4", weight=1, position=2)
    world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    world.remote.fail_next(TransientError("503"), call="find")
    world.sync()
    with pytest.raises(DecisionError, match="сейчас отправляются"):
        decide_matches.undo(world.desk(), case)
    world.sync()
    decide_matches.undo(world.desk(), case)


def test_an_absence_the_region_had_entered_before_ours_is_not_taken_from_it(world: World) -> None:
    """The region called ours a duplicate of its own: that one stays with the other pupil, ours with the card."""
    case, card = confirmed(world)
    (other,), lesson = world.remote.records(Stream.STUDENTS), world.rows("lessons")[0]["id"]
    cell = {"student_id": other, "lesson_id": live_links(world, Stream.LESSONS)[lesson]}
    row = world.insert("attendance", student_id=card, lesson_id=lesson, symbol="УП")

    def region_is_faster(point: str) -> None:
        if point == "push.before_send":
            world.remote.create(Stream.ATTENDANCE, {**cell, "symbol": "УП"})

    world.sync(probe=region_is_faster)
    assert [link["evidence"] for link in world.rows("links") if link["stream"] == "attendance"] == ["duplicate"]
    decide_matches.undo(world.desk(), case)
    for _ in range(3):
        world.sync()
    assert len(world.remote.records(Stream.ATTENDANCE)) == 1
    assert [absence["id"] for absence in world.rows("attendance") if absence["student_id"] == card] == [row]
    assert len(world.rows("attendance")) == 2


def test_what_the_guard_has_set_aside_goes_to_the_other_pupil_as_the_region_has_it(world: World) -> None:
    """Changes of her marks that are held must be decided first; discarded ones are hers, not the card's."""
    case, card = confirmed(world)
    world.limits = Limits(updates=Limit(1, 1.0))
    for mark in world.remote.records(Stream.MARKS):
        world.remote.edit(Stream.MARKS, mark, comment="устно")
    assert world.sync().status is RunStatus.HELD
    with pytest.raises(DecisionError, match="ждут решения"):
        decide_matches.undo(world.desk(), case)
    decide_holds.discard(world.desk(), world.rows("holds")[0]["id"])
    decide_matches.undo(world.desk(), case)
    world.limits = Limits()
    for _ in range(2):
        world.sync()
    found = sorted((row["student_id"] == card, row["comment"]) for row in world.rows("marks"))
    assert found == [(False, "устно"), (False, "устно"), (True, None)]


def test_nothing_is_separated_that_somebody_would_miss(world: World) -> None:
    """A mark edited here since it came from the region: refused with the reason, nothing has changed."""
    case, _ = confirmed(world)
    world.update("marks", world.rows("marks")[1]["id"], value="2")
    before = world.rows("marks"), live_links(world, Stream.MARKS)
    with pytest.raises(DecisionError, match="разъединить пока нельзя"):
        decide_matches.undo(world.desk(), case)
    assert (world.rows("marks"), live_links(world, Stream.MARKS)) == before
