"""The sample files of a school, read and imported end to end, on both database engines."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from connectors.files.school_file import read_school_file
from sync_service.domain.records import Values
from sync_service.domain.school_files import ParsedClassReport, ParsedPupilList
from sync_service.domain.streams import Stream
from sync_service.engine.import_files import ImportReport
from tests.databases import SchoolDatabase
from tests.unit.importing.office import Office, class_report, counts, mark, mother, pupil, pupils
from tests.unit.importing.office import office as open_office

FOLDER = Path(__file__).parents[1] / "data"
SYMBOLS = {"Н": "НП", "О": "ОП", "Б": "Б", "У": "УП"}


def read(name: str) -> ParsedPupilList | ParsedClassReport:
    return read_school_file((FOLDER / name).read_bytes(), file_name=name, today=date(2026, 11, 20))


@pytest.fixture(scope="module")
def listed() -> ParsedPupilList | ParsedClassReport:
    return read("pupils_cp1251.csv")


@pytest.fixture(scope="module")
def reported() -> ParsedPupilList | ParsedClassReport:
    return read("netschool_class_report.xlsx")


@pytest.fixture(scope="module")
def pupils_truth() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / "pupils_cp1251.truth.json").read_text(encoding="utf-8"))[
        "pupils"
    ]
    return found


@pytest.fixture(scope="module")
def cells_truth() -> list[dict[str, str]]:
    with (FOLDER / "netschool_class_report.truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def office(database: SchoolDatabase) -> Office:
    return open_office(database.database, database.school)


def by_id(rows: list[Values]) -> dict[Any, Values]:
    return {row["id"]: row for row in rows}


def full_name(row: Values) -> str:
    return " ".join(str(row[name]) for name in ("last_name", "first_name", "patronymic") if row[name])


def test_every_pupil_and_parent_of_the_list_lands(
    office: Office, listed: ParsedPupilList, pupils_truth: list[dict[str, Any]]
) -> None:
    """Staging says of every pupil what the truth file says, parents and their contacts included."""
    office.bring(listed)
    classes, guardians = by_id(office.rows(Stream.CLASSES)), by_id(office.rows(Stream.GUARDIANS))
    parents: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for tie in office.rows(Stream.GUARDIANSHIPS):
        card = guardians[tie["guardian_id"]]
        parents[tie["student_id"]].append(
            {
                "relation": tie["relation_note"] or tie["relation"],
                "name": full_name(card),
                "phone": card["phone"],
                "email": card["email"],
            }
        )
    found = [
        {
            **{name: row[name] for name in ("last_name", "first_name", "patronymic", "birth_date", "snils")},
            "sex": {"М": "M", "Ж": "F"}[str(row["sex"])],
            "personal_file_no": row["personal_file_no"],
            "class": classes[row["listed_class_id"]]["name"],
            "guardians": parents[row["id"]],
        }
        for row in office.rows(Stream.STUDENTS)
    ]
    assert found == pupils_truth


def test_every_pupil_of_the_list_has_the_movement_of_its_order(office: Office, listed: ParsedPupilList) -> None:
    """One arrival per pupil, dated and with its order; into the class only where it was this school year."""
    office.bring(listed)
    students = by_id(office.rows(Stream.STUDENTS))
    found = {
        (
            full_name(students[row["student_id"]]),
            row["date"],
            row["order_number"],
            row["order_date"],
            row["class_to_id"],
        )
        for row in office.rows(Stream.MOVEMENTS)
        if row["kind"] == "arrival"
    }
    classes = {row["name"]: row["id"] for row in office.rows(Stream.CLASSES)}
    expected = {
        (
            f"{p.last_name} {p.first_name} {p.patronymic}",
            p.enrolled_on,
            p.order_number,
            p.order_date,
            classes[p.class_name] if (p.enrolled_on or "") >= "2026-09-01" else None,
        )
        for p in listed.pupils
    }
    assert found == expected
    assert len(found) == 130


def test_siblings_of_the_list_share_their_parents(
    office: Office, listed: ParsedPupilList, pupils_truth: list[dict[str, Any]]
) -> None:
    """As many cards as there are different parents; as many ties as there are parents of pupils."""
    office.bring(listed)
    named = Counter((g["name"], g["phone"]) for p in pupils_truth for g in p["guardians"])
    assert len(office.rows(Stream.GUARDIANS)) == len(named) < sum(named.values())
    assert len(office.rows(Stream.GUARDIANSHIPS)) == sum(named.values())


def test_every_cell_of_the_report_lands(
    office: Office, listed: ParsedPupilList, reported: ParsedClassReport, cells_truth: list[dict[str, str]]
) -> None:
    """Marks with their order in the cell, absences and final marks are exactly those of the truth file."""
    office.bring(listed)
    report = office.bring(reported)
    assert report.rejected == 0
    assert {problem.code for problem in report.problems} == {"average_off"}
    students, subjects = by_id(office.rows(Stream.STUDENTS)), by_id(office.rows(Stream.SUBJECTS))

    def place(row: Values) -> tuple[Any, ...]:
        return full_name(students[row["student_id"]]), subjects[row["subject_id"]]["name"]

    marks = Counter((*place(r), r["lesson_date"], r["position"], r["value"]) for r in office.rows(Stream.MARKS))
    absences = Counter((*place(r), r["lesson_date"], r["symbol"]) for r in office.rows(Stream.ATTENDANCE))
    finals = Counter((*place(r), r["value"]) for r in office.rows(Stream.FINAL_MARKS))
    expected_marks: Counter[tuple[Any, ...]] = Counter()
    expected_absences: Counter[tuple[Any, ...]] = Counter()
    for cell in (row for row in cells_truth if row["kind"] == "cell"):
        tokens = re.findall(r"[^\s/]", cell["text"])
        where = (cell["pupil"], cell["subject"], cell["date"])
        expected_absences.update((*where, SYMBOLS[token]) for token in tokens if token in SYMBOLS)
        values = [token for token in tokens if token not in SYMBOLS]
        expected_marks.update((*where, position, value) for position, value in enumerate(values, start=1))
    assert marks == expected_marks
    assert absences == expected_absences
    assert finals == Counter((r["pupil"], r["subject"], r["text"]) for r in cells_truth if r["kind"] == "final")
    assert (marks.total(), absences.total(), finals.total()) == (4482, 750, 570)


def test_a_second_import_of_both_files_changes_nothing(
    office: Office, listed: ParsedPupilList, reported: ParsedClassReport
) -> None:
    """Not one row, journal entry or audit item more."""
    office.bring(listed)
    office.bring(reported)
    before = office.contents()
    assert office.bring(listed).changed == 0
    assert office.bring(reported).changed == 0
    assert office.contents() == before


def test_both_orders_of_the_files_end_alike(
    database: SchoolDatabase, listed: ParsedPupilList, reported: ParsedClassReport
) -> None:
    """Incomplete cards of a report are completed by the list; nobody stands there twice."""
    one, other = (
        open_office(database.database, school) for school in (database.school, database.add_school("900-2"))
    )
    one.bring(listed)
    one.bring(reported)
    other.bring(reported)
    assert counts(other.bring(listed), Stream.STUDENTS) == (100, 30, 0)
    assert other.in_words() == one.in_words()


def test_a_dry_run_keeps_the_database_as_it_is(
    office: Office, listed: ParsedPupilList, reported: ParsedClassReport
) -> None:
    """Before anything is there, and beside what is there; its counts are those of the import."""
    for parsed in (listed, reported):
        before = office.contents()
        preview = office.bring(parsed, dry_run=True)
        assert office.contents() == before
        assert preview.streams == office.bring(parsed).streams


class Crash(Exception):
    """The process dies here."""


def test_a_crash_before_the_commit_leaves_nothing(
    office: Office, listed: ParsedPupilList, reported: ParsedClassReport
) -> None:
    """The whole file or nothing of it."""

    def crash(point: str) -> None:
        raise Crash(point)

    for parsed in (listed, reported):
        before = office.contents()
        with pytest.raises(Crash):
            office.bring(parsed, probe=crash)
        assert office.contents() == before
        office.bring(parsed)


def test_two_imports_at_once_stand_in_line(postgres_database: SchoolDatabase) -> None:
    """The second one begins to look when the first is done: a file sent twice adds nobody twice."""
    office = open_office(postgres_database.database, postgres_database.school)
    second: list[ImportReport] = []
    other = Thread(target=lambda: second.append(office.bring(pupils(pupil(guardians=(mother(),))))))

    def waiting() -> bool:
        found = postgres_database.sql(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(found)

    def start_the_other(point: str) -> None:
        other.start()
        while other.is_alive() and not waiting():
            other.join(0.01)

    first = office.bring(pupils(pupil(guardians=(mother(),))), probe=start_the_other)
    other.join()
    assert first.changed == 4
    assert [report.changed for report in second] == [0]
    assert len(office.rows(Stream.STUDENTS)) == len(office.rows(Stream.GUARDIANS)) == 1


def test_corrections_arrive_as_updates(office: Office) -> None:
    """Cards, parents, ties, orders and cells are corrected in place, and each enters the journal once."""
    first = pupil(enrolled_on="2026-09-01", address="д. 1", guardians=(mother(),))
    office.bring(pupils(first))
    office.bring(class_report(mark("3"), mark("4", subject="История")))
    seen = len(office.journal())
    better = mother(phone="+79990000000", relation="опекун")
    office.bring(pupils(pupil(enrolled_on="2026-09-01", order_number="5", phone="+79120000009", guardians=(better,))))
    report = office.bring(class_report(mark("5"), mark("4", subject="История")))
    assert counts(report, Stream.MARKS) == (0, 1, 1)
    assert sorted(office.journal()[seen:]) == [
        ("guardians", 1, "update"),
        ("guardianships", 1, "update"),
        ("marks", 1, "update"),
        ("movements", 1, "update"),
        ("students", 1, "update"),
    ]
    assert office.rows(Stream.STUDENTS)[0]["address"] == "д. 1"


def test_a_mark_with_its_lesson_is_met(office: Office) -> None:
    """A regional mark of the class's second lesson that day is the mark of the report's only column."""
    office.bring(pupils(pupil()))
    class_id = office.rows(Stream.CLASSES)[0]["id"]
    student_id = office.rows(Stream.STUDENTS)[0]["id"]
    subject = office.add(Stream.SUBJECTS, name="Алгебра")
    for number in (2, 5):
        lesson = office.add(Stream.LESSONS, class_id=class_id, subject_id=subject, date="2026-10-01", number=number)
    office.add(Stream.MARKS, student_id=student_id, lesson_id=lesson, value="5")
    assert counts(office.bring(class_report(mark("5"))), Stream.MARKS) == (0, 0, 1)
    assert counts(office.bring(class_report(mark("4"))), Stream.MARKS) == (0, 1, 0)
    assert counts(office.bring(class_report(mark("4"), mark("2", position=2))), Stream.MARKS) == (1, 0, 1)
    assert counts(office.bring(class_report(mark("4"), mark("2", position=2))), Stream.MARKS) == (0, 0, 2)
