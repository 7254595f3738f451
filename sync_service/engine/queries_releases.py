"""The release board: pupils the previous school has not released, and our own leavers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.releases import OPEN_STATES, Release, ReleaseCase, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, UnitOfWork

_PEOPLE_DID = frozenset({StepKind.CALL, StepKind.PROMISE, StepKind.DIRECTOR, StepKind.NOTE})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One case. ``case`` is the letter of the regulation; ``days_waiting`` counts calendar days in the school's
    zone since the case was opened, until today or until it was closed."""

    id: int
    school: str
    student_id: int
    caption: str
    class_name: str | None
    case: str
    case_text: str
    state: str
    state_text: str
    previous_school: str | None
    previous_phone: str | None
    order_number: str | None
    order_date: str | None
    days_waiting: int
    last_outcome: str | None
    next_call_on: str | None
    opened_at: str | None
    updated_at: str | None
    closed_at: str | None
    closed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    kind: str
    kind_text: str
    actor: str
    at: str
    text: str
    next_call_on: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView(ReleaseRow):
    """One case with everything that was done about it, oldest first."""

    steps: tuple[StepView, ...]


def release_rows(
    db: Database,
    school: School,
    today: date,
    *,
    state: str | None = "open",
    closed_since: datetime | None = None,
) -> list[ReleaseRow]:
    """Cases in ``state``, oldest first; «open» means every state in which somebody or something is awaited.
    A constant number of statements."""
    with db.read(school.school_id) as uow:
        cases = uow.releases.open() if state == "open" else uow.releases.cases(state=state, closed_since=closed_since)
        captions = _load(uow, cases)
        steps = uow.releases.steps(case.release_id for case in cases)
    return [ReleaseRow(**_row(school, today, case, captions, steps[case.release_id])) for case in cases]


def release_view(db: Database, school: School, today: date, release_id: int) -> ReleaseView:
    """One case. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        case = uow.releases.get(release_id)
        if case is None:
            raise NoSuchCase(f"Случай {release_id}: нет такой записи. Обновите список.")
        captions = _load(uow, [case])
        steps = uow.releases.steps([release_id])[release_id]
    return ReleaseView(
        **_row(school, today, case, captions, steps),
        steps=tuple(
            StepView(
                kind=step.kind.value,
                kind_text=words.STEPS[step.kind],
                actor=step.actor,
                at=step.at.isoformat(),
                text=step.text,
                next_call_on=step.next_call_on,
            )
            for step in steps
        ),
    )


def _load(uow: UnitOfWork, cases: Sequence[Release]) -> Captions:
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    for case in cases:
        wanted[Stream.STUDENTS].add(case.student_id)
        if case.movement_id is not None:
            wanted[Stream.MOVEMENTS].add(case.movement_id)
    return load_captions(uow, wanted)


def _row(
    school: School, today: date, case: Release, captions: Captions, steps: Sequence[ReleaseStep]
) -> dict[str, Any]:
    movement = captions.row(Stream.MOVEMENTS, case.movement_id)
    done = [step for step in steps if step.kind in _PEOPLE_DID]
    planned = [step.next_call_on for step in done if step.next_call_on]
    return {
        "id": case.release_id,
        "school": school.code,
        "student_id": case.student_id,
        "caption": captions.of(Stream.STUDENTS, case.student_id),
        "class_name": _class_of(case, captions),
        "case": case.case.value,
        "case_text": words.RELEASE_CASES[case.case],
        "state": case.state.value,
        "state_text": words.RELEASE_STATES[case.state],
        "previous_school": case.previous_school,
        "previous_phone": case.previous_phone,
        "order_number": movement.get("order_number"),
        "order_date": movement.get("order_date"),
        "days_waiting": _days(school, today, case),
        "last_outcome": done[-1].text if done else None,
        "next_call_on": planned[-1] if planned and case.state in OPEN_STATES else None,
        "opened_at": case.opened_at.isoformat() if case.opened_at else None,
        "updated_at": case.updated_at.isoformat() if case.updated_at else None,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "closed_by": case.closed_by,
    }


def _class_of(case: Release, captions: Captions) -> str | None:
    """The class a pupil goes to; of a leaver the class left."""
    if case.case is ReleaseCase.DEPARTURE:
        left = captions.row(Stream.MOVEMENTS, case.movement_id).get("class_from_id")
        name = captions.row(Stream.CLASSES, left).get("name") if left else None
        return str(name) if name else None
    return captions.class_of(case.student_id)


def _days(school: School, today: date, case: Release) -> int:
    if case.opened_at is None:
        return 0
    zone = ZoneInfo(school.zone)
    until = case.closed_at.astimezone(zone).date() if case.closed_at else today
    return max(0, (until - case.opened_at.astimezone(zone).date()).days)
