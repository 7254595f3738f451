"""«Подключение»: the regional token, and what «нужен вход» means."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.audit import Act
from sync_service.domain.errors import LoginNeeded, TransientError
from sync_service.domain.people import Permission
from sync_service.engine.record_acts import record_act
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.CONNECT))]
Enter = Annotated[Post, Depends(posting(Permission.CONNECT))]


@router.get("/s/{school}/connection")
def connection(visit: See) -> HTMLResponse:
    return _page(visit)


@router.post("/s/{school}/connection")
def enter(post: Enter) -> Response:
    """Prove the token with one request and keep it; a rejected one changes nothing."""
    visit, token = post.visit, post.text("token")
    if not token:
        return _page(visit, problem="Вставьте ключ: поле пустое.", status=422)
    try:
        visit.service.connections.login(visit.school, token)
    except LoginNeeded:
        return _page(
            visit,
            problem="ГИС не приняла этот ключ. Прежний остаётся. Получите новый и вставьте его целиком.",
            status=422,
        )
    except TransientError:
        record_act(visit.desk(), Act.CONFIGURE, "connection", note="kept unproven")
        return _go(visit, "Ключ сохранён, но ГИС сейчас не отвечает. Он будет проверен при следующей сверке.")
    record_act(visit.desk(), Act.CONFIGURE, "connection", note="entered")
    return _go(visit, "Вход выполнен. Сверка продолжится сама.")


def _go(visit: Visit, word: str) -> RedirectResponse:
    return visit.go("/connection", word=word)


def _page(visit: Visit, *, problem: str = "", status: int = 200) -> HTMLResponse:
    settings = visit.service.school_settings(visit.school)
    return visit.render(
        "connection.html",
        status=status,
        problem=problem,
        needs_login=visit.service.needs_login(visit.school),
        address=settings.base_url,
    )
