"""``/api/v1``: what the command line prints with ``--json``, for programs with a token.

A token belongs to one school and has one role; the journal names it as the actor. Shapes are those of
docs/commands.md. Errors are problems (RFC 9457).
"""

from __future__ import annotations

from fastapi import APIRouter

from sync_service.web.api import deciding, description, reading, releasing, running

ROUTERS: tuple[APIRouter, ...] = (
    reading.router,
    deciding.router,
    releasing.router,
    running.router,
    description.router,
)

__all__ = ["ROUTERS"]
