"""The rules of the in-memory region: what a write must fulfil, what it then does, and who is free to be enrolled.

They are those of the assumed contract, on canonical values.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Final

from connectors.memory_region import EMPTY, UNIQUE, Person, Refusal, Region
from sync_service.domain.links import RemoteId
from sync_service.domain.policies import folded
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.cell_symbols import ATTENDANCE, CURRENT_MARKS, FINAL_MARKS
from sync_service.domain.rules.edit_windows import Allowed, NeedsPermit, may_edit_final_mark, may_edit_lesson
from sync_service.domain.rules.movement_rules import KINDS, missing_before_leaving
from sync_service.domain.rules.snils import is_valid
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.ports import Op, PersonAnswer, PersonCandidate, PersonQuery, PersonStatus, WriteItem

ALLOWED: Final[dict[tuple[Stream, str], tuple[str, ...]]] = {
    (Stream.MARKS, "value"): CURRENT_MARKS,
    (Stream.ATTENDANCE, "symbol"): ATTENDANCE,
    (Stream.FINAL_MARKS, "value"): FINAL_MARKS,
    (Stream.FINAL_MARKS, "kind"): ("period", "year", "exam", "final"),
    (Stream.MOVEMENTS, "kind"): KINDS,
    (Stream.MOVEMENTS, "origin_kind"): ("school", "other_district", "none"),
    (Stream.GUARDIANSHIPS, "relation"): ("мать", "отец", "опекун", "попечитель", "иной"),
    (Stream.STUDENTS, "sex"): ("М", "Ж"),
}
REQUIRED: Final = {
    stream: tuple(f.name for f in fields(spec.record) if f.default is not None and f.default not in (1, True))
    for stream, spec in SPECS.items()
} | {
    Stream.STUDENTS: ("last_name", "first_name", "birth_date"),
    Stream.GUARDIANS: ("last_name", "first_name"),
}


def apply(region: Region, stream: Stream, item: WriteItem, values: Values, today: date) -> RemoteId:
    """Carry out one write and return the id of the record it concerns; Refusal when the region declines."""
    if item.op is Op.CREATE:
        return _create(region, stream, item, values, today)
    if stream is Stream.STUDENTS and item.op is Op.DELETE:
        raise Refusal(422, "invalid", "op")
    if item.remote_id is None:
        raise Refusal(422, "required", "id")
    current = region.live(stream, item.remote_id)
    if current is None:
        raise Refusal(404, "not_found")
    if item.version != current.version:
        raise Refusal(412, "stale_version")
    if item.op is Op.DELETE:
        check_rules(region, stream, today, current.values, None, item.remote_id)
        region.replace(stream, current, current.values, deleted=True)
        return item.remote_id
    check_values(region, stream, values, partial=True)
    whole = region.filled(stream, {**current.values, **values})
    check_rules(region, stream, today, current.values, whole, item.remote_id)
    if whole != current.values:
        region.replace(stream, current, whole)
    return item.remote_id


def _create(region: Region, stream: Stream, item: WriteItem, values: Values, today: date) -> RemoteId:
    known_person = stream is Stream.STUDENTS and values.get("person_id") is not None
    check_values(region, stream, values, partial=known_person)
    if stream is Stream.STUDENTS:
        return region.enrol(values, client_ref=item.client_ref)
    whole = region.filled(stream, values)
    check_rules(region, stream, today, None, whole, None)
    return region.insert(stream, whole, client_ref=item.client_ref)


def check_values(region: Region, stream: Stream, values: Values, *, partial: bool) -> None:
    """Refusal for an empty required field, a value out of its set, or a reference to nothing."""
    for name in REQUIRED[stream]:
        if values.get(name) is None and (name in values or not partial):
            raise Refusal(422, "required", f"data.{name}")
    references = SPECS[stream].references
    for name, value in values.items():
        if name not in EMPTY[stream]:
            raise Refusal(422, "invalid", f"data.{name}")
        if value is None:
            continue
        allowed = ALLOWED.get((stream, name))
        if (allowed and value not in allowed) or (name == "snils" and not is_valid(str(value))):
            raise Refusal(422, "invalid", f"data.{name}")
        if name in references and region.live(references[name], value) is None:
            raise Refusal(422, "unknown_reference", f"data.{name}")


def check_rules(
    region: Region, stream: Stream, today: date, old: Values | None, new: Values | None, me: RemoteId | None
) -> None:
    """Refusal for a closed window, a broken movement, or a second record where only one may be."""
    for values in (v for v in (old, new) if v is not None):
        if stream in (Stream.MARKS, Stream.ATTENDANCE):
            _check_lesson(region, values, today)
        elif stream is Stream.FINAL_MARKS:
            _check_final_mark(region, values, today)
    if new is not None:
        if stream is Stream.MOVEMENTS:
            _check_movement(region, old, new)
        elif stream is Stream.STUDENTS and old is not None and new["person_id"] != old["person_id"]:
            raise Refusal(422, "invalid", "data.person_id")
        if stream is Stream.STUDENTS:
            _check_snils(region, new)
        _check_unique(region, stream, new, me)


def _late_entry(region: Region, class_id: Scalar) -> date | None:
    item = region.live(Stream.CLASSES, class_id)
    until = item.values["late_entry_until"] if item else None
    return date.fromisoformat(str(until)) if until else None


def _check_lesson(region: Region, values: Values, today: date) -> None:
    lesson = region.items[Stream.LESSONS].get(RemoteId(str(values["lesson_id"])))
    if lesson is None:
        return
    day = date.fromisoformat(str(lesson.values["date"]))
    window = may_edit_lesson(day, today, _late_entry(region, lesson.values["class_id"]))
    if not isinstance(window, Allowed):
        closed = isinstance(window, NeedsPermit)
        raise Refusal(423, "window_closed") if closed else Refusal(422, "invalid", "data.lesson_id")


def _check_final_mark(region: Region, values: Values, today: date) -> None:
    period = region.items[Stream.PERIODS].get(RemoteId(str(values["period_id"])))
    if period is None:
        return
    ends_on = date.fromisoformat(str(period.values["ends_on"]))
    if not isinstance(
        may_edit_final_mark(ends_on, today, _late_entry(region, region.class_of(values["student_id"]))), Allowed
    ):
        raise Refusal(423, "window_closed")


def _check_movement(region: Region, old: Values | None, new: Values) -> None:
    texts = ("kind", "date", "order_number", "order_date", "destination_organization_id", "destination_name")
    missing = missing_before_leaving(**{name: _text(new[name]) for name in texts})  # type: ignore[arg-type]
    if missing:
        raise Refusal(422, "required", f"data.{missing[0]}")
    if new["kind"] == "arrival" and (old is None or old["kind"] != "arrival"):
        card = region.live(Stream.STUDENTS, new["student_id"])
        person = region.persons.get(str(card.values["person_id"])) if card else None
        if person is not None and person.organization_id not in (None, region.here):
            raise Refusal(409, "not_released")


def _check_snils(region: Region, new: Values) -> None:
    for person_id, person in region.persons.items():
        if new["snils"] and person.card.get("snils") == new["snils"] and person_id != new["person_id"]:
            raise Refusal(409, "duplicate", "data.snils")


def _check_unique(region: Region, stream: Stream, new: Values, me: RemoteId | None) -> None:
    key = UNIQUE.get(stream)
    if key is None or (stream is Stream.GUARDIANS and new["phone"] is None):
        return
    mine = [folded(new[name]) for name in key]
    for remote_id, item in region.items[stream].items():
        if remote_id != me and not item.deleted and [folded(item.values[name]) for name in key] == mine:
            raise Refusal(409, "duplicate", existing=remote_id)


def availability(region: Region, query: PersonQuery) -> PersonAnswer:
    """What the list «доступные для зачисления» says of one person."""
    wanted: Values = {
        "last_name": query.last_name,
        "first_name": query.first_name,
        "patronymic": query.patronymic,
        "birth_date": query.birth_date,
        "snils": query.snils,
    }
    candidates = tuple(_candidate(region, *pair) for pair in region.persons_like(wanted))
    statuses = {candidate.status for candidate in candidates}
    order = (PersonStatus.AVAILABLE, PersonStatus.ENROLLED_HERE, PersonStatus.ENROLLED_ELSEWHERE)
    status = next((one for one in order if one in statuses), PersonStatus.UNKNOWN)
    return PersonAnswer(ref=query.ref, status=status, candidates=candidates)


def _candidate(region: Region, person_id: str, person: Person) -> PersonCandidate:
    if person.organization_id is None:
        status = PersonStatus.AVAILABLE
    else:
        here = person.organization_id == region.here
        status = PersonStatus.ENROLLED_HERE if here else PersonStatus.ENROLLED_ELSEWHERE
    card = {name: _text(value) for name, value in person.card.items()}
    return PersonCandidate(
        person_id=person_id,
        status=status,
        last_name=card.get("last_name") or "",
        first_name=card.get("first_name") or "",
        patronymic=card.get("patronymic"),
        birth_date=card.get("birth_date"),
        snils=card.get("snils"),
        organization_id=person.organization_id or person.last_organization_id,
    )


def _text(value: Scalar) -> str | None:
    return None if value is None else str(value)
