"""«Журнал» and finding a pupil: who saw or changed what, the chain verified, an export for an incident."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from sync_service.domain.audit import Act
from sync_service.domain.people import Permission
from sync_service.engine.find_pupils import find_pupils
from sync_service.engine.queries_journal import journal_rows
from sync_service.engine.record_acts import record_act
from sync_service.web.spreadsheets import csv_answer
from sync_service.web.visits import Post, Visit, posting, visiting

router = APIRouter(include_in_schema=False)
Read = Annotated[Visit, Depends(visiting(Permission.READ_JOURNAL))]
Export = Annotated[Post, Depends(posting(Permission.READ_JOURNAL))]
Find = Annotated[Post, Depends(posting(Permission.SEE_PUPILS))]

PAGE = 50
MOST_EXPORTED = 100_000


@router.get("/s/{school}/journal")
def journal(
    visit: Read, before: Annotated[int | None, Query(ge=1)] = None, actor: str = "", student: int = 0
) -> HTMLResponse:
    """Entries, newest first; of one person or about one pupil."""
    rows = journal_rows(
        visit.service.db,
        visit.school,
        before=before,
        limit=PAGE + 1,
        actor=actor.strip() or None,
        student=student or None,
    )
    visit.seen("journal", {pupil for row in rows for pupil in row.students[:3]})
    return visit.render(
        "journal.html", rows=rows[:PAGE], older=len(rows) > PAGE, actor=actor, student=student, verdict=None
    )


@router.post("/s/{school}/journal/verify")
def verify(post: Export) -> HTMLResponse:
    """Whether every entry still says what it said when it was written."""
    visit = post.visit
    with visit.service.db.read(visit.school.school_id) as uow:
        broken = uow.audit.verify()
    rows = journal_rows(visit.service.db, visit.school, limit=PAGE)
    visit.seen("journal", {pupil for row in rows for pupil in row.students[:3]})
    return visit.render("journal.html", rows=rows, older=False, actor="", student=0, verdict=broken or "")


@router.post("/s/{school}/journal/export")
def export(post: Export) -> Response:
    """The entries of a person or about a pupil as CSV, for an incident report (152-ФЗ, article 21)."""
    visit = post.visit
    student = post.text("student")
    rows = journal_rows(
        visit.service.db,
        visit.school,
        limit=MOST_EXPORTED,
        actor=post.text("actor") or None,
        student=int(student) if student.isdecimal() and int(student) else None,
        names=1000,
    )
    record_act(visit.desk(), Act.VIEW, "journal:export", note=f"{len(rows)} entries")
    visit.seen("journal:export", {pupil for row in rows for pupil in row.students[:1000]})
    return csv_answer(
        "journal.csv",
        ("номер", "когда (UTC)", "кто", "что", "причина", "записей", "ученики"),
        ((row.seq, row.at, row.actor, row.act_text, row.cause, row.records, "; ".join(row.who)) for row in rows),
    )


@router.post("/s/{school}/find")
def find(post: Find) -> HTMLResponse:
    """Pupils by the beginning of the name or by СНИЛС; POST, so that the query stands in no address."""
    visit, query = post.visit, post.text("q")
    found = find_pupils(visit.service.db, visit.school, query)
    visit.seen("find", [one.student_id for one in found])
    return visit.render("found.html", found=found, query=query)
