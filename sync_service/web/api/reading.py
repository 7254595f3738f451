"""Calls that read: the state, runs and queues of the token's school. Those that name pupils are journalled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import APIRouter, Depends, Query

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.people import Permission
from sync_service.domain.streams import Stream
from sync_service.engine.queries import VERSION, plain, school_status
from sync_service.engine.queries_conflicts import ConflictRow, ConflictView, conflict_rows, conflict_view
from sync_service.engine.queries_holds import HoldRow, HoldView, hold_rows, hold_view
from sync_service.engine.queries_matches import MatchRow, MatchView, match_rows, match_view
from sync_service.engine.queries_quarantine import (
    QuarantineGroup,
    QuarantineRow,
    QuarantineView,
    quarantine_groups,
    quarantine_rows,
    quarantine_view,
)
from sync_service.engine.queries_releases import ReleaseRow, ReleaseView, release_rows, release_view
from sync_service.engine.queries_runs import RunRow, run_report, run_rows
from sync_service.web.api.calls import PREFIX, Call, calling

router = APIRouter(prefix=PREFIX)
Watch = Annotated[Call, Depends(calling(Permission.SEE))]
See = Annotated[Call, Depends(calling(Permission.SEE_PUPILS))]
Releases = Annotated[Call, Depends(calling(Permission.WATCH_RELEASES))]
State = Literal["open", "all"]
After = Annotated[int, Query(ge=0, description="Only records with a greater id: the last one of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Numbered)


def page_of(rows: Sequence[Row], after: int, limit: int) -> list[Row]:
    """The next ``limit`` rows behind ``after``, by their numbers."""
    return sorted((row for row in rows if row.id > after), key=lambda row: row.id)[:limit]


@router.get("/status", summary="How fresh each stream is, what is on its way and what waits", tags=["state"])
def status(call: Watch) -> dict[str, Any]:
    """Shape: status."""
    store = call.service.db.connection(call.school.school_id)
    state = "login_needed" if call.service.needs_login(call.school) else store.state()
    view = school_status(call.service.db, call.school, connection=state, now=call.service.clock.now())
    return {"version": VERSION, "schools": [plain(view)]}


@router.get("/runs", summary="The latest runs, newest first", tags=["state"])
def runs(call: Watch, limit: Limit = 20) -> list[RunRow]:
    return run_rows(call.service.db, call.school, limit=limit)


@router.get("/runs/{run_id}", summary="One run by stream", tags=["state"])
def run(call: Watch, run_id: str) -> dict[str, Any]:
    """Shape: RunReport."""
    report = run_report(call.service.db, call.school, run_id)
    if report is None:
        raise NoSuchCase("Такой сверки нет. Возьмите id из списка /api/v1/runs.")
    return report.to_json()


@router.get("/conflicts", summary="What both sides changed", tags=["queues"])
def conflicts(call: See, state: State = "open", after: After = 0, limit: Limit = 200) -> list[ConflictRow]:
    found = conflict_rows(call.service.db, call.school, state="open" if state == "open" else None)
    rows = page_of(found, after, limit)
    call.seen("conflicts:list", (row.student_id for row in rows))
    return rows


@router.get("/conflicts/{case_id}", summary="One conflict side by side", tags=["queues"])
def conflict(call: See, case_id: int) -> ConflictView:
    view = conflict_view(call.service.db, call.school, case_id)
    call.seen(f"conflicts:show:{case_id}", [view.student_id])
    return view


@router.get("/matches", summary="Possible doubles", tags=["queues"])
def matches(call: See, state: State = "open", after: After = 0, limit: Limit = 200) -> list[MatchRow]:
    found = match_rows(call.service.db, call.school, state="open" if state == "open" else None)
    rows = page_of(found, after, limit)
    call.seen("matches:list", _candidates(rows))
    return rows


@router.get("/matches/{case_id}", summary="One possible double with its candidates", tags=["queues"])
def match(call: See, case_id: int) -> MatchView:
    view = match_view(call.service.db, call.school, case_id)
    call.seen(f"matches:show:{case_id}", _candidates([view]))
    return view


def _candidates(rows: Sequence[MatchRow]) -> list[int | None]:
    """Pupils that are named; a parent's card is nobody's in particular."""
    return [c.local_id if row.stream == "students" else None for row in rows for c in row.candidates] or [
        None for _ in rows
    ]


@router.get("/releases", summary="Pupils not yet released, and our own leavers", tags=["queues"])
def releases(call: Releases, state: State = "open", after: After = 0, limit: Limit = 200) -> list[ReleaseRow]:
    today = call.service.clock.today(call.school.zone)
    found = release_rows(call.service.db, call.school, today, state="open" if state == "open" else None)
    rows = page_of(found, after, limit)
    call.seen("releases:list", (row.student_id for row in rows))
    return rows


@router.get("/releases/{release_id}", summary="One case with its log", tags=["queues"])
def release(call: Releases, release_id: int) -> ReleaseView:
    today = call.service.clock.today(call.school.zone)
    view = release_view(call.service.db, call.school, today, release_id)
    call.seen(f"releases:show:{release_id}", [view.student_id])
    return view


@router.get("/holds", summary="What the guard has stopped", tags=["queues"])
def holds(call: See, state: State = "open", after: After = 0, limit: Limit = 200) -> list[HoldRow]:
    """Names nobody."""
    return page_of(hold_rows(call.service.db, call.school, everything=state == "all"), after, limit)


@router.get("/holds/{hold_id}", summary="One hold with its records", tags=["queues"])
def hold(call: See, hold_id: int) -> HoldView:
    view = hold_view(call.service.db, call.school, hold_id)
    call.seen(f"holds:show:{hold_id}", (item.student_id for item in view.items))
    return view


@router.get("/quarantine", summary="Reasons for which records were set aside", tags=["queues"])
def quarantine(call: See, stream: Stream | None = None) -> list[QuarantineGroup]:
    """Names nobody."""
    return quarantine_groups(call.service.db, call.school, stream=stream)


@router.get("/quarantine-items", summary="Records that were set aside", tags=["queues"])
def quarantine_items(
    call: See,
    group: str | None = None,
    stream: Stream | None = None,
    discarded: bool = False,
    after: After = 0,
    limit: Limit = 200,
) -> list[QuarantineRow]:
    """``discarded``: those a person has set aside for good."""
    found = quarantine_rows(call.service.db, call.school, group=group, stream=stream, discarded=discarded)
    rows = page_of(found, after, limit)
    call.seen("quarantine:list", (row.student_id for row in rows))
    return rows


@router.get("/quarantine-items/{item_id}", summary="One record that was set aside", tags=["queues"])
def quarantine_item(call: See, item_id: int) -> QuarantineView:
    view = quarantine_view(call.service.db, call.school, item_id)
    call.seen(f"quarantine:show:{item_id}", [view.student_id])
    return view
