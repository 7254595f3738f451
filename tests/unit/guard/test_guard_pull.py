"""Mass changes of the region are held before they are written here, and come only as a person says (invariant 7)."""

from __future__ import annotations

import pytest

from sync_service.domain.errors import CursorExpired
from sync_service.domain.holds import HoldState
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds
from tests.simulation.replay import journal_problems
from tests.unit.engine.world import World, furnish
from tests.unit.guard.crowd import a_pupil, an_order, crowd
from tests.unit.guard.test_guard_push import holds, only_hold, released


def test_deletions_of_the_region_are_held_and_the_rest_comes(world: World) -> None:
    """Six tombstones and one edit: the edit is here, all rows stand, until two people agree."""
    scene = crowd(world, 60)
    for mark in scene.marks[:6]:
        world.remote.delete(Stream.MARKS, mark)
    world.remote.edit(Stream.MARKS, scene.marks[10], value="2")
    report = world.sync()
    assert (report.status, report.streams[Stream.MARKS].pull.held) == (RunStatus.HELD, 6)
    assert report.streams[Stream.MARKS].pull.balances
    assert (world.count("marks"), [m["value"] for m in world.rows("marks")].count("2")) == (60, 1)
    released(world, only_hold(world))
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("marks") == 54
    assert [case.state for case in holds(world, everything=True)] == [HoldState.APPLIED]


def test_a_mark_that_returned_after_the_release_is_not_deleted(world: World) -> None:
    """Six were released; the region brings one back before the next run. Five go."""
    scene = crowd(world, 60)
    for mark in scene.marks[:6]:
        world.remote.delete(Stream.MARKS, mark)
    world.sync()
    released(world, only_hold(world))
    item = world.remote.region.items[Stream.MARKS][scene.marks[0]]
    world.remote.region.replace(Stream.MARKS, item, item.values, deleted=False)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (world.count("marks"), world.remote.records(Stream.MARKS).keys() >= {scene.marks[0]}) == (55, True)


def test_one_field_changed_in_many_records_is_held(world: World) -> None:
    """30 of 60 get another phone: nothing of those records is written, a new address elsewhere is."""
    scene = crowd(world, 60, marks=False)
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    world.remote.edit(Stream.STUDENTS, scene.pupils[40], address="ул. Мира, 1")
    report = world.sync()
    assert (report.status, report.streams[Stream.STUDENTS].pull.held) == (RunStatus.HELD, 30)
    assert report.streams[Stream.STUDENTS].pull.balances
    assert {row["phone"] for row in world.rows("students")} == {None}
    assert [row["address"] for row in world.rows("students")].count("ул. Мира, 1") == 1
    case = only_hold(world)
    assert (case.kind.group, case.records) == ("phone", 30)
    world.remote.edit(Stream.STUDENTS, scene.pupils[30], phone="+73431111111")
    world.sync()
    assert [(c.state, c.records) for c in holds(world, everything=True)] == [
        (HoldState.SUPERSEDED, 30),
        (HoldState.OPEN, 31),
    ]
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 31


def test_a_phone_that_changed_after_the_release_is_judged_afresh(world: World) -> None:
    """30 were released; the region changes all 30 once more before the run: none of those is covered."""
    scene = crowd(world, 60, marks=False)
    for phone in ("+73431111111", "+73432222222"):
        for pupil in scene.pupils[:30]:
            world.remote.edit(Stream.STUDENTS, pupil, phone=phone)
        if phone == "+73431111111":
            world.sync()
            decide_holds.release(world.desk(), only_hold(world).hold_id)
    assert world.sync().status is RunStatus.HELD
    assert {row["phone"] for row in world.rows("students")} == {None}
    assert only_hold(world).records == 30


def test_discarded_changes_of_the_region_stay_out_until_they_change_again(world: World) -> None:
    scene = crowd(world, 60, marks=False)
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    world.sync()
    number = only_hold(world).hold_id
    decide_holds.discard(world.desk(), number)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert {row["phone"] for row in world.rows("students")} == {None}
    assert {card["phone"] for card in world.remote.records(Stream.STUDENTS).values()} == {None, "+73431111111"}
    world.remote.edit(Stream.STUDENTS, scene.pupils[0], phone="+73432222222")
    world.sync()
    assert [row["phone"] for row in world.rows("students") if row["phone"]] == ["+73432222222"]
    world.remote.edit(Stream.STUDENTS, scene.pupils[1], email="a@example.ru")
    world.sync()
    decide_holds.undo(world.desk(), number)
    assert list(journal_problems(world)) == []
    moved_on = next(link for link in world.rows("links") if link["remote_id"] == scene.pupils[1])
    assert "+73431111111" in moved_on["base_remote"], "it has moved on: it stays as the person left it"
    decide_holds.release(world.desk(), number)
    world.sync()
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 28


def test_discarded_deletions_of_the_region_leave_the_rows(world: World) -> None:
    scene = crowd(world, 60)
    for mark in scene.marks[:6]:
        world.remote.delete(Stream.MARKS, mark)
    world.sync()
    decide_holds.discard(world.desk(), only_hold(world).hold_id)
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("marks") == 60
    assert len(world.remote.records(Stream.MARKS)) == 54


@pytest.mark.parametrize("again", ["compared", "read under another mapping"])
def test_what_was_discarded_stays_out_when_everything_is_looked_at_again(world: World, again: str) -> None:
    """Deletions, and new parents: the region has not changed them since, so nobody is asked twice."""
    scene = crowd(world, 60)
    for mark in scene.marks[:6]:
        world.remote.delete(Stream.MARKS, mark)
    for number in range(31):
        world.remote.create(Stream.GUARDIANS, {"last_name": "Орлова", "first_name": "Анна" + "абвгд"[number % 5]})
    world.sync()
    for case in holds(world):
        decide_holds.discard(world.desk(), case.hold_id)
    for _ in range(2):
        if again == "compared":
            report = world.reconcile()
        else:
            world.fingerprints = dict.fromkeys(Stream, f"table {world.runs}")
            report = world.sync()
        assert (report.status, holds(world)) == (RunStatus.SUCCEEDED, [])
        assert all(entry.pull.balances for entry in report.streams.values())
    assert (world.count("marks"), world.count("guardians")) == (60, 0)


def test_rechecked_changes_that_the_region_took_back_are_gone(world: World) -> None:
    """The region's own mistake, mended before anybody decided: nothing is left to hold."""
    scene = crowd(world, 60, marks=False)
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    world.sync()
    number = only_hold(world).hold_id
    for pupil in scene.pupils[:25]:
        world.remote.edit(Stream.STUDENTS, pupil, phone=None)
    decide_holds.recheck(world.desk(), number)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert holds(world) == []
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 5


def test_rechecked_changes_of_records_that_are_gone_are_no_news(world: World) -> None:
    """31 new parents are held, then deleted in the region and forgotten: none of them is entered here afterwards."""
    crowd(world, 60, marks=False)
    made = [
        world.remote.create(Stream.GUARDIANS, {"last_name": "Орлова", "first_name": f"Анна{'абвгд'[number % 5]}"})
        for number in range(31)
    ]
    assert world.sync().status is RunStatus.HELD
    for parent in made:
        world.remote.delete(Stream.GUARDIANS, parent)
    world.remote.compact(Stream.GUARDIANS)
    decide_holds.recheck(world.desk(), only_hold(world).hold_id)
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    assert (holds(world), world.count("guardians"), world.rows("inbox")) == ([], 0, [])


def test_new_pupils_and_orders_by_the_dozen_are_held(world: World) -> None:
    """31 pupils with an order each appear in the region: no card is made; released, they come with their orders."""
    scene = crowd(world, 60, marks=False)
    for number in range(31):
        pupil = world.remote.create(Stream.STUDENTS, a_pupil(200 + number))
        world.remote.create(Stream.MOVEMENTS, an_order(scene.timetable, pupil, number))
    report = world.sync()
    assert (report.status, report.streams[Stream.STUDENTS].pull.held) == (RunStatus.HELD, 31)
    assert (world.count("students"), world.count("movements")) == (60, 0)
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    report = world.sync()
    assert (world.count("students"), report.streams[Stream.MOVEMENTS].pull.held) == (91, 31)
    decide_holds.release(world.desk(), only_hold(world).hold_id)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.count("movements") == 31


def test_a_first_seeding_is_exempt(world: World) -> None:
    """An empty school takes every pupil and order at once, attended or not, over a crash and in many pages."""
    timetable = furnish(world.remote)
    for number in range(120):
        pupil = world.remote.create(Stream.STUDENTS, a_pupil(number))
        world.remote.create(Stream.MOVEMENTS, an_order(timetable, pupil, number))

    class Crash(BaseException):
        pass

    def crash(point: str) -> None:
        if point == "pull.parked.before_commit":
            raise Crash

    with pytest.raises(Crash):
        world.sync(probe=crash)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (world.count("students"), world.count("movements")) == (120, 120)
    for number in range(31):
        world.remote.create(Stream.STUDENTS, a_pupil(200 + number))
    assert world.sync(attended=True).status is RunStatus.HELD


def test_a_school_that_is_not_empty_is_seeded_only_attended(world: World) -> None:
    """40 regional pupils beside one card of ours: held while nobody watches, taken when somebody does."""
    furnish(world.remote)
    world.insert("students", **a_pupil(300), incomplete=False)
    for number in range(40):
        world.remote.create(Stream.STUDENTS, a_pupil(number))
    assert world.sync().streams[Stream.STUDENTS].pull.held == 40
    assert world.count("students") == 1
    decide_holds.recheck(world.desk(), only_hold(world).hold_id)
    assert world.sync(attended=True).streams[Stream.STUDENTS].pull.held == 40  # the first reading is over


def test_another_scope_deletes_nothing_in_the_run_that_first_sees_it(world: World) -> None:
    """Another mapping, deletions due on both sides: the run reads everything and deletes nothing; the next does."""
    scene = crowd(world, 60)
    world.delete("marks", world.rows("marks")[10]["id"])
    world.remote.delete(Stream.MARKS, scene.marks[0])
    world.fingerprints[Stream.MARKS] = "another mapping"
    report = world.sync()
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (59, 59)
    assert report.status is not RunStatus.SUCCEEDED
    assert report.streams[Stream.MARKS].pull.received >= 59
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (58, 58)


def test_the_first_run_never_deletes(world: World) -> None:
    """A tombstone and a local deletion that meet a stream before its first complete reading wait for the next run."""
    scene = crowd(world, 3)
    with world.db.write(world.school.school_id) as uow:  # as if the stream had never been read to its end
        uow.cursors.put_note("scope:marks", "")
        uow.commit()
    world.remote.delete(Stream.MARKS, scene.marks[0])
    world.delete("marks", world.rows("marks")[2]["id"])
    world.sync()
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (2, 2)
    world.sync()
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (1, 1)


@pytest.mark.parametrize("lost", [Stream.MARKS, Stream.ORGANIZATIONS])
def test_nothing_is_deleted_while_the_region_cannot_show_what_we_share(world: World, lost: Stream) -> None:
    """The region has lost records it shared with us, or the school itself: deletions wait on both sides, the error
    is named, and everything else goes on."""
    world.remote.create(Stream.ORGANIZATIONS, {"name": "Школа № 900"}, remote_id="school-1")
    scene = crowd(world, 20)
    world.remote.delete(Stream.MARKS, scene.marks[0])
    rows = world.rows("marks")
    world.delete("marks", rows[1]["id"])
    world.update("marks", rows[2]["id"], value="2")
    gone = scene.marks[3:] if lost is Stream.MARKS else (RemoteId("school-1"),)
    kept = {remote_id: world.remote.region.items[lost].pop(remote_id) for remote_id in gone}
    report = world.sync()
    assert "cannot be read" in (report.streams[Stream.MARKS].error or "")
    assert report.status is not RunStatus.SUCCEEDED
    assert world.count("marks") == 19
    assert world.remote.records(Stream.MARKS)[scene.marks[2]]["value"] == "2"
    world.remote.region.items[lost].update(kept)
    world.sync()
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (18, 18)


def test_a_comparison_of_everything_holds_changes_like_any_reading(world: World) -> None:
    """The region forgot our position and lists 30 changed phones: held, no row changed, no row deleted.

    The list is read twice, since a forgotten position makes the whole stream due for a comparison; one hold of 30.
    """
    scene = crowd(world, 60, marks=False)
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    world.remote.fail_next(CursorExpired("the region forgot"), call="page")
    counts = world.sync().streams[Stream.STUDENTS].pull
    assert (counts.received, counts.held, counts.unchanged) == (120, 60, 60)
    assert [(case.state, case.records) for case in holds(world, everything=True)] == [(HoldState.OPEN, 30)]
    assert {row["phone"] for row in world.rows("students")} == {None}


def test_a_hold_goes_its_whole_way_on_postgresql(postgres_world: World) -> None:
    """Both directions at once: held, released by two people, one record dropped, the rest applied."""
    world = postgres_world
    scene = crowd(world, 60)
    for mark in scene.marks[:6]:
        world.remote.delete(Stream.MARKS, mark)
    for row in world.rows("marks")[10:17]:
        world.delete("marks", row["id"])
    for pupil in scene.pupils[:30]:
        world.remote.edit(Stream.STUDENTS, pupil, phone="+73431111111")
    assert world.sync().status is RunStatus.HELD
    assert sorted((case.stream, case.way, case.records) for case in holds(world)) == [
        (Stream.MARKS, "pull", 6),
        (Stream.MARKS, "push", 7),
        (Stream.STUDENTS, "pull", 30),
    ]
    for case in holds(world):
        decide_holds.release(world.desk("ivanova"), case.hold_id)
        if case.needs_second:
            decide_holds.release(world.desk("petrova"), case.hold_id)
    world.remote.edit(Stream.STUDENTS, scene.pupils[0], phone="+73432222222")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert [row["phone"] for row in world.rows("students")].count("+73431111111") == 29
    assert (world.count("marks"), len(world.remote.records(Stream.MARKS))) == (47, 47)
    assert {case.state for case in holds(world, everything=True)} == {HoldState.APPLIED}
