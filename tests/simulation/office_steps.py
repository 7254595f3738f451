"""What the school's office does in a history over our own page and with its files: arrivals, departures, lists of
pupils, reports of classes. The engine writes these itself, as the school's own changes; the ledger notes what rows
say afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sync_service.domain.errors import SyncError
from sync_service.domain.school_files import (
    FileRejected,
    ParsedAbsence,
    ParsedClassReport,
    ParsedGuardian,
    ParsedMark,
    ParsedPupil,
    ParsedPupilList,
    ReportPupil,
)
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from sync_service.engine.enter_arrival import enter_arrival
from sync_service.engine.enter_departure import enter_departure
from sync_service.engine.import_files import import_parsed
from tests.simulation.school_steps import CARD, PHONES, SURNAMES, new_card
from tests.simulation.state import History

CLASS, SUBJECT = "8А", "Алгебра"
LESSONS = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-20")  # on the last day there is none


def enters_arrival(history: History) -> None:
    """A newcomer with a parent: from another district, a first-timer, or a person who studies at the neighbour's."""
    klass = history.row(Stream.CLASSES)
    if klass is None:
        return
    number = history.number()
    card = new_card(history) | {"personal_file_no": f"К-{number}"}
    kind = history.random.choice(("none", "other_district", "school"))
    typed = {
        **{name: str(value) for name, value in card.items()},
        "address": "ул. Ленина, 1",
        "date": "2026-11-16",
        "order_number": f"{number}-п",
        "order_date": "2026-11-16",
        "class_id": str(klass["id"]),
        "origin_kind": kind,
        "parent1_last_name": history.random.choice(SURNAMES),
        "parent1_first_name": "Мария",
        "parent1_relation": "мать",
        "parent1_phone": f"+7902{number:07d}",
    }
    if kind != "none":
        typed["origin_name"] = "Школа № 12" if kind == "school" else "Школа в другом городе"
    if kind == "school" and history.random.random() < 0.7:
        person = history.world.remote.add_person(dict(card), organization_id="school-12")
        history.say(f"the neighbour has {person}")
        if history.random.random() < 0.5:
            typed["person_id"] = person
    with _entering(history, f"arrival of {typed['last_name']}"):
        enter_arrival(history.world.desk(), typed)


def enters_departure(history: History) -> None:
    student = history.row(Stream.STUDENTS)
    if student is None:
        return
    number = history.number()
    typed = {
        "date": "2026-11-19",
        "order_number": f"{number}-в",
        "order_date": "2026-11-19",
        "destination_name": history.random.choice(("Лицей № 9", "Школа № 12", "")),
    }
    with _entering(history, f"departure of {student['id']}"):
        enter_departure(history.world.desk(), student["id"], typed)


def imports_list(history: History) -> None:
    """The class list: pupils who are here, with something changed or nothing, and now and then a new one."""
    rows = [row for row in history.world.rows("students") if history.random.random() < 0.6]
    pupils = [_listed(history, row, number) for number, row in enumerate(rows, start=2)]
    if history.random.random() < 0.3:
        pupils.append(_listed(history, new_card(history), len(rows) + 2))
    if pupils:
        _import(history, ParsedPupilList(school_year=2026, pupils=tuple(pupils), problems=()))


def _listed(history: History, row: dict[str, Any], number: int) -> ParsedPupil:
    chance = history.random
    number = sum(map(ord, row["last_name"]))  # one mother of a name has one number: the program knows her by both
    mother = ParsedGuardian(
        last_name=row["last_name"], first_name="Елена", relation="мать", phone=f"+7903{number:07d}"
    )
    return ParsedPupil(
        rows=(number,),
        last_name=row["last_name"],
        first_name=row["first_name"],
        patronymic=row.get("patronymic"),
        birth_date=row["birth_date"] or new_card(history)["birth_date"],
        class_name=CLASS,
        address=chance.choice(CARD["address"]),
        phone=chance.choice(PHONES),
        guardians=(mother,) if chance.random() < 0.3 else (),
        order_number=f"{history.number()}-с" if chance.random() < 0.5 else None,
        order_date="2026-09-01",
        enrolled_on="2026-09-01",
        origin_kind=chance.choice(("none", None)),
    )


def _named(row: dict[str, Any]) -> ReportPupil:
    return ReportPupil(last_name=row["last_name"], first_name=row["first_name"], patronymic=row["patronymic"])


def imports_report(history: History) -> None:
    """Marks and absences of some pupils, by name and day; the lesson is found by the program."""
    chance = history.random
    rows = [row for row in history.world.rows("students") if chance.random() < 0.5]
    pupils = tuple(_named(row) for row in rows)
    cells = [(pupil, chance.choice(LESSONS)) for pupil in pupils for _ in range(chance.randrange(3))]
    marks, absences = [], []
    for number, (pupil, day) in enumerate(dict.fromkeys(cells)):
        place: dict[str, Any] = {"pupil": pupil, "subject": SUBJECT, "date": day, "ordinal": 1, "cell": f"C{number}"}
        if chance.random() < 0.7:
            marks.append(ParsedMark(position=1, value=chance.choice("2345"), **place))
        else:
            absences.append(ParsedAbsence(symbol="ОТ", **place))
    report = ParsedClassReport(
        school_name=None,
        school_year=2026,
        class_name=CLASS,
        period_from="2026-11-02",
        period_to="2026-12-30",
        pupils=pupils,
        marks=tuple(marks),
        absences=tuple(absences),
        final_marks=(),
        problems=(),
    )
    if pupils:
        _import(history, report)


def _import(history: History, parsed: ParsedPupilList | ParsedClassReport) -> None:
    world = history.world
    name = f"{type(parsed).__name__} {history.number()}"
    with _entering(history, name):
        try:
            import_parsed(world.db, world.school, world.clock, parsed, actor="ivanova", file_name=name)
        except FileRejected as error:
            history.say(f"{name} rejected: {error.code}")


@contextmanager
def _entering(history: History, what: str) -> Iterator[None]:
    """What the engine writes for the office is the school's own edit; a form that is refused writes nothing."""
    before = _rows(history)
    try:
        yield
    except SyncError as error:
        history.say(f"{what} refused: {error}")
        return
    history.say(f"office: {what}")
    for stream, rows in _rows(history).items():
        for local_id, row in rows.items():
            former = before[stream].get(local_id)
            if former is None:
                history.inserted(stream, local_id, row)
            elif changed := {name: value for name, value in row.items() if former.get(name) != value}:
                history.updated(stream, {"id": local_id, **former}, changed)


def _rows(history: History) -> dict[Stream, dict[int, dict[str, Any]]]:
    return {
        stream: {
            row["id"]: {name: row[name] for name in SPECS[stream].fields} for row in history.world.rows(stream.value)
        }
        for stream in BOTH_WAYS
    }
