"""The conflict card: a choice per group, what it will write, notes, putting off, passing on, and taking back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sync_service.domain.cases import Queue
from sync_service.domain.conflicts import Choice, ConflictKind, ConflictState, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Permission, Role
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine import attend_cases
from sync_service.engine import queries_words as words
from sync_service.engine.attend_cases import add_note, look_at, pass_on, postpone
from sync_service.engine.queries_conflict_card import card_extras
from sync_service.engine.queries_conflicts import ClashView, ConflictView, conflict_view
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from sync_service.web.visits import Post, Visit, posting, visiting
from sync_service.web.walks import Walk, Walking

router = APIRouter(include_in_schema=False)
See = Annotated[Visit, Depends(visiting(Permission.SEE_PUPILS))]
Decide = Annotated[Post, Depends(posting(Permission.DECIDE))]

_SIDES = {"school": Side.LOCAL, "gis": Side.GIS, "other": Side.VALUE}
_DELETIONS = (ConflictKind.DELETED_IN_SCHOOL.value, ConflictKind.DELETED_IN_REGION.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a person has chosen so far: group → side, field → text of a third value."""

    sides: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


@router.get("/s/{school}/conflicts/{case_id}")
def conflict(visit: See, case_id: int, walk: Walking) -> HTMLResponse:
    """One case side by side."""
    return _card(visit, case_id, walk, Typed())


@router.post("/s/{school}/conflicts/{case_id}")
def decide(post: Decide, case_id: int, walk: Walking) -> Response:
    """Write the decision and go on; refused with the fresh values when either side has moved."""
    visit, action = post.visit, post.text("do")
    if action == "later":
        return _put_off(post, case_id, walk)
    view = conflict_view(visit.service.db, visit.school, case_id)
    typed = _typed(post, view)
    missing = [title for group, title in _groups(view) if typed.sides.get(group) not in _SIDES]
    if missing:
        problem = "Выберите значение: " + ", ".join(missing) + "."
        return _card(visit, case_id, walk, typed, problem=problem, status=422)
    try:
        done = resolve(visit.desk(), case_id, _choices(view, typed), stamp=post.text("stamp"))
    except DecisionError as error:
        return _card(visit, case_id, walk, typed, problem=str(error), status=409 if error.stale else 422)
    where = " и ".join([*(["в школе"] if done.written else []), *(["в ГИС"] if done.pushed else [])])
    word = f"{view.caption}: записано {where}".rstrip() + "."
    undo_at = f"/conflicts/{case_id}/undo{walk.query}"
    if action == "stay":
        return visit.go(f"/conflicts/{case_id}{walk.query}", word=word, undo=undo_at)
    return _next(visit, case_id, walk, word, undo=undo_at)


@router.post("/s/{school}/conflicts/{case_id}/undo")
def take_back(post: Decide, case_id: int, walk: Walking) -> RedirectResponse:
    """The case is open again, at once or when the region has taken the former value back."""
    done = undo(post.visit.desk(), case_id)
    word = "Решение отменяется: ГИС получит прежнее значение." if done.pushed else "Решение отменено."
    return post.visit.go(f"/conflicts/{case_id}{walk.query}", word=word)


@router.post("/s/{school}/conflicts/{case_id}/note")
def note(post: Decide, case_id: int, walk: Walking) -> RedirectResponse:
    add_note(post.visit.desk(), Queue.CONFLICTS, case_id, post.text("note"), name=post.visit.session.person.name)
    return post.visit.go(f"/conflicts/{case_id}{walk.query}", word="Заметка сохранена.")


@router.post("/s/{school}/conflicts/{case_id}/pass")
def hand_over(post: Decide, case_id: int, walk: Walking) -> RedirectResponse:
    """To the administrator, with the note that was typed; or back to everybody."""
    visit = post.visit
    if post.text("to") == Role.ADMIN.value:
        pass_on(
            visit.desk(),
            Queue.CONFLICTS,
            case_id,
            Role.ADMIN,
            name=visit.session.person.name,
            note=post.text("note"),
        )
        return _next(visit, case_id, walk, "Передано администратору.")
    attend_cases.take_back(visit.desk(), Queue.CONFLICTS, case_id)
    return visit.go(f"/conflicts/{case_id}", word="Расхождение снова у секретаря.")


def _card(
    visit: Visit, case_id: int, walk: Walk, typed: Typed, *, problem: str = "", status: int = 200
) -> HTMLResponse:
    view = conflict_view(visit.service.db, visit.school, case_id)
    visit.seen(f"conflicts:{case_id}", [view.student_id])
    attention = look_at(visit.desk(), Queue.CONFLICTS, case_id, name=visit.session.person.name)
    today = visit.service.clock.today(visit.school.zone)
    ids = walk.ids(visit)
    place = ids.index(case_id) if case_id in ids else None
    groups = [
        (name, list(fields)) for name, fields in groupby(sorted(view.clashes, key=_order(view)), lambda c: c.group)
    ]
    return visit.render(
        "conflict.html",
        status=status,
        view=view,
        walk=walk,
        groups=groups,
        deletion=view.kind in _DELETIONS,
        pupil=view.stream == Stream.STUDENTS.value,
        open=view.state == ConflictState.OPEN.value,
        typed=typed,
        problem=problem,
        extras=card_extras(visit.service.db, visit.school, visit.service.policies, case_id),
        differing=sum(clash.school != clash.gis for clash in view.clashes),
        people=visit.names(),
        attention=attention,
        later=(attention.mark.postponed_until or "") > today.isoformat(),
        place=place,
        total=len(ids),
        previous=ids[place - 1] if place else None,
        following=ids[place + 1] if place is not None and place + 1 < len(ids) else None,
        tomorrow=(today + timedelta(days=1)).isoformat(),
    )


def _order(view: ConflictView) -> Callable[[ClashView], int]:
    places = {clash.group: place for place, clash in reversed(list(enumerate(view.clashes)))}
    return lambda clash: places[clash.group]


def _groups(view: ConflictView) -> list[tuple[str, str]]:
    """Group → its title, in the order of the card."""
    found: dict[str, list[ClashView]] = {}
    for clash in view.clashes:
        found.setdefault(clash.group, []).append(clash)
    return [(group, fields[0].title) for group, fields in found.items()]


def _typed(post: Post, view: ConflictView) -> Typed:
    whole = post.text("all")
    sides = {group: whole or post.text(f"side-{group}") for group, _ in _groups(view)}
    return Typed(sides=sides, values={c.field: post.text(f"value-{c.field}") for c in view.clashes})


def _choices(view: ConflictView, typed: Typed) -> Sequence[Choice]:
    choices = []
    for group, _ in _groups(view):
        side = _SIDES[typed.sides[group]]
        values: Values | None = None
        if side is Side.VALUE:
            values = {c.field: _value(c, typed.values[c.field]) for c in view.clashes if c.group == group}
        choices.append(Choice(group=group, side=side, values=values))
    return choices


def _value(clash: ClashView, text: str) -> str | int | None:
    """What was typed, as the records keep it: days in ISO, numbers as numbers, nothing as nothing."""
    if not text:
        return None
    if isinstance(clash.school if clash.school is not None else clash.gis, int):
        if not text.isdecimal():
            raise DecisionError(f"{clash.title}: здесь бывает только число.")
        return int(text)
    if words.is_day(clash.field):
        try:
            day, month, year = (int(part) for part in text.split("."))
            return date(year, month, day).isoformat()
        except ValueError:
            raise DecisionError(f"{clash.title}: дата пишется как 03.02.2015.") from None
    return text


def _put_off(post: Post, case_id: int, walk: Walk) -> RedirectResponse:
    try:
        until = date.fromisoformat(post.text("until"))
    except ValueError:
        raise DecisionError("Укажите день, до которого отложить.") from None
    postpone(post.visit.desk(), Queue.CONFLICTS, case_id, until)
    return _next(post.visit, case_id, walk, f"Отложено до {until:%d.%m.%Y}.")


def _next(visit: Visit, case_id: int, walk: Walk, word: str, *, undo: str = "") -> RedirectResponse:
    """The case after this one; the list when there is none."""
    ids = walk.ids(visit)
    later = [n for n in ids if n > case_id] or [n for n in ids if n != case_id]
    return visit.go((f"/conflicts/{later[0]}" if later else "/conflicts") + walk.query, word=word, undo=undo)
