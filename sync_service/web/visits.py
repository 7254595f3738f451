"""One visit: who asks, for which school, in which role, with which form. Nothing passes without the permission.

Every route takes a :class:`Visit` through :func:`visiting`, and every unsafe route a :class:`Post` through
:func:`posting`, both with the permission it needs; a test walks all routes and fails on one that does not.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, RedirectResponse

from sync_service.domain.errors import SyncError
from sync_service.domain.people import Permission, Role, Session, may
from sync_service.domain.rules.text import squeeze
from sync_service.engine.context import School
from sync_service.engine.decisions import Desk
from sync_service.engine.queries_seen import record_seen

if TYPE_CHECKING:
    from sync_service.accounts import Accounts, Door, Programs
    from sync_service.bootstrap import Service
    from sync_service.web.acts import Acts
    from sync_service.web.errands import Errands
    from sync_service.web.rendering import Renderer

COOKIE = "ecp_session"
SECURE_COOKIE = "__Host-ecp_session"
CSRF = "csrf"
MOST_FIELDS = 2000


class SignInNeeded(SyncError):
    """Nobody is signed in, or not completely; the page to go on with."""

    def __init__(self, path: str = "/login") -> None:
        super().__init__(path)
        self.path = path


class Forbidden(SyncError):
    """Signed in, but this is not for this role."""


class NoSuchPage(SyncError):
    """There is nothing at this address."""


class StaleForm(SyncError):
    """The form belongs to another session; what was typed is not lost."""


class Parts(Protocol):
    """What the application keeps for its routes."""

    @property
    def service(self) -> Service: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def door(self) -> Door: ...
    @property
    def programs(self) -> Programs: ...
    @property
    def renderer(self) -> Renderer: ...
    @property
    def secure(self) -> bool: ...
    @property
    def errands(self) -> Errands: ...
    @property
    def acts(self) -> Acts: ...


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def cookie_name(parts: Parts) -> str:
    return SECURE_COOKIE if parts.secure else COOKIE


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A signed-in person in a school."""

    request: Request
    parts: Parts
    secret: str
    session: Session
    school: School
    role: Role

    @property
    def service(self) -> Service:
        return self.parts.service

    @property
    def actor(self) -> str:
        """The name decisions and views are journalled under."""
        return self.session.person.login

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)

    def desk(self) -> Desk:
        """Where this person decides."""
        return self.service.desk(self.school, self.actor)

    def seen(self, cause: str, students: Iterable[int | None]) -> None:
        """Write down who is about to see which pupils (invariant 15); raises before anything is shown."""
        record_seen(self.service.db, self.school, actor=self.actor, cause=f"page:{cause}", students=students)

    def names(self) -> dict[str, str]:
        """Login → name: decisions are kept under logins."""
        return self.parts.accounts.names()

    def link(self, path: str = "") -> str:
        return f"/s/{self.school.code}{path}"

    def render(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        return self.parts.renderer.page(self, template, status=status, **values)

    def go(self, path: str, *, word: str = "", undo: str = "") -> RedirectResponse:
        """On to another page of this school (303), which says ``word`` once; what was done can be taken back by a
        post to the path ``undo`` of this school."""
        if word:
            word = squeeze(
                word
            )  # it may name a record, and what stands behind a line's end is where «Отменить» leads
            self.parts.door.leave_word(self.secret, f"{word}\n{self.link(undo)}" if undo else word)
        return RedirectResponse(self.link(path), status_code=303)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A form that was sent from a page of this very session."""

    visit: Visit
    form: FormData

    def text(self, name: str, default: str = "") -> str:
        value = self.form.get(name, default)
        return value.strip() if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def number(self, name: str) -> int:
        """The number of a record; 0, which is nobody's, for anything else."""
        return record_number(self.text(name))

    def numbers(self, name: str) -> list[int]:
        """The numbers that were ticked, each once."""
        return [number for number in dict.fromkeys(map(record_number, self.texts(name))) if number]

    def file(self, name: str) -> UploadFile | None:
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def typed(self) -> dict[str, str]:
        """Everything that was typed, without the token and without files."""
        return {name: value for name, value in self.form.items() if isinstance(value, str) and name != CSRF}


def record_number(text: str) -> int:
    """What stands in a form for a record; 0, which is nobody's, for anything else."""
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def session_of(request: Request) -> tuple[str, Session]:
    """Who is at the door. Raises SignInNeeded, naming the page that is to come first."""
    parts = parts_of(request)
    secret = request.cookies.get(cookie_name(parts), "")
    session = parts.door.session(secret) if secret else None
    if session is None:
        raise SignInNeeded
    if not session.proven:
        raise SignInNeeded("/login/code")
    if session.person.must_change_password and request.url.path != "/password":
        raise SignInNeeded("/password")
    return secret, session


def visiting(permission: Permission) -> Callable[..., Visit]:
    """A dependency: the visit, if its role has ``permission`` in the school of the address."""

    def enter(request: Request, school: str) -> Visit:
        secret, session = session_of(request)
        parts = parts_of(request)
        found = {one.code: one for one in parts.service.schools()}.get(school)
        role = session.person.roles.get(found.school_id) if found is not None else None
        if found is None or role is None:
            raise NoSuchPage  # whether the school exists is nobody else's business
        visit = Visit(request=request, parts=parts, secret=secret, session=session, school=found, role=role)
        if not may(role, permission):
            request.state.visit = visit
            raise Forbidden
        request.state.visit = visit
        return visit

    enter.permission = permission  # type: ignore[attr-defined]  # read by the test that walks all routes
    return enter


def posting(permission: Permission) -> Callable[..., Any]:
    """A dependency: the form of a visit, if it carries the token of the session."""
    enter = visiting(permission)

    async def submitted(request: Request, school: str) -> AsyncIterator[Post]:
        visit = await run_in_threadpool(enter, request, school)
        async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:  # closes the file that was sent
            check_token(form, visit.session)
            yield Post(visit=visit, form=form)

    submitted.permission = permission  # type: ignore[attr-defined]  # as above
    submitted.checks_token = True  # type: ignore[attr-defined]
    return submitted


def check_token(form: FormData, session: Session) -> None:
    token = form.get(CSRF, "")
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), session.csrf.encode()):
        raise StaleForm
