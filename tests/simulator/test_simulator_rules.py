"""The rules of the region, one by one, over real HTTP."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.simulator.client import DAY, School, problem

TODAY = date.fromisoformat(DAY)
_META = {"id", "version", "changeVersion", "changedAt", "deleted", "clientRef"}
_KIM = {"lastName": "Ким", "firstName": "А", "birthDate": "2015-02-03"}


def _school_day(days_from_today: int, back: bool) -> str:
    """A weekday as far from today as asked, or a little nearer."""
    day = TODAY + timedelta(days=days_from_today)
    while day.weekday() >= 5:
        day += timedelta(days=1 if back else -1)
    return day.isoformat()


def _lesson_at(school: School, day: str) -> str:
    """A new lesson of class 8А on any day at all."""
    row = {"class": "8А", "subject": "Алгебра", "date": day, "number": 12}
    made: str = school.admin("timetable", lessons=[row])["lessons"][0]["id"]
    return made


def _pupil(school: School) -> dict[str, Any]:
    """A pupil of class 8А."""
    class_id = next(item["id"] for item in school.dump("classes") if item["name"] == "8А")
    moved = next(item for item in school.dump("movements") if item["classToId"] == class_id)
    return school.search("students", ids=[moved["studentId"]])[0]


def _class_of_lesson(school: School, lesson_id: str) -> str:
    lesson: dict[str, str] = school.get(f"lessons/{lesson_id}").json
    return lesson["classId"]


def test_create_answers_the_stored_item(school: School) -> None:
    """A create gives 201 with id, version 1, the client reference and defaults filled in."""
    lesson, pupil = _lesson_at(school, DAY), _pupil(school)
    result = school.create("marks", studentId=pupil["id"], lessonId=lesson, grade="5")
    assert result["status"] == 201
    assert result["version"] == 1
    assert result["item"]["weight"] == 1
    assert result["item"]["ordinal"] == 1
    assert result["item"]["comment"] is None
    assert result["item"]["clientRef"] == result["clientRef"]
    assert school.get(f"marks/{result['id']}").json == result["item"]


def test_update_is_partial(school: School) -> None:
    """Absent stays, null clears, the version grows by one; what we do not send is kept."""
    mark = next(item for item in school.dump("marks") if item["comment"])
    school.admin("clock", set=school.get(f"lessons/{mark['lessonId']}").json["lessonDate"])
    result = school.update("marks", mark, grade="2")
    assert (result["status"], result["version"]) == (200, 2)
    assert result["item"] == {
        **mark,
        "grade": "2",
        "version": 2,
        "changeVersion": result["changeVersion"],
        "changedAt": result["item"]["changedAt"],
    }
    assert result["changeVersion"] > mark["changeVersion"]
    cleared = school.update("marks", result, comment=None)
    assert cleared["item"]["comment"] is None
    assert cleared["item"]["workType"] == mark["workType"]


def test_update_without_change_keeps_the_version(school: School) -> None:
    """Writing what is already so answers 200 and moves nothing."""
    guardian = school.dump("guardians")[0]
    result = school.update("guardians", guardian, lastName=guardian["lastName"])
    assert (result["status"], result["version"]) == (200, 1)
    assert result["changeVersion"] == guardian["changeVersion"]


@pytest.mark.parametrize("version", [None, 7])
@pytest.mark.parametrize("op", ["update", "delete"])
def test_stale_version_is_refused_with_the_current_item(school: School, op: str, version: int | None) -> None:
    """A write against another version, or none, is 412 and shows what is stored."""
    guardian = school.dump("guardians")[0]
    item = {"op": op, "id": guardian["id"], "version": version, "data": {"lastName": "Иной"}}
    result = school.write("guardians", item)
    assert problem(result)[:2] == (412, "stale_version")
    assert result["item"] == guardian
    assert result["version"] == 1


def test_unknown_and_deleted_items_are_not_found(school: School) -> None:
    """Writing an item that never was, or is deleted, is 404."""
    link = school.dump("guardianships")[0]
    deleted = school.delete("guardianships", link)
    assert deleted["item"]["deleted"] is True
    assert problem(school.update("guardianships", deleted, relationNote="тётя"))[:2] == (404, "not_found")
    assert problem(school.update("guardianships", {"id": "none", "version": 1}))[:2] == (404, "not_found")


def test_results_stand_in_the_order_of_the_items(school: School) -> None:
    """A batch of good and bad items gives one result each, in order; the bad do not hold up the good."""
    good = {"op": "create", "data": {"lastName": "Петрова", "firstName": "Анна"}}
    bad = {"op": "create", "data": {"lastName": None}}
    results = school.batch("guardians", good, bad, good, bad).json["results"]
    assert [result["status"] for result in results] == [201, 422, 201, 422]
    assert len({result["clientRef"] for result in results}) == 4


@pytest.mark.parametrize(
    ("stream", "data", "expected"),
    [
        ("students", {"firstName": "Анна", "birthDate": "2015-01-01"}, (422, "required", "data.lastName")),
        (
            "students",
            {"lastName": "Ким", "firstName": "А", "birthDate": "2015-02-30"},
            (422, "invalid", "data.birthDate"),
        ),
        ("students", {**_KIM, "snils": "112-233-445 96"}, (422, "invalid", "data.snils")),
        ("students", {**_KIM, "snils": "11223344595"}, (422, "invalid", "data.snils")),
        ("students", {**_KIM, "genderCode": "М"}, (422, "invalid", "data.genderCode")),
        ("students", {"lastName": "Ким", "patronymic": "А"}, (422, "invalid", "data.patronymic")),
        (
            "students",
            {"lastName": " ", "firstName": "А", "birthDate": "2015-02-03"},
            (422, "invalid", "data.lastName"),
        ),
        ("guardians", {"lastName": "Ким", "mobilePhone": "89121234567"}, (422, "invalid", "data.mobilePhone")),
        ("guardians", {"lastName": "Ким", "email": "нет"}, (422, "invalid", "data.email")),
        (
            "guardianships",
            {"studentId": "x", "guardianId": "y", "relationCode": "мать"},
            (422, "invalid", "data.relationCode"),
        ),
        (
            "guardianships",
            {"studentId": "x", "guardianId": "y", "relationCode": "MOTHER"},
            (422, "unknown_reference", "data.studentId"),
        ),
        ("marks", {"studentId": "x", "lessonId": "y", "grade": 5}, (422, "invalid", "data.grade")),
        ("marks", {"studentId": "x", "lessonId": "y", "grade": "6"}, (422, "invalid", "data.grade")),
        ("marks", {"studentId": "x", "lessonId": "y", "grade": "5", "weight": True}, (422, "invalid", "data.weight")),
        (
            "attendance",
            {"studentId": "x", "lessonId": "y", "absenceCode": "осв"},
            (422, "invalid", "data.absenceCode"),
        ),
        (
            "final-marks",
            {"studentId": "x", "subjectId": "y", "periodId": "z", "gradeKind": "PERIOD", "finalyGrade": "зач"},
            (422, "invalid", "data.finalyGrade"),
        ),
        (
            "movements",
            {"studentId": "x", "movementType": "Зачисление", "movementDate": DAY, "orderDate": DAY},
            (422, "required", "data.orderNumber"),
        ),
        (
            "movements",
            {"studentId": "x", "movementType": "Зачисление", "movementDate": DAY, "orderNumber": "1"},
            (422, "required", "data.orderDate"),
        ),
    ],
)
def test_values_out_of_form_are_refused(
    school: School, stream: str, data: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    """Unknown fields, values out of form, absent required fields and unknown references name their path."""
    assert problem(school.create(stream, **data)) == expected


@pytest.mark.parametrize(
    "snils",
    ["112-233-445 95", "087-654-303 00", "001-019-899 99", "001-019-989 00", "001-019-998 00", "102-889-999 00",
     "102-899-988 01", "001-001-998 37"],
)  # fmt: skip
def test_valid_snils_are_accepted(school: School, snils: str) -> None:
    """The checksum follows the rule of the Pension Fund, and old numbers are not checked."""
    data = {"lastName": "Ким", "firstName": "Анна", "birthDate": "2015-02-03", "snils": snils}
    assert school.create("students", **data)["status"] == 201


def test_read_only_streams_take_no_batch(school: School) -> None:
    """Organizations, periods, classes, subjects and lessons answer 405."""
    for stream in ("organizations", "periods", "classes", "subjects", "lessons"):
        assert school.batch(stream, {"op": "create", "data": {}}).status == 405


@pytest.mark.parametrize("stream", ["marks", "attendance"])
def test_journal_closes_after_fourteen_days(school: School, stream: str) -> None:
    """Day 14 after the lesson is still open; the day after it is 423 for create, update and delete."""
    pupil, lesson = _pupil(school), _lesson_at(school, DAY)
    value = {"grade": "4"} if stream == "marks" else {"absenceCode": "Б"}
    changed = {"grade": "5"} if stream == "marks" else {"absenceCode": "УП"}
    school.admin("clock", set=(TODAY + timedelta(days=14)).isoformat())
    made = school.create(stream, studentId=pupil["id"], lessonId=lesson, **value)
    assert made["status"] == 201
    school.admin("clock", advance={"days": 1})
    assert problem(school.update(stream, made, **changed))[:2] == (423, "window_closed")
    assert problem(school.delete(stream, made))[:2] == (423, "window_closed")
    other = _lesson_at(school, (TODAY - timedelta(days=1)).isoformat())
    late = school.create(stream, studentId=pupil["id"], lessonId=other, **value)
    assert problem(late)[:2] == (423, "window_closed")


@pytest.mark.parametrize("stream", ["marks", "attendance"])
def test_late_entry_opens_the_journal(school: School, stream: str) -> None:
    """An opened class accepts late writes until its day, that day included; another class stays closed."""
    pupil, lesson = _pupil(school), _lesson_at(school, _school_day(-40, back=True))
    value = {"grade": "4"} if stream == "marks" else {"absenceCode": "Б"}
    data = {"studentId": pupil["id"], "lessonId": lesson, **value}
    other = next(item["id"] for item in school.dump("classes") if item["name"] == "5А")
    school.admin("late-entry", classIds=[other], until=DAY)
    assert school.create(stream, **data)["status"] == 423
    school.admin("late-entry", classIds=[_class_of_lesson(school, lesson)], until=DAY)
    assert school.create(stream, **data)["status"] == 201
    school.admin("clock", advance={"days": 1})
    assert (
        school.write(stream, {"op": "create", "data": {**data, "ordinal": 2} if stream == "marks" else data})[
            "status"
        ]
        == 423
    )


@pytest.mark.parametrize("stream", ["marks", "attendance"])
def test_nothing_is_entered_fourteen_days_ahead(school: School, stream: str) -> None:
    """A lesson 13 days ahead accepts writes, one 14 days ahead is 422."""
    pupil = _pupil(school)
    value = {"grade": "4"} if stream == "marks" else {"absenceCode": "УП"}
    for days, status in ((13, 201), (14, 422)):
        lesson = _lesson_at(school, (TODAY + timedelta(days=days)).isoformat())
        assert school.create(stream, studentId=pupil["id"], lessonId=lesson, **value)["status"] == status


def test_server_date_is_the_date_in_yekaterinburg(school: School) -> None:
    """The window closes at midnight of the school's zone, five hours before midnight in UTC."""
    pupil, lesson = _pupil(school), _lesson_at(school, DAY)
    last = TODAY + timedelta(days=14)
    school.admin("clock", set=f"{last.isoformat()}T18:59:00+00:00", frozen=True)
    assert school.create("marks", studentId=pupil["id"], lessonId=lesson, grade="4")["status"] == 201
    school.admin("clock", set=f"{last.isoformat()}T19:00:00+00:00")
    assert school.create("marks", studentId=pupil["id"], lessonId=lesson, grade="4", ordinal=2)["status"] == 423


@pytest.mark.parametrize(("days_from_end", "status"), [(-8, 423), (-7, 201), (0, 201), (7, 201), (8, 423)])
def test_final_marks_have_their_window(school: School, days_from_end: int, status: int) -> None:
    """Final marks are open from a week before the end of the period to a week after it."""
    period = next(item for item in school.dump("periods") if item["name"] == "2 четверть")
    day = date.fromisoformat(period["dateEnd"]) + timedelta(days=days_from_end)
    school.admin("clock", set=day.isoformat())
    data = {
        "studentId": _pupil(school)["id"],
        "subjectId": school.dump("subjects")[0]["id"],
        "periodId": period["id"],
        "gradeKind": "PERIOD",
        "finalyGrade": "осв.",
    }
    assert school.create("final-marks", **data)["status"] == status


def test_late_entry_of_the_pupils_class_opens_final_marks(school: School) -> None:
    """A closed final mark can be changed when the region opened the class the pupil is in now."""
    pupil = _pupil(school)
    final = next(item for item in school.dump("final-marks") if item["studentId"] == pupil["id"])
    changed = "5" if final["finalyGrade"] != "5" else "4"
    school.admin("clock", set="2026-12-01")
    assert school.update("final-marks", final, finalyGrade=changed)["status"] == 423
    class_id = next(item["id"] for item in school.dump("classes") if item["name"] == "8А")
    school.admin("late-entry", classIds=[class_id], until="2026-12-01")
    assert school.update("final-marks", final, finalyGrade=changed)["status"] == 200


def test_marks_of_a_cell_differ_by_ordinal(school: School) -> None:
    """Two marks of one lesson need different ordinals; the refusal names the existing one."""
    data = {"studentId": _pupil(school)["id"], "lessonId": _lesson_at(school, DAY), "grade": "3"}
    first = school.create("marks", **data)
    second = school.create("marks", **data)
    assert problem(second)[:2] == (409, "duplicate")
    assert second["id"] == first["id"]
    third = school.create("marks", **data, ordinal=2)
    assert third["status"] == 201
    assert problem(school.update("marks", third, ordinal=1))[:2] == (409, "duplicate")
    assert school.delete("marks", first)["status"] == 200
    assert school.update("marks", third, ordinal=1)["status"] == 200


def test_one_record_for_each_natural_key(school: School) -> None:
    """Attendance, final marks, guardianships, guardians and movements exist once per natural key."""
    pupil = _pupil(school)
    absence = {"studentId": pupil["id"], "lessonId": _lesson_at(school, DAY), "absenceCode": "Б"}
    made = school.create("attendance", **absence)
    again = school.create("attendance", **(absence | {"absenceCode": "УП"}))
    assert (again["status"], again["id"]) == (409, made["id"])
    for stream in ("final-marks", "guardianships", "guardians", "movements"):
        item = next(item for item in school.dump(stream) if item.get("mobilePhone", True))
        if stream == "final-marks":
            end = school.get(f"periods/{item['periodId']}").json["dateEnd"]
            school.admin("clock", set=end)
        data = {name: value for name, value in item.items() if name not in _META}
        again = school.create(stream, **data)
        assert (again["status"], again["id"]) == (409, item["id"]), stream


def test_guardians_without_a_phone_may_share_a_name(school: School) -> None:
    """Namesakes among parents are no duplicates as long as no phone says so."""
    for _ in range(2):
        assert school.create("guardians", lastName="Иванова", firstName="Анна")["status"] == 201


def test_reference_to_a_deleted_item_is_unknown(school: School) -> None:
    """A deleted lesson takes no marks."""
    lesson = _lesson_at(school, DAY)
    school.admin("delete", stream="lessons", ids=[lesson])
    result = school.create("marks", studentId=_pupil(school)["id"], lessonId=lesson, grade="4")
    assert problem(result) == (422, "unknown_reference", "data.lessonId")
