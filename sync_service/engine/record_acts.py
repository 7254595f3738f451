"""Acts that change no record but belong into the journal: a token entered, an account made, a file printed."""

from __future__ import annotations

from sync_service.domain.audit import Act, AuditEntry
from sync_service.engine.decisions import Desk


def record_act(desk: Desk, act: Act, cause: str, *, note: str = "") -> None:
    """One entry without records; ``note`` holds no personal data of pupils."""
    with desk.db.write(desk.school.school_id) as uow:
        uow.audit.append([AuditEntry(act=act.value, actor=desk.actor, cause=cause, note=note)])
        uow.commit()
