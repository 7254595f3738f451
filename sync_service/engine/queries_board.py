"""The release board of the page: who is to be phoned, who has promised, what the director has, what is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sync_service.domain.releases import ReleaseCase, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.rules.working_days import between
from sync_service.engine.context import School
from sync_service.engine.queries_releases import ReleaseRow, release_rows
from sync_service.engine.queries_today import school_holidays
from sync_service.engine.stores import Database

CLOSED_DAYS = 7
_PEOPLE_DID = frozenset({StepKind.CALL, StepKind.PROMISE, StepKind.DIRECTOR})


class Stage(StrEnum):
    CALL = "call"
    PROMISED = "promised"
    DIRECTOR = "director"
    CLOSED = "closed"
    MIRROR = "mirror"  # our leavers whom the list does not show yet


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """One case on the board. ``days`` are working days in the school's zone; ``level`` is 0, or the threshold that
    has been passed; ``last_at`` is ISO 8601 in UTC."""

    row: ReleaseRow
    stage: Stage
    days: int
    level: int
    last_at: str | None
    last_actor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Stage → rows, who waits longest first."""

    stages: dict[Stage, list[BoardRow]]

    def count(self, stage: Stage) -> int:
        return len(self.stages.get(stage, []))


def release_board(db: Database, school: School, today: date, *, thresholds: tuple[int, ...] = (1, 3, 7)) -> Board:
    """Open cases and those closed within a week."""
    zone, holidays = ZoneInfo(school.zone), school_holidays(db, school, today)
    rows = release_rows(db, school, today)
    lately = datetime.combine(today - timedelta(days=CLOSED_DAYS), time(), UTC)
    closed = release_rows(db, school, today, state=ReleaseState.ENROLLED.value, closed_since=lately)
    with db.read(school.school_id) as uow:
        steps = uow.releases.steps(row.id for row in rows)
    stages: dict[Stage, list[BoardRow]] = {stage: [] for stage in Stage}
    for row in rows:
        opened = datetime.fromisoformat(row.opened_at).astimezone(zone).date() if row.opened_at else today
        days = between(opened, today, holidays)
        last = next((step for step in reversed(steps[row.id]) if step.kind in _PEOPLE_DID), None)
        stage = _stage(row, last)
        stages[stage].append(
            BoardRow(
                row=row,
                stage=stage,
                days=days,
                level=max((limit for limit in thresholds if days >= limit), default=0),
                last_at=last.at.isoformat() if last else None,
                last_actor=last.actor if last else None,
            )
        )
    for found in stages.values():
        found.sort(key=lambda one: (-one.days, one.row.id))
    stages[Stage.CLOSED] = [
        BoardRow(row=row, stage=Stage.CLOSED, days=0, level=0, last_at=row.closed_at, last_actor=row.closed_by)
        for row in reversed(closed)
    ]
    return Board(stages=stages)


def _stage(row: ReleaseRow, last: ReleaseStep | None) -> Stage:
    if row.case == ReleaseCase.DEPARTURE.value:
        return Stage.MIRROR
    match last.kind if last else None:
        case StepKind.PROMISE:
            return Stage.PROMISED
        case StepKind.DIRECTOR:
            return Stage.DIRECTOR
        case _:
            return Stage.CALL
