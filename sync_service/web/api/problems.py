"""What a program is told when its call was not carried out (RFC 9457). No values, no bodies, no names of people."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from sync_service.domain.errors import DatabaseBusy, DecisionError, NoSuchCase, SyncError
from sync_service.web.api.calls import TokenNeeded
from sync_service.web.refusals import refusal
from sync_service.web.visits import Forbidden

MEDIA_TYPE = "application/problem+json"


class NotCarriedOut(SyncError):
    """What was asked for could not be done; ``detail`` is Russian and tells the next step."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def problem_of(error: Exception) -> JSONResponse:
    """The answer to a call that ended with ``error``."""
    status, code, detail = _said(error)
    body = {"type": "about:blank", "title": code, "status": status, "detail": detail}
    if isinstance(error, RequestValidationError):
        body["errors"] = [
            {"place": ".".join(str(part) for part in one["loc"]), "message": one["msg"]} for one in error.errors()
        ]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _said(error: Exception) -> tuple[int, str, str]:
    match error:
        case TokenNeeded():
            return 401, "token_needed", "Нужен действующий ключ: заголовок Authorization: Bearer КЛЮЧ."
        case Forbidden():
            return 403, "forbidden", "Роль этого ключа не даёт права на это действие."
        case NoSuchCase():
            return 404, "not_found", str(error)
        case DecisionError(stale=True):
            return 409, "stale", str(error)
        case DecisionError():
            return 422, "refused", str(error)
        case RequestValidationError():
            return 422, "malformed", "Запрос не такой, как описано в /api/v1/openapi.json."
        case DatabaseBusy():
            return 503, "database_busy", "База данных занята; повторите через минуту."
        case NotCarriedOut(status=status, detail=detail):
            return status, "stale" if status == 409 else "refused", detail
        case HTTPException(status_code=404):
            return 404, "not_found", "Такого адреса нет; адреса перечислены в /api/v1/openapi.json."
        case HTTPException(status_code=status):
            return status, "refused", "Запрос не принят."
        case SyncError() if (told := _told(error)) is not None:
            return told[1], "not_now", told[0]
        case _:
            return 500, "mistake", "Ошибка программы: действие не выполнено. Сообщите администратору, когда это было."


def _told(error: SyncError) -> tuple[str, int] | None:
    """What stood in the way, when a person can do something about it."""
    try:
        return refusal(error)
    except SyncError:
        return None
