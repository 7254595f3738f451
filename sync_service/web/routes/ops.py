"""For machines that watch: alive, ready, figures. No names, no login."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from sync_service.domain.errors import SyncError
from sync_service.engine.queries import plain, school_status
from sync_service.metrics import exposition
from sync_service.web.visits import parts_of

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def alive() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz")
def ready(request: Request) -> PlainTextResponse:
    """The database answers too; 503 otherwise."""
    try:
        parts_of(request).service.db.schools.all()
    except SyncError:
        return PlainTextResponse("database away", status_code=503)
    return PlainTextResponse("ok")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Freshness and backlog per stream in the Prometheus format."""
    service = parts_of(request).service
    statuses = [
        plain(
            school_status(
                service.db,
                school,
                connection="login_needed"
                if service.needs_login(school)
                else service.db.connection(school.school_id).state(),
                now=service.clock.now(),
            )
        )
        for school in service.schools()
    ]
    return Response(exposition(statuses), media_type="text/plain; version=0.0.4; charset=utf-8")
