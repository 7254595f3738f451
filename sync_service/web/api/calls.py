"""One call of a program: which token, for which school, with which permission."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from sync_service.domain.errors import SyncError
from sync_service.domain.people import ApiToken, Permission, may
from sync_service.engine.context import School
from sync_service.engine.decisions import Desk
from sync_service.engine.queries_seen import record_seen
from sync_service.web.visits import Forbidden, parts_of

if TYPE_CHECKING:
    from sync_service.bootstrap import Service

PREFIX = "/api/v1"


class Body(BaseModel):
    """What a call sends; what it should not send is refused, and never repeated."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class TokenNeeded(SyncError):
    """No token, or one that is unknown or revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program at work in the school of its token."""

    service: Service
    school: School
    token: ApiToken

    @property
    def actor(self) -> str:
        """The name decisions and views are journalled under."""
        return self.token.name

    def desk(self) -> Desk:
        """Where the program decides. It is told logins: names of people are the page's."""
        return replace(self.service.desk(self.school, self.actor), name_of=str)

    def seen(self, cause: str, students: Iterable[int | None]) -> None:
        """Write down what the program is about to get (invariant 15); raises before anything is given."""
        record_seen(self.service.db, self.school, actor=self.actor, cause=f"api:{cause}", students=students)


def calling(permission: Permission) -> Callable[..., Call]:
    """A dependency: the call, if its token's role has ``permission``. Cookies of browsers count for nothing here."""

    def enter(request: Request) -> Call:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        parts = parts_of(request)
        token = parts.programs.recognise(secret.strip()) if scheme.lower() == "bearer" else None
        school = None if token is None else _school_of(parts.service, token)
        if token is None or school is None:
            raise TokenNeeded
        if not may(token.role, permission):
            raise Forbidden
        return Call(service=parts.service, school=school, token=token)

    enter.permission = permission  # type: ignore[attr-defined]  # read by the test that walks all routes
    return enter


def _school_of(service: Service, token: ApiToken) -> School | None:
    """None when the school is no longer in the settings."""
    return next((one for one in service.schools() if one.school_id == token.school_id), None)
