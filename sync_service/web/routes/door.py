"""The door: login, second factor, a password of one's own, logout, and the way in to a school."""

from __future__ import annotations

import hmac
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from sync_service.accounts import AccountError, Denied
from sync_service.domain.people import Person, Session
from sync_service.web.i18n import LANGUAGES
from sync_service.web.kept import NOTHING, Kept
from sync_service.web.rendering import LANGUAGE_COOKIE
from sync_service.web.visits import (
    SignInNeeded,
    StaleForm,
    address_of,
    cookie_name,
    parts_of,
    session_of,
)

router = APIRouter(include_in_schema=False)
Field = Annotated[str, Form()]


def _secret(request: Request) -> str:
    return request.cookies.get(cookie_name(parts_of(request)), "")


def _with_cookie(request: Request, answer: Response, secret: str) -> Response:
    parts = parts_of(request)
    answer.set_cookie(cookie_name(parts), secret, httponly=True, samesite="lax", secure=parts.secure, path="/")
    return answer


@router.get("/login")
def login_page(request: Request) -> Response:
    """The form; who is signed in already goes on."""
    parts = parts_of(request)
    session = parts.door.session(_secret(request)) if _secret(request) else None
    if session is not None and session.proven:
        return RedirectResponse("/", status_code=303)
    if parts.accounts.is_empty():
        return parts.renderer.bare(request, "nobody.html")
    return parts.renderer.bare(request, "login.html", problem="", login="", kept=NOTHING)


@router.post("/login")
def login(
    request: Request,
    login: Field = "",
    password: Field = "",
    kept_path: Field = "",
    kept_fields: Field = "",
) -> Response:
    """Sign in; the session is new, and the one whose cookie came along has ended (no session fixation)."""
    parts = parts_of(request)
    kept = Kept.from_text(kept_path, kept_fields)
    try:
        secret, session = parts.door.sign_in(login, password, address=address_of(request))
    except Denied as error:
        return parts.renderer.bare(request, "login.html", status=401, problem=str(error), login=login, kept=kept)
    if former := _secret(request):
        parts.door.sign_out(former)
    if session.proven:
        return _with_cookie(request, _inside(request, session, kept), secret)
    if kept:
        return _with_cookie(request, _code_form(request, session.person, "", kept), secret)
    return _with_cookie(request, RedirectResponse("/login/code", status_code=303), secret)


def _inside(request: Request, session: Session, kept: Kept) -> Response:
    """To the start, or to the form that was being sent when the former session ended; a password of one's own comes
    first."""
    if not kept:
        return RedirectResponse("/", status_code=303)
    if session.person.must_change_password:
        return _password_form(request, session, "", kept)
    return parts_of(request).renderer.bare(request, "resume.html", csrf=session.csrf, kept=kept)


@router.get("/login/code")
def code_page(request: Request) -> Response:
    return _code_page(request, "", NOTHING)


@router.post("/login/code")
def code(request: Request, code: Field = "", kept_path: Field = "", kept_fields: Field = "") -> Response:
    """The second factor; a form that was being sent before goes on behind it."""
    parts, kept = parts_of(request), Kept.from_text(kept_path, kept_fields)
    try:
        secret, session = parts.door.prove(_secret(request), code, address=address_of(request))
    except Denied as error:
        return _code_page(request, str(error), kept)
    return _with_cookie(request, _inside(request, session, kept), secret)


def _code_page(request: Request, problem: str, kept: Kept) -> Response:
    parts = parts_of(request)
    session = parts.door.session(_secret(request))
    if session is None and kept:
        return parts.renderer.bare(request, "login.html", status=401, problem=problem, login="", kept=kept)
    if session is None:
        return RedirectResponse("/login", status_code=303)
    if session.proven:
        return _inside(request, session, kept)
    return _code_form(request, session.person, problem, kept)


def _code_form(request: Request, person: Person, problem: str, kept: Kept) -> Response:
    parts = parts_of(request)
    uri = None if person.has_totp else parts.door.totp_uri(person)
    return parts.renderer.bare(
        request,
        "code.html",
        status=401 if problem else 200,
        problem=problem,
        kept=kept,
        secret=None if uri is None else uri.partition("secret=")[2].partition("&")[0],
        picture=None if uri is None else _qr(uri),
    )


def _qr(uri: str) -> str:
    """The address as a picture the app can read, in the page itself."""
    import base64

    import segno

    buffer = BytesIO()
    segno.make(uri, error="m").save(buffer, kind="svg", scale=4, border=2, xmldecl=False)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


@router.get("/password")
def password_page(request: Request) -> Response:
    _, session = session_of(request)
    return _password_form(request, session, "", NOTHING)


def _password_form(request: Request, session: Session, problem: str, kept: Kept) -> Response:
    return parts_of(request).renderer.bare(
        request,
        "password.html",
        status=422 if problem else 200,
        problem=problem,
        csrf=session.csrf,
        session=session,
        kept=kept,
    )


@router.post("/password")
def password(
    request: Request,
    old: Field = "",
    new: Field = "",
    again: Field = "",
    csrf: Field = "",
    kept_path: Field = "",
    kept_fields: Field = "",
) -> Response:
    """A password of one's own; a form that was being sent before goes on behind it."""
    secret, session = session_of(request)
    kept = Kept.from_text(kept_path, kept_fields)
    if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise StaleForm
    parts = parts_of(request)
    try:
        parts.accounts.change_password(session.person, old, new, again, keep=secret)
    except AccountError as error:
        return _password_form(request, session, str(error), kept)
    parts.door.leave_word(secret, "Пароль изменён. На других устройствах вход завершён.")
    if kept:
        return parts.renderer.bare(request, "resume.html", csrf=session.csrf, kept=kept)
    return RedirectResponse("/", status_code=303)


@router.post("/logout")
def logout(request: Request, csrf: Field = "") -> Response:
    secret, session = session_of(request)
    if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise StaleForm
    parts = parts_of(request)
    parts.door.sign_out(secret)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(cookie_name(parts), path="/", secure=parts.secure, httponly=True, samesite="lax")
    return answer


@router.get("/")
def home(request: Request) -> Response:
    """To one's school; who has several chooses."""
    _, session = session_of(request)
    parts = parts_of(request)
    mine = [school for school in parts.service.schools() if school.school_id in session.person.roles]
    if len(mine) == 1:
        return RedirectResponse(f"/s/{mine[0].code}", status_code=303)
    return parts.renderer.bare(request, "schools.html", schools=mine, session=session, csrf=session.csrf)


@router.get("/language/{language}")
def language(request: Request, language: str) -> Response:
    """Another language of the page, remembered by the browser."""
    if language not in LANGUAGES:
        raise SignInNeeded("/")
    answer = RedirectResponse(request.headers.get("referer", "/") if _ours(request) else "/", status_code=303)
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, samesite="lax", path="/", httponly=True)
    return answer


def _ours(request: Request) -> bool:
    return request.headers.get("referer", "").startswith(str(request.base_url))
