"""What a person does about a case without deciding it: look at it, note something, put it off, pass it on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, assert_never

from sync_service.domain.cases import CaseMark, CaseNote, Queue
from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Role
from sync_service.engine.decisions import Desk, not_found
from sync_service.engine.stores import UnitOfWork

LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Who else has the case open, what was noted on it, and until when it is put off."""

    also_open_by: str | None
    notes: tuple[CaseNote, ...]
    mark: CaseMark


def look_at(desk: Desk, queue: Queue, case_id: int, *, name: str) -> Attention:
    """Note that the case is open in front of ``name`` now, and say who was there before."""
    with desk.db.write(desk.school.school_id) as uow:
        mark = uow.cases.marks(queue, [case_id]).get(case_id, CaseMark())
        notes = tuple(uow.cases.notes(queue, case_id))
        other = mark.looked_at_by(desk.now(), name)
        if other is None:
            uow.cases.mark(queue, case_id, replace(mark, open_by=name, open_at=desk.now()))
            uow.commit()
    return Attention(also_open_by=other, notes=notes, mark=mark)


def add_note(desk: Desk, queue: Queue, case_id: int, text: str, *, name: str) -> None:
    """Raises DecisionError for an empty or endless note, NoSuchCase when there is no such case."""
    text = text.strip()
    if not text:
        raise DecisionError("Заметка пуста: напишите, что важно знать тому, кто будет решать.")
    if len(text) > LONGEST_NOTE:
        raise DecisionError(f"Заметка длиннее {LONGEST_NOTE} знаков. Сократите её.")
    with desk.db.write(desk.school.school_id) as uow:
        _check(uow, queue, case_id)
        uow.cases.add_note(queue, case_id, author=name, text=text)
        uow.commit()


def postpone(desk: Desk, queue: Queue, case_id: int, until: date) -> None:
    """Keep the case out of the lists until that day. Raises DecisionError for a day that has come."""
    if until <= desk.clock.today(desk.school.zone):
        raise DecisionError("Отложить можно только на день после сегодняшнего.")
    _mark(desk, queue, case_id, postponed_until=until.isoformat())


def pass_on(desk: Desk, queue: Queue, case_id: int, role: Role, *, name: str, note: str = "") -> None:
    """Say whose turn it is, and with ``note`` why. The case is due at once for the people of ``role``."""
    if note.strip():
        add_note(desk, queue, case_id, note, name=name)
    _mark(
        desk,
        queue,
        case_id,
        passed_to=role.value,
        passed_by=name,
        passed_at=desk.now(),
        postponed_until=None,
    )


def take_back(desk: Desk, queue: Queue, case_id: int) -> None:
    """It is everybody's turn again."""
    _mark(desk, queue, case_id, passed_to=None, passed_by=None, passed_at=None)


def _mark(desk: Desk, queue: Queue, case_id: int, **changes: Any) -> None:
    with desk.db.write(desk.school.school_id) as uow:
        _check(uow, queue, case_id)
        mark = uow.cases.marks(queue, [case_id]).get(case_id, CaseMark())
        uow.cases.mark(queue, case_id, replace(mark, open_by=None, open_at=None, **changes))
        uow.commit()


def _check(uow: UnitOfWork, queue: Queue, case_id: int) -> None:
    """NoSuchCase unless the case is there, open or decided."""
    match queue:
        case Queue.CONFLICTS:
            found, what = uow.conflicts.get(case_id) is not None, "Расхождение"
        case Queue.MATCHES:
            found, what = uow.matches.get(case_id) is not None, "Двойники"
        case Queue.RELEASES:
            found, what = uow.releases.get(case_id) is not None, "Случай"
        case Queue.HOLDS:
            found, what = uow.holds.get(case_id) is not None, "Задержание"
        case Queue.QUARANTINE:
            found, what = uow.quarantine.get(case_id) is not None, "Карантин"
        case _:
            assert_never(queue)
    if not found:
        raise not_found(what, case_id)
