"""«Пользователи»: accounts of the school, their roles, first passwords, tokens of programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, Response

from sync_service.accounts import AccountError
from sync_service.domain.audit import Act
from sync_service.domain.people import Permission, Person, Role
from sync_service.engine.record_acts import record_act
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.MANAGE_PEOPLE))]
Manage = Annotated[Post, Depends(posting(Permission.MANAGE_PEOPLE))]


@router.get("/s/{school}/people")
def people(visit: See) -> HTMLResponse:
    return _page(visit)


@router.post("/s/{school}/people")
def add(post: Manage) -> Response:
    """A new account; its first password is shown on this page and nowhere else."""
    visit = post.visit
    try:
        role = _role(post)
        person, password = visit.parts.accounts.add(
            login=post.text("login"), name=post.text("name"), roles={visit.school.school_id: role}
        )
    except AccountError as error:
        return _page(visit, problem=str(error), typed=post.typed(), status=422)
    record_act(visit.desk(), Act.CONFIGURE, f"person:{person.login}", note=f"added as {role.value}")
    return _page(visit, secret=password, whose=person.login)


@router.post("/s/{school}/people/{person_id}")
def change(post: Manage, person_id: int) -> Response:
    """Another role, a new first password, a forgotten phone, off and on."""
    visit, accounts, action = post.visit, post.visit.parts.accounts, post.text("do")
    person = next((p for p in accounts.everybody() if p.person_id == person_id), None)
    if person is None or visit.school.school_id not in person.roles:
        return _page(visit, problem="Такой учётной записи в этой школе нет.", status=404)
    secret = ""
    try:
        match action:
            case "role":
                accounts.set_role(person_id, visit.school.school_id, _role(post))
            case "password" | "totp" | "disable" | "enable" if _is_shared(visit, person):
                return _page(
                    visit,
                    problem="Эта учётная запись открывает и другую школу. Попросите того, кто управляет обеими.",
                    status=422,
                )
            case "password":
                secret = accounts.reset_password(person_id)
            case "totp":
                accounts.reset_totp(person_id)
            case "disable" | "enable":
                accounts.disable(person_id, disabled=action == "disable")
            case _:
                return _page(visit, problem="Выберите действие.", status=422)
    except AccountError as error:
        return _page(visit, problem=str(error), status=422)
    record_act(visit.desk(), Act.CONFIGURE, f"person:{person.login}", note=action)
    if secret:
        return _page(visit, secret=secret, whose=person.login)
    return visit.go("/people", word=f"{person.login}: изменено. Открытые входы завершены.")


@router.post("/s/{school}/people-tokens")
def issue(post: Manage) -> Response:
    """A token for a program, shown on this page and nowhere else."""
    visit = post.visit
    try:
        token, secret = visit.parts.programs.issue_token(
            visit.school.school_id, name=post.text("name"), role=_role(post), by=visit.actor
        )
    except AccountError as error:
        return _page(visit, problem=str(error), status=422)
    record_act(visit.desk(), Act.CONFIGURE, f"token:{token.token_id}", note="issued")
    return _page(visit, secret=secret, whose=token.name)


@router.post("/s/{school}/people-tokens/{token_id}")
def revoke(post: Manage, token_id: int) -> Response:
    visit = post.visit
    try:
        visit.parts.programs.revoke_token(visit.school.school_id, token_id)
    except AccountError as error:
        return _page(visit, problem=str(error), status=404)
    record_act(visit.desk(), Act.CONFIGURE, f"token:{token_id}", note="revoked")
    return visit.go("/people", word="Ключ отозван.")


def _is_shared(visit: Visit, person: Person) -> bool:
    """Whether a first password of this account would open a school that is not the visitor's to administer."""
    mine = visit.session.person.roles
    return any(mine.get(school) is not Role.ADMIN for school in person.roles)


def _role(post: Post) -> Role:
    try:
        return Role(post.text("role"))
    except ValueError:
        raise AccountError("Выберите роль.") from None


def _page(
    visit: Visit,
    *,
    problem: str = "",
    typed: dict[str, str] | None = None,
    secret: str = "",
    whose: str = "",
    status: int = 200,
) -> HTMLResponse:
    mine = visit.school.school_id
    return visit.render(
        "people.html",
        status=status,
        problem=problem,
        typed=typed or {},
        secret=secret,
        whose=whose,
        people=[person for person in visit.parts.accounts.everybody() if mine in person.roles],
        tokens=visit.parts.programs.tokens(mine),
        school_id=mine,
        roles=list(Role),
    )
