"""Acts that change no record but belong into the journal: a token entered, an account made, a file printed."""

from __future__ import annotations

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.links import SchoolId
from sync_service.engine.decisions import Desk
from sync_service.engine.stores import Database


def record_act(desk: Desk, act: Act, cause: str, *, note: str = "") -> None:
    """One entry without records; ``note`` holds no personal data of pupils."""
    record_act_of(desk.db, desk.school.school_id, desk.actor, act, cause, note=note)


def record_act_of(db: Database, school: SchoolId, actor: str, act: Act, cause: str, *, note: str = "") -> None:
    """The same of somebody who needs no desk."""
    with db.write(school) as uow:
        uow.audit.append([AuditEntry(act=act.value, actor=actor, cause=cause, note=note)])
        uow.commit()
