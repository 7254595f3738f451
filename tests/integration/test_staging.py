"""The school's own rows, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.errors import ConfigError, FatalError
from sync_service.domain.links import LocalId, NewLink, RemoteId, SchoolId, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.schema import LOCAL_ONLY
from tests.databases import SchoolDatabase

PUPIL: Values = {"last_name": "Ёлкина", "first_name": "Анна", "birth_date": "2012-05-11", "snils": "11223344595"}


def mark(student: int, lesson: int | None, value: str = "5", **more: Any) -> Values:
    return {"student_id": student, "lesson_id": lesson, "value": value, **more}


def klass(name: str) -> Values:
    return {"school_year": 2026, "name": name}


def insert(at: SchoolDatabase, stream: Stream, *rows: Values, school: SchoolId | None = None) -> list[LocalId]:
    with at.database.write(school or at.school) as unit:
        ids = unit.staging.insert(stream, rows)
        unit.commit()
    return ids


def link(at: SchoolDatabase, stream: Stream, *ids: LocalId) -> None:
    with at.database.write(at.school) as unit:
        unit.links.insert(
            stream,
            [
                NewLink(
                    local_id=i,
                    remote_id=RemoteId(f"{stream.value}-{i}"),
                    base=Snapshot.agreed({}),
                    version=1,
                    change_version=1,
                    evidence="test",
                )
                for i in ids
            ],
        )
        unit.commit()


def whole(stream: Stream) -> Values:
    """A row with every canonical field set to something of its kind."""
    sample: dict[str, Any] = {
        "keeps_movement": False,
        "school_year": 2026,
        "grade": 8,
        "number": 3,
        "weight": 2,
        "position": 4,
    }
    dates = {"starts_on", "ends_on", "late_entry_until", "date", "birth_date", "admitted_on", "order_date"}
    values: Values = {}
    for name in SPECS[stream].fields:
        if name in sample:
            values[name] = sample[name]
        elif name in dates:
            values[name] = "2026-11-20"
        elif name in SPECS[stream].references:
            values[name] = 17
        else:
            values[name] = f'text of {name} with "quotes", \\ and {{braces}}, NULL'
    return values


@pytest.mark.parametrize("stream", list(Stream))
def test_every_field_of_every_stream_survives_the_round_trip(database: SchoolDatabase, stream: Stream) -> None:
    """What is inserted is read back with equal values of equal types."""
    values = whole(stream)
    (local_id,) = insert(database, stream, values)
    with database.database.read(database.school) as unit:
        found = unit.staging.rows(stream, [local_id])[local_id]
    canonical = {name: found[name] for name in values}
    assert canonical == values
    assert {n: type(v) for n, v in canonical.items()} == {n: type(v) for n, v in values.items()}


@pytest.mark.parametrize("stream", list(Stream))
def test_absent_fields_take_the_defaults_of_the_record(database: SchoolDatabase, stream: Stream) -> None:
    """Rows with different fields in one call are completed by the defaults of the canonical record."""
    full = whole(stream)
    record = SPECS[stream].record(**full)
    required = {
        name: value
        for name, value in full.items()
        if name in SPECS[stream].fields and _is_required(SPECS[stream].record, name)
    }
    alone, beside, other = (
        insert(database, stream, required)[0],
        *insert(database, stream, required, full),
    )
    with database.database.read(database.school) as unit:
        found = unit.staging.rows(stream, [alone, beside, other])
    minimal = SPECS[stream].record(**required)
    for name in SPECS[stream].fields:
        assert found[alone][name] == found[beside][name] == getattr(minimal, name)
        assert found[other][name] == getattr(record, name)


def _is_required(record: type[Any], name: str) -> bool:
    from dataclasses import MISSING, fields

    return next(f for f in fields(record) if f.name == name).default is MISSING


def test_ids_follow_the_order_of_rows_and_are_never_used_twice(database: SchoolDatabase) -> None:
    """Deleting the newest row does not free its id, in this transaction or a later one."""
    first, second = insert(database, Stream.SUBJECTS, {"name": "Алгебра"}, {"name": "Геометрия"})
    assert second > first
    with database.database.write(database.school) as unit:
        unit.staging.delete(Stream.SUBJECTS, [second])
        (third,) = unit.staging.insert(Stream.SUBJECTS, [{"name": "Химия"}])
        unit.commit()
    (fourth,) = insert(database, Stream.SUBJECTS, {"name": "Физика"})
    (fifth,) = (
        row["id"]
        for row in database.sql(
            "INSERT INTO subjects (school_id, name) VALUES (:school, 'Труд') RETURNING id", school=database.school
        )
    )
    assert len({first, second, third, fourth, fifth}) == 5
    with database.database.read(database.school) as unit:
        assert [v["name"] for v in unit.staging.all_rows(Stream.SUBJECTS).values()] == [
            "Алгебра",
            "Химия",
            "Физика",
            "Труд",
        ]


def test_a_row_with_an_unknown_field_is_refused(database: SchoolDatabase) -> None:
    """A misspelt field is an error of the caller, never silently dropped."""
    with database.database.write(database.school) as unit, pytest.raises(KeyError, match="surname"):
        unit.staging.insert(Stream.STUDENTS, [{**PUPIL, "surname": "x"}])
    (pupil,) = insert(database, Stream.STUDENTS, PUPIL)
    with database.database.write(database.school) as unit, pytest.raises(KeyError, match="surname"):
        unit.staging.update(Stream.STUDENTS, [(pupil, {"surname": "x"})])
    with database.database.read(database.school) as unit, pytest.raises(KeyError, match="surname"):
        unit.staging.where(Stream.STUDENTS, "surname", ["x"])


def test_update_changes_only_the_named_fields_of_each_row(database: SchoolDatabase) -> None:
    """Rows of one call may name different fields; the others keep their values, look-up columns included."""
    a, b, c = insert(
        database,
        Stream.MARKS,
        mark(1, 10, comment="a"),
        mark(2, None, class_id=3, subject_id=4, lesson_date="2026-11-20", lesson_ordinal=2),
        mark(3, 12, "3"),
    )
    with database.database.write(database.school) as unit:
        unit.staging.update(
            Stream.MARKS,
            [(a, {"value": "4"}), (b, {"lesson_id": 11, "weight": 3}), (c, {"comment": "c"}), (a, {"comment": None})],
        )
        unit.commit()
    with database.database.read(database.school) as unit:
        found = unit.staging.rows(Stream.MARKS, [a, b, c])
    assert (found[a]["value"], found[a]["comment"], found[a]["lesson_id"]) == ("4", None, 10)
    assert (found[b]["lesson_id"], found[b]["weight"], found[b]["lesson_ordinal"]) == (11, 3, 2)
    assert (found[c]["value"], found[c]["comment"]) == ("3", "c")


def test_update_of_equal_fields_and_of_missing_rows(database: SchoolDatabase) -> None:
    """The usual page names the same fields in each row; an id that is gone, or has nothing to change, is passed."""
    a, b = insert(database, Stream.MARKS, mark(1, 10), mark(2, 11))
    with database.database.write(database.school) as unit:
        unit.staging.update(
            Stream.MARKS, [(a, {"value": "2"}), (b, {"value": "3"}), (LocalId(10**6), {"value": "4"})]
        )
        unit.staging.update(Stream.MARKS, [(a, {})])
        unit.commit()
    with database.database.read(database.school) as unit:
        assert {i: v["value"] for i, v in unit.staging.rows(Stream.MARKS, [a, b]).items()} == {a: "2", b: "3"}


def test_local_only_columns_come_along_in_reads(database: SchoolDatabase) -> None:
    """Cards tell whether they are complete and which class a list names; cells, how a report named the lesson."""
    assert set(LOCAL_ONLY) == {Stream.STUDENTS, Stream.MARKS, Stream.ATTENDANCE}
    card, plain = insert(database, Stream.STUDENTS, {**PUPIL, "incomplete": True, "listed_class_id": 7}, PUPIL)
    slot: dict[str, Any] = {"class_id": 3, "subject_id": 4, "lesson_date": "2026-11-20", "lesson_ordinal": 2}
    cell, found_lesson, direct = insert(
        database, Stream.MARKS, mark(1, None, **slot), mark(1, 12, **slot), mark(1, 12)
    )
    with database.database.read(database.school) as unit:
        cards = unit.staging.rows(Stream.STUDENTS, [card, plain])
        cells = unit.staging.rows(Stream.MARKS, [cell, found_lesson, direct])
    assert (cards[card]["incomplete"], cards[card]["listed_class_id"]) == (True, 7)
    assert (cards[plain]["incomplete"], cards[plain]["listed_class_id"]) == (False, None)
    assert slot.items() <= cells[cell].items()
    assert slot.items() <= cells[found_lesson].items()
    assert not slot.keys() & cells[direct].keys()


def test_where_and_unlinked_filter_by_field(database: SchoolDatabase) -> None:
    """``where`` finds linked and unlinked rows by text, number or date; ``unlinked`` those without a live link."""
    a, b, c = insert(
        database,
        Stream.STUDENTS,
        PUPIL,
        {**PUPIL, "snils": None, "birth_date": "2012-05-12"},
        {**PUPIL, "last_name": "Павлов"},
    )
    link(database, Stream.STUDENTS, c)
    with database.database.read(database.school) as unit:
        staging = unit.staging
        assert set(staging.where(Stream.STUDENTS, "snils", ["11223344595"])) == {a, c}
        assert set(staging.where(Stream.STUDENTS, "birth_date", ["2012-05-12", "1999-01-01"])) == {b}
        assert set(staging.where(Stream.STUDENTS, "last_name", [])) == set()
        assert set(staging.unlinked(Stream.STUDENTS)) == {a, b}
        assert set(staging.unlinked(Stream.STUDENTS, "snils", ["11223344595"])) == {a}
        assert staging.unlinked(Stream.STUDENTS, "snils", []) == {}


def test_with_children_names_rows_that_others_refer_to(database: SchoolDatabase) -> None:
    """Any reference counts, look-up columns of unplaced cells and listed classes included."""
    used, free = insert(database, Stream.STUDENTS, PUPIL, PUPIL)
    insert(database, Stream.MARKS, mark(used, 10))
    listed, slot, lonely = insert(database, Stream.CLASSES, klass("8А"), klass("8Б"), klass("8В"))
    insert(database, Stream.STUDENTS, {**PUPIL, "incomplete": True, "listed_class_id": listed})
    insert(database, Stream.ATTENDANCE, {"student_id": used, "symbol": "Б", "class_id": slot})
    with database.database.read(database.school) as unit:
        assert unit.staging.with_children(Stream.STUDENTS, [used, free]) == {used}
        assert unit.staging.with_children(Stream.CLASSES, [listed, slot, lonely]) == {listed, slot}
        assert unit.staging.with_children(Stream.MARKS, [LocalId(1)]) == set()


def test_schools_do_not_see_each_other(database: SchoolDatabase) -> None:
    """Every read and write of a unit of work stays within its school, even when it names foreign ids."""
    other = database.add_school("school-12")
    (mine,) = insert(database, Stream.STUDENTS, PUPIL)
    (theirs,) = insert(database, Stream.STUDENTS, PUPIL, school=other)
    with database.database.write(database.school) as unit:
        assert set(unit.staging.all_rows(Stream.STUDENTS)) == {mine}
        assert unit.staging.rows(Stream.STUDENTS, [theirs]) == {}
        unit.staging.update(Stream.STUDENTS, [(theirs, {"last_name": "Чужой"})])
        unit.staging.delete(Stream.STUDENTS, [theirs])
        unit.commit()
    with database.database.read(other) as unit:
        assert unit.staging.rows(Stream.STUDENTS, [theirs])[theirs]["last_name"] == "Ёлкина"


def test_an_unknown_school_is_named(database: SchoolDatabase) -> None:
    with pytest.raises(ConfigError, match="school 999"), database.database.write(SchoolId(999)):
        pass


def test_a_row_the_table_refuses_says_nothing_of_its_values(database: SchoolDatabase) -> None:
    """A violated constraint becomes FatalError without the values of the row, neither in text nor in its cause."""
    with pytest.raises(FatalError) as caught, database.database.write(database.school) as unit:
        unit.staging.insert(Stream.STUDENTS, [{"last_name": "Секретов", "first_name": None}])
    error: BaseException | None = caught.value
    while error is not None:
        assert "Секретов" not in str(error) or error.__suppress_context__
        error = error.__cause__
    assert "Секретов" not in str(caught.value)
