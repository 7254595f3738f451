"""How a cell of a class report finds its lesson, on both engines."""

from __future__ import annotations

from typing import Any

from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Cell
from tests.databases import SchoolDatabase
from tests.integration.test_staging import insert, mark

DAY = "2026-11-20"
SLOT = (8, 2, DAY)


def lesson(number: int, *, klass: int = 8, subject: int = 2, date: str = DAY) -> dict[str, str | int | bool | None]:
    return {"class_id": klass, "subject_id": subject, "date": date, "number": number}


def test_lessons_of_a_slot_come_in_order_of_their_number(database: SchoolDatabase) -> None:
    """A slot is class, subject and date; lessons of other slots and of other schools stay out."""
    late, early, _ = insert(database, Stream.LESSONS, lesson(5), lesson(2), lesson(1, subject=3))
    insert(database, Stream.LESSONS, lesson(3), school=database.add_school("school-12"))
    with database.database.read(database.school) as unit:
        found = unit.staging.lessons_on([SLOT, (8, 2, "2026-11-21"), SLOT])
        assert unit.staging.lessons_on([]) == {}
    assert found == {SLOT: [(early, 2), (late, 5)]}


def test_ordinals_of_reported_cells(database: SchoolDatabase) -> None:
    """Ordinals come from marks and attendance, placed or not; rows without look-up columns use none."""
    slot: dict[str, Any] = {"class_id": 8, "subject_id": 2, "lesson_date": DAY}
    insert(
        database,
        Stream.MARKS,
        mark(1, None, **slot, lesson_ordinal=1),
        mark(1, 77, **slot, lesson_ordinal=2),
        mark(1, 78),
    )
    insert(database, Stream.ATTENDANCE, {"student_id": 1, "symbol": "Б", **slot, "lesson_ordinal": 3})
    with database.database.read(database.school) as unit:
        assert unit.staging.ordinals_used([SLOT]) == {SLOT: {1, 2, 3}}
        assert unit.staging.ordinals_used([(9, 2, DAY)]) == {}


def test_unplaced_rows_come_in_pages_by_id(database: SchoolDatabase) -> None:
    """Each page begins behind the last id of the one before."""
    slot: dict[str, Any] = {"class_id": 8, "subject_id": 2, "lesson_date": DAY, "lesson_ordinal": 1}
    ids = insert(database, Stream.MARKS, *(mark(1, None, **slot) for _ in range(5)))
    insert(database, Stream.MARKS, mark(1, 77))
    with database.database.read(database.school) as unit:
        first = unit.staging.unplaced(Stream.MARKS, after=LocalId(0), limit=3)
        second = unit.staging.unplaced(Stream.MARKS, after=max(first), limit=3)
    assert [*first, *second] == ids
    assert second[ids[4]]["lesson_date"] == DAY


def test_cells_are_addressed_as_a_class_report_addresses_them(database: SchoolDatabase) -> None:
    """The ordinal is the reported one, else the place of the lesson among those of its class, subject and day."""
    first, second, other_day = insert(database, Stream.LESSONS, lesson(2), lesson(6), lesson(1, date="2026-11-27"))
    slot: dict[str, Any] = {"class_id": 8, "subject_id": 2, "lesson_date": DAY, "lesson_ordinal": 1}
    a, b, _, d = insert(
        database,
        Stream.MARKS,
        mark(1, second, "4", position=2),
        mark(1, None, "5", **slot),
        mark(1, other_day),
        mark(1, second, "3", **slot),
    )
    insert(database, Stream.MARKS, mark(2, first), mark(1, None))
    (absence,) = insert(database, Stream.ATTENDANCE, {"student_id": 1, "lesson_id": first, "symbol": "Б"})
    with database.database.read(database.school) as unit:
        marks = unit.staging.cells(Stream.MARKS, [LocalId(1)], DAY, DAY)
        absences = unit.staging.cells(Stream.ATTENDANCE, [LocalId(1)], "2026-11-01", "2026-11-30")
        assert unit.staging.cells(Stream.MARKS, [], DAY, DAY) == []

    def cell(local_id: LocalId, ordinal: int, content: str, position: int = 1) -> Cell:
        return Cell(
            local_id=local_id,
            student_id=LocalId(1),
            subject_id=2,
            lesson_date=DAY,
            ordinal=ordinal,
            position=position,
            content=content,
        )

    assert marks == [cell(a, 2, "4", 2), cell(b, 1, "5"), cell(d, 1, "3")]
    assert absences == [cell(absence, 1, "Б")]


def test_lesson_dates(database: SchoolDatabase) -> None:
    ids = insert(database, Stream.LESSONS, lesson(2), lesson(1, klass=9, date="2026-11-27"))
    with database.database.read(database.school) as unit:
        assert unit.staging.lesson_dates(ids) == {ids[0]: (DAY, 8), ids[1]: ("2026-11-27", 9)}
        assert unit.staging.lesson_dates([]) == {}


def test_current_class_is_where_the_latest_movement_led(database: SchoolDatabase) -> None:
    """Later dates win, then later rows; who departed, graduated or never arrived has no class."""

    def movement(student: int, kind: str, date: str, to: int | None = None) -> dict[str, str | int | bool | None]:
        return {"student_id": student, "kind": kind, "date": date, "class_to_id": to}

    insert(
        database,
        Stream.MOVEMENTS,
        movement(1, "class_change", "2026-10-01", 9),
        movement(1, "arrival", "2026-09-01", 8),
        movement(2, "arrival", "2026-09-01", 8),
        movement(2, "departure", "2026-10-01"),
        movement(3, "arrival", "2026-09-01", 8),
        movement(3, "class_change", "2026-09-01", 10),
        movement(4, "arrival", "2026-09-01", 8),
        movement(4, "repeat", "2026-10-01"),
        movement(5, "arrival", "2017-09-01", 8),
        movement(5, "graduation", "2026-06-25"),
    )
    with database.database.read(database.school) as unit:
        found = unit.staging.current_class([LocalId(i) for i in range(1, 8)])
    assert found == {1: 9, 3: 10, 4: 8}
