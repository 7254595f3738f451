"""Who looked at which pupil: every view that names pupils leaves one entry in the journal (invariant 15)."""

from __future__ import annotations

from collections.abc import Iterable

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.stores import Database


def record_seen(db: Database, school: School, *, actor: str, cause: str, students: Iterable[int | None]) -> None:
    """Write down that ``actor`` saw these pupils; nothing is written when the view named nobody.

    To be called before the view is shown: what cannot be written down is not shown.
    """
    seen = sorted({student for student in students if student is not None})
    if not seen:
        return
    items = tuple(
        AuditItem(stream=Stream.STUDENTS, act=Act.VIEW, local_id=LocalId(student), student_id=student)
        for student in seen
    )
    with db.write(school.school_id) as uow:
        uow.audit.append([AuditEntry(act=Act.VIEW.value, actor=actor, cause=cause, items=items)])
        uow.commit()
