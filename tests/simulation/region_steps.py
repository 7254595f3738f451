"""What people of the region do in a history: at its page, at the other school, and behind the curtain."""

from __future__ import annotations

from sync_service.domain.streams import BOTH_WAYS, Stream
from tests.simulation.school_steps import NAMES, RELATIONS, SURNAMES, card_edit, new_card
from tests.simulation.state import History


def adds_mark(history: History) -> None:
    student = history.item(Stream.STUDENTS)
    if student is None:
        return
    lesson = history.random.choice(history.timetable.lessons)
    taken = [
        int(values["position"] or 0)
        for values in history.world.remote.records(Stream.MARKS).values()
        if values["student_id"] == student and values["lesson_id"] == lesson
    ]
    value, position = history.random.choice("2345"), max(taken, default=0) + 1
    cell = {"student_id": student, "lesson_id": lesson}
    history.region_create(Stream.MARKS, **cell, value=value, weight=1, position=position)


def edits_mark(history: History) -> None:
    if mark := history.item(Stream.MARKS):
        if history.random.random() < 0.7:
            history.region_edit(Stream.MARKS, mark, value=history.random.choice("2345"))
        else:
            history.region_edit(Stream.MARKS, mark, comment=history.random.choice((None, "устно", "диктант")))


def deletes_mark(history: History) -> None:
    if mark := history.item(Stream.MARKS):
        history.region_delete(Stream.MARKS, mark)


def edits_student(history: History) -> None:
    if student := history.item(Stream.STUDENTS):
        history.region_edit(Stream.STUDENTS, student, **card_edit(history))


def adds_student(history: History) -> None:
    history.region_create(Stream.STUDENTS, **new_card(history))


def changes_absence(history: History) -> None:
    if absence := history.item(Stream.ATTENDANCE):
        if history.random.random() < 0.3:
            history.region_delete(Stream.ATTENDANCE, absence)
        else:
            history.region_edit(Stream.ATTENDANCE, absence, symbol=history.random.choice(("ОТ", "УП", "НП")))


def adds_guardian(history: History) -> None:
    student = history.item(Stream.STUDENTS)
    if student is None:
        return
    names = {"last_name": history.random.choice(SURNAMES), "first_name": history.random.choice(NAMES)}
    parent = history.region_create(Stream.GUARDIANS, **names, phone=f"+7902{history.number():07d}")
    tie = history.random.choice(RELATIONS)
    history.region_create(Stream.GUARDIANSHIPS, student_id=student, guardian_id=parent, relation=tie)


def edits_guardian(history: History) -> None:
    if history.random.random() < 0.5:
        if parent := history.item(Stream.GUARDIANS):
            value = history.random.choice((None, "p@example.ru", "r@example.ru"))
            history.region_edit(Stream.GUARDIANS, parent, email=value)
    elif tie := history.item(Stream.GUARDIANSHIPS):
        history.region_edit(Stream.GUARDIANSHIPS, tie, relation=history.random.choice(RELATIONS))


def moves_student(history: History) -> None:
    student = history.item(Stream.STUDENTS)
    if student is None:
        return
    order = {"date": "2026-11-19", "order_number": f"{history.number()}-р", "order_date": "2026-11-19"}
    klass = history.timetable.klass
    history.region_create(Stream.MOVEMENTS, student_id=student, kind="class_change", class_to_id=klass, **order)


def changes_movement(history: History) -> None:
    if movement := history.item(Stream.MOVEMENTS):
        if history.random.random() < 0.3:
            history.region_delete(Stream.MOVEMENTS, movement)
        else:
            day = history.random.choice(("2026-11-17", "2026-11-18"))
            history.region_edit(Stream.MOVEMENTS, movement, order_date=day)


def changes_final_mark(history: History) -> None:
    if mark := history.item(Stream.FINAL_MARKS):
        history.region_edit(Stream.FINAL_MARKS, mark, value=history.random.choice(("3", "4", "5", "осв")))


def deletes_many(history: History) -> None:
    """A regional user clears a journal."""
    stream = history.random.choice((Stream.MARKS, Stream.ATTENDANCE))
    for record in list(history.world.remote.records(stream)):
        if history.random.random() < 0.8:
            history.region_delete(stream, record)


def edits_many(history: History) -> None:
    """The region spells something anew, for everybody."""
    if history.random.random() < 0.5:
        for record in list(history.world.remote.records(Stream.MARKS)):
            history.region_edit(Stream.MARKS, record, comment=f"устно {record}")
    else:
        for record in list(history.world.remote.records(Stream.STUDENTS)):
            history.region_edit(Stream.STUDENTS, record, phone=f"+7903{history.number():07d}")


def releases(history: History) -> None:
    """The other school enters the departure of somebody who has arrived here."""
    region = history.world.remote.region
    elsewhere = [i for i, person in region.persons.items() if person.organization_id not in (None, region.here)]
    if person := history.one(elsewhere):
        history.world.remote.release(person)
        history.say(f"the neighbour releases {person}")


def bumps(history: History) -> None:
    stream = history.random.choice(BOTH_WAYS)
    history.world.remote.bump(stream)
    history.say(f"region bumps versions of {stream.value}")
