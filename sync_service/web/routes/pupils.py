"""A pupil's card. The number in the address is the school's own and says nothing of the pupil."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from sync_service.domain.people import Permission
from sync_service.engine.queries_pupil import pupil_view
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Unmask = Annotated[Post, Depends(posting(Permission.UNMASK))]


@router.get("/s/{school}/pupils/{student_id}")
def card(visit: See, student_id: int) -> HTMLResponse:
    """Everything the school knows, with СНИЛС, phones and the document's number masked."""
    view = pupil_view(visit.service.db, visit.school, student_id)
    visit.seen("pupils", [student_id])
    return visit.render("pupil.html", view=view)


@router.post("/s/{school}/pupils/{student_id}")
def unmask(post: Unmask, student_id: int) -> HTMLResponse:
    """The same in full; that it was asked for is in the journal."""
    visit = post.visit
    view = pupil_view(visit.service.db, visit.school, student_id, unmask=True)
    visit.seen("unmask", [student_id])
    return visit.render("pupil.html", view=view)
