"""What changed in the school while nobody noted it is found by the database, on both engines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, text

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.unit.engine.drift import MARKS, closed_by, forget, pulled, seeded, without_triggers
from tests.unit.engine.world import World


def test_changes_nobody_noted_are_found(world: World) -> None:
    """Edited, entered and deleted while the triggers were away: each goes the way it would have gone."""
    seeded(world, 12)
    edited, removed, kept = (row["id"] for row in world.rows("marks")[:3])
    with without_triggers(world) as connection:
        connection.execute(text("UPDATE marks SET value = '2' WHERE id = :id"), {"id": edited})
        connection.execute(text("DELETE FROM marks WHERE id = :id"), {"id": removed})
        connection.execute(
            text(
                "INSERT INTO marks (school_id, student_id, lesson_id, value, weight, position)"
                " SELECT school_id, student_id, lesson_id, '3', 1, 60 FROM marks WHERE id = :id"
            ),
            {"id": kept},
        )
    assert world.sync().streams[MARKS].push.queued == 0
    report = world.reconcile(MARKS)
    assert report.status is RunStatus.SUCCEEDED
    assert (report.streams[MARKS].push.queued, report.streams[MARKS].push.acked) == (3, 3)
    values = [item["value"] for item in world.remote.records(MARKS).values()]
    assert (len(values), values.count("2"), values.count("3")) == (12, 1, 1)
    again = world.reconcile(MARKS)
    assert (again.status, again.streams[MARKS].push.queued) == (RunStatus.SUCCEEDED, 0)


def test_a_value_spelt_otherwise_is_no_drift(world: World) -> None:
    """The database only suspects; the canonical form decides, and nothing is sent."""
    seeded(world, 1)
    with without_triggers(world) as connection:
        connection.execute(text("UPDATE students SET snils = '112-233-445 95'"))
    report = world.reconcile(Stream.STUDENTS)
    assert (report.status, report.streams[Stream.STUDENTS].push.acked) == (RunStatus.SUCCEEDED, 0)
    assert world.remote.calls["write"] == 0


def test_a_proven_deletion_and_a_missed_change_in_one_run(world: World) -> None:
    """The short form of test_reconcile.py, on both engines."""
    _, marks, _ = seeded(world, 12)
    forget(world, marks[0])
    item = world.remote.region.items[MARKS][marks[3]]
    item.values["value"], item.version = "2", item.version + 1
    report = world.reconcile(MARKS)
    assert report.status is RunStatus.SUCCEEDED
    assert pulled(report) == {"received": 12, "unchanged": 10, "applied": 2}
    assert (world.count("marks"), closed_by(world)) == (11, ["not_found"])


def test_statements_do_not_grow_with_what_is_compared(world: World) -> None:
    """Per page of the list and per batch of bodies a constant number, whatever they hold."""
    seeded(world, 100)
    world.remote.page_size = 1000

    def statements(changed: int) -> int:
        for item in list(world.remote.region.items[MARKS].values())[:changed]:
            item.version += 1
        seen: list[str] = []

        def note(*args: Any) -> None:
            seen.append(args[2])

        event.listen(world.db.engine, "before_cursor_execute", note)
        assert world.reconcile(MARKS).status is RunStatus.SUCCEEDED
        event.remove(world.db.engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(100) == statements(2)
