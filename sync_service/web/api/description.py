"""The description of the API: OpenAPI for programs, and the same as a page for people. Open to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, JSONResponse

from sync_service.domain.people import Permission, may
from sync_service.engine.queries import VERSION
from sync_service.web.api import deciding, reading, releasing, running
from sync_service.web.api.calls import PREFIX
from sync_service.web.api.problems import MEDIA_TYPE
from sync_service.web.rendering import ROLE_NAMES
from sync_service.web.visits import parts_of

router = APIRouter(prefix=PREFIX, include_in_schema=False)
_ROUTES = [
    route
    for part in (reading, deciding, releasing, running)
    for route in part.router.routes
    if isinstance(route, APIRoute)
]
_PROBLEMS = {
    "401": "No token, or one that is unknown or revoked",
    "403": "The role of the token does not allow this",
    "404": "There is no such record in this school",
    "409": "The values have changed since they were read, or it was decided already",
    "422": "The request is malformed, or cannot be carried out as asked",
    "503": "The database is busy, or the region does not answer; try again",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One call on the page."""

    method: str
    path: str
    summary: str
    roles: str


@router.get("/openapi.json")
def openapi() -> JSONResponse:
    return JSONResponse(description())


@router.get("")
def page(request: Request) -> HTMLResponse:
    lines = [
        Line(method, route.path, route.summary or "", _who(permission_of(route)))
        for route in _ROUTES
        for method in sorted(route.methods or ())
    ]
    return parts_of(request).renderer.bare(request, "api.html", lines=lines)


def permission_of(route: APIRoute) -> Permission:
    """What a call asks for."""
    found = (getattr(dependant.call, "permission", None) for dependant in route.dependant.dependencies)
    return next(permission for permission in found if isinstance(permission, Permission))


def _who(permission: Permission) -> str:
    return ", ".join(name for role, name in ROLE_NAMES.items() if may(role, permission))


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """OpenAPI 3.1 of every call, with the token and the problems each may answer with."""
    document = get_openapi(
        title="ecp-sync",
        version=str(VERSION),
        description="What `ecp-sync … --json` prints, for programs. Shapes: docs/commands.md.",
        routes=_ROUTES,
    )
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    parts.setdefault("schemas", {})["Problem"] = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string", "description": "a stable name"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "what happened, in Russian"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    }
    document["security"] = [{"token": []}]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for methods in document["paths"].values():
        for call in methods.values():
            call["responses"] |= {
                status: {"description": text, "content": content} for status, text in _PROBLEMS.items()
            }
    return document
