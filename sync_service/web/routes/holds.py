"""«Задержанные изменения»: what the guard stopped, record by record, and a decision about exactly that set."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.errors import DecisionError, SyncError
from sync_service.domain.guards import Operation
from sync_service.domain.holds import UNDECIDED, HoldState
from sync_service.domain.people import Permission, Person, may
from sync_service.engine import decide_holds
from sync_service.engine.queries_hold_words import awaits_second, hold_title, hold_words, reversible
from sync_service.engine.queries_holds import HoldView, hold_rows, hold_view
from sync_service.web.refusals import refusal
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Decide = Annotated[Post, Depends(posting(Permission.RELEASE_HOLD))]

PAGE = 100
DECIDED_FOR = timedelta(days=7)


@router.get("/s/{school}/holds")
def holds(visit: See) -> HTMLResponse:
    """What waits for a decision, oldest first, and what was decided in the last week. Names nobody."""
    limits = visit.service.settings.guard.limits()
    rows = [(row, hold_words(row, limits, visit.school.zone)) for row in hold_rows(visit.service.db, visit.school)]
    decided = hold_rows(visit.service.db, visit.school, decided_since=visit.service.clock.now() - DECIDED_FOR)
    return visit.render(
        "holds.html", rows=rows, decided=[(row, hold_title(row)) for row in reversed(decided)], names=visit.names()
    )


@router.get("/s/{school}/holds/{hold_id}")
def hold(visit: See, hold_id: int, page: Annotated[int, Query(ge=1)] = 1) -> HTMLResponse:
    """One held set with its records."""
    return _card(visit, hold_view(visit.service.db, visit.school, hold_id), page=page)


@router.post("/s/{school}/holds/{hold_id}")
def decide(post: Decide, hold_id: int) -> Response:
    """Release exactly the set that was shown, discard it, or have its source read again."""
    visit, action, typed = post.visit, post.text("do"), post.text("typed")
    view = hold_view(visit.service.db, visit.school, hold_id)
    current = view.state in UNDECIDED and view.digest == post.text("digest")
    if action == "release" and current and typed != str(view.records):
        return _card(visit, view, typed=typed, problem=f"Введите число записей: {view.records}.", status=422)
    try:
        match action:
            case "release":
                done = decide_holds.release(visit.desk(), hold_id, digest=post.text("digest"))
            case "discard":
                done = decide_holds.discard(visit.desk(), hold_id, digest=post.text("digest"))
            case "recheck":
                done = decide_holds.recheck(visit.desk(), hold_id)
            case _:
                raise DecisionError("Выберите, что сделать.")
    except SyncError as error:
        return _refused(visit, view, typed, error)
    return visit.go("/holds", word=f"{hold_title(view)}: {_DONE[done.state]}")


_DONE = {
    HoldState.SECONDING: "первое слово записано. Ничего не удалено: подтвердить должен второй человек.",
    HoldState.RELEASED: "разрешено. Выполнится при следующей сверке.",
    HoldState.DISCARDED: "отменено.",
    HoldState.SUPERSEDED: "источник прочитан заново. Следующая сверка посчитает снова.",
}


@router.post("/s/{school}/holds/{hold_id}/undo")
def take_back(post: Decide, hold_id: int) -> RedirectResponse:
    """The set is held again as far as nothing of it has been carried out."""
    decide_holds.undo(post.visit.desk(), hold_id)
    return post.visit.go(f"/holds/{hold_id}", word="Решение отменено, записи снова задержаны.")


def _refused(visit: Visit, shown: HoldView, typed: str, error: SyncError) -> HTMLResponse:
    """The same card with the reason; when the set is another one by now, the card of the fresh set."""
    problem, status = refusal(error)
    if not (isinstance(error, DecisionError) and error.stale):
        return _card(visit, shown, typed=typed, problem=problem, status=status)
    fresh = hold_view(visit.service.db, visit.school, shown.id)
    if fresh.state not in UNDECIDED:
        successor = next((row.id for row in hold_rows(visit.service.db, visit.school) if _same(row, shown)), None)
        fresh = fresh if successor is None else hold_view(visit.service.db, visit.school, successor)
    if fresh.state in UNDECIDED:
        problem = "Состав изменился, пока вы решали. Ничего не сделано: посмотрите новый список и решите снова."
    return _card(visit, fresh, problem=problem, status=status)


def _same(row: object, shown: HoldView) -> bool:
    return all(getattr(row, name) == getattr(shown, name) for name in ("stream", "direction", "operation", "field"))


def _card(
    visit: Visit, view: HoldView, *, page: int = 1, typed: str = "", problem: str = "", status: int = 200
) -> HTMLResponse:
    shown = view.items[(page - 1) * PAGE : page * PAGE]
    visit.seen(f"holds:{view.id}", (item.student_id for item in shown))
    limits = visit.service.settings.guard.limits()
    seconding = awaits_second(view, visit.service.clock.now())
    return visit.render(
        "hold.html",
        status=status,
        view=replace(view, items=shown),
        total=len(view.items),
        page=page,
        pages=max(1, -(-len(view.items) // PAGE)),
        said=hold_words(view, limits, visit.school.zone),
        open=view.state in UNDECIDED,
        deletes=view.operation == Operation.DELETE.value,
        seconding=seconding,
        mine=seconding and view.first_by == visit.actor,
        others=[person.name for person in _deciders(visit) if person.login != (view.first_by or visit.actor)],
        names=visit.names(),
        reversible=reversible(view),
        typed=typed,
        problem=problem,
    )


def _deciders(visit: Visit) -> list[Person]:
    """Who may decide about holds of this school."""
    school = visit.school.school_id
    return [
        person
        for person in visit.parts.accounts.everybody()
        if not person.disabled and school in person.roles and may(person.roles[school], Permission.RELEASE_HOLD)
    ]
