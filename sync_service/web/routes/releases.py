"""«Не отчислены»: the board, a call in three actions, the case with its log, the call list and the letter."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Permission
from sync_service.domain.releases import StepKind
from sync_service.domain.rules.working_days import is_working
from sync_service.engine import decide_releases
from sync_service.engine.queries_board import Stage, release_board
from sync_service.engine.queries_letter import Letter, can_be_written, letter_to_school
from sync_service.engine.queries_releases import release_view
from sync_service.engine.queries_today import school_holidays
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.WATCH_RELEASES))]
Act = Annotated[Post, Depends(posting(Permission.WATCH_RELEASES))]

OUTCOMES: dict[str, tuple[StepKind, str]] = {
    "promised": (StepKind.PROMISE, "Обещали отчислить"),
    "silent": (StepKind.CALL, "Не дозвонились"),
    "letter": (StepKind.CALL, "Просят письмо"),
    "refused": (StepKind.DIRECTOR, "Отказали, передано директору"),
}


@router.get("/s/{school}/releases")
def board(visit: See, call: int = 0) -> HTMLResponse:
    """The board; ``call`` is the case whose form is open."""
    return _board(visit, call)


@router.get("/s/{school}/releases/{release_id}")
def case(visit: See, release_id: int) -> HTMLResponse:
    """One case with everything that was done about it."""
    today = visit.service.clock.today(visit.school.zone)
    view = release_view(visit.service.db, visit.school, today, release_id)
    visit.seen(f"releases:{release_id}", [view.student_id])
    writable = can_be_written(view.case, view.state, view.previous_school)
    return visit.render("release.html", view=view, days=_days(visit, today), outcomes=OUTCOMES, writable=writable)


@router.post("/s/{school}/releases/{release_id}/call")
def log_call(post: Act, release_id: int) -> Response:
    """Write a call down: its outcome, the day to phone again, whom one talked to."""
    visit, outcome = post.visit, post.text("outcome")
    if outcome not in OUTCOMES:
        return _board(visit, release_id, problem="Отметьте, чем закончился звонок.", status=422)
    kind, text = OUTCOMES[outcome]
    day = _chosen_day(post)
    who, note = post.text("who"), post.text("note")
    said = text + (f" до {day:%d.%m}" if day and kind is StepKind.PROMISE else "")
    words = ". ".join(part for part in (said, f"Говорили: {who}" if who else "", note) if part)
    decide_releases.log_step(visit.desk(), release_id, kind, words, next_call_on=day.isoformat() if day else None)
    return visit.go("/releases", word="Звонок записан.")


@router.post("/s/{school}/releases/{release_id}/director")
def to_director(post: Act, release_id: int) -> RedirectResponse:
    decide_releases.log_step(
        post.visit.desk(), release_id, StepKind.DIRECTOR, post.text("note") or "Передано директору"
    )
    return post.visit.go("/releases", word="Передано директору.")


@router.post("/s/{school}/releases/{release_id}/close")
def close(post: Act, release_id: int) -> RedirectResponse:
    decide_releases.close(post.visit.desk(), release_id, post.text("note"))
    return post.visit.go(f"/releases/{release_id}", word="Случай закрыт: ученик не прибыл. В ГИС ничего не ушло.")


@router.post("/s/{school}/releases/{release_id}/reopen")
def reopen(post: Act, release_id: int) -> RedirectResponse:
    decide_releases.reopen(post.visit.desk(), release_id)
    return post.visit.go(f"/releases/{release_id}", word="Случай снова открыт; его проверит следующая сверка.")


@router.get("/s/{school}/releases/{release_id}/letter")
def letter(visit: See, release_id: int) -> HTMLResponse:
    """The letter to the previous school, to be printed."""
    return visit.render("letter.html", letter=_letter(visit, release_id))


@router.post("/s/{school}/releases/{release_id}/letter")
def letter_as_pdf(post: Act, release_id: int) -> Response:
    """The same as a file, whose name names nobody."""
    from sync_service.web.letters import pdf_of

    content = pdf_of(_letter(post.visit, release_id))
    name = f"letter-{release_id}.pdf"
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": f"attachment; filename={name}"}
    )


def _letter(visit: Visit, release_id: int) -> Letter:
    today = visit.service.clock.today(visit.school.zone)
    written = letter_to_school(visit.service.db, visit.school, today, release_id)
    visit.seen(f"releases:letter:{release_id}", [written.student_id])
    return written


@router.get("/s/{school}/releases-calls")
def call_list(visit: See) -> HTMLResponse:
    """Everybody who is to be phoned, on paper."""
    found = release_board(visit.service.db, visit.school, visit.service.clock.today(visit.school.zone))
    rows = [*found.stages[Stage.CALL], *found.stages[Stage.PROMISED], *found.stages[Stage.DIRECTOR]]
    visit.seen("releases-calls", (one.row.student_id for one in rows))
    return visit.render("release_calls.html", rows=rows)


def _board(visit: Visit, call: int, *, problem: str = "", status: int = 200) -> HTMLResponse:
    today = visit.service.clock.today(visit.school.zone)
    found = release_board(visit.service.db, visit.school, today)
    visit.seen("releases", (one.row.student_id for rows in found.stages.values() for one in rows))
    return visit.render(
        "releases.html",
        status=status,
        board=found,
        Stage=Stage,
        call=call,
        problem=problem,
        days=_days(visit, today),
        outcomes=OUTCOMES,
        writable=can_be_written,
        today=today,
    )


def _days(visit: Visit, today: date) -> list[date]:
    """The next three working days."""
    holidays = school_holidays(visit.service.db, visit.school, today)
    found: list[date] = []
    day = today
    while len(found) < 3:
        day += timedelta(days=1)
        if is_working(day, holidays):
            found.append(day)
    return found


def _chosen_day(post: Post) -> date | None:
    text = post.text("other_day") if post.text("day") == "other" else post.text("day")
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DecisionError("День следующего звонка пишется как 2026-09-16 или выбирается из списка.") from None
