"""«Кому сообщать»: the people behind the roles that are told, and what carries messages to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, Response

from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.people import Permission
from sync_service.engine.contacts import (
    ROLES,
    ContactRow,
    contact_rows,
    contacts_in_full,
    remove_contact,
    set_contact,
)
from sync_service.notify import PLACE
from sync_service.notify_trial import Trial, try_channels
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.MANAGE_PEOPLE))]
Manage = Annotated[Post, Depends(posting(Permission.MANAGE_PEOPLE))]


@router.get("/s/{school}/contacts")
def contacts(visit: See) -> HTMLResponse:
    return _page(visit)


@router.post("/s/{school}/contacts")
def enter(post: Manage) -> Response:
    """Somebody is told from now on."""
    visit = post.visit
    try:
        set_contact(
            visit.desk(),
            role=post.text("role"),
            name=post.text("name"),
            address=post.text("address"),
            class_name=post.text("class_name"),
        )
    except DecisionError as error:
        return _page(visit, problem=str(error), typed=post.typed(), status=422)
    return visit.go("/contacts", word="Записано: сообщения будут уходить и по этому адресу.")


@router.post("/s/{school}/contacts-shown")
def unmask(post: Manage) -> HTMLResponse:
    """The same list with whole addresses; that it was asked for is in the journal."""
    visit = post.visit
    return _page(visit, rows=contacts_in_full(visit.desk()))


@router.post("/s/{school}/contacts-tried")
def try_channels_now(post: Manage) -> HTMLResponse:
    """A message that says nothing, to one contact or to every channel that is one place."""
    visit, number = post.visit, post.number("contact")
    try:
        trials = try_channels(visit.desk(), visit.service.settings, number if post.text("contact") else None)
    except NoSuchCase:
        return _page(visit, problem="Этого адреса уже нет.", status=404)
    except DecisionError as error:
        return _page(visit, problem=str(error), status=422)
    return _page(visit, trials=trials)


@router.post("/s/{school}/contacts/{contact_id}")
def remove(post: Manage, contact_id: int) -> Response:
    """Nobody is told there any more."""
    visit = post.visit
    try:
        remove_contact(visit.desk(), contact_id)
    except NoSuchCase:
        return _page(visit, problem="Этого адреса уже нет.", status=404)
    return visit.go("/contacts", word="Убрано: по этому адресу больше не сообщаем.")


def _page(
    visit: Visit,
    *,
    rows: list[ContactRow] | None = None,
    trials: Sequence[Trial] | None = None,
    problem: str = "",
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    return visit.render(
        "contacts.html",
        status=status,
        problem=problem,
        trials=trials,
        typed=typed or {},
        rows=contact_rows(visit.service.db, visit.school) if rows is None else rows,
        shown=rows is not None,
        roles={role.value: name for role, name in ROLES.items()},
        channels=visit.service.settings.channels,
        places=any(PLACE not in one.url.get_secret_value() for one in visit.service.settings.channels),
    )
