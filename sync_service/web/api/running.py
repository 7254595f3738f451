"""Calls that begin work: a run, a plan of a resync, and its application.

A run goes on by itself; ask for it by its id. A plan or its application that takes longer than a moment answers 202
with a job: ask for the job until it has ended.
"""

from __future__ import annotations

import threading
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints, model_validator

from sync_service.domain.audit import Act
from sync_service.domain.errors import NoSuchCase
from sync_service.domain.people import Permission
from sync_service.domain.plans import PlanKind, Scope
from sync_service.domain.streams import Stream
from sync_service.engine.queries import plain
from sync_service.engine.queries_resync import PlanRow, PlanView, plan_rows, plan_view
from sync_service.engine.queries_runs import run_report
from sync_service.engine.record_acts import record_act
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from sync_service.web.api.calls import PREFIX, Body, Call, calling
from sync_service.web.api.problems import NotCarriedOut
from sync_service.web.errands import Errand, Errands
from sync_service.web.started_runs import StartedRuns
from sync_service.web.visits import parts_of

router = APIRouter(prefix=PREFIX)
Start = Annotated[Call, Depends(calling(Permission.RUN))]
Resync = Annotated[Call, Depends(calling(Permission.RESYNC))]

_KINDS = {None: PlanKind.COMPARE, "gis": PlanKind.ACCEPT_GIS, "school": PlanKind.ACCEPT_LOCAL}
_RECORD = r"^[a-z_]+:.{1,200}$"


class Beginning(Body):
    compare: bool = Field(default=False, description="compare everything with the region, as `reconcile` does")


class Wanted(Body):
    """What to compare; exactly one of record, streams, since and everything."""

    record: Annotated[str, StringConstraints(pattern=_RECORD)] | None = Field(
        default=None, description="STREAM:ID, the number in the school's database or the region's id"
    )
    streams: list[Stream] = Field(default_factory=list)
    since: date | None = None
    until: date | None = None
    everything: bool = False
    accept: Literal["gis", "school"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Wanted:
        if sum((self.record is not None, bool(self.streams), self.since is not None, self.everything)) != 1:
            raise ValueError("exactly one of record, streams, since and everything")
        if self.until is not None and (self.since is None or self.until < self.since):
            raise ValueError("until goes with since and is not before it")
        if self.record is not None and self.record.partition(":")[0] not in set(Stream):
            raise ValueError("record begins with a stream")
        return self

    def scope(self) -> Scope:
        if self.record is not None:
            name, _, number = self.record.partition(":")
            side = "local" if number.isdecimal() else "gis"
            return Scope(streams=(Stream(name),), record=f"{side}:{number}")
        days = [day.isoformat() if day else None for day in (self.since, self.until)]
        chosen = [stream for stream in Stream if not self.streams or stream in self.streams]
        return Scope(streams=tuple(chosen), since=days[0], until=days[1])


class Agreed(Body):
    digest: str = Field(description="digest of the plan as it was read")


@router.post("/runs", status_code=202, summary="Synchronise now", tags=["work"])
def start(request: Request, call: Start, body: Beginning | None = None) -> dict[str, Any]:
    """Shape: RunReport, of the run that is under way now, begun or met; its run_id alone, null, while nobody knows
    it yet: the list of runs will."""
    compare = body is not None and body.compare
    if compare:
        call.service.ask_for_comparison(call.school)
    record_act(call.desk(), Act.CONFIGURE, "run", note="full comparison asked for" if compare else "started")
    started_runs: StartedRuns = request.app.state.started_runs
    started = started_runs.start(call.school)
    report = None if started is None else run_report(call.service.db, call.school, started)
    return {"run_id": started} if report is None else report.to_json()


@router.get("/resync", summary="The newest plans", tags=["work"])
def plans(call: Resync) -> list[PlanRow]:
    """Names nobody."""
    return plan_rows(call.service.db, call.school, call.service.clock)


@router.post("/resync", status_code=201, summary="Make a plan; nothing else is written", tags=["work"])
def plan(request: Request, call: Resync, body: Wanted) -> JSONResponse:
    """Shape: PlanView (201), or job (202)."""
    service, school, actor = call.service, call.school, call.actor
    kind, scope = _KINDS[body.accept], body.scope()

    def work(stop: threading.Event) -> str:
        made = make_plan(service.resync_job(school, actor=actor, stop=stop), kind, scope)
        return f"/resync/{made.plan_id}"

    return _outcome(call, _errands(request).start(school.school_id, "Составляется план", "/resync", work), done=201)


@router.get("/resync/{plan_id}", summary="One plan with its records", tags=["work"])
def show(call: Resync, plan_id: int) -> PlanView:
    view = plan_view(call.service.db, call.school, call.service.clock, plan_id)
    call.seen(f"resync:{plan_id}", (item.student_id for item in view.items))
    return view


@router.post("/resync/{plan_id}/apply", summary="Write exactly what the plan says", tags=["work"])
def apply(request: Request, call: Resync, plan_id: int, body: Agreed) -> JSONResponse:
    """Shape: PlanView with the results (200), or job (202). 409 for the digest of another plan."""
    service, school, actor = call.service, call.school, call.actor
    if plan_view(service.db, school, service.clock, plan_id).digest != body.digest:
        raise NotCarriedOut(409, "Это код другого плана. Ничего не записано.")

    def work(stop: threading.Event) -> str:
        apply_plan(service.resync_job(school, actor=actor, stop=stop), plan_id)
        return f"/resync/{plan_id}"

    back = f"/resync/{plan_id}"
    errand = _errands(request).start(school.school_id, "План выполняется", back, work, key=f"apply-{plan_id}")
    return _outcome(call, errand)


@router.get("/resync-jobs/{job}", summary="Whether a job has ended, and its plan", tags=["work"])
def job(request: Request, call: Resync, job: str) -> JSONResponse:
    """Shape: PlanView (200), or job (202) while it goes on. The problem it ended with, if it did."""
    errand = _errands(request).find(call.school.school_id, job)
    if errand is None:
        raise NoSuchCase("Такой работы нет, или служба с тех пор запущена снова. Планы: /api/v1/resync.")
    return _outcome(call, errand)


def _errands(request: Request) -> Errands:
    return parts_of(request).errands


def _outcome(call: Call, errand: Errand, *, done: int = 200) -> JSONResponse:
    if not errand.done.is_set():
        return JSONResponse({"job": errand.token}, status_code=202)
    if errand.problem:
        raise NotCarriedOut(errand.status, errand.problem)
    plan_id = int(errand.path.rpartition("/")[2])
    view = plan_view(call.service.db, call.school, call.service.clock, plan_id)
    call.seen(f"resync:{plan_id}", (item.student_id for item in view.items))
    return JSONResponse(plain(view), status_code=done)
