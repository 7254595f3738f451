"""The inbox of a day: everything that waits for a person, oldest first, each with one line of reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sync_service.domain.cases import Shelf
from sync_service.domain.people import Role
from sync_service.domain.releases import ReleaseCase, ReleaseState
from sync_service.domain.rules.working_days import between
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_conflicts import ConflictView, conflict_views
from sync_service.engine.queries_hold_words import hold_detail, hold_title
from sync_service.engine.queries_holds import HoldRow, hold_rows
from sync_service.engine.queries_matches import MatchRow, match_rows
from sync_service.engine.queries_releases import ReleaseRow, release_rows
from sync_service.engine.queries_shelves import SetAside, open_conflicts, set_aside
from sync_service.engine.stores import Database

LONG = 3  # working days after which a case stands out
MOST_ITEMS = 200  # of each queue; the rest is one click away
_AWAITED = (ReleaseState.CLAIMED.value, ReleaseState.NOT_RELEASED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """One line. ``queue`` and ``id`` name the case; ``opened_at`` is ISO 8601 in UTC, ``days`` working days in
    the school's zone; ``conflict`` stands beside conflicts, whose values the line shows, ``passed`` beside those
    that were passed to this role."""

    queue: str
    id: int
    student_id: int | None
    title: str
    kind: str
    detail: str
    verb: str
    opened_at: str
    opened_on: date
    days: int
    conflict: ConflictView | None = None
    passed: SetAside | None = None


def inbox(
    db: Database, school: School, today: date, role: Role, *, names: Mapping[str, str] | None = None
) -> list[InboxItem]:
    """Open cases of all queues that wait for the people of ``role``, oldest first. ``names``: login → name."""
    holidays = school_holidays(db, school, today)
    zone = ZoneInfo(school.zone)

    def aged(at: str | None) -> tuple[str, date, int]:
        moment = datetime.fromisoformat(at) if at else datetime.now(zone)
        day = moment.astimezone(zone).date()
        return moment.isoformat(), day, between(day, today, holidays)

    passed = set(open_conflicts(db, school, today, role, shelf=Shelf.PASSED))
    due = open_conflicts(db, school, today, role)
    shown = sorted(due, key=lambda case_id: case_id not in passed)[:MOST_ITEMS]
    aside = set_aside(db, school, shown)
    items = [
        _conflict(row, *aged(row.opened_at), aside=aside.get(row.id)) for row in conflict_views(db, school, shown)
    ]
    items += [_match(row, *aged(row.opened_at)) for row in match_rows(db, school)[:MOST_ITEMS]]
    items += [
        _release(row, *aged(row.opened_at))
        for row in release_rows(db, school, today)[:MOST_ITEMS]
        if row.state in _AWAITED
    ]
    items += [_hold(row, names or {}, *aged(row.opened_at)) for row in hold_rows(db, school)[:MOST_ITEMS]]
    return sorted(items, key=lambda item: (item.opened_at, item.queue, item.id))


def school_holidays(db: Database, school: School, today: date) -> frozenset[date]:
    """Days of the school's own holidays within a year around ``today``; they are periods of kind «holiday»."""
    with db.read(school.school_id) as uow:
        rows = uow.staging.all_rows(Stream.PERIODS).values()
    days: set[date] = set()
    for row in rows:
        if row.get("kind") != "holiday" or not (row.get("starts_on") and row.get("ends_on")):
            continue
        day, last = date.fromisoformat(str(row["starts_on"])), date.fromisoformat(str(row["ends_on"]))
        while day <= last and abs((day - today).days) <= 366:
            days.add(day)
            day += timedelta(days=1)
    return frozenset(days)


def _conflict(row: ConflictView, opened_at: str, opened_on: date, days: int, *, aside: SetAside | None) -> InboxItem:
    return InboxItem(
        queue="conflicts",
        id=row.id,
        student_id=row.student_id,
        title=row.caption,
        kind="расхождение",
        detail="",
        verb="Решить",
        opened_at=opened_at,
        opened_on=opened_on,
        days=days,
        conflict=row,
        passed=aside if aside and aside.passed_to else None,
    )


def _match(row: MatchRow, opened_at: str, opened_on: date, days: int) -> InboxItem:
    first = row.candidates[0] if row.candidates else None
    return InboxItem(
        queue="matches",
        id=row.id,
        student_id=None,
        title=row.caption,
        kind="возможный двойник родителя" if row.stream == Stream.GUARDIANS.value else "возможный двойник",
        detail="; ".join(first.why) if first else "",
        verb="Сравнить",
        opened_at=opened_at,
        opened_on=opened_on,
        days=days,
    )


def _hold(row: HoldRow, names: Mapping[str, str], opened_at: str, opened_on: date, days: int) -> InboxItem:
    return InboxItem(
        queue="holds",
        id=row.id,
        student_id=None,
        title=hold_title(row),
        kind="задержаны" if row.records > 1 else "задержано",
        detail=hold_detail(row, names),
        verb="Проверить",
        opened_at=opened_at,
        opened_on=opened_on,
        days=days,
    )


def _release(row: ReleaseRow, opened_at: str, opened_on: date, days: int) -> InboxItem:
    unknown = row.state == ReleaseState.CLAIMED.value
    school = row.previous_school or "прежняя школа"
    if unknown:
        detail = "Неясно, откуда прибыл. Укажите в движении."
    elif row.last_outcome:
        detail = row.last_outcome
    elif row.case == ReleaseCase.OTHER_DISTRICT.value:
        detail = "Прежний район не ведёт движение в ГИС: нужны звонок и новая карточка."
    else:
        detail = f"{school} не оформила выбытие. Ещё не звонили."
    return InboxItem(
        queue="releases",
        id=row.id,
        student_id=row.student_id,
        title=row.caption + (f", {row.class_name}" if row.class_name else ""),
        kind="неясно, откуда прибыл" if unknown else "не отчислен",
        detail=detail,
        verb="Открыть" if row.last_outcome or unknown else "Позвонить",
        opened_at=opened_at,
        opened_on=opened_on,
        days=days,
    )
