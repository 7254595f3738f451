"""Answers in place of the server, and what a fault does before the server gets to work."""

from __future__ import annotations

import threading
from datetime import timedelta
from email.utils import format_datetime

import msgspec

from connectors.ecp.simulator import elsewhere, fault_kinds
from connectors.ecp.simulator.faults import Firing
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import problem
from connectors.ecp.simulator.wire import Reply, Request
from connectors.ecp.simulator.world import World

HTML = "text/html; charset=utf-8"
MAINTENANCE = (
    "<!DOCTYPE html><html lang=ru><head><title>Технические работы</title></head>"
    "<body><h1>Ведутся технические работы</h1><p>Приносим извинения за неудобства.</p></body></html>"
)
LOGIN_PAGE = (
    "<!DOCTYPE html><html lang=ru><head><title>Вход</title></head>"
    '<body><h1>Вход через ЕСИА</h1><form action="/login" method="post"></form></body></html>'
)
_encode = msgspec.json.Encoder().encode


def strike_first(firing: list[Firing], world: World, request: Request, stopping: threading.Event) -> None:
    """Wait as «slow» rules say, unless the server stops; end the token where one is to die now."""
    for rule in firing:
        if rule.kind == "slow":
            stopping.wait(float(rule.params.get("seconds", 1.0)))
        elif rule.kind == "token_expired":
            with world.lock:
                world.tokens.forget(request.headers.get("authorization", ""))


def answer_instead(firing: list[Firing], request: Request) -> Reply | None:
    """The answer of a fault that keeps the request from being worked on, if one fires."""
    rule = next((rule for rule in firing if fault_kinds.KINDS[rule.kind].stage == "instead"), None)
    if rule is None:
        return None
    params = rule.params
    if rule.kind == "reset_before_commit":
        return Reply(status=0, drop="reset")
    if rule.kind == "raw":
        return Reply(
            status=int(params.get("status", 200)),
            body=str(params.get("body", "")).encode(),
            content_type=str(params.get("contentType", "application/json")),
        )
    if rule.kind == "html_ok":
        return Reply(status=200, body=LOGIN_PAGE.encode(), content_type=HTML)
    if rule.kind == "unavailable":
        return Reply(status=503, body=MAINTENANCE.encode(), content_type=HTML, headers=_retry(rule, None))
    if rule.kind == "redirect":
        target = target_of(rule, request)
        return Reply(status=params.get("status", 302), content_type=HTML, headers={"Location": target})
    status, code, details, headers = _refusal(rule)
    return Reply(status=status, body=_encode(problem(code, details)), headers=headers)


def _refusal(rule: Firing) -> tuple[int, str, str, dict[str, str]]:
    if rule.kind == "rate_limited":
        return 429, "rate_limited", "Слишком много запросов", _retry(rule, 1)
    if rule.kind == "unauthorized":
        return 401, "unauthorized", "Нужен токен доступа", {"WWW-Authenticate": "Bearer"}
    if rule.kind == "forbidden":
        return 403, "forbidden", "Доступ к данным закрыт", {}
    if rule.kind == "not_found":
        return 404, "not_found", "Такого адреса нет", {}
    if rule.kind == "gone":
        return 410, "gone", "История изменений до этой версии не хранится: нужна полная сверка", {}
    return int(rule.params.get("status", 500)), "internal", "Внутренняя ошибка сервера", {}


def _retry(rule: Firing, default: int | None) -> dict[str, str]:
    after = rule.params.get("retryAfter", default)
    return {} if after is None else {"Retry-After": str(after)}


def target_of(rule: Firing, request: Request) -> str:
    """The address a redirect or «next» link of this rule leads to."""
    return elsewhere.location(rule.params, request.headers.get("host", ""), request.target)


def skew(firing: list[Firing]) -> timedelta | None:
    """How far the server's clock is off, None when no rule says so."""
    seconds = [rule.params["seconds"] for rule in firing if rule.kind == "clock_skew"]
    return timedelta(seconds=sum(seconds)) if seconds else None


def headers_beside(firing: list[Firing], world: World, request: Request) -> dict[str, str]:
    """The headers that faults put beside whatever is answered: a wrong Date, a link elsewhere."""
    found: dict[str, str] = {}
    off = skew(firing)
    if off is not None:
        found["Date"] = format_datetime(world.clock.now() + off, usegmt=True)
    for rule in firing:
        if rule.kind == "next_link":
            found["Link"] = f'<{target_of(rule, request)}>; rel="next"'
    return found


def links_beside(firing: list[Firing], request: Request) -> Json:
    """The keys that a «next» link puts into the envelope of a list."""
    found: Json = {}
    for rule in firing:
        if rule.kind == "next_link":
            target = target_of(rule, request)
            found |= {"next": target, "nextPage": target, "links": {"next": {"href": target}}}
    return found
