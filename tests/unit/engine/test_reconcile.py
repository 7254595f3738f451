"""A full comparison finds what was missed in the region, repairs it the usual way, and never wipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sync_service.domain.conflicts import Side
from sync_service.domain.errors import OutcomeUnknown, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.due import ask_for_comparison
from sync_service.engine.ports import Found
from sync_service.engine.resolve import resolve
from tests.choosing import choose_all
from tests.unit.engine.drift import MARKS, closed_by, forget, pulled, seeded
from tests.unit.engine.world import PUPIL, World

# The statements of both engines are compared in test_reconcile_drift.py; what follows from them is the same.
pytestmark = pytest.mark.parametrize("world", ["sqlite"], indirect=True)


@pytest.fixture
def marks(world: World) -> list[RemoteId]:
    """Twelve marks known to both sides."""
    return seeded(world, 12)[1]


class TestTheRegionsSide:
    def test_equal_versions_cost_a_list_and_no_body(self, world: World, marks: list[RemoteId]) -> None:
        report = world.reconcile(MARKS)
        assert report.status is RunStatus.SUCCEEDED
        assert pulled(report) == {"received": 12, "unchanged": 12}
        assert world.remote.calls["get"] == world.remote.calls["pages"] == 0

    def test_who_asks_while_a_comparison_goes_on_gets_another_one(
        self, world: World, marks: list[RemoteId], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The one under way has passed by whatever they have seen."""
        listing = world.remote.listing

        def asked_meanwhile(stream: Stream) -> Iterator[Mapping[RemoteId, int | None]]:
            yield from listing(stream)
            world.clock.sleep(1)
            ask_for_comparison(world.db, world.school.school_id, [MARKS], world.clock.now())

        with monkeypatch.context() as patched:
            patched.setattr(world.remote, "listing", asked_meanwhile)
            world.reconcile(MARKS)
        for _ in range(2):
            world.clock.sleep(1)
            world.sync()
        assert world.remote.calls["listing"] == 2

    def test_a_missed_change_is_fetched_and_applied(self, world: World, marks: list[RemoteId]) -> None:
        """The change never got a change version of its own; its version gives it away."""
        item = world.remote.region.items[MARKS][marks[3]]
        item.values["value"], item.version = "2", item.version + 1
        report = world.reconcile(MARKS)
        assert pulled(report) == {"received": 12, "unchanged": 11, "applied": 1}
        assert [row["value"] for row in world.rows("marks")].count("2") == 1
        assert world.remote.calls["get"] == 1

    def test_an_unknown_record_is_fetched_and_created(self, world: World, marks: list[RemoteId]) -> None:
        twin = world.remote.region.items[MARKS][marks[0]].copy()
        twin.values["position"] = 77
        world.remote.region.items[MARKS][RemoteId("missed")] = twin
        report = world.reconcile(MARKS)
        assert pulled(report) == {"received": 13, "unchanged": 12, "applied": 1}
        assert world.count("marks") == 13

    def test_without_versions_bodies_are_compared(self, world: World, marks: list[RemoteId]) -> None:
        world.remote.versionless = True
        world.remote.region.items[MARKS][marks[3]].values["value"] = "2"
        report = world.reconcile(MARKS)
        assert pulled(report) == {"received": 12, "unchanged": 11, "applied": 1}

    def test_a_listed_record_that_is_gone_when_asked_for_is_left_alone(
        self, world: World, marks: list[RemoteId], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Listed and not found is no proof: it takes both."""
        world.remote.region.items[MARKS][marks[0]].version += 1
        fetch = world.remote.get

        def vanishing(stream: Stream, ids: Any) -> Any:
            forget(world, *ids)
            return fetch(stream, ids)

        monkeypatch.setattr(world.remote, "get", vanishing)
        assert pulled(world.reconcile(MARKS)) == {"received": 12, "unchanged": 11, "waiting": 1}
        assert world.count("marks") == 12

    def test_what_is_set_aside_stays_on_its_path_and_is_counted(self, world: World, marks: list[RemoteId]) -> None:
        """A record that waits for its parent is not fetched anew; the report does not hide it."""
        stranger: Values = {"student_id": "nobody", "lesson_id": "nowhere", "value": "5"}
        world.remote.create(MARKS, stranger)
        world.sync()
        world.remote.calls.clear()
        report = world.reconcile(MARKS)
        assert pulled(report) == {"received": 13, "unchanged": 12, "waiting": 1}
        assert world.remote.calls["get"] == 0

    def test_an_answer_still_to_come_is_waited_for(self, world: World, marks: list[RemoteId]) -> None:
        """A created mark whose answer was lost is in the list; it is not taken for a new one."""
        (mark,) = world.rows("marks")[:1]
        world.insert(
            "marks", student_id=mark["student_id"], lesson_id=mark["lesson_id"], value="4", position=50, weight=1
        )
        world.remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
        world.sync()
        world.reconcile(MARKS)
        assert world.count("marks") == 13
        assert len(world.remote.records(MARKS)) == 13


class TestDeletions:
    def test_absent_from_the_list_and_not_found_is_a_deletion(self, world: World, marks: list[RemoteId]) -> None:
        """The row goes, the link stays with its ids, last values and proof."""
        forget(world, marks[0])
        report = world.reconcile(MARKS)
        assert report.status is RunStatus.SUCCEEDED
        assert pulled(report) == {"received": 12, "unchanged": 11, "applied": 1}
        assert world.count("marks") == 11
        assert closed_by(world) == ["not_found"]
        (link,) = (row for row in world.rows("links") if row["closed_by"])
        assert (link["remote_id"], link["closed_at"] is None) == (marks[0], False)

    def test_a_tombstone_that_was_missed_is_taken_at_its_word(self, world: World, marks: list[RemoteId]) -> None:
        item = world.remote.region.items[MARKS][marks[0]]
        item.deleted, item.version = True, item.version + 1
        world.reconcile(MARKS)
        assert (world.count("marks"), closed_by(world)) == (11, ["tombstone"])

    def test_a_record_the_list_forgot_is_drift_and_no_deletion(
        self, world: World, marks: list[RemoteId], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Absent from the list alone proves nothing."""
        listing = world.remote.listing

        def forgetful(stream: Stream) -> Iterator[dict[RemoteId, int | None]]:
            for page in listing(stream):
                yield {i: version for i, version in page.items() if i != marks[0]}

        monkeypatch.setattr(world.remote, "listing", forgetful)
        report = world.reconcile(MARKS)
        assert pulled(report) == {"received": 12, "unchanged": 12}
        assert world.count("marks") == 12

    def test_too_many_are_held_by_the_guard(self, world: World, marks: list[RemoteId]) -> None:
        forget(world, *marks[:6])
        report = world.reconcile(MARKS)
        assert (report.status, report.streams[MARKS].pull.held) == (RunStatus.HELD, 6)
        assert world.count("marks") == 12
        again = world.reconcile(MARKS)
        assert pulled(again) == {"received": 12, "unchanged": 6, "held": 6}
        assert world.count("marks") == 12

    @pytest.mark.parametrize("left", [0, 5])
    def test_a_list_that_lacks_most_of_what_we_share_is_an_error(
        self, world: World, marks: list[RemoteId], left: int
    ) -> None:
        """Empty or less than half: nothing is deleted, nothing green (RELIABILITY.md, statement 26)."""
        forget(world, *marks[left:])
        report = world.reconcile(MARKS)
        assert report.status is RunStatus.COMPLETED_WITH_ERRORS
        assert f"the region lists {left} of 12 records" in (report.streams[MARKS].error or "")
        assert world.count("marks") == 12
        assert world.remote.calls["get"] == 0

    def test_a_list_that_breaks_off_concludes_nothing(self, world: World, marks: list[RemoteId]) -> None:
        forget(world, marks[0])
        world.remote.fail_next(TransientError("the page failed"), call="page", times=9)
        report = world.reconcile(MARKS)
        assert report.status is RunStatus.COMPLETED_WITH_ERRORS
        assert world.count("marks") == 12

    def test_an_answer_that_lacks_what_was_just_listed_proves_nothing(
        self, world: World, marks: list[RemoteId], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A look-up that finds nothing at all is a broken look-up."""
        forget(world, marks[0])
        monkeypatch.setattr(world.remote, "get", lambda stream, ids: Found(records=()))
        report = world.reconcile(MARKS)
        assert report.status is RunStatus.COMPLETED_WITH_ERRORS
        assert world.count("marks") == 12

    def test_one_that_was_edited_here_is_a_question(self, world: World, marks: list[RemoteId]) -> None:
        row = next(r["local_id"] for r in world.rows("links") if r["remote_id"] == marks[0])
        forget(world, marks[0])
        world.update("marks", row, value="2")
        report = world.reconcile(MARKS)
        assert report.streams[MARKS].pull.conflicts == 1
        assert world.count("marks") == 12
        (conflict,) = world.rows("conflicts")
        assert (conflict["kind"], conflict["state"]) == ("deleted_in_region", "open")

    def test_a_pupil_becomes_a_question_and_comes_back_with_a_new_link(self, world: World) -> None:
        """Never deleted; kept by decision, the returning card is linked to the same row, after the old link."""
        pupil, _, _ = seeded(world, 1)
        world.remote.create(Stream.STUDENTS, {**PUPIL, "snils": "08765430300", "first_name": "Ольга"})
        world.sync()
        card = world.remote.region.items[Stream.STUDENTS].pop(pupil)
        report = world.reconcile(Stream.STUDENTS)
        assert report.streams[Stream.STUDENTS].pull.conflicts == 1
        assert world.count("students") == 2
        (question,) = world.rows("conflicts")
        with world.db.read(world.school.school_id) as uow:
            case = uow.conflicts.get(question["id"])
        assert case is not None
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL))
        world.remote.create(Stream.STUDENTS, {**card.values, "person_id": None}, remote_id="back")
        world.sync()
        assert world.count("students") == 2
        (old,) = (row for row in world.rows("links") if row["closed_by"])
        (new,) = (row for row in world.rows("links") if row["remote_id"] == "back")
        assert (old["closed_by"], old["stream"], old["remote_id"]) == ("decision", "students", pupil)
        assert (new["previous_id"], new["local_id"], new["state"]) == (old["id"], old["local_id"], "live")


class TestWhenItIsDue:
    def test_what_was_deleted_while_we_were_away_is_found(self, world: World, marks: list[RemoteId]) -> None:
        """The region forgot our position and its tombstones: the re-reading is followed by a comparison."""
        world.remote.delete(MARKS, marks[0])
        world.remote.edit(MARKS, marks[1], value="2")
        world.remote.compact(MARKS)
        report = world.sync()
        assert report.status is RunStatus.SUCCEEDED
        assert (world.count("marks"), closed_by(world)) == (11, ["not_found"])
        world.remote.calls.clear()
        world.sync()
        assert world.remote.calls["listing"] == 0

    def test_more_than_the_guard_lets_pass_are_held(self, world: World, marks: list[RemoteId]) -> None:
        for remote_id in marks[:6]:
            world.remote.delete(MARKS, remote_id)
        world.remote.compact(MARKS)
        assert world.sync().status is RunStatus.HELD
        assert world.count("marks") == 12

    def test_an_empty_list_after_it_wipes_nothing(self, world: World, marks: list[RemoteId]) -> None:
        for remote_id in marks:
            world.remote.delete(MARKS, remote_id)
        world.remote.compact(MARKS)
        for _ in range(3):
            assert world.sync().status is RunStatus.COMPLETED_WITH_ERRORS
            assert world.count("marks") == 12

    def test_a_failed_comparison_stays_due_and_is_tried_after_an_hour(
        self, world: World, marks: list[RemoteId]
    ) -> None:
        world.remote.fail_next(TransientError("away"), call="listing")
        assert world.reconcile(MARKS).status is RunStatus.COMPLETED_WITH_ERRORS
        world.sync()
        assert world.remote.calls["listing"] == 1
        world.clock.sleep(3600)
        assert pulled(world.sync()) == {"received": 12, "unchanged": 12}
        assert world.remote.calls["listing"] == 2

    def test_a_crash_leaves_it_due(self, world: World, marks: list[RemoteId]) -> None:
        class Crash(Exception):
            pass

        def crash(point: str) -> None:
            if point == "pull.parked.before_commit":
                raise Crash

        forget(world, marks[0])
        with pytest.raises(Crash):
            world.reconcile(MARKS, probe=crash)
        assert world.count("marks") == 12
        assert world.sync().streams[MARKS].pull.applied == 1
        assert world.count("marks") == 11
