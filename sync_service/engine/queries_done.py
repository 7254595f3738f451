"""What was done on one day: decisions of people and enrolments that came through by themselves, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sync_service.domain.conflicts import ConflictKind, ConflictState
from sync_service.domain.links import LocalId
from sync_service.domain.matches import MatchState
from sync_service.domain.releases import Release, ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import load_captions
from sync_service.engine.queries_conflicts import ConflictView, conflict_views
from sync_service.engine.queries_hold_words import hold_title
from sync_service.engine.queries_holds import HoldRow, hold_rows
from sync_service.engine.queries_matches import MatchRow, match_rows
from sync_service.engine.stores import Database

SHOWN = 12  # lines; the rest is in the journal
_DELETIONS = (ConflictKind.DELETED_IN_SCHOOL.value, ConflictKind.DELETED_IN_REGION.value)
_ANSWERS = {MatchState.CONFIRMED: words.SAME, MatchState.REJECTED: words.OTHER}


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneItem:
    """One line. ``queue`` and ``id`` name the case; ``side`` is the one that got a value («school», «gis», else
    empty); ``undo``: the decision may be taken back where it stands; ``at`` is ISO 8601 in UTC."""

    queue: str
    id: int
    student_ids: tuple[int, ...]
    title: str
    what: str
    side: str
    at: str
    by: str | None
    undo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The newest lines, and how many more there are."""

    items: tuple[DoneItem, ...]
    more: int


def done_on(db: Database, school: School, day: date) -> Done:
    """Everything since the beginning of ``day`` in the school's zone, found by when it was decided; a constant
    number of statements, whatever was decided before."""
    since = datetime.combine(day, time.min, tzinfo=ZoneInfo(school.zone)).astimezone(UTC)
    with db.read(school.school_id) as uow:
        decided = uow.conflicts.cases(state=ConflictState.RESOLVED.value, decided_since=since)
        enrolled = uow.releases.cases(state=ReleaseState.ENROLLED.value, closed_since=since)
        latest = sorted(enrolled, key=lambda case: str(case.closed_at))[-SHOWN:]
        captions = load_captions(uow, {Stream.STUDENTS: {LocalId(case.student_id) for case in latest}})
        titles = {case.student_id: captions.pupil(case.student_id) for case in latest}
    newest = sorted(decided, key=lambda case: str(case.decided_at))[-SHOWN:]
    answered = [row for row in match_rows(db, school, state=None, decided_since=since) if row.state in _ANSWERS]
    holds = hold_rows(db, school, decided_since=since)
    items = [_conflict(view) for view in conflict_views(db, school, [case.conflict_id for case in newest])]
    items += [_match(row) for row in answered]
    items += [_enrolment(case, titles) for case in latest]
    items += [_hold(row) for row in holds]
    total = len(decided) + len(answered) + len(enrolled) + len(holds)
    shown = _newest(items)
    return Done(items=tuple(shown), more=total - len(shown))


def _newest(items: Sequence[DoneItem]) -> list[DoneItem]:
    return sorted(items, key=lambda item: (item.at, item.queue, item.id), reverse=True)[:SHOWN]


def _conflict(view: ConflictView) -> DoneItem:
    sides = {choice.side for choice in view.choices}
    fields = ", ".join(clash.title for clash in view.clashes)
    if view.kind in _DELETIONS:
        what, side = "решено, остаётся ли запись", ""
    elif sides == {"local"}:
        what, side = f"{fields}: значение школы записано", "gis"
    elif sides == {"gis"}:
        what, side = f"{fields}: значение ГИС записано", "school"
    else:
        what, side = f"{fields}: выбраны значения", ""
    return DoneItem(
        queue="conflicts",
        id=view.id,
        student_ids=(view.student_id,) if view.student_id is not None else (),
        title=view.caption,
        what=what,
        side=side,
        at=view.decided_at or "",
        by=view.decided_by,
        undo=True,
    )


def _match(row: MatchRow) -> DoneItem:
    pupils = row.stream == Stream.STUDENTS.value
    return DoneItem(
        queue="matches",
        id=row.id,
        student_ids=tuple(candidate.local_id for candidate in row.candidates) if pupils else (),
        title=row.caption,
        what=_ANSWERS[MatchState(row.state)].get(row.stream, words.MATCH_STATES[row.state]),
        side="",
        at=row.decided_at or "",
        by=row.decided_by,
        undo=True,
    )


def _enrolment(case: Release, titles: Mapping[LocalId, str]) -> DoneItem:
    if case.new_card:  # nobody had to release the pupil, or nobody can in the region
        what = "зачислен, в ГИС новая карточка"
    else:
        what = f"{case.previous_school or 'прежняя школа'} отчислила, зачислен без новой карточки"
    return DoneItem(
        queue="releases",
        id=case.release_id,
        student_ids=(case.student_id,),
        title=titles[case.student_id],
        what=what,
        side="",
        at=case.closed_at.isoformat() if case.closed_at else "",
        by=None if case.closed_by in (None, "system") else case.closed_by,
        undo=False,
    )


def _hold(row: HoldRow) -> DoneItem:
    return DoneItem(
        queue="holds",
        id=row.id,
        student_ids=(),
        title=hold_title(row),
        what=words.HOLD_STATES[row.state],
        side="",
        at=row.decided_at or "",
        by=row.decided_by,
        undo=False,
    )
