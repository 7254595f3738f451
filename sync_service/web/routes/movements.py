"""«Движение»: the book with its filters, on paper and as CSV; entering arrivals, departures and origins."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from io import StringIO
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.people import Permission
from sync_service.domain.rules.text import plain_cell
from sync_service.engine.enter_arrival import enter_arrival
from sync_service.engine.enter_departure import enter_departure
from sync_service.engine.enter_origin import set_origin
from sync_service.engine.entry_fields import EntryRefused, FieldProblem
from sync_service.engine.entry_parents import PARENTS, RELATIONS, offers_for
from sync_service.engine.find_arrivals import find_arrivals
from sync_service.engine.find_pupils import find_pupils
from sync_service.engine.queries_movements import (
    KINDS,
    FormChoices,
    all_movement_rows,
    form_choices,
    movement_rows,
    origin_question,
    pupil_head,
)
from sync_service.engine.queries_words import value_day
from sync_service.engine.stores import MovementFilter
from sync_service.web.visits import Post, Visit, posting, record_number, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Export = Annotated[Post, Depends(posting(Permission.SEE_PUPILS))]
Form = Annotated[Visit, Depends(visiting(Permission.MOVE))]
Move = Annotated[Post, Depends(posting(Permission.MOVE))]

PAGE = 50
HEADER = ("дата", "ученик", "что", "из класса", "в класс", "приказ", "дата приказа", "откуда или куда", "в ГИС")
Typed = Mapping[str, str]


@router.get("/s/{school}/movements")
def book(
    visit: See,
    kind: str = "",
    first: str = "",
    last: str = "",
    class_id: str = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """The book, latest first; the filters name kinds, days and classes, nobody."""
    wanted = _filter(kind, first, last, class_id)
    rows, total = movement_rows(visit.service.db, visit.school, wanted, page=page, size=PAGE)
    visit.seen("movements", {row.student_id for row in rows})
    return visit.render(
        "movements.html",
        rows=rows,
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
        wanted=wanted,
        kinds=KINDS,
        choices=_choices(visit),
    )


@router.post("/s/{school}/movements/export")
def export(post: Export) -> Response:
    """The lines of the filter as CSV; who took them is in the journal, with every pupil."""
    visit = post.visit
    wanted = _filter(post.text("kind"), post.text("first"), post.text("last"), post.text("class_id"))
    rows = list(all_movement_rows(visit.service.db, visit.school, wanted))
    visit.seen("movements:export", {row.student_id for row in rows})
    out = StringIO()
    table = csv.writer(out, delimiter=";")
    table.writerow(
        ["дата", "ученик", "что", "из класса", "в класс", "приказ", "дата приказа", "откуда или куда", "в ГИС"]
    )
    for row in rows:
        cells = (
            value_day(row.date),
            row.pupil,
            row.kind_text,
            row.class_from or "",
            row.class_to or "",
            row.order_number or "",
            value_day(row.order_date) if row.order_date else "",
            row.place or "",
            "да" if row.in_region else "нет",
        )
        table.writerow(map(plain_cell, cells))
    return Response(
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="movements.csv"'},
    )


@router.get("/s/{school}/movements/arrival")
def arrival_search_page(visit: Form) -> HTMLResponse:
    return visit.render("arrival_search.html", typed={}, problems=(), search=None)


@router.post("/s/{school}/movements/arrival")
def arrival_search(post: Move) -> HTMLResponse:
    """«Доступные для зачисления» first, beside the school's own cards; POST, so that no name stands in an address."""
    visit, typed = post.visit, post.typed()
    try:
        search = find_arrivals(visit.desk(), typed)
    except EntryRefused as refused:
        return visit.render("arrival_search.html", status=422, typed=typed, problems=refused.problems, search=None)
    visit.seen("movements:arrival", [*(card.student_id for card in search.cards), *(None for _ in search.persons)])
    return visit.render("arrival_search.html", typed=typed, problems=(), search=search)


@router.get("/s/{school}/movements/arrival/{student_id}")
def arrival_of_card(visit: Form, student_id: int) -> HTMLResponse:
    """The form for a card of the school."""
    pupil_head(visit.service.db, visit.school, student_id)
    return _arrival_form(visit, {"student_id": str(student_id)})


@router.post("/s/{school}/movements/arrival/form")
def arrival_form(post: Move) -> HTMLResponse:
    """The form for a person of the list or for a new card, with what is known already."""
    return _arrival_form(post.visit, post.typed())


@router.post("/s/{school}/movements/arrival/save")
def save_arrival(post: Move) -> Response:
    visit, typed = post.visit, post.typed()
    try:
        done = enter_arrival(visit.desk(), typed, attach=_attached(typed), offered=_offered(typed))
    except EntryRefused as refused:
        return _arrival_form(visit, typed, refused.problems)
    return visit.go("/movements", word=f"Прибытие записано. {done.next_step}")


@router.get("/s/{school}/movements/departure")
def departure_search_page(visit: Form) -> HTMLResponse:
    return visit.render("departure_search.html", query="", found=None)


@router.post("/s/{school}/movements/departure")
def departure_search(post: Move) -> HTMLResponse:
    visit, query = post.visit, post.text("q")
    found = find_pupils(visit.service.db, visit.school, query)
    visit.seen("movements:departure", [one.student_id for one in found])
    return visit.render("departure_search.html", query=query, found=found)


@router.get("/s/{school}/movements/departure/{student_id}")
def departure_form(visit: Form, student_id: int) -> HTMLResponse:
    return _departure_form(visit, student_id, {})


@router.post("/s/{school}/movements/departure/{student_id}")
def save_departure(post: Move, student_id: int) -> Response:
    visit, typed = post.visit, post.typed()
    try:
        done = enter_departure(visit.desk(), student_id, typed)
    except EntryRefused as refused:
        return _departure_form(visit, student_id, typed, refused.problems)
    return visit.go("/movements", word=f"Выбытие записано. {done.next_step}")


@router.get("/s/{school}/movements/origin/{release_id}")
def origin_form(visit: Form, release_id: int) -> Response:
    """Where the pupil of a case comes from; a card without an arrival gets the whole form."""
    return _origin_form(visit, release_id, {})


@router.post("/s/{school}/movements/origin/{release_id}")
def save_origin(post: Move, release_id: int) -> Response:
    visit, typed = post.visit, post.typed()
    try:
        next_step = set_origin(visit.desk(), release_id, typed)
    except EntryRefused as refused:
        return _origin_form(visit, release_id, typed, refused.problems)
    return visit.go("/releases", word=f"Записано, откуда прибыл ученик. {next_step}")


def _arrival_form(visit: Visit, typed: Typed, problems: Sequence[FieldProblem] = ()) -> HTMLResponse:
    student = typed.get("student_id", "")
    head = pupil_head(visit.service.db, visit.school, record_number(student)) if record_number(student) else None
    last_name = head.last_name if head else typed.get("last_name", "")
    if head is not None and head.incomplete:
        begun = {"last_name": head.last_name, "first_name": head.first_name, "patronymic": head.patronymic or ""}
        typed = {**begun, **typed}
    offers = offers_for(visit.desk(), typed, last_name)
    seen = {child for offer in offers for child in offer.child_ids}
    visit.seen("movements:arrival", seen | {head.student_id} if head else seen)
    return visit.render(
        "arrival_form.html",
        status=422 if problems else 200,
        typed=typed,
        problems=problems,
        head=head,
        offers=offers,
        chosen=_attached(typed),
        choices=_choices(visit),
        parents=PARENTS,
        relations=RELATIONS,
    )


def _departure_form(
    visit: Visit, student_id: int, typed: Typed, problems: Sequence[FieldProblem] = ()
) -> HTMLResponse:
    head = pupil_head(visit.service.db, visit.school, student_id)
    visit.seen("movements:departure", [head.student_id])
    return visit.render(
        "departure_form.html",
        status=422 if problems else 200,
        typed=typed,
        problems=problems,
        head=head,
        choices=_choices(visit),
    )


def _origin_form(
    visit: Visit, release_id: int, typed: Typed, problems: Sequence[FieldProblem] = ()
) -> HTMLResponse | RedirectResponse:
    question = origin_question(visit.service.db, visit.school, release_id)
    if question.movement is None:
        return visit.go(f"/movements/arrival/{question.pupil.student_id}")
    visit.seen(f"movements:origin:{release_id}", [question.pupil.student_id])
    return visit.render(
        "origin_form.html",
        status=422 if problems else 200,
        typed=typed,
        problems=problems,
        question=question,
        choices=_choices(visit),
    )


def _choices(visit: Visit) -> FormChoices:
    return form_choices(visit.service.db, visit.school, visit.service.clock.today(visit.school.zone))


def _filter(kind: str, first: str, last: str, class_id: str) -> MovementFilter:
    """What is no kind, day or class is no condition."""
    return MovementFilter(
        kind=kind if kind in KINDS else None,
        first=_day(first),
        last=_day(last),
        class_id=int(class_id) if class_id.isdecimal() and len(class_id) < 10 else None,
    )


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _attached(typed: Typed) -> list[int]:
    """Every chosen card has a field of its own: a form that waits behind the door keeps one value per name."""
    names = (name.removeprefix("attach-") for name in typed if name.startswith("attach-"))
    return [number for name in names if (number := record_number(name))]


def _offered(typed: Typed) -> list[int]:
    return [number for one in typed.get("offered", "").split(",") if (number := record_number(one))]
