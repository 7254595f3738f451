"""The application: gate, routes, and what an error looks like to the person who met it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from sync_service.domain.errors import DatabaseBusy, DecisionError, NoSuchCase, SyncError
from sync_service.web import api
from sync_service.web.acts import Acts
from sync_service.web.api.calls import PREFIX
from sync_service.web.api.problems import problem_of
from sync_service.web.errands import Errands
from sync_service.web.headers import UNSAFE, Gate
from sync_service.web.kept import NOTHING, Kept, keep
from sync_service.web.live import Live
from sync_service.web.rendering import Renderer
from sync_service.web.routes import ROUTERS
from sync_service.web.started_runs import StartedRuns
from sync_service.web.visits import Forbidden, NoSuchPage, SignInNeeded, StaleForm, Visit

if TYPE_CHECKING:
    from sync_service.accounts import Accounts, Door, Programs
    from sync_service.bootstrap import Service

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppParts:
    """What routes reach through ``request.app.state.parts``. ``secure``: browsers come over HTTPS."""

    service: Service
    accounts: Accounts
    door: Door
    programs: Programs
    renderer: Renderer
    secure: bool
    errands: Errands
    acts: Acts


def create_app(service: Service, *, hosts: Iterable[str] = (), secure: bool = False) -> FastAPI:
    """The page of an installation. ``hosts`` are the names it answers to beside the loopback address."""
    logging.getLogger("uvicorn.access").disabled = True  # addresses may name records
    app = FastAPI(
        title="ecp-sync",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(Gate, hosts=(*LOCAL_HOSTS, *hosts), secure=secure)],
    )
    app.state.parts = AppParts(
        service=service,
        accounts=service.accounts,
        door=service.door,
        programs=service.programs,
        renderer=Renderer(),
        secure=secure,
        errands=Errands(),
        acts=Acts(service.clock.now),
    )
    app.state.live, app.state.started_runs = Live(), StartedRuns(service)
    with as_file(files("sync_service.web") / "static") as folder:
        app.mount("/static", StaticFiles(directory=folder), name="static")
    for router in (*ROUTERS, *api.ROUTERS):
        app.include_router(router)
    app.add_exception_handler(SignInNeeded, sign_in_first)
    app.add_exception_handler(SyncError, say_what_happened)
    app.add_exception_handler(ClientDisconnect, nobody_is_there)
    app.add_exception_handler(HTTPException, say_what_happened)
    app.add_exception_handler(RequestValidationError, say_what_happened)
    app.add_exception_handler(Exception, say_what_happened)
    return app


async def nobody_is_there(_request: Request, _error: Exception) -> Response:
    """The other end went away before its form was complete; nothing was done, and there is nobody to tell."""
    return Response(status_code=400)


async def sign_in_first(request: Request, error: Exception) -> Response:
    """On to the door. A form that was being sent waits behind it, so that nothing typed is lost."""
    path = error.path if isinstance(error, SignInNeeded) else "/login"
    if request.method not in UNSAFE:
        return RedirectResponse(path, status_code=303)
    renderer: Renderer = request.app.state.parts.renderer
    return renderer.bare(
        request,
        "login.html",
        status=401,
        problem="Вход устарел: больше 30 минут не было действий. Войдите снова — заполненное не потеряется.",
        login="",
        kept=await keep(request),
    )


@dataclass(frozen=True, slots=True)
class _Trouble:
    status: int
    title: str
    text: str
    todo: str


_NOT_FOUND = _Trouble(
    404,
    "Здесь ничего нет",
    "Такой страницы нет, или запись уже разобрана и убрана.",
    "Вернитесь к списку и откройте запись оттуда.",
)
_FORBIDDEN = _Trouble(
    403,
    "Эта страница не для вашей роли",
    "Ваша учётная запись не даёт права на это действие.",
    "Если оно вам нужно для работы, попросите администратора изменить роль.",
)
_STALE_FORM = _Trouble(
    403,
    "Форма устарела",
    "Страница была открыта до последнего входа, поэтому ничего не записано.",
    "Нажмите «Отправить снова»: заполненное сохранилось.",
)
_DATABASE = _Trouble(
    503,
    "База данных не отвечает",
    "Сейчас ничего нельзя ни показать, ни записать. Несохранённого не осталось.",
    "Подождите минуту и обновите страницу. Если не помогло, позовите администратора.",
)
_MISTAKE = _Trouble(
    500,
    "Ошибка программы",
    "Действие не выполнено, данные не изменились.",
    "Вернитесь назад и повторите. Если повторится, сообщите администратору, что вы делали и когда.",
)


async def say_what_happened(request: Request, error: Exception) -> Response:
    """A page in plain Russian: what happened, what was not done, what to do. The log gets the class alone."""
    if request.url.path.startswith(f"{PREFIX}/"):
        answer = problem_of(error)
        _log(error, answer.status_code)
        return answer
    trouble = _trouble_of(error)
    _log(error, trouble.status)
    renderer: Renderer = request.app.state.parts.renderer
    visit: Visit | None = getattr(request.state, "visit", None)
    kept = await keep(request) if isinstance(error, StaleForm) and visit is not None else NOTHING
    return _page(request, renderer, visit, trouble, kept)


def _log(error: Exception, status: int) -> None:
    if status >= 500:
        structlog.get_logger().error("page_failed", error=type(error).__name__, status=status)


def _page(request: Request, renderer: Renderer, visit: Visit | None, trouble: _Trouble, kept: Kept) -> HTMLResponse:
    back = visit.link() if visit is not None else "/"
    token = visit.session.csrf if visit is not None else ""
    return renderer.bare(
        request,
        "trouble.html",
        status=trouble.status,
        trouble=trouble,
        back=back,
        kept=kept,
        csrf=token,
    )


def _trouble_of(error: Exception) -> _Trouble:
    match error:
        case Forbidden():
            return _FORBIDDEN
        case NoSuchPage() | NoSuchCase() | HTTPException(status_code=404) | RequestValidationError():
            return _NOT_FOUND
        case StaleForm():
            return _STALE_FORM
        case DecisionError(stale=stale):
            title = "Пока вы решали, данные изменились" if stale else "Так сделать нельзя"
            return _Trouble(409 if stale else 422, title, str(error), "Вернитесь к списку и откройте запись снова.")
        case DatabaseBusy():
            return _DATABASE
        case HTTPException(status_code=status):
            return _Trouble(
                status, "Запрос не принят", "Браузер прислал то, чего страница не ждёт.", "Вернитесь назад."
            )
        case _:
            return _MISTAKE
