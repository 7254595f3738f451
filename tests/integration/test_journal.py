"""The change journal: what another program writes is found, what the engine writes is not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from sync_service.domain.links import LocalId
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine.stores import LocalChange
from sync_service.persistence import install_triggers, verify_triggers
from tests.databases import SchoolDatabase
from tests.integration.test_staging import PUPIL, insert, mark, whole


def claimed(at: SchoolDatabase, stream: Stream, limit: int = 1000) -> list[LocalChange]:
    with at.database.write(at.school) as unit:
        changes = unit.journal.claim(stream, limit)
        unit.commit()
    return changes


def changed(*ids: int) -> list[LocalChange]:
    return [LocalChange(local_id=LocalId(i), deleted=False) for i in ids]


def removed(*ids: int) -> list[LocalChange]:
    return [LocalChange(local_id=LocalId(i), deleted=True) for i in ids]


def test_the_newest_change_of_a_row_has_its_moment(database: SchoolDatabase) -> None:
    """By the clock of the database; once it is claimed, or was noted by a comparison, nothing is known."""
    begun = datetime.now(UTC) - timedelta(seconds=1)
    row = LocalId(foreign_mark(database))
    with database.database.read(database.school) as unit:
        first = unit.journal.noted_at(Stream.MARKS, [row])[row]
    database.sql("UPDATE marks SET value = '4'")
    with database.database.read(database.school) as unit:
        second = unit.journal.noted_at(Stream.MARKS, [row, LocalId(row + 1)])
        assert unit.journal.noted_at(Stream.STUDENTS, [row]) == {}
    assert begun <= first <= second.pop(row) <= datetime.now(UTC) + timedelta(seconds=1)
    assert second == {}
    claimed(database, Stream.MARKS)
    with database.database.write(database.school) as unit:
        unit.journal.note(Stream.MARKS, [row])
        assert unit.journal.noted_at(Stream.MARKS, [row]) == {}


def foreign_mark(at: SchoolDatabase, value: str = "5") -> int:
    (row,) = at.sql(
        "INSERT INTO marks (school_id, student_id, lesson_id, value) VALUES (:school, 1, 2, :value) RETURNING id",
        school=at.school,
        value=value,
    )
    return int(row["id"])


@pytest.mark.parametrize("stream", BOTH_WAYS)
def test_insert_update_and_delete_of_another_program_are_found(database: SchoolDatabase, stream: Stream) -> None:
    """Every field of every table that travels both ways counts, the local-only columns included."""
    values: dict[str, Any] = {**whole(stream), "school_id": database.school}
    names, places = ", ".join(f'"{n}"' for n in values), ", ".join(f":{n}" for n in values)
    (row,) = database.sql(f"INSERT INTO {stream} ({names}) VALUES ({places}) RETURNING id", **values)
    assert claimed(database, stream) == changed(row["id"])
    columns = database.sql(f"SELECT * FROM {stream}")[0].keys() - {"id", "school_id"}
    for column in columns:
        other = _another(database, stream, column)
        database.sql(f'UPDATE {stream} SET "{column}" = :other', other=other)
        assert claimed(database, stream) == changed(row["id"]), column
        database.sql(f'UPDATE {stream} SET "{column}" = "{column}"')
        assert claimed(database, stream) == [], column
    database.sql(f"DELETE FROM {stream}")
    assert claimed(database, stream) == removed(row["id"])


def _another(at: SchoolDatabase, stream: Stream, column: str) -> Any:
    (row,) = at.sql(f'SELECT "{column}" AS value FROM {stream}')
    match column:
        case "incomplete":
            return not row["value"]
        case "date" | "birth_date" | "admitted_on" | "order_date" | "lesson_date":
            return "2001-02-03"
        case "weight" | "position" | "lesson_ordinal":
            return 99
        case _ if column.endswith("_id") and column != "person_id":
            return 99
        case _:
            return "another"


def test_own_writes_do_not_echo(database: SchoolDatabase) -> None:
    """Insert, update and delete by the engine leave the journal empty; the next foreign write is found."""
    first, second = insert(database, Stream.MARKS, mark(1, 2), mark(1, 3))
    with database.database.write(database.school) as unit:
        unit.staging.update(Stream.MARKS, [(first, {"value": "2"})])
        unit.staging.delete(Stream.MARKS, [second])
        unit.commit()
    assert claimed(database, Stream.MARKS) == []
    database.sql("UPDATE marks SET value = '3'")
    assert claimed(database, Stream.MARKS) == changed(first)


def test_writes_of_an_import_enter_the_journal(database: SchoolDatabase) -> None:
    """``own=False`` is for imports and the page: their rows are local changes like any other."""
    with database.database.write(database.school, own=False) as unit:
        (pupil,) = unit.staging.insert(Stream.STUDENTS, [PUPIL])
        unit.commit()
    with database.database.read(database.school) as unit:
        assert unit.journal.pending() == {Stream.STUDENTS: 1}
    assert claimed(database, Stream.STUDENTS) == changed(pupil)


def test_a_rolled_back_claim_is_claimed_again(database: SchoolDatabase) -> None:
    """Journal rows are gone on commit only."""
    first = foreign_mark(database)
    with database.database.write(database.school) as unit:
        assert unit.journal.claim(Stream.MARKS, 10) == changed(first)
    assert claimed(database, Stream.MARKS) == changed(first)
    assert claimed(database, Stream.MARKS) == []


def test_claims_come_oldest_first_once_per_record(database: SchoolDatabase) -> None:
    """Several changes of a record are one LocalChange that tells its latest state."""
    ids = [foreign_mark(database) for _ in range(4)]
    database.sql("UPDATE marks SET value = '2' WHERE id = :id", id=ids[0])
    database.sql("DELETE FROM marks WHERE id = :id", id=ids[1])
    assert claimed(database, Stream.MARKS, limit=2) == [*changed(ids[0]), *removed(ids[1])]
    assert claimed(database, Stream.MARKS) == [*changed(ids[2], ids[3], ids[0]), *removed(ids[1])]


def test_a_row_put_back_under_its_id_is_not_deleted(database: SchoolDatabase) -> None:
    """A program that deletes and inserts instead of updating keeps the record."""
    first = foreign_mark(database)
    claimed(database, Stream.MARKS)
    database.sql("DELETE FROM marks")
    database.sql(
        "INSERT INTO marks (id, school_id, student_id, lesson_id, value) VALUES (:id, :school, 1, 2, '4')",
        id=first,
        school=database.school,
    )
    assert claimed(database, Stream.MARKS) == changed(first)


def test_a_mass_update_by_another_program_is_found_whole(database: SchoolDatabase) -> None:
    ids = insert(database, Stream.MARKS, *(mark(1, lesson) for lesson in range(250)))
    database.sql("UPDATE marks SET weight = 2")
    with database.database.read(database.school) as unit:
        assert unit.journal.pending() == {Stream.MARKS: 250}
    assert claimed(database, Stream.MARKS) == changed(*ids)


@pytest.mark.parametrize("assignment", ["school_id = 2", "id = 77"])
def test_a_row_never_changes_its_id_or_its_school(database: SchoolDatabase, assignment: str) -> None:
    """Links and journal know a row by both; a program that tries is told so."""
    database.add_school("school-12")
    foreign_mark(database)
    with pytest.raises(DBAPIError, match="id and school_id of a staging row must not change"):
        database.sql(f"UPDATE marks SET {assignment}")


def test_journals_of_schools_are_apart(database: SchoolDatabase) -> None:
    other = database.add_school("school-12")
    foreign_mark(database)
    with database.database.read(other) as unit:
        assert unit.journal.pending() == {}


def test_a_write_while_a_unit_of_work_is_open_is_not_lost(database: SchoolDatabase) -> None:
    """Another connection writes the row the engine has read for decision; it waits, then its change is found."""
    (first,) = insert(database, Stream.MARKS, mark(1, 2, "5"))
    other = create_engine(database.database.engine.url, connect_args=dict(_waiting(database)))
    started = threading.Event()

    def write() -> None:
        with other.connect() as connection:
            started.set()
            connection.execute(text("UPDATE marks SET value = '3', comment = 'theirs' WHERE id = :i"), {"i": first})
            connection.commit()

    thread = threading.Thread(target=write)
    with database.database.write(database.school) as unit:
        assert unit.staging.rows(Stream.MARKS, [first])[first]["value"] == "5"
        thread.start()
        started.wait()
        unit.staging.update(Stream.MARKS, [(first, {"value": "4"})])
        assert unit.staging.rows(Stream.MARKS, [first])[first]["comment"] is None
        unit.commit()
    thread.join()
    other.dispose()
    assert claimed(database, Stream.MARKS) == changed(first)
    with database.database.read(database.school) as unit:
        assert unit.staging.rows(Stream.MARKS, [first])[first]["value"] == "3"


def _waiting(at: SchoolDatabase) -> dict[str, Any]:
    return {} if at.on_postgres else {"timeout": 30}


def test_the_mute_of_one_transaction_does_not_reach_another(postgres_database: SchoolDatabase) -> None:
    """On PostgreSQL others write beside us; their rows enter the journal while ours is muted."""
    with postgres_database.database.write(postgres_database.school) as unit:
        unit.staging.insert(Stream.MARKS, [mark(1, 2)])
        theirs = foreign_mark(postgres_database)
        unit.commit()
    assert claimed(postgres_database, Stream.MARKS) == changed(theirs)


def test_truncate_is_refused(postgres_database: SchoolDatabase) -> None:
    """It would pass the triggers by and look like nothing happened."""
    with pytest.raises(DBAPIError, match="use DELETE"):
        postgres_database.sql("TRUNCATE marks")


def test_a_role_with_rights_on_staging_only_can_write(postgres_database: SchoolDatabase) -> None:
    """The journal is filled with the rights of its owner."""
    role = f"clerk_{postgres_database.school}_{id(postgres_database)}"
    postgres_database.sql(f"CREATE ROLE {role}")
    postgres_database.sql(f"GRANT SELECT, INSERT ON marks TO {role}")
    with postgres_database.database.engine.begin() as connection:
        connection.execute(text(f"SET LOCAL ROLE {role}"))
        connection.execute(
            text("INSERT INTO marks (school_id, student_id, lesson_id, value) VALUES (:s, 1, 2, '5')"),
            {"s": postgres_database.school},
        )
    assert len(claimed(postgres_database, Stream.MARKS)) == 1
    postgres_database.sql(f"DROP OWNED BY {role}")
    postgres_database.sql(f"DROP ROLE {role}")


TAMPERED = {
    "sqlite": [
        (["DROP TRIGGER journal_marks_update"], "journal_marks_update is missing"),
        (
            [
                "DROP TRIGGER journal_marks_insert",
                "CREATE TRIGGER journal_marks_insert AFTER INSERT ON marks BEGIN SELECT 1; END",
            ],
            "journal_marks_insert was changed",
        ),
    ],
    "postgresql": [
        (["DROP TRIGGER journal_marks_update ON marks"], "journal_marks_update on marks is missing"),
        (["ALTER TABLE marks DISABLE TRIGGER journal_marks_delete"], "journal_marks_delete on marks is disabled"),
        (
            [
                "DROP TRIGGER guard_marks ON marks",
                "CREATE TRIGGER guard_marks BEFORE UPDATE ON marks FOR EACH ROW"
                " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            ],
            "guard_marks on marks was changed",
        ),
        (
            [
                "CREATE OR REPLACE FUNCTION ecp_sync_journal() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RETURN NULL; END $$"
            ],
            "function ecp_sync_journal was changed",
        ),
    ],
}


def problems(at: SchoolDatabase) -> list[str]:
    with at.database.engine.begin() as connection:
        return verify_triggers(connection)


def test_tampered_triggers_are_reported_and_repaired(database: SchoolDatabase) -> None:
    """``verify_triggers`` names what is wrong; ``install_triggers`` puts it right, with or without damage."""
    assert problems(database) == []
    for statements, problem in TAMPERED[database.database.engine.dialect.name]:
        for statement in statements:
            database.sql(statement)
        assert problem in "\n".join(problems(database))
        with database.database.engine.begin() as connection:
            install_triggers(connection)
        assert problems(database) == []
    foreign_mark(database)
    assert len(claimed(database, Stream.MARKS)) == 1


def test_a_flag_left_behind_is_reported(sqlite_database: SchoolDatabase) -> None:
    """A row in ``own_writes`` outside our transaction would silence the journal for everybody."""
    sqlite_database.sql("INSERT INTO own_writes (id) VALUES (1)")
    assert problems(sqlite_database) == [
        "the journal is muted: own_writes holds a row outside a transaction; delete it"
    ]
