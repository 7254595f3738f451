"""Records travel both ways; what is agreed is left alone."""

from __future__ import annotations

from sqlalchemy import event

from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction
from tests.unit.engine.world import PUPIL, World, furnish


def seeded(world: World) -> tuple[RemoteId, RemoteId]:
    """A pupil with one mark, known to both sides."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    mark = world.remote.create(
        Stream.MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": 1}
    )
    assert world.sync().status is RunStatus.SUCCEEDED
    return pupil, mark


def test_the_first_cycle_brings_everything_and_the_second_does_nothing(world: World) -> None:
    """After the pull both sides hold the same; another cycle applies and sends nothing and asks once."""
    seeded(world)
    (row,) = world.rows("students")
    assert {name: row[name] for name in PUPIL} == PUPIL
    assert world.rows("marks")[0]["value"] == "5"
    world.remote.calls.clear()
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert all(not entry.pull.received and not entry.push.queued for entry in report.streams.values())
    assert dict(world.remote.calls) == {"change_versions": 1}


def test_a_plain_update_by_another_program_reaches_the_region_once(world: World) -> None:
    """Trigger, journal, outbox, acknowledgement; our own write comes back as unchanged."""
    _, mark = seeded(world)
    world.update("marks", world.rows("marks")[0]["id"], value="4")
    report = world.sync()
    assert report.streams[Stream.MARKS].push.acked == 1
    assert world.remote.records(Stream.MARKS)[mark]["value"] == "4"
    echo = world.sync()
    assert echo.streams[Stream.MARKS].pull.unchanged == 1
    assert echo.streams[Stream.MARKS].push.queued == 0
    assert world.count("outbox") == world.count("changes") == 0


def test_a_regional_edit_arrives_and_does_not_travel_back(world: World) -> None:
    """The engine's own write to staging enters no journal."""
    _, mark = seeded(world)
    world.remote.edit(Stream.MARKS, mark, value="3")
    report = world.sync()
    assert world.rows("marks")[0]["value"] == "3"
    assert report.streams[Stream.MARKS].pull.applied == 1
    assert report.streams[Stream.MARKS].push.queued == 0
    assert world.count("changes") == 0


def test_equal_edits_on_both_sides_agree_without_a_word(world: World) -> None:
    _, mark = seeded(world)
    world.update("marks", world.rows("marks")[0]["id"], value="2")
    world.remote.edit(Stream.MARKS, mark, value="2")
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert world.count("conflicts") == 0
    assert report.streams[Stream.MARKS].push.acked == 0


def test_an_edit_that_is_taken_back_before_it_left_is_not_sent(world: World) -> None:
    seeded(world)
    row = world.rows("marks")[0]["id"]
    world.update("marks", row, value="2")
    world.update("marks", row, value="5")
    report = world.sync()
    assert report.streams[Stream.MARKS].push.unchanged == 1
    assert world.remote.calls["write"] == 0


def test_versions_that_grow_without_a_change_write_nothing(world: World) -> None:
    """1,000 bumped records: no conflict, no row written, no request to write."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    for position in range(1, 1001):
        world.remote.create(
            Stream.MARKS,
            {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": position},
        )
    world.sync()
    before = world.rows("marks")
    world.remote.bump(Stream.MARKS)
    report = world.sync()
    assert report.streams[Stream.MARKS].pull.unchanged == 1000
    assert world.rows("marks") == before
    assert world.count("conflicts") == world.remote.calls["write"] == 0


def test_a_page_costs_a_constant_number_of_statements(world: World) -> None:
    """Matching and writing one page of 1,000 marks takes as many statements as one of 10."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    counted: list[int] = []
    position = 0
    for size in (10, 1000):
        world.remote.page_size = size
        for _ in range(size):
            position += 1
            world.remote.create(
                Stream.MARKS,
                {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": position},
            )
        statements = 0

        def count(*args: object) -> None:
            nonlocal statements
            # Refreshing PostgreSQL's statistics is due once in a while, not once a page.
            statements += not str(args[2]).startswith("ANALYZE")

        event.listen(world.db.engine, "before_cursor_execute", count)
        report = world.sync(Direction.PULL)
        event.remove(world.db.engine, "before_cursor_execute", count)
        assert report.streams[Stream.MARKS].pull.applied == size
        counted.append(statements)
    assert counted[0] == counted[1]


def test_a_record_waits_for_its_parent_and_follows_it(world: World) -> None:
    """A mark of a pupil who is not matched yet waits, names what it waits for, and goes right after."""
    timetable = furnish(world.remote)
    row = world.insert("students", **(PUPIL | {"snils": None}), incomplete=False)
    pupil = world.remote.create(Stream.STUDENTS, PUPIL | {"snils": None, "first_name": "Аня"})
    world.remote.create(
        Stream.MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": 1}
    )
    report = world.sync()
    assert report.streams[Stream.STUDENTS].pull.waiting == 1
    assert report.streams[Stream.MARKS].pull.waiting == 1
    assert report.streams[Stream.MARKS].waiting == {"parent": 1}
    with world.db.read(world.school.school_id) as uow:
        assert len(uow.matches.cases()) == 1
    world.update("students", row, first_name="Аня")
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 3")
    report = world.sync()
    assert report.streams[Stream.MARKS].pull.applied == 1
    assert world.rows("marks")[0]["student_id"] == row
    with world.db.read(world.school.school_id) as uow:
        assert uow.matches.cases() == []


def test_what_the_region_stored_differently_is_not_sent_again(world: World) -> None:
    """Near-miss: each side keeps what it has, nothing goes back and forth, the report and the journal name the
    field, and a later edit of it travels from either side."""
    pupil, _ = seeded(world)
    world.remote.rewrite = lambda _stream, values: {
        name: value.upper() if isinstance(value, str) and name == "address" else value
        for name, value in values.items()
    }
    world.update("students", world.rows("students")[0]["id"], address="ул. Мира, 3")
    entry = world.sync().streams[Stream.STUDENTS]
    assert (entry.push.acked, entry.near_misses) == (1, {"address": 1})
    assert "near-miss address: 1" in [row["note"] for row in world.rows("audit")]
    assert world.remote.records(Stream.STUDENTS)[pupil]["address"] == "УЛ. МИРА, 3"
    writes = world.remote.calls["write"]
    for _ in range(2):
        assert world.sync().status is RunStatus.SUCCEEDED
    assert world.remote.calls["write"] == writes
    assert world.rows("students")[0]["address"] == "ул. Мира, 3"
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Ленина, 1")
    world.sync()
    assert world.rows("students")[0]["address"] == "ул. Ленина, 1"
    world.update("students", world.rows("students")[0]["id"], address="ул. Новая, 5")
    world.sync()
    assert world.remote.records(Stream.STUDENTS)[pupil]["address"] == "УЛ. НОВАЯ, 5"
    assert world.rows("students")[0]["address"] == "ул. Новая, 5"


def test_a_respelling_with_yo_travels_and_is_no_conflict(world: World) -> None:
    """Ё and е agree under comparison; an edit of the spelling alone is still an edit."""
    pupil, _ = seeded(world)
    world.update("students", world.rows("students")[0]["id"], last_name="Елкина")
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.remote.records(Stream.STUDENTS)[pupil]["last_name"] == "Елкина"
