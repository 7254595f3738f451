"""«Импорт»: upload a file, see what would change row by row, then bring it in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from sync_service.domain.people import Permission
from sync_service.domain.school_files import FileRejected
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.IMPORT))]
Upload = Annotated[Post, Depends(posting(Permission.IMPORT))]

GONE = "Файл больше не хранится: прошло больше часа. Загрузите его снова."


@router.get("/s/{school}/import")
def import_page(visit: See) -> HTMLResponse:
    return visit.render("import.html", problem="", report=None, token="")


@router.post("/s/{school}/import")
async def preview(post: Upload) -> Response:
    """What the file would change; nothing is written."""
    upload = post.file("file")
    if upload is None:
        return await run_in_threadpool(_again, post.visit, "Выберите файл: список учеников или отчёт класса.")
    content = await upload.read()
    return await run_in_threadpool(_preview, post.visit, content, upload.filename or "")


def _preview(visit: Visit, content: bytes, name: str) -> Response:
    try:
        report = visit.service.files.bring_in_upload(visit.school, content, name, actor=visit.actor, dry_run=True)
    except FileRejected as error:
        return _again(visit, str(error))
    token = ""
    if report.changed:
        token = visit.service.files.uploads.keep(visit.school.school_id, content, file_name=name, by=visit.actor)
    return visit.render("import.html", problem="", report=report, token=token, name=name)


@router.post("/s/{school}/import-apply")
def bring_in(post: Upload) -> Response:
    """The file that was previewed, whole or not at all."""
    visit, token = post.visit, post.text("token")
    kept = visit.service.files.uploads.get(visit.school.school_id, token, by=visit.actor)
    if kept is None:
        return _again(visit, GONE)
    name, content = kept
    try:
        report = visit.service.files.bring_in_upload(visit.school, content, name, actor=visit.actor)
    except FileRejected as error:
        return _again(visit, str(error))
    visit.service.files.uploads.drop(visit.school.school_id, token)
    return visit.render("import.html", problem="", report=report, token="", name=name)


def _again(visit: Visit, problem: str) -> HTMLResponse:
    return visit.render("import.html", status=422, problem=problem, report=None, token="")
