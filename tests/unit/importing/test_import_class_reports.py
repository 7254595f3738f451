"""A class report in staging: pupils by name within the class, cells with their look-up columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync_service.domain.school_files import FileRejected, ReportPupil
from sync_service.domain.streams import Stream
from tests.unit.importing.office import (
    ANNA,
    Office,
    absence,
    class_report,
    codes,
    counts,
    final_mark,
    mark,
    pupil,
    pupils,
)

VERA = ReportPupil(last_name="Ким", first_name="Вера", patronymic=None)


def test_cells_stand_with_everything_that_finds_their_lesson(office: Office) -> None:
    """Class, subject, date and ordinal in place of a lesson; the mark with its position and weight."""
    office.bring(class_report(mark("4", ordinal=2, position=3), absence("УП", ordinal=2)))
    (row,) = office.rows(Stream.MARKS)
    assert row == {
        "id": 1,
        "student_id": 1,
        "lesson_id": None,
        "value": "4",
        "weight": 1,
        "position": 3,
        "comment": None,
        "class_id": 1,
        "subject_id": 1,
        "lesson_date": "2026-10-01",
        "lesson_ordinal": 2,
    }
    (row,) = office.rows(Stream.ATTENDANCE)
    assert row == {
        "id": 1,
        "student_id": 1,
        "lesson_id": None,
        "symbol": "УП",
        "reason": None,
        "class_id": 1,
        "subject_id": 1,
        "lesson_date": "2026-10-02",
        "lesson_ordinal": 2,
    }


def test_directories_are_found_in_any_spelling_or_added(office: Office) -> None:
    """Class, subjects and period of the report are used where they are there."""
    there = office.add(Stream.CLASSES, school_year=2026, name="8-а")
    algebra = office.add(Stream.SUBJECTS, name="АЛГЕБРА")
    quarter = office.add(
        Stream.PERIODS,
        school_year=2026,
        name="1 четверть",
        kind="quarter",
        starts_on="2026-09-20",
        ends_on="2026-11-20",
    )
    report = office.bring(class_report(mark(), mark(subject="История"), final_mark()))
    assert counts(report, Stream.CLASSES) == (0, 0, 1)
    assert counts(report, Stream.SUBJECTS) == (1, 0, 1)
    assert counts(report, Stream.PERIODS) == (0, 0, 1)
    (first, second) = office.rows(Stream.MARKS)
    assert (first["class_id"], first["subject_id"]) == (there, algebra)
    assert second["subject_id"] != algebra
    assert office.rows(Stream.FINAL_MARKS)[0]["period_id"] == quarter


def test_a_period_known_from_the_report_only_is_added(office: Office) -> None:
    """It bears its days as a name and waits for the region; holidays and other days are not it."""
    for kind, last in (("holiday", "2026-11-20"), ("quarter", "2026-11-21")):
        office.add(Stream.PERIODS, school_year=2026, name=kind, kind=kind, starts_on="2026-09-20", ends_on=last)
    office.bring(class_report(final_mark("зач")))
    period = office.rows(Stream.PERIODS)[2]
    assert (period["name"], period["kind"], period["school_year"]) == ("с 20.09.2026 по 20.11.2026", "report", 2026)
    (final,) = office.rows(Stream.FINAL_MARKS)
    assert (final["period_id"], final["kind"], final["value"]) == (period["id"], "period", "зач")


def test_without_final_marks_no_period_is_added(office: Office) -> None:
    """A period nobody refers to would wait for nothing."""
    office.bring(class_report(mark()))
    assert office.rows(Stream.PERIODS) == []


def test_unknown_pupils_become_incomplete_cards(office: Office) -> None:
    """A name is all there is; the card belongs to the class and a person is told where to look."""
    report = office.bring(class_report(mark(cell="D7"), mark(cell="B7"), mark(cell="AA7"), of=(ANNA, VERA)))
    assert [(p.code, p.row, p.cell, p.severity) for p in report.problems] == [
        ("new_incomplete_card", None, None, "warning"),
        ("new_incomplete_card", 7, "B7", "warning"),
    ]
    assert [
        (row["last_name"], bool(row["incomplete"]), row["listed_class_id"], row["birth_date"])
        for row in office.rows(Stream.STUDENTS)
    ] == [("Ли", True, 1, None), ("Ким", True, 1, None)]
    assert office.bring(class_report(mark(), of=(ANNA, VERA))).problems == ()


def test_a_list_completes_the_card_of_a_report(office: Office) -> None:
    """The card stays the same row, so the marks are the pupil's; the list's spelling is the right one."""
    office.bring(class_report(mark(of=replace(ANNA, first_name="Алена")), of=(replace(ANNA, first_name="Алена"),)))
    report = office.bring(pupils(pupil(first_name="Алёна")))
    assert counts(report, Stream.STUDENTS) == (0, 1, 0)
    (card,) = office.rows(Stream.STUDENTS)
    assert (card["id"], bool(card["incomplete"]), card["first_name"], card["birth_date"]) == (
        1,
        False,
        "Алёна",
        "2012-05-11",
    )


def test_a_pupil_who_moved_on_keeps_the_marks_of_the_old_class(office: Office) -> None:
    """A report of the class left finds the pupil by the movement out of it."""
    office.bring(pupils(pupil()))
    (old,) = office.rows(Stream.CLASSES)
    new = office.add(Stream.CLASSES, school_year=2026, name="8Б")
    office.add(
        Stream.MOVEMENTS,
        student_id=1,
        kind="class_change",
        date="2026-11-01",
        class_from_id=old["id"],
        class_to_id=new,
    )
    report = office.bring(class_report(mark()))
    assert codes(report) == []
    assert office.rows(Stream.MARKS)[0]["student_id"] == 1


def test_two_pupils_of_one_name_are_a_persons_business(office: Office) -> None:
    """None of the pupil's cells goes in, and the report says how many; the classmates' do."""
    office.bring(pupils(pupil(2), pupil(3, birth_date="2012-08-01")))
    report = office.bring(
        class_report(
            mark(cell="B3"),
            mark(cell="B3", position=2),
            absence(cell="C3"),
            final_mark(cell="D3", subject="Пение"),
            mark(of=VERA, cell="B9"),
            of=(ANNA, VERA),
        )
    )
    assert codes(report) == ["ambiguous_pupil", "new_incomplete_card"]
    assert report.rejected == 3
    assert "4" in report.problems[0].reason
    assert [row["student_id"] for row in office.rows(Stream.MARKS)] == [3]
    assert office.rows(Stream.ATTENDANCE) == office.rows(Stream.FINAL_MARKS) == []
    assert [row["name"] for row in office.rows(Stream.SUBJECTS)] == ["Алгебра"]


def test_a_doubtful_pupil_without_marks_loses_nothing(office: Office) -> None:
    """Where nothing is left out there is nothing to tell."""
    office.bring(pupils(pupil(2), pupil(3, birth_date="2012-08-01")))
    report = office.bring(class_report())
    assert (report.problems, report.rejected, report.changed) == ((), 0, 0)


def test_a_subject_is_not_guessed(office: Office) -> None:
    """Two rows that could be the subject keep its cells out; the others go in."""
    office.add(Stream.SUBJECTS, name="АЛГЕБРА")
    office.add(Stream.SUBJECTS, name="алгебра")
    report = office.bring(class_report(mark(), absence(), mark(subject="История", cell="B13")))
    assert codes(report) == ["new_incomplete_card", "ambiguous_subject"]
    assert report.rejected == 2
    assert [row["subject_id"] for row in office.rows(Stream.MARKS)] == [3]


def test_a_period_is_not_guessed(office: Office) -> None:
    """Two periods of the same days keep the final marks out; current marks go in."""
    for name in ("1 четверть", "1 триместр"):
        office.add(
            Stream.PERIODS,
            school_year=2026,
            name=name,
            kind="quarter",
            starts_on="2026-09-20",
            ends_on="2026-11-20",
        )
    report = office.bring(class_report(mark(), final_mark()))
    assert codes(report) == ["new_incomplete_card", "ambiguous_period"]
    assert report.rejected == 1
    assert len(office.rows(Stream.MARKS)) == 1
    assert office.rows(Stream.FINAL_MARKS) == []


def test_an_uncertain_class_refuses_the_file(office: Office) -> None:
    """Nothing is written when it is not known whose marks these are."""
    office.add(Stream.CLASSES, school_year=2026, name="8-а")
    office.add(Stream.CLASSES, school_year=2026, name="8 А")
    before = office.contents()
    with pytest.raises(FileRejected) as refused:
        office.bring(class_report(mark()))
    assert refused.value.code == "ambiguous_class"
    assert office.contents() == before


def test_differences_are_updates_of_the_value_alone(office: Office) -> None:
    """Comment, weight and reason of a cell are not the report's."""
    office.bring(class_report(mark("4"), absence("Б"), final_mark("4")))
    with office.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE marks SET comment = 'у доски', weight = 2")
        connection.exec_driver_sql("UPDATE attendance SET reason = 'справка'")
    report = office.bring(class_report(mark("5"), absence("УП"), final_mark("5")))
    for stream in (Stream.MARKS, Stream.ATTENDANCE, Stream.FINAL_MARKS):
        assert counts(report, stream) == (0, 1, 0)
    (changed,) = office.rows(Stream.MARKS)
    assert (changed["value"], changed["weight"], changed["comment"]) == ("5", 2, "у доски")
    (changed,) = office.rows(Stream.ATTENDANCE)
    assert (changed["symbol"], changed["reason"]) == ("УП", "справка")


def test_what_the_report_does_not_name_stays(office: Office) -> None:
    """Missing is not deleted."""
    office.bring(class_report(mark(), mark(date="2026-10-08"), absence(), final_mark()))
    report = office.bring(class_report(mark()))
    assert report.changed == 0
    assert len(office.rows(Stream.MARKS)) == 2
    assert len(office.rows(Stream.ATTENDANCE)) == len(office.rows(Stream.FINAL_MARKS)) == 1


@pytest.mark.parametrize(("value", "expected"), [("5", (0, 0, 1)), ("4", (0, 1, 0))])
def test_a_mark_with_its_lesson_is_the_reports_mark(
    office: Office, value: str, expected: tuple[int, int, int]
) -> None:
    """A mark pulled from the region meets its cell, though the report counts the only column of that day as first
    and the lesson is the class's second."""
    office.bring(pupils(pupil()))
    subject = office.add(Stream.SUBJECTS, name="Алгебра")
    lessons = [
        office.add(Stream.LESSONS, class_id=1, subject_id=subject, date="2026-10-01", number=number)
        for number in (2, 5)
    ]
    office.add(Stream.MARKS, student_id=1, lesson_id=lessons[1], value="5")
    report = office.bring(class_report(mark(value)))
    assert counts(report, Stream.MARKS) == expected


def test_rows_of_one_subject_in_two_spellings_meet(office: Office) -> None:
    """Equal cells fall together; of different ones the first is loaded and the other named."""
    spelled: dict[str, Any] = {"subject": "алгебра"}
    report = office.bring(
        class_report(
            mark("5", cell="B3"),
            mark("5", cell="B4", **spelled),
            absence("Б", cell="C3"),
            absence("УП", cell="C4", **spelled),
            final_mark("4", cell="D3"),
            final_mark("5", cell="D4", **spelled),
        )
    )
    assert [(p.code, p.cell) for p in report.problems if p.severity == "rejected"] == [
        ("contradiction", "C4"),
        ("contradiction", "D4"),
    ]
    assert [row["value"] for row in office.rows(Stream.MARKS)] == ["5"]
    assert [row["symbol"] for row in office.rows(Stream.ATTENDANCE)] == ["Б"]
    assert [row["value"] for row in office.rows(Stream.FINAL_MARKS)] == ["4"]
