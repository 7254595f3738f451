"""What the school does in a history: teachers, the secretary and her imports, through SQL of their own."""

from __future__ import annotations

from typing import Any

from sync_service.domain.streams import Stream
from tests.simulation.state import History

SURNAMES = ("Иванова", "Петрова", "Сидорова", "Ёлкина", "Кузнецова", "Орлова")
NAMES = ("Анна", "Мария", "Ольга", "Алёна")
RELATIONS = ("мать", "отец", "опекун", "иной")
PHONES = (None, "+79001112233", "+79001112244", "+79001112255")
CARD: dict[str, tuple[str | None, ...]] = {
    "address": (None, "ул. Ленина, 1", "ул. Ленина, 2", "ул. Мира, 3"),
    "phone": PHONES,
    "email": (None, "a@example.ru", "b@example.ru", "c@example.ru"),
    "personal_file_no": ("К-1", "К-2", "К-3", "К-4"),
}
DAY = "2026-11-16"


def card_edit(history: History) -> dict[str, str | None]:
    name = history.random.choice(tuple(CARD))
    return {name: history.random.choice(CARD[name])}


def new_card(history: History) -> dict[str, Any]:
    number = history.number()
    return {
        "last_name": history.random.choice(SURNAMES),
        "first_name": history.random.choice(NAMES),
        "sex": "Ж",
        "birth_date": f"2012-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
    }


def adds_mark(history: History) -> None:
    student, lesson = history.row(Stream.STUDENTS), history.row(Stream.LESSONS)
    if student is None or lesson is None:
        return
    taken = [
        row["position"]
        for row in history.world.rows("marks")
        if row["student_id"] == student["id"] and row["lesson_id"] == lesson["id"]
    ]
    history.insert(
        Stream.MARKS,
        student_id=student["id"],
        lesson_id=lesson["id"],
        value=history.random.choice("2345"),
        weight=1,
        position=max(taken, default=0) + 1,
    )


def edits_mark(history: History) -> None:
    if row := history.row(Stream.MARKS):
        if history.random.random() < 0.7:
            history.update(Stream.MARKS, row, value=history.random.choice("2345"))
        else:
            history.update(Stream.MARKS, row, comment=history.random.choice((None, "контрольная", "диктант")))


def deletes_mark(history: History) -> None:
    if row := history.row(Stream.MARKS):
        history.delete(Stream.MARKS, row)


def edits_student(history: History) -> None:
    if row := history.row(Stream.STUDENTS):
        history.update(Stream.STUDENTS, row, **card_edit(history))


def marks_absence(history: History) -> None:
    student, lesson = history.row(Stream.STUDENTS), history.row(Stream.LESSONS)
    if student is None or lesson is None:
        return
    for row in history.world.rows("attendance"):
        if row["student_id"] == student["id"] and row["lesson_id"] == lesson["id"]:
            if history.random.random() < 0.3:
                history.delete(Stream.ATTENDANCE, row)
            else:
                history.update(Stream.ATTENDANCE, row, symbol=history.random.choice(("ОТ", "УП", "Б")))
            return
    history.insert(Stream.ATTENDANCE, student_id=student["id"], lesson_id=lesson["id"], symbol="ОТ")


def adds_student(history: History) -> None:
    """A newcomer: from another district, a first-grader, of unknown origin, or enrolled at the neighbour's."""
    number = history.number()
    card = new_card(history) | {"personal_file_no": f"К-{number}"}
    kind = history.random.choice(("none", "other_district", "school", "neighbour", None))
    origin: dict[str, Any] = {"origin_kind": "school" if kind == "neighbour" else kind}
    if kind == "neighbour" and (schools := history.world.rows("organizations")):
        origin["origin_organization_id"] = schools[0]["id"]
        person = history.world.remote.add_person(dict(card), organization_id="school-12")
        history.say(f"the neighbour has {person}")
    row = history.insert(Stream.STUDENTS, **card, incomplete=False)
    history.insert(
        Stream.MOVEMENTS,
        student_id=row,
        kind="arrival",
        date=DAY,
        order_number=f"{number}-у",
        order_date=DAY,
        **origin,
    )


def moves_student(history: History) -> None:
    """A departure, or a change of class."""
    student = history.row(Stream.STUDENTS)
    if student is None:
        return
    number = history.number()
    order = {"date": "2026-11-19", "order_number": f"{number}-д", "order_date": "2026-11-19"}
    if history.random.random() < 0.3:
        # Without a destination a departure cannot leave: it goes into the quarantine until somebody enters one.
        there = {"kind": "departure", "destination_name": history.random.choice(("Лицей № 9", "Лицей № 9", None))}
        history.insert(Stream.MOVEMENTS, student_id=student["id"], **there, **order)
    elif klass := history.row(Stream.CLASSES):
        history.insert(
            Stream.MOVEMENTS, student_id=student["id"], kind="class_change", class_to_id=klass["id"], **order
        )


def edits_movement(history: History) -> None:
    if row := history.row(Stream.MOVEMENTS):
        if row["kind"] == "departure" and row["destination_name"] is None:
            history.update(Stream.MOVEMENTS, row, destination_name="Лицей № 7")
        else:
            history.update(Stream.MOVEMENTS, row, order_date=history.random.choice(("2026-11-16", "2026-11-17")))


def deletes_movement(history: History) -> None:
    if row := history.row(Stream.MOVEMENTS):
        history.delete(Stream.MOVEMENTS, row)


def adds_guardian(history: History) -> None:
    student = history.row(Stream.STUDENTS)
    if student is None:
        return
    number = history.number()
    parent = history.insert(
        Stream.GUARDIANS,
        last_name=history.random.choice(SURNAMES),
        first_name=history.random.choice(NAMES),
        phone=f"+7901{number:07d}",
    )
    tie = history.random.choice(RELATIONS)
    history.insert(Stream.GUARDIANSHIPS, student_id=student["id"], guardian_id=parent, relation=tie)


def edits_guardian(history: History) -> None:
    if history.random.random() < 0.5:
        if row := history.row(Stream.GUARDIANS):
            history.update(Stream.GUARDIANS, row, email=history.random.choice((None, "p@example.ru", "q@example.ru")))
    elif row := history.row(Stream.GUARDIANSHIPS):
        history.update(Stream.GUARDIANSHIPS, row, relation=history.random.choice(RELATIONS))


def deletes_guardianship(history: History) -> None:
    if row := history.row(Stream.GUARDIANSHIPS):
        history.delete(Stream.GUARDIANSHIPS, row)


def final_mark(history: History) -> None:
    student, subject, period = (history.row(s) for s in (Stream.STUDENTS, Stream.SUBJECTS, Stream.PERIODS))
    if student is None or subject is None or period is None:
        return
    value = history.random.choice(("3", "4", "5", "зач", "н/а"))
    for row in history.world.rows("final_marks"):
        if row["student_id"] == student["id"]:
            history.update(Stream.FINAL_MARKS, row, value=value)
            return
    cell = {"student_id": student["id"], "subject_id": subject["id"], "period_id": period["id"]}
    history.insert(Stream.FINAL_MARKS, **cell, kind="period", value=value)


def deletes_many(history: History) -> None:
    """Another program clears a table, or half of it."""
    stream = history.random.choice((Stream.MARKS, Stream.ATTENDANCE))
    for row in history.world.rows(stream.value):
        if history.random.random() < 0.8:
            history.delete(stream, row)


def edits_many(history: History) -> None:
    """A spelling is put right everywhere at once."""
    if history.random.random() < 0.5:
        for row in history.world.rows("marks"):
            history.update(Stream.MARKS, row, comment=f"контрольная {row['id']}")
    else:
        for row in history.world.rows("students"):
            history.update(Stream.STUDENTS, row, email=f"{row['id']}@example.ru")


def imports(history: History) -> None:
    """A file touches many rows at once: an absence for every pupil of a lesson, or new file numbers."""
    if history.random.random() < 0.5:
        for row in history.world.rows("students"):
            history.update(Stream.STUDENTS, row, personal_file_no=history.random.choice(CARD["personal_file_no"]))
    elif lesson := history.row(Stream.LESSONS):
        known = {row["student_id"] for row in history.world.rows("attendance") if row["lesson_id"] == lesson["id"]}
        for row in history.world.rows("students"):
            if row["id"] not in known:
                history.insert(Stream.ATTENDANCE, student_id=row["id"], lesson_id=lesson["id"], symbol="Б")
