"""Calls that decide, each under the name of its token; the same use cases as the page and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field, StringConstraints

from sync_service.domain.conflicts import Choice, Conflict, Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId
from sync_service.domain.people import Permission
from sync_service.domain.records import Scalar
from sync_service.domain.releases import StepKind
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches, decide_releases
from sync_service.engine.decisions import Resolution, not_found
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo
from sync_service.web.api.calls import PREFIX, Body, Call, calling

router = APIRouter(prefix=PREFIX)
Decide = Annotated[Call, Depends(calling(Permission.DECIDE))]
Releases = Annotated[Call, Depends(calling(Permission.WATCH_RELEASES))]
Taken = Literal["school", "gis"]
_SIDES: dict[Taken, Side] = {"school": Side.LOCAL, "gis": Side.GIS}


class Decision(Body):
    """``take`` decides every group not named otherwise; a value wins over ``groups``, that over ``take``."""

    stamp: str = Field(description="stamp of the case as it was read: a decision is valid for those values alone")
    take: Taken | None = None
    groups: dict[str, Taken] = Field(default_factory=dict)
    values: dict[str, str | int | None] = Field(default_factory=dict)


class Card(Body):
    card: int = Field(description="local_id of the candidate that is the same person")


class Step(Body):
    outcome: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    step: Literal["call", "promise", "director", "note"] = "call"
    next_call_on: date | None = None


class Pair(Body):
    card: int = Field(description="local_id of the card")
    stream: Stream = Stream.STUDENTS


class Closing(Body):
    outcome: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


@router.post("/conflicts/{case_id}/resolve", summary="Decide a conflict", tags=["decisions"])
def resolve_conflict(call: Decide, case_id: int, body: Decision) -> dict[str, Any]:
    """Shape: Resolution. 409 when either side has changed since the stamp was read."""
    desk = call.desk()
    with desk.db.read(desk.school.school_id) as uow:
        case = uow.conflicts.get(case_id)
    if case is None:
        raise not_found("Расхождение", case_id)
    return _resolution(resolve(desk, case_id, choices_of(case, body), stamp=body.stamp), "resolved")


@router.post("/conflicts/{case_id}/undo", summary="Take a decision back", tags=["decisions"])
def undo_conflict(call: Decide, case_id: int) -> dict[str, Any]:
    """Shape: Resolution."""
    done = undo(call.desk(), case_id)
    return _resolution(done, "undoing" if done.pushed else "open")


@router.post("/matches/{case_id}/confirm", summary="The same person as this card", tags=["decisions"])
def confirm_match(call: Decide, case_id: int, body: Card) -> dict[str, Any]:
    """Shape: decision."""
    decide_matches.confirm(call.desk(), case_id, LocalId(body.card))
    return {"id": case_id, "state": "confirmed"}


@router.post("/matches/{case_id}/reject", summary="None of the candidates", tags=["decisions"])
def reject_match(call: Decide, case_id: int) -> dict[str, Any]:
    """Shape: decision."""
    decide_matches.reject(call.desk(), case_id)
    return {"id": case_id, "state": "rejected"}


@router.post("/matches/{case_id}/undo", summary="Take a decision back", tags=["decisions"])
def undo_match(call: Decide, case_id: int) -> dict[str, Any]:
    """Shape: decision. The question is asked again."""
    decide_matches.undo(call.desk(), case_id)
    return {"id": case_id, "state": "closed"}


@router.post("/matches/unlink", summary="Part a card from its regional record", tags=["decisions"])
def unlink(call: Decide, body: Pair) -> dict[str, Any]:
    """Shape: unlinked. The pair is remembered as two persons."""
    decide_matches.unlink(call.desk(), body.stream, LocalId(body.card))
    return {"id": body.card, "stream": body.stream.value, "state": "unlinked"}


@router.post("/releases/{release_id}/log-call", summary="Write a call down", tags=["decisions"])
def log_call(call: Releases, release_id: int, body: Step) -> dict[str, Any]:
    """Shape: logged."""
    day = body.next_call_on.isoformat() if body.next_call_on else None
    decide_releases.log_step(call.desk(), release_id, StepKind(body.step), body.outcome, next_call_on=day)
    return {"id": release_id, "step": body.step, "next_call_on": day}


@router.post("/releases/{release_id}/close", summary="The pupil does not come after all", tags=["decisions"])
def close_release(call: Releases, release_id: int, body: Closing) -> dict[str, Any]:
    """Shape: decision. Nothing is sent."""
    decide_releases.close(call.desk(), release_id, body.outcome)
    return {"id": release_id, "state": "withdrawn"}


@router.post("/releases/{release_id}/reopen", summary="Take a closing back", tags=["decisions"])
def reopen_release(call: Releases, release_id: int) -> dict[str, Any]:
    """Shape: decision, with the state the case had before."""
    return {"id": release_id, "state": decide_releases.reopen(call.desk(), release_id).value}


def choices_of(case: Conflict, body: Decision) -> tuple[Choice, ...]:
    """The decision per group. DecisionError for a group or field the case does not have."""
    chosen = dict.fromkeys(case.groups, _SIDES[body.take]) if body.take else {}
    if unknown := sorted(body.groups.keys() - case.groups):
        raise DecisionError(f"Нет группы {unknown[0]}; есть: {', '.join(sorted(case.groups))}.")
    chosen |= {name: _SIDES[side] for name, side in body.groups.items()}
    typed = _typed(case, body.values)
    return tuple(
        Choice(group=name, side=Side.VALUE, values=dict(typed[name]))
        if name in typed
        else Choice(group=name, side=chosen[name])
        for name in sorted(chosen.keys() | typed.keys())
    )


def _typed(case: Conflict, values: Mapping[str, Scalar]) -> dict[str, dict[str, Scalar]]:
    """Group → its values; a field is of the kind its case shows."""
    clashes = {clash.field: clash for clash in case.clashes}
    typed: dict[str, dict[str, Scalar]] = {}
    for name, value in values.items():
        if name not in clashes:
            raise DecisionError(f"Нет поля {name}; есть: {', '.join(clashes)}.")
        number = clashes[name].is_number
        if value is not None and isinstance(value, int) != number:
            raise DecisionError(f"Поле {name}: ожидается {'число' if number else 'текст'}.")
        typed.setdefault(clashes[name].group, {})[name] = value
    return typed


def _resolution(done: Resolution, state: str) -> dict[str, Any]:
    return {"id": done.conflict_id, "state": state, "written": list(done.written), "pushed": list(done.pushed)}
