"""The door: login, second factor, a password of one's own, logout, and the way in to a school."""

from __future__ import annotations

import hmac
import json
from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from sync_service.accounts import AccountError, Denied
from sync_service.web.i18n import LANGUAGES
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
    session = parts.accounts.session(_secret(request)) if _secret(request) else None
    if session is not None and session.proven:
        return RedirectResponse("/", status_code=303)
    if parts.accounts.is_empty():
        return parts.renderer.bare(request, "nobody.html")
    return parts.renderer.bare(request, "login.html", problem="", login="", resume_path="", resume_fields={})


@router.post("/login")
def login(
    request: Request,
    login: Field = "",
    password: Field = "",
    resume_path: Field = "",
    resume_fields: Field = "",
) -> Response:
    """Sign in; the session is new, whatever cookie came along (no session fixation)."""
    parts = parts_of(request)
    fields = _fields(resume_fields)
    try:
        secret, session = parts.accounts.sign_in(login, password, address=address_of(request))
    except Denied as error:
        return parts.renderer.bare(
            request,
            "login.html",
            status=401,
            problem=str(error),
            login=login,
            resume_path=resume_path,
            resume_fields=fields,
        )
    if not session.proven:
        return _with_cookie(request, RedirectResponse("/login/code", status_code=303), secret)
    if fields and resume_path.startswith("/s/"):
        page = parts.renderer.bare(
            request, "resume.html", csrf=session.csrf, resume_path=resume_path, resume_fields=fields
        )
        return _with_cookie(request, page, secret)
    return _with_cookie(request, RedirectResponse("/", status_code=303), secret)


def _fields(text: str) -> dict[str, str]:
    """What was being sent when the session ended; anything else is dropped."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {str(k): v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


@router.get("/login/code")
def code_page(request: Request) -> Response:
    return _code_page(request, "")


@router.post("/login/code")
def code(request: Request, code: Field = "") -> Response:
    parts = parts_of(request)
    try:
        secret, _ = parts.accounts.prove(_secret(request), code, address=address_of(request))
    except Denied as error:
        return _code_page(request, str(error))
    return _with_cookie(request, RedirectResponse("/", status_code=303), secret)


def _code_page(request: Request, problem: str) -> Response:
    parts = parts_of(request)
    session = parts.accounts.session(_secret(request))
    if session is None:
        return RedirectResponse("/login", status_code=303)
    if session.proven:
        return RedirectResponse("/", status_code=303)
    person = session.person
    uri = None if person.has_totp else parts.accounts.totp_uri(person)
    return parts.renderer.bare(
        request,
        "code.html",
        status=401 if problem else 200,
        problem=problem,
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
    return parts_of(request).renderer.bare(request, "password.html", problem="", csrf=session.csrf, session=session)


@router.post("/password")
def password(request: Request, old: Field = "", new: Field = "", again: Field = "", csrf: Field = "") -> Response:
    secret, session = session_of(request)
    if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise StaleForm
    parts = parts_of(request)
    try:
        parts.accounts.change_password(session.person, old, new, again, keep=secret)
    except AccountError as error:
        return parts.renderer.bare(
            request, "password.html", status=422, problem=str(error), csrf=session.csrf, session=session
        )
    parts.accounts.leave_word(secret, "Пароль изменён. На других устройствах вход завершён.")
    return RedirectResponse("/", status_code=303)


@router.post("/logout")
def logout(request: Request, csrf: Field = "") -> Response:
    secret, session = session_of(request)
    if not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise StaleForm
    parts = parts_of(request)
    parts.accounts.sign_out(secret)
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
