"""A pupil's own data (152-ФЗ): everything that is stored, for the parents who ask for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from sync_service.domain.links import LocalId
from sync_service.domain.people import Permission
from sync_service.engine.export_subject import export_subject
from sync_service.web.visits import Post, posting

router = APIRouter(include_in_schema=False)
Erase = Annotated[Post, Depends(posting(Permission.ERASE))]


@router.post("/s/{school}/subjects/{student_id}/export")
def export(post: Erase, student_id: int) -> Response:
    """A ZIP whose name names nobody."""
    content = export_subject(post.visit.desk(), LocalId(student_id))
    kept = {"Content-Disposition": f"attachment; filename=pupil-{student_id}.zip"}
    return Response(content, media_type="application/zip", headers=kept)
