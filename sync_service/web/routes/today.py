"""«Сегодня»: everything that waits for a person, oldest first, and what was done today."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from sync_service.domain.people import Permission
from sync_service.engine.queries_done import Done, done_on
from sync_service.engine.queries_today import LONG, inbox
from sync_service.web.visits import Visit, visiting

router = APIRouter(include_in_schema=False)


@router.get("/s/{school}")
def today(visit: Annotated[Visit, Depends(visiting(Permission.SEE))]) -> HTMLResponse:
    """The inbox. Who may not see pupils sees the counts alone."""
    day = visit.service.clock.today(visit.school.zone)
    names = visit.may(Permission.SEE_PUPILS)
    items = inbox(visit.service.db, visit.school, day, visit.role, names=visit.names()) if names else []
    done = done_on(visit.service.db, visit.school, day) if names else Done(items=(), more=0)
    shown = [pupil for item in done.items for pupil in item.student_ids]
    visit.seen("today", [*(item.student_id for item in items), *shown])
    others = [item for item in items if item.passed is None]
    groups = [
        ("passed", [item for item in items if item.passed is not None]),
        ("late", [item for item in others if item.days > LONG]),
        ("earlier", [item for item in others if item.days <= LONG and item.opened_on < day]),
        ("today", [item for item in others if item.opened_on >= day]),
    ]
    return visit.render(
        "today.html",
        groups=[group for group in groups if group[1]],
        names=names,
        done=done,
        people=visit.names(),
    )
