"""``docs/staging.md`` is true: its examples run, and leave what the text says."""

from __future__ import annotations

import re
from pathlib import Path

from sync_service.domain.streams import Stream
from tests.databases import SchoolDatabase
from tests.integration.test_journal import claimed
from tests.integration.test_staging import insert

GUIDE = (Path(__file__).parents[2] / "docs" / "staging.md").read_text(encoding="utf-8")
STATEMENTS = [
    s.strip() for block in re.findall(r"```sql\n(.*?)```", GUIDE, re.S) for s in block.split(";") if s.strip()
]


def test_the_examples_run_and_are_found(database: SchoolDatabase) -> None:
    """Every statement touches exactly one row; the journal names every record that was touched."""
    assert database.school == 1
    (klass,) = insert(database, Stream.CLASSES, {"school_year": 2026, "name": "8А"})
    (subject,) = insert(database, Stream.SUBJECTS, {"name": "Алгебра"})
    (lesson,) = insert(
        database, Stream.LESSONS, {"class_id": klass, "subject_id": subject, "date": "2026-11-20", "number": 2}
    )
    for statement in STATEMENTS:
        with database.database.engine.begin() as connection:
            assert connection.exec_driver_sql(statement).rowcount == 1, statement
    touched = {
        stream: [change.deleted for change in claimed(database, stream)]
        for stream in Stream
        if stream not in (Stream.FINAL_MARKS,)
    }
    assert {stream: found for stream, found in touched.items() if found} == {
        Stream.STUDENTS: [False],
        Stream.GUARDIANS: [False],
        Stream.GUARDIANSHIPS: [False],
        Stream.MOVEMENTS: [False],
        Stream.MARKS: [False],
        Stream.ATTENDANCE: [True],
    }
    with database.database.read(database.school) as unit:
        (mark,) = unit.staging.where(Stream.MARKS, "lesson_id", [lesson]).values()
        (pupil,) = unit.staging.all_rows(Stream.STUDENTS)
        assert unit.staging.current_class([pupil]) == {pupil: klass}
        assert unit.notifications.contacts("class_teacher", "8А") == ["smirnova@school.example"]
    assert (mark["value"], mark["weight"], mark["position"]) == ("4", 1, 1)


def test_the_guide_names_every_table_of_the_school() -> None:
    for stream in Stream:
        assert f"`{stream}`" in GUIDE
    assert len(STATEMENTS) == 10
