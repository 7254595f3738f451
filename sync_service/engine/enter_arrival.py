"""Enter an arrival: a person of the regional list, a card of the school, or a new card (regulation 3.5).

What is entered goes into staging as the school's own change: the triggers note it, and the next run carries it the
usual way. A person chosen from the regional list is remembered as somebody's word, so that the release watch enrols
that person without a new card.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.matching import pair_digest
from sync_service.domain.records import Values
from sync_service.domain.releases import ReleaseState
from sync_service.domain.rules.completeness import missing_for_new_card
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk
from sync_service.engine.enter_origin import Origin, expectation, origin_values, read_origin
from sync_service.engine.entry_fields import EntryRefused, FieldProblem, Order, Reading, read_order
from sync_service.engine.entry_parents import read_parents, unasked
from sync_service.engine.entry_schools import load_directory
from sync_service.engine.import_changes import Changes
from sync_service.engine.import_files import LAST_IMPORT
from sync_service.engine.import_guardians import write_guardians
from sync_service.engine.import_identity import plain_snils, row_name_key
from sync_service.engine.import_movements import Placed
from sync_service.engine.release_watch import PERSON_PREFIX
from sync_service.engine.stores import UnitOfWork

STREAMS = (Stream.STUDENTS, Stream.GUARDIANS, Stream.GUARDIANSHIPS, Stream.MOVEMENTS)
_NAMES = ("last_name", "first_name", "patronymic")
_CARD = (*_NAMES, "birth_date", "snils", "sex", "personal_file_no", "address", "phone")
_MISSING = {
    "last_name": "Впишите фамилию ученика.",
    "first_name": "Впишите имя ученика.",
    "birth_date": "Впишите дату рождения: без неё ученика не найти в списке ГИС.",
    "personal_file_no": "Впишите номер личного дела: он обязателен для новой карточки.",
    "address": "Впишите адрес: он обязателен для новой карточки.",
    "phone": "Впишите телефон ученика или родителя: для новой карточки нужен хотя бы один.",
    "parent1_last_name": "Впишите хотя бы одного родителя или прикрепите его карточку: она обязательна.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What was written, and in words what the next run will do with it."""

    student_id: LocalId
    movement_id: LocalId
    next_step: str


def enter_arrival(
    desk: Desk, typed: Mapping[str, str], *, attach: Collection[int] = (), offered: Collection[int] = ()
) -> Entered:
    """Write one arrival with its card and its parents, or nothing. ``attach`` are chosen cards of parents,
    ``offered`` all those the person was shown.

    Raises EntryRefused with every problem of the form.
    """
    reading = Reading(typed=typed, today=desk.clock.today(desk.school.zone))
    student_id, person_id = reading.number("student_id"), reading.text("person_id")
    card = {} if student_id else _read_card(reading)
    order = read_order(reading)
    parents = read_parents(reading)
    with desk.db.write(desk.school.school_id, own=False) as uow:
        # In line with imports: two that look for one pupil at once would both add the card.
        uow.cursors.put_note(LAST_IMPORT, desk.now().isoformat())
        class_id = reading.number("class_id")
        if class_id is None or not uow.staging.rows(Stream.CLASSES, [LocalId(class_id)]):
            reading.refuse("class_id", "Выберите класс, в который зачислен ученик.")
        origin = read_origin(reading, load_directory(uow))
        if student_id:
            _check_known(uow, reading, LocalId(student_id), order)
        else:
            _check_new(uow, reading, card, parents, attach, origin, person_id)
        reading.check()
        _ask_about_parents(uow, parents, offered)
        changes = Changes(uow, STREAMS, act=Act.ENTER)
        pupil = LocalId(student_id) if student_id else changes.insert(Stream.STUDENTS, [_new_card(card, order)])[0]
        movement_id = _write_movement(changes, pupil, order, LocalId(class_id or 0), origin)
        _write_parents(uow, changes, pupil, parents, attach)
        if person_id:
            _remember_person(desk, uow, pupil, person_id)
        note = f"arrival, movement {movement_id}" + (", person chosen from the list" if person_id else "")
        entry = AuditEntry(
            act=Act.ENTER.value, actor=desk.actor, cause="movements:arrival", items=changes.audit_items(), note=note
        )
        uow.audit.append([entry])
        linked = pupil in uow.links.by_local(Stream.STUDENTS, [pupil])
        uow.commit()
    return Entered(
        student_id=pupil,
        movement_id=movement_id,
        next_step=expectation(origin, linked=linked, person=bool(person_id)),
    )


def _read_card(reading: Reading) -> Values:
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


def _new_card(card: Values, order: Order) -> Values:
    return {**{name: card[name] for name in _CARD}, "admitted_on": order.date, "incomplete": False}


def _check_known(uow: UnitOfWork, reading: Reading, student_id: LocalId, order: Order) -> None:
    """A card of the school arrives once: not while it is here already, and not twice by one order."""
    if student_id not in uow.staging.rows(Stream.STUDENTS, [student_id]):
        reading.refuse("student_id", "Этой карточки больше нет. Найдите ученика снова.")
        return
    case = uow.releases.by_student([student_id]).get(student_id)
    if case is not None and case.state is ReleaseState.WITHDRAWN and case.closed_by != "system":
        reading.refuse(
            "student_id", "Раньше отметили, что ученик не прибыл. Откройте этот случай снова в «Не отчислены»."
        )
    rows = uow.staging.where(Stream.MOVEMENTS, "student_id", [student_id])
    if any(row["kind"] == "arrival" and _same_order(row, order) for row in rows.values()):
        reading.refuse("order_number", "Это прибытие уже записано: второй раз вносить не нужно.")
    elif student_id in uow.staging.current_class([student_id]):
        reading.refuse(
            "student_id", "Ученик уже числится в школе. Если он уходил, сначала запишите выбытие с приказом."
        )
    elif any(row["kind"] == "departure" and order.date < str(row["date"]) for row in rows.values()):
        reading.refuse("date", "Этот день раньше выбытия ученика из школы: проверьте дату по приказу.")


def _same_order(row: Values, order: Order) -> bool:
    return row["date"] == order.date or (
        row["order_number"] == order.number and row["order_date"] == order.order_date
    )


def _check_new(
    uow: UnitOfWork,
    reading: Reading,
    card: Values,
    parents: Sequence[ParsedGuardian],
    attach: Collection[int],
    origin: Origin | None,
    person_id: str | None,
) -> None:
    """No second card of one pupil; what regulation 3.5 asks of a new card where one will be made in the region."""
    key, born, number = _name_of(card), card["birth_date"], card["snils"]
    for row in uow.staging.all_rows(Stream.STUDENTS).values():
        if number and plain_snils(str(row["snils"] or "")) == number:
            reading.refuse("snils", "Карточка с этим СНИЛС в школе уже есть: найдите её и выберите.")
        elif row_name_key(row) == key and row["birth_date"] == born and not reading.raw("another_child"):
            reading.refuse(
                "another_child",
                "Карточка с этими ФИО и датой рождения в школе уже есть: найдите её и выберите."
                " Если это другой ребёнок, отметьте это ниже.",
            )
        elif person_id and row["person_id"] == person_id:
            reading.refuse("person_id", "Этот человек из списка ГИС уже есть в школе: найдите его карточку.")
    if person_id or origin is None or not origin.new_card:
        return
    missing = missing_for_new_card(
        last_name=str(card["last_name"] or ""),
        first_name=str(card["first_name"] or ""),
        birth_date=str(born or ""),
        personal_file_no=_text(card["personal_file_no"]),
        address=_text(card["address"]),
        phones=[_text(card["phone"]), *(p.phone for p in parents), "attached" if attach else None],
        guardian_last_names=[*(p.last_name for p in parents), "attached" if attach else None],
    )
    for name in missing:
        field = "parent1_last_name" if name == "guardians" else name
        reading.refuse(field, _MISSING[field])


def _name_of(card: Values) -> tuple[str, str, str]:
    return full_name_key(*(_text(card[name]) for name in _NAMES))


def _ask_about_parents(uow: UnitOfWork, parents: Sequence[ParsedGuardian], offered: Collection[int]) -> None:
    found = unasked(uow, parents, offered)
    if found:
        problem = FieldProblem(
            field="attach",
            text="Карточка этого родителя, похоже, уже есть в школе: прикрепите её или оставьте новую.",
        )
        raise EntryRefused((problem,), offers=found)


def _write_movement(
    changes: Changes, student_id: LocalId, order: Order, class_id: LocalId, origin: Origin | None
) -> LocalId:
    row: Values = {
        "student_id": student_id,
        "kind": "arrival",
        "date": order.date,
        "order_number": order.number,
        "order_date": order.order_date,
        "class_to_id": class_id,
        **(origin_values(origin) if origin else {}),
    }
    return changes.insert(Stream.MOVEMENTS, [row], [student_id])[0]


def _write_parents(
    uow: UnitOfWork,
    changes: Changes,
    student_id: LocalId,
    parents: Sequence[ParsedGuardian],
    attach: Collection[int],
) -> None:
    """Chosen cards first, then the typed parents by the rule of the imports."""
    chosen = uow.staging.rows(Stream.GUARDIANS, [LocalId(i) for i in attach]) if attach else {}
    tied = {
        row["guardian_id"] for row in uow.staging.where(Stream.GUARDIANSHIPS, "student_id", [student_id]).values()
    }
    ties: list[Values] = [
        {"student_id": student_id, "guardian_id": i, "relation": _relation_elsewhere(uow, i)}
        for i in chosen
        if i not in tied
    ]
    changes.insert(Stream.GUARDIANSHIPS, ties, [student_id] * len(ties))
    if not parents:
        return
    students = uow.staging.all_rows(Stream.STUDENTS)
    row = students[student_id]
    pupil = ParsedPupil(
        rows=(0,),
        last_name=str(row["last_name"]),
        first_name=str(row["first_name"]),
        patronymic=_text(row["patronymic"]),
        birth_date=str(row["birth_date"] or ""),
        class_name="",
        guardians=tuple(parents),
    )
    write_guardians(
        uow, changes, [Placed(pupil=pupil, student_id=student_id, class_id=LocalId(0), is_new=False)], students
    )
    if any(problem.code == "ambiguous_guardian" for problem in changes.report("pupil_list", dry_run=False).problems):
        raise EntryRefused(
            (
                FieldProblem(
                    field="attach",
                    text="Родителю подходят несколько карточек: отметьте нужную и очистите его строку.",
                ),
            )
        )


def _relation_elsewhere(uow: UnitOfWork, guardian_id: LocalId) -> str:
    """What the parent is to the siblings; «иной» where they differ or nothing is known."""
    known = {
        str(tie["relation"]) for tie in uow.staging.where(Stream.GUARDIANSHIPS, "guardian_id", [guardian_id]).values()
    }
    return known.pop() if len(known) == 1 else "иной"


def _remember_person(desk: Desk, uow: UnitOfWork, student_id: LocalId, person_id: str) -> None:
    """Somebody has said that this pupil is that person of the region: the release watch enrols without asking."""
    remote_id = RemoteId(PERSON_PREFIX + person_id)
    row = uow.staging.rows(Stream.STUDENTS, [student_id])[student_id]
    case = uow.matches.open_for(Stream.STUDENTS, [remote_id]).get(remote_id) or MatchCase(
        case_id=0,
        stream=Stream.STUDENTS,
        remote_id=remote_id,
        candidates=(Candidate(local_id=student_id, reasons=("name_equal", "birth_date_equal"), score=100),),
        key_digest="",
    )
    uow.matches.save(
        [
            replace(
                case,
                key_digest=pair_digest({}, row),
                state=MatchState.CONFIRMED,
                chosen=student_id,
                decided_at=desk.now(),
                decided_by=desk.actor,
            )
        ]
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
