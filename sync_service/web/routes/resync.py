"""«Пересверка»: what to compare, what would be written, and then exactly that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Permission
from sync_service.domain.plans import ItemResult, PlanKind, PlanState, Scope
from sync_service.domain.streams import Stream
from sync_service.engine import queries_resync_words, queries_words
from sync_service.engine.find_pupils import FoundPupil, find_pupils
from sync_service.engine.queries_resync import PlanItemView, PlanView, plan_rows, plan_view
from sync_service.engine.queries_resync_sums import Effect, effect_of, plan_sums
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from sync_service.web.errands import Errand
from sync_service.web.spreadsheets import csv_answer
from sync_service.web.visits import NoSuchPage, Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.RESYNC))]
Act = Annotated[Post, Depends(posting(Permission.RESYNC))]

SAMPLES = 5
PAGE = 200
_NOT_LEFT = (ItemResult.APPLIED.value, ItemResult.SENT.value, ItemResult.QUEUED.value)


@router.get("/s/{school}/resync")
def resync(visit: See) -> HTMLResponse:
    """What may be compared, and the newest plans. Names nobody."""
    return _form(visit)


@router.post("/s/{school}/resync/find")
def find(post: Act) -> HTMLResponse:
    """Pupils to choose one from; POST, so that the query stands in no address."""
    visit, query = post.visit, post.text("q")
    found = find_pupils(visit.service.db, visit.school, query)
    visit.seen("resync-find", [one.student_id for one in found])
    return _form(visit, found=found, query=query)


@router.post("/s/{school}/resync")
def plan(post: Act) -> Response:
    """Make a plan: at once when it is a small one, else behind a waiting page."""
    visit = post.visit
    try:
        kind, scope = PlanKind(post.text("kind", PlanKind.COMPARE.value)), _scope(post)
    except ValueError:
        return _form(visit, post=post, problem="Выберите, что делать, если стороны расходятся.", status=422)
    except DecisionError as error:
        return _form(visit, post=post, problem=str(error), status=422)
    service, school, actor = visit.service, visit.school, visit.actor

    def work(stop: threading.Event) -> str:
        made = make_plan(service.resync_job(school, actor=actor, stop=stop), kind, scope)
        return f"/resync/{made.plan_id}"

    errand = visit.parts.errands.start(school.school_id, "Составляется план", "/resync", work)
    if errand.done.is_set() and errand.problem:
        return _form(visit, post=post, problem=errand.problem, status=errand.status)
    return _go_on(visit, errand)


@router.get("/s/{school}/resync/wait")
def wait(visit: See, job: str = "", ask: bool = False) -> Response:
    """The waiting page; ``ask`` is its script's question (204: not yet)."""
    errand = visit.parts.errands.find(visit.school.school_id, job)
    if errand is None:
        raise NoSuchPage
    if ask:
        return Response(status_code=200 if errand.done.is_set() else 204)
    if errand.done.is_set() and not errand.problem:
        return visit.go(errand.path)
    return visit.render("resync_wait.html", errand=errand, status=errand.status)


@router.get("/s/{school}/resync/{plan_id}")
def show(visit: See, plan_id: int, effect: str = "", page: Annotated[int, Query(ge=0)] = 0) -> HTMLResponse:
    """A plan: figures that add up and samples; ``page`` from 1 on shows all records of an effect."""
    return _plan(visit, plan_id, effect=effect, page=page)


@router.post("/s/{school}/resync/{plan_id}/apply")
def apply(post: Act, plan_id: int) -> Response:
    """Write exactly what the plan says; what has changed since is left alone and shown."""
    visit = post.visit
    view = plan_view(visit.service.db, visit.school, visit.service.clock, plan_id)
    service, school, actor = visit.service, visit.school, visit.actor
    if view.digest != post.text("digest"):
        return _plan(visit, plan_id, problem="Это код другого плана. Ничего не записано.", status=409)

    def work(stop: threading.Event) -> str:
        apply_plan(service.resync_job(school, actor=actor, stop=stop), plan_id)
        return f"/resync/{plan_id}"

    back = f"/resync/{plan_id}"
    errand = visit.parts.errands.start(school.school_id, "План выполняется", back, work, key=f"apply-{plan_id}")
    if errand.done.is_set() and errand.problem:
        return _plan(visit, plan_id, problem=errand.problem, status=errand.status)
    return _go_on(visit, errand)


@router.post("/s/{school}/resync/{plan_id}/csv")
def export(post: Act, plan_id: int) -> Response:
    """Every row of the plan for a spreadsheet."""
    visit = post.visit
    view = plan_view(visit.service.db, visit.school, visit.service.clock, plan_id)
    visit.seen(f"resync:{plan_id}:csv", (item.student_id for item in view.items))
    head = ("номер", "раздел", "запись", "что", "поле", "где", "было", "станет", "почему", "результат")
    return csv_answer(f"plan-{plan_id}.csv", head, _lines(view.items))


def _lines(items: Sequence[PlanItemView]) -> Iterator[tuple[str | int, ...]]:
    words = queries_resync_words
    for item in items:
        what = ", ".join(words.PLAN_ACTS[act] for act in item.acts)
        first = (item.id, queries_words.STREAMS[item.stream], item.caption, what)
        result = words.result(item.result)
        for one in item.fields:
            target = words.TARGETS[one.target]
            yield (*first, one.title, target, one.before_text, one.after_text, one.why_text, result)
        if not item.fields:
            yield (*first, "", "", "", "", "", result)


def _scope(post: Post) -> Scope:
    """What the form names. Raises DecisionError with what is missing."""
    chosen = [stream for stream in Stream if stream.value in post.texts("stream")]
    match post.text("scope"):
        case "record":
            side, _, name = post.text("record").partition(":")
            if not name or side not in ("local", "gis") or (side == "local" and not name.isdecimal()):
                raise DecisionError("Найдите ученика и отметьте его.")
            return Scope(streams=(chosen[0] if chosen else Stream.STUDENTS,), record=f"{side}:{name}")
        case "streams":
            if not chosen:
                raise DecisionError("Отметьте хотя бы один раздел.")
            return Scope(streams=tuple(chosen))
        case "days":
            since, until = _day(post.text("since")), _day(post.text("until"))
            if since is None:
                raise DecisionError("Укажите первый день.")
            if until is not None and until < since:
                raise DecisionError("Последний день раньше первого.")
            return Scope(streams=tuple(Stream), since=since, until=until)
        case "all":
            return Scope(streams=tuple(Stream))
        case _:
            raise DecisionError("Выберите, что сверить.")


def _day(text: str) -> str | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise DecisionError("День пишется как 2026-09-14 или выбирается в календаре.") from None


def _go_on(visit: Visit, errand: Errand) -> Response:
    return visit.go(errand.path if errand.done.is_set() else f"/resync/wait?job={errand.token}")


def _form(
    visit: Visit,
    *,
    found: Sequence[FoundPupil] = (),
    query: str = "",
    post: Post | None = None,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    plans = plan_rows(visit.service.db, visit.school, visit.service.clock)
    return visit.render(
        "resync.html",
        status=status,
        plans=plans,
        said=queries_resync_words,
        found=found,
        query=query,
        typed=post.typed() if post else {"scope": "record" if found else ""},
        ticked=post.texts("stream") if post else [],
        streams=[stream.value for stream in Stream],
        problem=problem,
    )


def _plan(
    visit: Visit, plan_id: int, *, effect: str = "", page: int = 0, problem: str = "", status: int = 200
) -> HTMLResponse:
    view = plan_view(visit.service.db, visit.school, visit.service.clock, plan_id)
    sums = plan_sums(view.items)
    chosen = effect if sums.of(effect) else next((one.effect.value for one in sums.effects if one.records), "")
    of_effect = [item for item in view.items if effect_of(item).value == chosen]
    shown = of_effect[(page - 1) * PAGE : page * PAGE] if page else of_effect[:SAMPLES]
    rest = [item for item in view.items if item.result is not None and item.result not in _NOT_LEFT]
    visit.seen(f"resync:{plan_id}", (item.student_id for item in [*shown, *rest[:PAGE]]))
    left = datetime.fromisoformat(view.expires_at) - visit.service.clock.now()
    return visit.render(
        "plan.html",
        status=status,
        view=replace(view, items=()),
        said=queries_resync_words,
        sums=sums,
        Effect=Effect,
        chosen=chosen,
        shown=shown,
        of_effect=len(of_effect),
        page=page,
        pages=max(1, -(-len(of_effect) // PAGE)),
        rest=rest[:PAGE],
        more=max(0, len(rest) - PAGE),
        open=view.state in (PlanState.PLANNED.value, PlanState.APPLYING.value),
        begun=view.state == PlanState.APPLYING.value,
        minutes=max(1, -(-int(left.total_seconds()) // 60)),
        code=_code(view),
        compared=sum(view.compared.values()),
        unfinished=sum(view.results.get(name, 0) for name in ("none", ItemResult.QUEUED.value)),
        problem=problem,
    )


def _code(view: PlanView) -> str:
    """«7F3A-91C2»: the beginning of the digest, for two people to compare over the phone."""
    return f"{view.digest[:4]}-{view.digest[4:8]}".upper()
