"""«Запуски»: the list, one run with live progress, and starting one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from sync_service.domain.audit import Act
from sync_service.domain.errors import NoSuchCase, SyncError
from sync_service.domain.people import Permission
from sync_service.engine.queries_retry import retry_groups
from sync_service.engine.queries_run_page import PULLED, PUSHED, RunView, run_page, run_pages
from sync_service.engine.record_acts import record_act
from sync_service.engine.retry_failed import failed_of, retry_failed
from sync_service.web.clockface import Clockface
from sync_service.web.live import Live, identity_of
from sync_service.web.refusals import refusal
from sync_service.web.rendering import language_of
from sync_service.web.started_runs import StartedRuns
from sync_service.web.visits import NoSuchPage, Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE))]
Start = Annotated[Post, Depends(posting(Permission.RUN))]
Preview = Annotated[Visit, Depends(visiting(Permission.DECIDE))]
Retry = Annotated[Post, Depends(posting(Permission.DECIDE))]

SHOWN = 50
MOST_SHOWN = 1000


@router.get("/s/{school}/runs")
def runs(visit: See, limit: int = SHOWN) -> HTMLResponse:
    """Newest first."""
    limit = max(SHOWN, min(limit, MOST_SHOWN))
    found = run_pages(visit.service.db, visit.school, limit=limit + 1)
    more = limit + SHOWN if len(found) > limit and limit < MOST_SHOWN else 0
    return visit.render("runs.html", runs=found[:limit], more=more)


@router.post("/s/{school}/runs")
def start(post: Start) -> RedirectResponse:
    """Synchronise now, and show it."""
    return _start(post)


@router.post("/s/{school}/runs/compare")
def compare(post: Start) -> RedirectResponse:
    """Everything is due for a full comparison, and a run begins."""
    visit = post.visit
    visit.service.ask_for_comparison(visit.school)
    return _start(post, compare=True)


def _start(post: Post, *, compare: bool = False) -> RedirectResponse:
    visit = post.visit
    started_runs: StartedRuns = visit.request.app.state.started_runs
    record_act(visit.desk(), Act.CONFIGURE, "run", note="full comparison asked for" if compare else "started")
    started = started_runs.start(visit.school)
    if started is None:
        return visit.go("/runs", word="Сверка начинается. Обновите список через несколько секунд.")
    return visit.go(f"/runs/{started}")


@router.get("/s/{school}/runs/{run_id}")
def run(visit: See, run_id: str) -> HTMLResponse:
    """One run; while it goes on, the page renews itself, or is renewed by a link."""
    view = run_page(visit.service.db, visit.school, run_id)
    if view is None:
        raise NoSuchPage
    return visit.render("run.html", view=view, pulled=PULLED, pushed=PUSHED)


@router.get("/s/{school}/runs/{run_id}/retry")
def failures(visit: Preview, run_id: str) -> HTMLResponse:
    """What failed in a run and would be tried again, by reason; nothing is written."""
    return _failures(visit, run_id)


@router.post("/s/{school}/runs/{run_id}/retry")
def retry(post: Retry, run_id: str) -> Response:
    """Try exactly what was shown again."""
    visit = post.visit
    try:
        done = retry_failed(visit.desk(), run_id, post.text("digest"))
    except NoSuchCase:
        raise
    except SyncError as error:
        problem, status = refusal(error)
        return _failures(visit, run_id, problem=problem, status=status)
    words = []
    if done.asked:
        words.append(f"Прочитано заново: {done.asked}, вышло из карантина: {done.read}.")
    if done.due:
        words.append(f"Уйдёт в ГИС при следующей сверке: {done.due}.")
    return visit.go(f"/runs/{run_id}", word=" ".join(words))


def _failures(visit: Visit, run_id: str, *, problem: str = "", status: int = 200) -> HTMLResponse:
    failed = failed_of(visit.service.db, visit.school, run_id)
    groups = retry_groups(visit.service.db, visit.school, failed, visit.service.field_names)
    visit.seen(f"runs:retry:{run_id}", (pupil for group in groups for pupil in group.student_ids))
    return visit.render(
        "run_retry.html",
        status=status,
        problem=problem,
        view=run_page(visit.service.db, visit.school, run_id),
        failed=failed,
        groups=groups,
    )


@router.get("/s/{school}/runs/{run_id}/events")
async def events(request: Request, visit: See, run_id: str) -> Response:
    """The run page as server-sent events. A browser that has seen the end is told to stay away (204)."""
    live: Live = request.app.state.live
    if live.is_full or live.closing:
        return Response(status_code=503, headers={"Retry-After": "5"})
    db, school = visit.service.db, visit.school

    def read() -> RunView | None:
        return run_page(db, school, run_id)

    view = await run_in_threadpool(read)
    if view is None:
        raise NoSuchPage
    last_id = request.headers.get("last-event-id", "")
    if not view.running and identity_of(view) == last_id:
        return Response(status_code=204)
    zone = school.zone

    def render(now: RunView) -> str:
        return visit.parts.renderer.fragment(
            request,
            "_run.html",
            view=now,
            pulled=PULLED,
            pushed=PUSHED,
            link=visit.link,
            may=visit.may,
            time=Clockface(zone, visit.service.clock.today(zone), language_of(request)),
        )

    return StreamingResponse(
        live.events(f"{school.code}/{run_id}", read, render, last_id=last_id),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )
