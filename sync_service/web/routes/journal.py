"""«Журнал» and finding a pupil: who saw or changed what, the chain verified, an export for an incident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from sync_service.domain.errors import DecisionError
from sync_service.domain.people import Permission
from sync_service.engine.export_journal import FORMATS, Wanted, export_journal
from sync_service.engine.find_pupils import find_pupils
from sync_service.engine.queries_journal import JournalRow, journal_rows
from sync_service.engine.queries_run_page import run_page
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
Read = Annotated[Visit, Depends(visiting(Permission.READ_JOURNAL))]
Verify = Annotated[Post, Depends(posting(Permission.READ_JOURNAL))]
Export = Annotated[Post, Depends(posting(Permission.EXPORT_JOURNAL))]
Find = Annotated[Post, Depends(posting(Permission.SEE_PUPILS))]

PAGE = 50
NOBODY = {"system": "служба", "school": "другая программа школы"}


@router.get("/s/{school}/journal")
def journal(
    visit: Read, before: Annotated[int | None, Query(ge=1)] = None, actor: str = "", student: int = 0, run: str = ""
) -> HTMLResponse:
    """Entries, newest first; of one person, about one pupil, of one run."""
    rows = journal_rows(
        visit.service.db,
        visit.school,
        before=before,
        limit=PAGE + 1,
        actor=actor or None,
        student=student or None,
        run=run or None,
    )
    visit.seen("journal", {pupil for row in rows for pupil in row.students[:3]})
    return _page(visit, rows[:PAGE], older=len(rows) > PAGE, actor=actor, student=student, run=run)


@router.post("/s/{school}/journal/verify")
def verify(post: Verify) -> HTMLResponse:
    """Whether every entry still says what it said when it was written."""
    visit = post.visit
    with visit.service.db.read(visit.school.school_id) as uow:
        broken = uow.audit.verify()
    rows = journal_rows(visit.service.db, visit.school, limit=PAGE)
    visit.seen("journal", {pupil for row in rows for pupil in row.students[:3]})
    return _page(visit, rows, verdict=broken or "")


def _actors(visit: Visit, chosen: str) -> list[tuple[str, str]]:
    """Login and name of those who may enter this school (who works elsewhere is offered to nobody), of what is no
    person, and of whoever is chosen. The address holds the login: names stand in no address."""
    school = visit.school.school_id
    people = {one.login: one.name for one in visit.parts.accounts.everybody() if school in one.roles}
    listed = [*sorted(people.items(), key=lambda one: one[1]), *NOBODY.items()]
    if chosen and chosen not in {login for login, _ in listed}:
        listed.append((chosen, chosen))
    return listed


def _page(
    visit: Visit,
    rows: Sequence[JournalRow],
    *,
    older: bool = False,
    actor: str = "",
    student: int = 0,
    run: str = "",
    verdict: str | None = None,
) -> HTMLResponse:
    today = visit.service.clock.today(visit.school.zone)
    of_run = run_page(visit.service.db, visit.school, run) if run else None
    return visit.render(
        "journal.html",
        rows=rows,
        older=older,
        actor=actor,
        student=student,
        run=run,
        of_run=of_run,
        verdict=verdict,
        first=(today - timedelta(days=6)).isoformat(),
        last=today.isoformat(),
        people=visit.names(),
        actors=_actors(visit, actor),
    )


@router.post("/s/{school}/journal/export")
def export(post: Export) -> Response:
    """The entries of some days with the digests of the chain, for an incident (152-ФЗ, article 21)."""
    visit, kind = post.visit, post.text("format", "json")
    try:
        first, last = (date.fromisoformat(post.text(name)) for name in ("first", "last"))
    except ValueError:
        raise DecisionError("Укажите первый и последний день выгрузки.") from None
    wanted = Wanted(
        first=first,
        last=last,
        actor=post.text("actor") or None,
        student=post.number("student") or None,
        run=post.text("run") or None,
    )
    made = export_journal(visit.desk(), wanted, kind if kind in FORMATS else FORMATS[0])
    return Response(
        made.content,
        media_type="text/csv; charset=utf-8" if made.name.endswith(".csv") else "application/json",
        headers={"Content-Disposition": f'attachment; filename="{made.name}"'},
    )


@router.post("/s/{school}/find")
def find(post: Find) -> HTMLResponse:
    """Pupils by the beginning of the name or by СНИЛС; POST, so that the query stands in no address."""
    visit, query = post.visit, post.text("q")
    found = find_pupils(visit.service.db, visit.school, query)
    visit.seen("find", [one.student_id for one in found])
    return visit.render("found.html", found=found, query=query)
