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
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk
from sync_service.engine.enter_origin import Origin, expectation, origin_values, read_origin
from sync_service.engine.entry_card import check_card, check_known, check_person, check_watched, read_card
from sync_service.engine.entry_fields import EntryRefused, FieldProblem, Order, Reading, read_order
from sync_service.engine.entry_parents import read_parents, unasked
from sync_service.engine.entry_schools import load_directory
from sync_service.engine.import_changes import Change, Changes
from sync_service.engine.import_files import LAST_IMPORT
from sync_service.engine.import_guardians import write_guardians
from sync_service.engine.import_movements import Placed
from sync_service.engine.release_findings import PERSON_PREFIX
from sync_service.engine.stores import UnitOfWork

STREAMS = (Stream.STUDENTS, Stream.GUARDIANS, Stream.GUARDIANSHIPS, Stream.MOVEMENTS)


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
    number, person_id = reading.number("student_id"), reading.text("person_id")
    with desk.db.write(desk.school.school_id, own=False) as uow:
        # In line with imports: two that look for one pupil at once would both add the card.
        uow.cursors.put_note(LAST_IMPORT, desk.now().isoformat())
        known = uow.staging.rows(Stream.STUDENTS, [LocalId(number)]) if number else {}
        row = known.get(LocalId(number or 0))
        card = read_card(reading) if row is None or row["incomplete"] else {}
        order = read_order(reading)
        parents = read_parents(reading)
        class_id = reading.number("class_id")
        if class_id is None or not uow.staging.rows(Stream.CLASSES, [LocalId(class_id)]):
            reading.refuse("class_id", "Выберите класс, в который зачислен ученик.")
        origin = read_origin(reading, load_directory(uow))
        if number:
            check_known(uow, reading, LocalId(number), row, order)
        if card:
            check_card(uow, reading, card, parents, attach, origin, person_id, but=number)
        if person_id:
            check_person(uow, reading, person_id, but=number)
        linked = bool(number) and bool(uow.links.by_local(Stream.STUDENTS, [LocalId(number or 0)]))
        if not linked:
            check_watched(reading, desk.school, order)
        reading.check()
        _ask_about_parents(uow, parents, offered)
        changes = Changes(uow, STREAMS, act=Act.ENTER)
        pupil = _write_card(changes, LocalId(number or 0), row, card, order)
        movement_id = _write_movement(changes, pupil, order, LocalId(class_id or 0), origin)
        _write_parents(uow, changes, pupil, parents, attach)
        if person_id:
            _remember_person(desk, uow, pupil, person_id)
        note = f"arrival, movement {movement_id}" + (", person chosen from the list" if person_id else "")
        entry = AuditEntry(
            act=Act.ENTER.value, actor=desk.actor, cause="movements:arrival", items=changes.audit_items(), note=note
        )
        uow.audit.append([entry])
        uow.commit()
    return Entered(
        student_id=pupil,
        movement_id=movement_id,
        next_step=expectation(
            origin, linked=linked, person=bool(person_id), available=reading.raw("person_status") == "available"
        ),
    )


def _write_card(changes: Changes, student_id: LocalId, row: Values | None, card: Values, order: Order) -> LocalId:
    """The card as it was, a new one, or one that a class report has begun and that is whole now."""
    if row is None:
        values = {**card, "admitted_on": order.date, "incomplete": False}
        return changes.insert(Stream.STUDENTS, [values])[0]
    if card:
        typed = {name: value for name, value in card.items() if value is not None and value != row[name]}
        values = {**typed, "admitted_on": row["admitted_on"] or order.date, "incomplete": False}
        change = Change(local_id=student_id, values=values, row=row, student_id=student_id)
        changes.update(Stream.STUDENTS, [change])
    return student_id


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
