"""«Расхождения»: what is due, what was passed on or put off, and deciding many at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from sync_service.domain.conflicts import Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Permission
from sync_service.engine.queries_conflicts import conflict_views
from sync_service.engine.queries_shelves import set_aside
from sync_service.engine.resolve_many import MOST_AT_ONCE, resolve_many, undo_many
from sync_service.web.visits import Post, Visit, posting, record_number, visiting
from sync_service.web.walks import Walking

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Decide = Annotated[Post, Depends(posting(Permission.DECIDE))]

PAGE = 50
_SIDES = {"school": Side.LOCAL, "gis": Side.GIS}


@router.get("/s/{school}/conflicts")
def conflicts(visit: See, walk: Walking, page: Annotated[int, Query(ge=1)] = 1) -> HTMLResponse:
    """Open cases of a shelf, oldest first, a page at a time."""
    ids = walk.ids(visit)
    shown = conflict_views(visit.service.db, visit.school, ids[(page - 1) * PAGE : page * PAGE])
    visit.seen("conflicts", (row.student_id for row in shown))
    return visit.render(
        "conflicts.html",
        rows=shown,
        total=len(ids),
        page=page,
        pages=max(1, -(-len(ids) // PAGE)),
        walk=walk,
        stream=walk.stream.value if walk.stream else "",
        aside=set_aside(visit.service.db, visit.school, [row.id for row in shown]),
        fields=sorted({(clash.group, clash.title) for row in shown for clash in row.clashes if clash.field != "*"}),
    )


@router.post("/s/{school}/conflicts-bulk")
def bulk(post: Decide, walk: Walking) -> Response:
    """Preview first, then the same cases under the stamps that were shown."""
    visit = post.visit
    group, side = post.text("group"), post.text("side")
    if side not in ("school", "gis") or not group:
        raise DecisionError("Выберите поле и сторону, которую взять.")
    if post.text("do") == "apply":
        stamps = dict(zip(map(record_number, post.texts("case")), post.texts("stamp"), strict=False))
        outcome = resolve_many(visit.desk(), stamps, group, _SIDES[side])
        return visit.render("conflicts_bulk_done.html", outcome=outcome)
    found = [
        row
        for row in conflict_views(visit.service.db, visit.school, walk.ids(visit))
        if {c.group for c in row.clashes} == {group}
    ]
    visit.seen("conflicts-bulk", (row.student_id for row in found[:MOST_AT_ONCE]))
    return visit.render(
        "conflicts_bulk.html",
        rows=found[:MOST_AT_ONCE],
        left=max(0, len(found) - MOST_AT_ONCE),
        group=group,
        side=side,
    )


@router.post("/s/{school}/conflicts-bulk/undo")
def bulk_undo(post: Decide) -> HTMLResponse:
    outcome = undo_many(post.visit.desk(), post.numbers("case"))
    return post.visit.render("conflicts_bulk_done.html", outcome=outcome, undone=True)
