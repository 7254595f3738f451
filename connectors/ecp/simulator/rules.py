"""The rules the region enforces on a write, beyond the form of each field."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from connectors.ecp.simulator.enrolment import not_released
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.problems import ItemRefused
from connectors.ecp.simulator.shapes import ARRIVAL, DEPARTURE, FIELDS, SHAPES
from connectors.ecp.simulator.shelf import Entry
from connectors.ecp.simulator.world import World

JOURNAL_DAYS = timedelta(days=14)  # regulation 5.4: a lesson stays open that long, that day included
AHEAD_DAYS = timedelta(days=14)  # regulation 3.1: nothing that far ahead
FINAL_DAYS = timedelta(days=7)  # regulation 5.4: after the end of the period; and its last week before


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write as the rules see it: fields before (None on create) and after (None on delete)."""

    world: World
    organization: Organization
    today: date
    stream: str
    old: Json | None
    new: Json | None
    entry: Entry | None


def check_data(stream: str, data: Json, *, partial: bool) -> None:
    """422 for an unknown field, a value out of form, or a required field that is absent or null."""
    fields = FIELDS[stream]
    for name, value in data.items():
        field = fields.get(name)
        if field is None:
            raise ItemRefused(422, "invalid", "Неизвестное поле", path=f"data.{name}"[:120])
        if value is None:
            continue
        reason = field.check(value)
        if reason is not None:
            raise ItemRefused(422, "invalid", f"Значение не принято: {reason}", path=f"data.{name}")
    for field in SHAPES[stream].fields:
        missing = data.get(field.name) is None and (field.name in data or not partial)
        if field.required and missing:
            raise ItemRefused(422, "required", "Обязательное поле не заполнено", path=f"data.{field.name}")


def check_references(organization: Organization, stream: str, data: Json) -> None:
    """422 for a reference to an item that does not exist or is deleted."""
    for name, field in FIELDS[stream].items():
        value = data.get(name)
        if field.refers_to and value is not None and organization.shelves[field.refers_to].live(value) is None:
            raise ItemRefused(422, "unknown_reference", "Ссылка на неизвестную запись", path=f"data.{name}")


def check_rules(change: Change) -> None:
    """The rules of the stream: edit windows, enrolment, what may exist only once."""
    if change.stream in ("marks", "attendance"):
        _check_journal(change)
    elif change.stream == "final-marks":
        _check_final_window(change)
    elif change.stream == "movements":
        _check_movement(change)
    elif change.stream == "students":
        _check_student(change)
    if change.new is not None:
        _check_unique(change, change.new)


def _closed(details: str) -> ItemRefused:
    return ItemRefused(423, "window_closed", details)


def _is_open_late(change: Change, class_id: str | None) -> bool:
    entry = change.organization.shelves["classes"].entries.get(class_id or "")
    until = entry.item().get("lateEntryUntil") if entry else None
    return until is not None and date.fromisoformat(until) >= change.today


def _check_journal(change: Change) -> None:
    lesson_ids = {fields["lessonId"] for fields in (change.old, change.new) if fields is not None}
    for lesson_id in lesson_ids:
        entry = change.organization.shelves["lessons"].entries.get(lesson_id)
        if entry is None:
            continue
        lesson = entry.item()
        day = date.fromisoformat(lesson["lessonDate"])
        if day - change.today >= AHEAD_DAYS:
            raise ItemRefused(422, "invalid", "До урока 14 дней или больше: вносить рано", path="data.lessonId")
        if change.today - day > JOURNAL_DAYS and not _is_open_late(change, lesson["classId"]):
            raise _closed("Журнал закрыт: прошло больше 14 дней после урока")


def _check_final_window(change: Change) -> None:
    for fields in (change.old, change.new):
        if fields is None:
            continue
        entry = change.organization.shelves["periods"].entries.get(fields["periodId"])
        end = entry.item().get("dateEnd") if entry else None
        if end is None:
            continue
        last = date.fromisoformat(end)
        if last - FINAL_DAYS <= change.today <= last + FINAL_DAYS:
            continue
        standing = change.organization.standings.get(fields["studentId"])
        if not _is_open_late(change, standing.class_id if standing else None):
            raise _closed("Итоговые отметки вносят с последней недели периода до 7 дней после его конца")


def _check_movement(change: Change) -> None:
    new, old = change.new, change.old
    if new is None:
        return
    kind = new["movementType"]
    named = new.get("destinationOrganizationId") or new.get("destinationName")
    if kind == DEPARTURE and not named:
        raise ItemRefused(422, "required", "Укажите, куда выбывает учащийся", path="data.destinationOrganizationId")
    if kind == ARRIVAL and (old is None or old["movementType"] != ARRIVAL):
        student = change.organization.shelves["students"].entries[new["studentId"]].item()
        person = change.world.persons.get(student["personId"])
        if person and person.organization_id not in (None, change.organization.id):
            raise not_released()


def _check_student(change: Change) -> None:
    if change.old is None or change.new is None:
        return
    if change.new["personId"] != change.old["personId"]:
        raise ItemRefused(422, "invalid", "Лицо карточки не меняется", path="data.personId")
    owners = change.world.persons.by_snils(change.new["snils"])
    if change.new["snils"] != change.old["snils"] and any(person.id != change.new["personId"] for person in owners):
        raise ItemRefused(409, "duplicate", "Такой СНИЛС уже есть у другого лица", path="data.snils")


def _check_unique(change: Change, new: Json) -> None:
    shelf = change.organization.shelves[change.stream]
    if change.stream == "students" or not shelf.shape.keys:
        return
    if change.stream == "guardians" and new["mobilePhone"] is None:
        return
    for other in shelf.by_key(shelf.shape.keys[0], new):
        if other is change.entry:
            continue
        if change.stream == "marks" and other.item()["ordinal"] != new["ordinal"]:
            continue
        raise ItemRefused(409, "duplicate", "Такая запись уже есть", item_id=other.id)
