"""The card of an arriving pupil: read from the form, and held against what the school has already.

Nothing here writes: every problem is noted with its field and its remedy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sync_service.domain.links import LocalId
from sync_service.domain.matches import MatchState
from sync_service.domain.records import Values
from sync_service.domain.releases import ReleaseState
from sync_service.domain.rules.completeness import missing_for_new_card
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.school_files import ParsedGuardian
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.enter_origin import Origin
from sync_service.engine.entry_fields import Order, Reading
from sync_service.engine.import_identity import plain_snils, row_name_key
from sync_service.engine.queries_words import day
from sync_service.engine.release_findings import PERSON_PREFIX
from sync_service.engine.stores import UnitOfWork

_NAMES = ("last_name", "first_name", "patronymic")
_MISSING = {
    "last_name": "Впишите фамилию ученика.",
    "first_name": "Впишите имя ученика.",
    "birth_date": "Впишите дату рождения: без неё ученика не найти в списке ГИС.",
    "personal_file_no": "Впишите номер личного дела: он обязателен для новой карточки.",
    "address": "Впишите адрес: он обязателен для новой карточки.",
    "phone": "Впишите телефон ученика или родителя: для новой карточки нужен хотя бы один.",
    "parent1_last_name": "Впишите хотя бы одного родителя или прикрепите его карточку: она обязательна.",
}


def read_card(reading: Reading) -> Values:
    return {
        "last_name": reading.name("last_name", _MISSING["last_name"]),
        "first_name": reading.name("first_name", _MISSING["first_name"]),
        "patronymic": reading.patronymic("patronymic"),
        "birth_date": reading.day(
            "birth_date", _MISSING["birth_date"], past="Дата рождения ещё не наступила: проверьте год."
        ),
        "snils": reading.snils("snils"),
        "sex": reading.raw("sex") if reading.raw("sex") in ("М", "Ж") else None,
        "personal_file_no": reading.text("personal_file_no"),
        "address": reading.text("address"),
        "phone": reading.phone("phone"),
    }


def check_known(uow: UnitOfWork, reading: Reading, student_id: LocalId, row: Values | None, order: Order) -> None:
    """A card of the school arrives once: not while it is here already, and not twice by one order."""
    if row is None:
        reading.refuse("student_id", "Этой карточки больше нет. Найдите ученика снова.")
        return
    case = uow.releases.by_student([student_id]).get(student_id)
    if case is not None and case.state is ReleaseState.WITHDRAWN and case.closed_by != "system":
        reading.refuse(
            "student_id", "Раньше отметили, что ученик не прибыл. Откройте этот случай снова в «Не отчислены»."
        )
    lines = uow.staging.where(Stream.MOVEMENTS, "student_id", [student_id]).values()
    if any(line["kind"] == "arrival" and _same_order(line, order) for line in lines):
        reading.refuse("order_number", "Это прибытие уже записано: второй раз вносить не нужно.")
    elif student_id in uow.staging.current_class([student_id]):
        reading.refuse(
            "student_id", "Ученик уже числится в школе. Если он уходил, сначала запишите выбытие с приказом."
        )
    elif any(line["kind"] == "departure" and order.date < str(line["date"]) for line in lines):
        reading.refuse("date", "Этот день раньше выбытия ученика из школы: проверьте дату по приказу.")


def check_card(
    uow: UnitOfWork,
    reading: Reading,
    card: Values,
    parents: Sequence[ParsedGuardian],
    attach: Collection[int],
    origin: Origin | None,
    person_id: str | None,
    *,
    but: int | None,
) -> None:
    """No second card of one pupil beside ``but``; what regulation 3.5 asks of a new card where the region will get
    one."""
    key, born, number = _name_of(card), card["birth_date"], card["snils"]
    for local_id, row in uow.staging.all_rows(Stream.STUDENTS).items():
        if local_id == but:
            continue
        if number and plain_snils(_text(row["snils"])) == number:
            reading.refuse("snils", "Карточка с этим СНИЛС в школе уже есть: найдите её и выберите.")
        elif row_name_key(row) == key and row["birth_date"] == born and not reading.raw("another_child"):
            reading.refuse(
                "another_child",
                "Карточка с этими ФИО и датой рождения в школе уже есть: найдите её и выберите."
                " Если это другой ребёнок, отметьте это ниже.",
            )
    if person_id or origin is None or not origin.new_card:
        return
    attached = ["attached"] if attach else []
    missing = missing_for_new_card(
        last_name=_text(card["last_name"]),
        first_name=_text(card["first_name"]),
        birth_date=_text(born),
        personal_file_no=_text(card["personal_file_no"]),
        address=_text(card["address"]),
        phones=[_text(card["phone"]), *(p.phone for p in parents), *attached],
        guardian_last_names=[*(p.last_name for p in parents), *attached],
    )
    for name in missing:
        field = "parent1_last_name" if name == "guardians" else name
        reading.refuse(field, _MISSING[field])


def check_person(uow: UnitOfWork, reading: Reading, person_id: str, *, but: int | None) -> None:
    """One person of the region is one pupil here: linked by now, or chosen before."""
    linked = uow.staging.where(Stream.STUDENTS, "person_id", [person_id])
    chosen = {
        case.chosen
        for case in uow.matches.cases(state=MatchState.CONFIRMED)
        if case.chosen is not None and case.remote_id == PERSON_PREFIX + person_id
    }
    if (linked.keys() | uow.staging.rows(Stream.STUDENTS, chosen).keys()) - {but}:
        reading.refuse("person_id", "Этот человек из списка ГИС уже есть в школе: найдите его карточку.")


def check_watched(reading: Reading, school: School, order: Order) -> None:
    """An arrival before the day from which the release watch works would wait for ever."""
    if school.watch_from and order.date and order.date < school.watch_from:
        reading.refuse(
            "date",
            f"Прибытия до {day(school.watch_from)} служба не ведёт: зачислите ученика в ГИС, карточка придёт сама.",
        )


def _same_order(row: Values, order: Order) -> bool:
    return row["date"] == order.date or (
        row["order_number"] == order.number and row["order_date"] == order.order_date
    )


def _name_of(card: Values) -> tuple[str, str, str]:
    return full_name_key(*(_text(card[name]) for name in _NAMES))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
