"""What each kind of fault does to an answer."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import msgspec

from connectors.ecp.simulator.faults import ANSWERING, Rule
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import problem
from connectors.ecp.simulator.reading import Listing
from connectors.ecp.simulator.wire import Reply, Request

HTML = "text/html; charset=utf-8"
MAINTENANCE = (
    "<!DOCTYPE html><html lang=ru><head><title>Технические работы</title></head>"
    "<body><h1>Ведутся технические работы</h1><p>Приносим извинения за неудобства.</p></body></html>"
)
LOGIN_PAGE = (
    "<!DOCTYPE html><html lang=ru><head><title>Вход</title></head>"
    '<body><h1>Вход через ЕСИА</h1><form action="/login" method="post"></form></body></html>'
)
BOMB_BYTES = 50_000_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def pause(firing: list[Rule], stopping: threading.Event) -> None:
    """Wait as «slow» rules say; a stopping server does not wait."""
    for rule in firing:
        if rule.kind == "slow":
            stopping.wait(float(rule.params.get("seconds", 1.0)))


def answer_instead(firing: list[Rule]) -> Reply | None:
    """The answer of a fault that keeps the request from being worked on, if one fires."""
    rule = next((rule for rule in firing if rule.kind in ANSWERING), None)
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
        return Reply(status=503, body=MAINTENANCE.encode(), content_type=HTML, headers=_retry(params, None))
    status, code, details, headers = _refusal(rule)
    return Reply(status=status, body=_encode(problem(code, details)), headers=headers)


def _refusal(rule: Rule) -> tuple[int, str, str, dict[str, str]]:
    if rule.kind == "rate_limited":
        return 429, "rate_limited", "Слишком много запросов", _retry(rule.params, 1)
    if rule.kind == "unauthorized":
        return 401, "unauthorized", "Нужен токен доступа", {"WWW-Authenticate": "Bearer"}
    if rule.kind == "forbidden":
        return 403, "forbidden", "Доступ к данным закрыт", {}
    if rule.kind == "not_found":
        return 404, "not_found", "Такого адреса нет", {}
    return int(rule.params.get("status", 500)), "internal", "Внутренняя ошибка сервера", {}


def _retry(params: Json, default: int | None) -> dict[str, str]:
    after = params.get("retryAfter", default)
    return {} if after is None else {"Retry-After": str(after)}


def spoil_listing(listing: Listing, firing: list[Rule]) -> Listing:
    """A page or search answer after the faults that change its items and totals."""
    for rule in firing:
        if rule.kind == "repeated_items":
            listing.bodies = [body for body in listing.bodies for _ in range(2)]
        elif rule.kind == "reordered_items":
            listing.bodies = listing.bodies[::-1]
        elif rule.kind == "short_page":
            before = len(listing.bodies)
            listing.bodies = listing.bodies[: int(before * float(rule.params.get("keep", 0.5)))]
            if rule.params.get("honestTotal") and "totalCount" in listing.beside:
                listing.beside["totalCount"] -= before - len(listing.bodies)
        elif rule.kind == "empty_list":
            listing.bodies = []
            for name in ("totalCount", "totalPages"):
                if name in listing.beside:
                    listing.beside[name] = 0
            if "hasNextPage" in listing.beside:
                listing.beside["hasNextPage"] = False
        elif rule.kind == "unknown_fields":
            listing.beside["futureEnvelope"] = {"revision": 7}
    listing.bodies = spoil_items(listing.bodies, firing)
    return listing


def spoil_items(bodies: list[bytes], firing: list[Rule]) -> list[bytes]:
    """Encoded items after the faults that change an item itself."""
    for rule in firing:
        if rule.kind == "unknown_fields":
            bodies = [body[:-1] + b',"futureField":"x","futureObject":{"a":[1,null]}}' for body in bodies]
        elif rule.kind == "no_versions":
            bodies = [_without_version(body) for body in bodies]
    return bodies


def _without_version(body: bytes) -> bytes:
    item: dict[str, Any] = _decode(body)
    item.pop("version", None)
    return _encode(item)


def spoil_results(results: list[Json], firing: list[Rule]) -> list[Json]:
    """The results of an enrolment search after the faults that concern them."""
    for rule in firing:
        if rule.kind == "empty_list":
            results = []
        elif rule.kind == "reordered_items":
            results = results[::-1]
        elif rule.kind == "repeated_items":
            results = [result for result in results for _ in range(2)]
        elif rule.kind == "unknown_fields":
            results = [{**result, "futureField": "x"} for result in results]
    return results


def failing_items(firing: list[Rule], count: int) -> set[int]:
    """The places in a batch that answer 500 by themselves."""
    failing: set[int] = set()
    for rule in firing:
        if rule.kind == "item_error_500":
            failing.update(rule.params.get("indexes", range(count)))
    return failing


def spoil_delivery(reply: Reply, firing: list[Rule], request: Request) -> None:
    """Decide how a finished answer travels: not at all, in part, slowly, or as a bomb."""
    for rule in firing:
        if rule.kind == "commit_then_drop":
            reply.drop = "close"
        elif rule.kind == "truncated_body":
            reply.cut = int(rule.params.get("bytes", len(reply.body) // 2))
        elif rule.kind == "drip":
            pace = float(rule.params.get("bytesPerSecond", 0)) or len(reply.body) / float(
                rule.params.get("seconds", 5.0)
            )
            reply.pace = max(pace, 1.0)
        elif rule.kind == "gzip_bomb":
            reply.body = b" " * int(rule.params.get("bytes", BOMB_BYTES))
            if "gzip" in request.headers.get("accept-encoding", ""):
                reply.body = gzip.compress(reply.body, 9)
                reply.headers["Content-Encoding"] = "gzip"
