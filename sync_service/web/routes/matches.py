"""«Возможные двойники»: the regional record beside the cards it may belong to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse

from sync_service.domain.cases import Queue
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId
from sync_service.domain.people import Permission
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches
from sync_service.engine.attend_cases import look_at
from sync_service.engine.queries_matches import MatchRow, match_rows, match_view
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Decide = Annotated[Post, Depends(posting(Permission.DECIDE))]


@router.get("/s/{school}/matches")
def matches(visit: See) -> HTMLResponse:
    """Open questions, oldest first."""
    rows = match_rows(visit.service.db, visit.school)
    visit.seen("matches", [one for row in rows for one in _pupils(row)])
    return visit.render("matches.html", rows=rows)


@router.get("/s/{school}/matches/{case_id}")
def match(visit: See, case_id: int) -> HTMLResponse:
    """One question: candidates as columns, what speaks for and against in words."""
    view = match_view(visit.service.db, visit.school, case_id)
    visit.seen(f"matches:{case_id}", _pupils(view))
    attention = look_at(visit.desk(), Queue.MATCHES, case_id, name=visit.session.person.name)
    return visit.render("match.html", view=view, attention=attention, people=visit.names())


@router.post("/s/{school}/matches/{case_id}")
def decide(post: Decide, case_id: int) -> RedirectResponse:
    """The same child or parent, or another one; both can be taken back."""
    desk = post.visit.desk()
    parent = match_view(desk.db, desk.school, case_id).stream == Stream.GUARDIANS.value
    match post.text("do"), post.number("card"):
        case "same", card if card:
            decide_matches.confirm(desk, case_id, LocalId(card))
            word = "Записи соединены: тот же родитель." if parent else "Записи соединены: тот же ребёнок."
        case "same", _:
            raise DecisionError("Отметьте карточку, которой принадлежит запись ГИС.")
        case "other", _:
            decide_matches.reject(desk, case_id)
            word = (
                "Запомнено: другой родитель. Спросим снова, только если изменятся имя или телефон."
                if parent
                else "Запомнено: другой ребёнок. Спросим снова, только если изменятся ключевые сведения."
            )
        case _:
            return post.visit.go("/matches", word="Вопрос остаётся открытым.")
    return post.visit.go(f"/matches/{case_id}", word=word, undo=f"/matches/{case_id}/undo")


@router.post("/s/{school}/matches/{case_id}/undo")
def take_back(post: Decide, case_id: int) -> RedirectResponse:
    decide_matches.undo(post.visit.desk(), case_id)
    return post.visit.go("/matches", word="Решение отменено; вопрос откроется при следующей сверке.")


def _pupils(row: MatchRow) -> list[int | None]:
    return [c.local_id if row.stream == Stream.STUDENTS.value else None for c in row.candidates]
