"""Enter a departure at the moment the documents are handed over; its destination is mandatory (regulation 3.5, D)."""

from __future__ import annotations

from collections.abc import Mapping

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.rules.movement_rules import missing_before_leaving
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, not_found
from sync_service.engine.enter_arrival import Entered
from sync_service.engine.entry_fields import Order, Reading, read_order
from sync_service.engine.entry_schools import load_directory
from sync_service.engine.import_changes import Changes
from sync_service.engine.import_files import LAST_IMPORT
from sync_service.engine.stores import UnitOfWork

NEXT_STEP = (
    "Уйдёт в ГИС при следующей сверке. Потом проверим, что ученик виден в списке «доступные для зачисления»;"
    " пока не виден, он стоит внизу экрана «Не отчислены»."
)


def enter_departure(desk: Desk, student_id: int, typed: Mapping[str, str]) -> Entered:
    """Write one departure from the pupil's present class, or nothing.

    Raises EntryRefused with every problem of the form, DecisionError when there is no such pupil.
    """
    pupil = LocalId(student_id)
    reading = Reading(typed=typed, today=desk.clock.today(desk.school.zone))
    order = read_order(reading)
    with desk.db.write(desk.school.school_id, own=False) as uow:
        uow.cursors.put_note(LAST_IMPORT, desk.now().isoformat())
        if pupil not in uow.staging.rows(Stream.STUDENTS, [pupil]):
            raise not_found("Ученик", student_id)
        school = load_directory(uow).find(reading.raw("destination_name"))
        values: Values = {
            "student_id": pupil,
            "kind": "departure",
            "date": order.date,
            "order_number": order.number,
            "order_date": order.order_date,
            "class_from_id": _check(uow, reading, pupil, order),
            "destination_organization_id": school.local_id if school else None,
            "destination_name": None if school else reading.text("destination_name"),
        }
        missing = missing_before_leaving(
            kind="departure",
            date=order.date,
            order_number=order.number,
            order_date=order.order_date,
            destination_organization_id=str(school.local_id) if school else None,
            destination_name=reading.raw("destination_name"),
        )
        if "destination_name" in missing:
            reading.refuse(
                "destination_name",
                "Впишите, куда выбыл: школу из списка, а если её там нет — название, город или страну.",
            )
        reading.check()
        changes = Changes(uow, (Stream.MOVEMENTS,), act=Act.ENTER)
        movement_id = changes.insert(Stream.MOVEMENTS, [values], [pupil])[0]
        uow.audit.append(
            [
                AuditEntry(
                    act=Act.ENTER.value,
                    actor=desk.actor,
                    cause="movements:departure",
                    items=changes.audit_items(),
                    note=f"departure, movement {movement_id}",
                )
            ]
        )
        uow.commit()
    return Entered(student_id=pupil, movement_id=movement_id, next_step=NEXT_STEP)


def _check(uow: UnitOfWork, reading: Reading, pupil: LocalId, order: Order) -> int | None:
    """The class the pupil leaves. Who is not enrolled in the region yet, or has left, does not leave."""
    rows = uow.staging.where(Stream.MOVEMENTS, "student_id", [pupil])
    last = max(rows.items(), key=lambda one: (str(one[1]["date"]), one[0]), default=None)
    if last is not None and last[1]["kind"] in ("departure", "graduation"):
        reading.refuse("student_id", "Выбытие этого ученика уже записано: второй раз вносить не нужно.")
    elif pupil not in uow.links.by_local(Stream.STUDENTS, [pupil]):
        reading.refuse(
            "student_id",
            "Ученик ещё не зачислен в ГИС. Дождитесь зачисления, а если он не прибыл, закройте случай"
            " в «Не отчислены».",
        )
    elif last is not None and order.date and order.date < str(last[1]["date"]):
        reading.refuse("date", "Этот день раньше последней записи о движении ученика: проверьте дату по приказу.")
    return uow.staging.current_class([pupil]).get(pupil)
