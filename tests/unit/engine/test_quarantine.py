"""Quarantine: out of it by itself when the cause changes, and only then; many alike stop the stream."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_quarantine, pull
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.engine.test_stale_decisions import a_mark
from tests.unit.engine.world import PUPIL, World, furnish


def school(world: World, *, marks: int = 3) -> tuple[MappedRemote, RemoteId, list[RemoteId]]:
    """A pupil known to both sides, and marks in the region that nobody has read yet."""
    remote = world.remote = MappedRemote.over(world.remote)
    world.fingerprints = dict.fromkeys(Stream, "first")
    timetable = furnish(remote)
    pupil = remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    made = [
        remote.create(Stream.MARKS, a_mark(pupil, timetable.lessons[0], position=number + 1))
        for number in range(marks)
    ]
    return remote, pupil, made


def unknown_mark(item: dict[str, Any]) -> Any:
    return {**item, "grade": "отлично"}


def another_mapping(world: World) -> None:
    world.fingerprints = {stream: f"{old}+" for stream, old in world.fingerprints.items()}


def tries(world: World) -> list[int]:
    return [item["tries"] for item in world.rows("quarantine")]


def test_a_mended_mapping_brings_the_record_in_by_itself(world: World) -> None:
    """Set aside with its reason; left alone while nothing changes; read anew once the mapping is another one."""
    remote, _, marks = school(world)
    remote.broken[marks[1]] = unknown_mark
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert report.streams[Stream.MARKS].pull.rejected == 1
    assert len(world.rows("marks")) == 2
    remote.calls.clear()
    assert world.sync().status is RunStatus.SUCCEEDED
    assert remote.calls["get"] == 0
    another_mapping(world)
    assert world.sync().status is RunStatus.COMPLETED_WITH_ERRORS
    assert tries(world) == [3]  # asked for by its id, and met again: under another mapping the stream is read whole
    assert world.sync().status is RunStatus.SUCCEEDED
    assert tries(world) == [3]
    another_mapping(world)
    remote.mended = True
    assert world.sync().status is RunStatus.SUCCEEDED
    assert len(world.rows("marks")) == 3
    assert world.rows("quarantine") == []


def test_a_record_that_is_gone_leaves_the_quarantine(world: World) -> None:
    """Deleted in the region meanwhile: there is nothing to read any more."""
    remote, _, marks = school(world)
    remote.broken[marks[0]] = unknown_mark
    world.sync()
    del remote.region.items[Stream.MARKS][marks[0]]
    another_mapping(world)
    world.sync()
    assert world.rows("quarantine") == []
    assert len(world.rows("marks")) == 2


def test_a_cycle_without_anything_due_asks_one_statement_a_direction(world: World) -> None:
    remote, _, marks = school(world)
    remote.broken[marks[0]] = unknown_mark
    world.sync()
    seen: list[str] = []

    def note(*args: Any) -> None:
        seen.append(args[2])

    event.listen(world.db.engine, "before_cursor_execute", note)
    world.sync()
    assert len([text for text in seen if "quarantine" in text]) == 2


def test_a_pupil_read_anew_is_matched_in_the_same_cycle(world: World) -> None:
    """The inventory pass runs after the retry: nobody stays parked."""
    remote, _, _ = school(world)
    newcomer = remote.create(Stream.STUDENTS, PUPIL | {"last_name": "Орлова", "snils": None})
    remote.broken[newcomer] = lambda item: {**item, "birthDate": "вчера"}
    world.sync()
    assert len(world.rows("students")) == 1
    remote.mended = True
    another_mapping(world)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert len(world.rows("students")) == 2
    assert world.rows("inbox") == []


def refused_absence(world: World) -> int:
    """An absence the region refuses for its symbol; the row of it."""
    school(world, marks=1)
    world.sync()
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[0]["id"]
    world.insert("attendance", student_id=student, lesson_id=lesson, symbol="ОТ")
    world.sync()
    row = int(world.rows("attendance")[0]["id"])
    world.update("attendance", row, symbol="Ж")
    world.sync()
    assert tries(world) == [1]
    return row


@pytest.mark.parametrize("cause", ["mapping", "peer", "nothing"])
def test_a_refused_row_is_sent_again_when_its_cause_changes(world: World, cause: str) -> None:
    """Another mapping or a changed regional record: one more try. Else it stays where it is."""
    refused_absence(world)
    if cause == "mapping":
        another_mapping(world)
    elif cause == "peer":
        world.remote.bump(Stream.ATTENDANCE)
    world.sync()
    world.sync()
    assert tries(world) == [1 if cause == "nothing" else 2]


def test_a_row_whose_parent_is_unknown_waits_for_another_parent(world: World) -> None:
    """422 unknown_reference names the parent; only another link of that parent makes the row due."""
    remote, pupil, marks = school(world, marks=1)
    world.sync()
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[1]["id"]
    lost = remote.region.items[Stream.STUDENTS].pop(pupil)
    world.insert("marks", student_id=student, lesson_id=lesson, value="5", weight=1, position=1)
    world.sync()
    (item,) = world.rows("quarantine")
    assert item["waits_for"] == f"students:{pupil}"
    world.sync()
    assert tries(world) == [1]
    remote.region.items[Stream.STUDENTS][RemoteId("student-again")] = lost
    with world.db.write(world.school.school_id) as uow:
        uow.links.update([])
        uow.commit()
    with world.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE links SET remote_id = 'student-again' WHERE stream = 'students'")
    assert world.sync().streams[Stream.MARKS].push.acked == 1
    assert world.rows("quarantine") == []
    assert marks


def test_what_was_discarded_comes_back_only_when_it_changes(world: World) -> None:
    """The same content delivered again stays discarded; an edit in the region opens it; a discard is undone."""
    remote, _, marks = school(world)
    remote.broken[marks[0]] = unknown_mark
    world.sync()
    number = int(world.rows("quarantine")[0]["id"])
    decide_quarantine.discard(world.desk("petrova"), [number])
    with world.db.write(world.school.school_id) as uow:
        uow.cursors.reset(Stream.MARKS)
        uow.commit()
    with world.db.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM cursors WHERE stream = 'marks'")
    world.sync()
    (item,) = world.rows("quarantine")
    assert (item["discarded_by"], item["tries"]) == ("petrova", 2)
    another_mapping(world)
    world.sync()
    assert tries(world) == [3]  # the whole stream is read under another mapping, and it is what it was
    remote.edit(Stream.MARKS, marks[0], comment="новое")
    world.sync()
    (item,) = world.rows("quarantine")
    assert item["discarded_by"] is None
    decide_quarantine.discard(world.desk("petrova"), [number])
    decide_quarantine.undo_discard(world.desk("ivanova"), [number])
    remote.mended = True
    world.sync()
    assert world.rows("quarantine") == []
    assert len(world.rows("marks")) == 3


def test_a_discarded_row_is_tried_when_somebody_mends_it(world: World) -> None:
    row = refused_absence(world)
    decide_quarantine.discard(world.desk(), [int(world.rows("quarantine")[0]["id"])])
    another_mapping(world)
    world.sync()
    assert tries(world) == [1]
    world.update("attendance", row, symbol="УП")
    assert world.sync().streams[Stream.ATTENDANCE].push.acked == 1
    assert world.rows("quarantine") == []


def test_equal_failures_over_many_small_pages_stop_the_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty of four hundred, a few on each page of fifty: the stream pauses, the others go on, and once the
    mapping is mended everything arrives."""
    monkeypatch.setattr(pull, "RECORDS_TOGETHER", 50)
    remote, pupil, marks = school(world, marks=400)
    remote.broken.update(dict.fromkeys(marks[:390:13], unknown_mark))
    remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
    remote.create(
        Stream.ATTENDANCE,
        {"student_id": pupil, "lesson_id": remote.records(Stream.MARKS)[marks[0]]["lesson_id"], "symbol": "Б"},
    )
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    assert "goes on from here once the cause is mended" in str(report.streams[Stream.MARKS].error)
    assert 0 < len(world.rows("marks")) < 370
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"
    assert [row["symbol"] for row in world.rows("attendance")] == ["Б"]
    remote.mended = True
    another_mapping(world)
    assert world.sync().status is RunStatus.SUCCEEDED
    assert len(world.rows("marks")) == 400
    assert world.rows("quarantine") == []


def test_a_few_failures_read_again_and_again_stop_nothing(world: World) -> None:
    """Pages that are delivered twice count each bad record once."""
    remote, _, marks = school(world, marks=60)
    remote.repeat = True
    remote.broken.update(dict.fromkeys(marks[:15], unknown_mark))
    report = world.sync()
    assert report.streams[Stream.MARKS].error is None
    assert len(world.rows("marks")) == 45
    assert len(world.rows("quarantine")) == 15


def test_a_record_without_an_id_leaves_when_the_whole_list_lacks_it(world: World) -> None:
    """It cannot be asked for, so it is not retried; a complete listing without it is the proof."""
    remote, _, marks = school(world)
    remote.broken[marks[0]] = lambda item: {name: value for name, value in item.items() if name != "id"}
    world.sync()
    another_mapping(world)
    world.clock.sleep(60)
    world.sync()
    assert tries(world) == [2]  # met again, because under another mapping the stream is read whole
    remote.mended = True
    world.clock.sleep(60)
    remote.compact(Stream.MARKS)
    remote.bump(Stream.MARKS)
    remote.compact(Stream.MARKS)
    world.sync()
    assert world.rows("quarantine") == []
    assert len(world.rows("marks")) == 3
