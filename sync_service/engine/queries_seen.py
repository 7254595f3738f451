"""Who looked at what: every view that names people leaves one entry in the journal (invariant 15)."""

from __future__ import annotations

from collections.abc import Iterable

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.stores import Database


def record_seen(db: Database, school: School, *, actor: str, cause: str, students: Iterable[int | None]) -> None:
    """Write down that ``actor`` saw these records: the pupil each is about, None for a parent's card or a record
    nobody could read. Nothing is written when nothing was shown.

    To be called before the view is shown: what cannot be written down is not shown.
    """
    shown = set(students)
    if not shown:
        return
    items = tuple(
        AuditItem(stream=Stream.STUDENTS, act=Act.VIEW, local_id=LocalId(student), student_id=student)
        for student in sorted(student for student in shown if student is not None)
    )
    with db.write(school.school_id) as uow:
        uow.audit.append([AuditEntry(act=Act.VIEW.value, actor=actor, cause=cause, items=items)])
        uow.commit()
