"""A pupil's own data (152-ФЗ): handed out whole to those who may ask for it, or destroyed with an act."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.erasures import Reason
from sync_service.domain.errors import DecisionError, NoSuchCase, SyncError
from sync_service.domain.links import LocalId
from sync_service.domain.people import Permission
from sync_service.domain.rules.names import comparison_key
from sync_service.engine import erasure_words as words
from sync_service.engine.erase_subject import erase_subject, restore_subject, scrub
from sync_service.engine.erasure_act import act_on
from sync_service.engine.export_subject import export_subject
from sync_service.engine.queries_erasure import ErasureView, erasure_view, erasures
from sync_service.web.refusals import refusal
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.ERASE))]
Erase = Annotated[Post, Depends(posting(Permission.ERASE))]


@router.post("/s/{school}/subjects/{student_id}/export")
def export(post: Erase, student_id: int) -> Response:
    """A ZIP whose name names nobody."""
    content = export_subject(post.visit.desk(), LocalId(student_id))
    kept = {"Content-Disposition": f"attachment; filename=pupil-{student_id}.zip"}
    return Response(content, media_type="application/zip", headers=kept)


@dataclass(frozen=True, slots=True)
class _Wrong:
    field: str
    text: str


@router.get("/s/{school}/subjects/{student_id}/erase")
def preview(visit: See, student_id: int) -> HTMLResponse:
    """What would go, by kind and number; nothing is written."""
    return _preview(visit, erasure_view(visit.service.db, visit.school, student_id), {})


@router.post("/s/{school}/subjects/{student_id}/erase")
def erase(post: Erase, student_id: int) -> Response:
    """Destroy, and go on to the act: it is kept for an hour, should the line drop meanwhile."""
    visit, typed = post.visit, post.typed()
    view = erasure_view(visit.service.db, visit.school, student_id)
    problems = _problems(view, typed)
    if problems:
        return _preview(visit, view, typed, problems=problems, status=422)
    job = visit.service.resync_job(visit.school, actor=visit.actor)
    try:
        made = erase_subject(job, LocalId(student_id), Reason(typed["reason"]))
    except NoSuchCase:
        raise
    except SyncError as error:
        problem, status = refusal(error)
        fresh = erasure_view(visit.service.db, visit.school, student_id)
        return _preview(visit, fresh, typed, problem="" if fresh.obstacles else problem, status=status)
    act = act_on(made, by=visit.session.person.name)
    visit.parts.acts.keep(visit.school.school_id, act, actor=visit.actor)
    return visit.go(f"/erasures/{act.number}/act")


def _problems(view: ErasureView, typed: dict[str, str]) -> list[_Wrong]:
    found = []
    if typed.get("reason") not in list(Reason):
        found.append(_Wrong("reason", "Выберите причину: она войдёт в акт."))
    if view.kept_long and not typed.get("archived"):
        found.append(_Wrong("archived", "Подтвердите, что приказы и итоговые отметки сохранены вне системы."))
    surname = view.name.split(" ")[0]
    if comparison_key(typed.get("surname", "").strip()) != comparison_key(surname):
        found.append(_Wrong("surname", "Введите фамилию ученика точно, как она написана выше."))
    return found


def _preview(
    visit: Visit,
    view: ErasureView,
    typed: dict[str, str],
    *,
    problems: list[_Wrong] | None = None,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    visit.seen("erase", [view.student_id])
    return visit.render(
        "erase.html",
        status=status,
        view=view,
        typed=typed,
        problems=problems or [],
        problem=problem,
        reasons=[(reason.value, text) for reason, text in words.REASONS.items()],
    )


@router.get("/s/{school}/erasures")
def book(visit: See) -> HTMLResponse:
    """Which erasures there were, without names."""
    rows = erasures(visit.service.db, visit.school)
    kept = visit.parts.acts.of(visit.school.school_id, visit.actor)
    return visit.render("erasures.html", rows=rows, reasons=words.REASONS, people=visit.names(), kept=kept)


@router.get("/s/{school}/erasures/{erasure_id}/act")
def act(visit: See, erasure_id: int) -> HTMLResponse:
    """The act of the last hour, for whoever made it; the file stands in the page itself."""
    from sync_service.web.letters import pdf_of_act

    kept = visit.parts.acts.of(visit.school.school_id, visit.actor).get(erasure_id)
    if kept is None:
        raise NoSuchCase(f"Акта {erasure_id} здесь больше нет: он хранится час и только у того, кто его составил.")
    content = base64.b64encode(pdf_of_act(kept.act)).decode()
    pdf = f"data:application/pdf;base64,{content}"
    return visit.render("erased.html", act=kept.act, until=kept.until, pdf=pdf)


@router.post("/s/{school}/erasures/scrub")
def finish(post: Erase) -> RedirectResponse:
    """Overwrite what an erasure could not overwrite at the time."""
    visit = post.visit
    done = scrub(visit.service.resync_job(visit.school, actor=visit.actor))
    word = (
        "Освободившееся место перезаписано."
        if done
        else "Не перезаписано: базу сейчас читают, или не хватает места или прав. Повторите, когда никто не работает."
    )
    return visit.go("/erasures", word=word)


@router.post("/s/{school}/erasures/{erasure_id}/lift")
def lift(post: Erase, erasure_id: int) -> RedirectResponse:
    """The pupil has come back: from the next run on the region's records come in again."""
    try:
        restore_subject(post.visit.desk(), erasure_id)
    except NoSuchCase:
        raise
    except DecisionError as error:
        return post.visit.go("/erasures", word=str(error))
    return post.visit.go("/erasures", word="Отметка снята. Следующая сверка прочитает всё заново.")
