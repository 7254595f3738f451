"""«Карантин»: records set aside by reason, what to do about each, trying again and setting aside for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.errors import DecisionError, SyncError
from sync_service.domain.people import Permission
from sync_service.domain.streams import Stream
from sync_service.engine import decide_quarantine
from sync_service.engine.queries_quarantine import (
    QuarantineGroup,
    QuarantineRow,
    QuarantineShelf,
    QuarantineView,
    quarantine_board,
    quarantine_rows,
    quarantine_view,
)
from sync_service.engine.queries_quarantine_words import PlainReason, plain_reason, plain_remedy
from sync_service.engine.queries_unread import Content, contents
from sync_service.web.refusals import refusal
from sync_service.web.visits import Post, Visit, posting, record_number, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Decide = Annotated[Post, Depends(posting(Permission.DECIDE))]

PAGE = 100


@router.get("/s/{school}/quarantine")
def quarantine(
    visit: See, group: str = "", discarded: bool = False, page: Annotated[int, Query(ge=1)] = 1
) -> HTMLResponse:
    """Reasons with examples; one reason with its records; what was set aside for good."""
    if group:
        return _group(visit, group, discarded=discarded, page=page)
    return _board(visit, discarded=discarded)


@router.get("/s/{school}/quarantine/{item_id}")
def item(visit: See, item_id: int) -> HTMLResponse:
    """One record as it came or was to leave."""
    view = quarantine_view(visit.service.db, visit.school, item_id)
    content = _contents(visit, [view])[item_id]
    visit.seen(f"quarantine:{item_id}", [view.student_id, content.student_id])
    return visit.render(
        "quarantine_item.html",
        view=view,
        content=content,
        people=visit.names(),
        reason=_reason(visit),
        remedy=plain_remedy,
    )


@router.post("/s/{school}/quarantine/retry")
def retry(post: Decide) -> Response:
    """The region's records are read again now, the school's leave with the next run."""
    visit = post.visit
    try:
        wanted = _chosen(post)
        left = decide_quarantine.retry(visit.desk(), wanted)
    except SyncError as error:
        return _refused(post, error)
    stayed = len(wanted) - left
    word = f"Вышло из карантина: {left}." + (f" Осталось с той же причиной: {stayed}." if stayed else "")
    return visit.go("/quarantine", word=word)


@router.post("/s/{school}/quarantine/discard")
def discard(post: Decide) -> Response:
    """Set aside until the record changes."""
    visit = post.visit
    try:
        wanted = _chosen(post)
        decide_quarantine.discard(visit.desk(), wanted)
    except SyncError as error:
        return _refused(post, error)
    return visit.go("/quarantine?discarded=1", word=f"Отложено совсем: {len(wanted)}. Здесь же можно вернуть.")


@router.post("/s/{school}/quarantine/undo")
def take_back(post: Decide) -> RedirectResponse:
    """Records a person has set aside are in quarantine again."""
    visit, group = post.visit, post.text("group")
    wanted = post.numbers("item")
    if group:
        rows = quarantine_rows(visit.service.db, visit.school, group=group, discarded=True)
        wanted = [row.id for row in rows]
    if not wanted:
        raise DecisionError("Возвращать нечего: таких записей нет.")
    decide_quarantine.undo_discard(visit.desk(), wanted)
    return visit.go("/quarantine", word=f"Возвращено: {len(wanted)}. Следующая сверка попробует снова.")


def _contents(visit: Visit, rows: Sequence[QuarantineRow]) -> dict[int, Content]:
    return contents(visit.service.db, visit.school, [row.id for row in rows], visit.service.field_names)


def _reason(visit: Visit) -> Callable[[QuarantineGroup | QuarantineView], PlainReason]:
    """The reason of a group or of a record, in the words of the school."""
    names = visit.service.field_names

    def told(about: QuarantineGroup | QuarantineView) -> PlainReason:
        return plain_reason(
            about.direction, about.code, about.signature, about.reason, names.get(Stream(about.stream), {})
        )

    return told


def _chosen(post: Post) -> Sequence[int]:
    """The records a form is about: those that were ticked, or the whole group."""
    group = post.text("group")
    ticked = post.numbers("item")
    if ticked:
        return ticked
    if not group or post.text("ticked"):
        raise DecisionError("Отметьте записи.")
    return decide_quarantine.members(post.visit.desk(), group)


def _refused(post: Post, error: SyncError) -> HTMLResponse:
    problem, status = refusal(error)
    if post.text("group") and post.text("ticked"):
        return _group(post.visit, post.text("group"), ticked=post.texts("item"), problem=problem, status=status)
    return _board(post.visit, problem=problem, status=status)


def _board(visit: Visit, *, discarded: bool = False, problem: str = "", status: int = 200) -> HTMLResponse:
    shelves: list[QuarantineShelf] = quarantine_board(visit.service.db, visit.school, discarded=discarded)
    said = _contents(visit, [row for shelf in shelves for row in shelf.rows])
    visit.seen("quarantine", (one.student_id for one in said.values()))
    return visit.render(
        "quarantine.html",
        status=status,
        shelves=shelves,
        contents=said,
        reason=_reason(visit),
        remedy=plain_remedy,
        discarded=discarded,
        total=sum(shelf.group.count for shelf in shelves),
        problem=problem,
    )


def _group(
    visit: Visit,
    group: str,
    *,
    discarded: bool = False,
    page: int = 1,
    ticked: Sequence[str] = (),
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    shelf = next(
        (
            one
            for one in quarantine_board(visit.service.db, visit.school, discarded=discarded)
            if one.group.id == group
        ),
        None,
    )
    if shelf is None:
        raise DecisionError("В карантине таких записей больше нет.")
    rows = quarantine_rows(visit.service.db, visit.school, group=group, discarded=discarded)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    said = _contents(visit, shown)
    visit.seen("quarantine", (one.student_id for one in said.values()))
    return visit.render(
        "quarantine_group.html",
        status=status,
        group=shelf.group,
        rows=shown,
        contents=said,
        people=visit.names(),
        reason=_reason(visit),
        remedy=plain_remedy,
        discarded=discarded,
        ticked={number for number in map(record_number, ticked) if number},
        page=page,
        pages=max(1, -(-len(rows) // PAGE)),
        problem=problem,
    )
