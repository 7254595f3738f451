"""Calls that decide what the guard held and what was set aside: the use cases of the page and the command line."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator

from sync_service.domain.errors import DecisionError
from sync_service.domain.guards import Operation
from sync_service.domain.holds import Hold
from sync_service.domain.people import Permission
from sync_service.engine import decide_holds, decide_quarantine
from sync_service.engine.decisions import Desk
from sync_service.engine.queries_holds import hold_view
from sync_service.web.api.calls import PREFIX, Body, Call, calling

router = APIRouter(prefix=PREFIX)
Decide = Annotated[Call, Depends(calling(Permission.DECIDE))]
Release = Annotated[Call, Depends(calling(Permission.RELEASE_HOLD))]


class TheSet(Body):
    digest: str = Field(description="digest of the hold as it was read: a decision is valid for that set alone")


class Records(Body):
    """One by one, or as a group."""

    items: list[int] = Field(default_factory=list, max_length=1000)
    group: str | None = Field(default=None, description="id or signature of a group")

    @model_validator(mode="after")
    def _one_way(self) -> Records:
        if bool(self.items) == (self.group is not None):
            raise ValueError("either items or a group")
        return self

    def chosen(self, desk: Desk) -> list[int]:
        """The records meant. DecisionError when there is no such group."""
        return decide_quarantine.members(desk, self.group) if self.group else list(dict.fromkeys(self.items))


class Items(Body):
    items: list[int] = Field(min_length=1, max_length=1000)


@router.post("/holds/{hold_id}/release", summary="Let exactly this set pass", tags=["decisions"])
def release(call: Release, hold_id: int, body: TheSet) -> dict[str, Any]:
    """Shape: decision. 422 for a deletion: two people release it, and a program is neither."""
    if hold_view(call.service.db, call.school, hold_id).operation == Operation.DELETE.value:
        raise DecisionError(
            f"Задержание {hold_id}: удаление разрешают два человека на странице. Программе этого нельзя."
        )
    return _decided(decide_holds.release(call.desk(), hold_id, digest=body.digest))


@router.post("/holds/{hold_id}/discard", summary="The change is not wanted", tags=["decisions"])
def discard(call: Release, hold_id: int, body: TheSet) -> dict[str, Any]:
    """Shape: decision."""
    return _decided(decide_holds.discard(call.desk(), hold_id, digest=body.digest))


@router.post("/holds/{hold_id}/recheck", summary="Read the source again", tags=["decisions"])
def recheck(call: Release, hold_id: int) -> dict[str, Any]:
    """Shape: decision. The next run judges what is left."""
    return _decided(decide_holds.recheck(call.desk(), hold_id))


@router.post("/holds/{hold_id}/undo", summary="Take a decision back", tags=["decisions"])
def undo(call: Release, hold_id: int) -> dict[str, Any]:
    """Shape: decision. 422 when it has been carried out."""
    return _decided(decide_holds.undo(call.desk(), hold_id))


def _decided(case: Hold) -> dict[str, Any]:
    return {"id": case.hold_id, "state": case.state.value}


@router.post("/quarantine/retry", summary="Try records again", tags=["decisions"])
def retry(call: Decide, body: Records) -> dict[str, Any]:
    """Shape: retried. Regional records are read anew, the school's leave with the next run."""
    desk = call.desk()
    wanted = body.chosen(desk)
    left = decide_quarantine.retry(desk, wanted)
    return {"retried": len(wanted), "left": left, "stayed": len(wanted) - left}


@router.post("/quarantine/discard", summary="Set records aside until they change", tags=["decisions"])
def set_aside(call: Decide, body: Records) -> list[dict[str, Any]]:
    """Shape: list of decision."""
    desk = call.desk()
    wanted = body.chosen(desk)
    decide_quarantine.discard(desk, wanted)
    return [{"id": item_id, "state": "discarded"} for item_id in wanted]


@router.post("/quarantine/undo", summary="Take a discard back", tags=["decisions"])
def take_back(call: Decide, body: Items) -> list[dict[str, Any]]:
    """Shape: list of decision."""
    wanted = list(dict.fromkeys(body.items))
    decide_quarantine.undo_discard(call.desk(), wanted)
    return [{"id": item_id, "state": "open"} for item_id in wanted]
