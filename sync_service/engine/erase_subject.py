"""Destroy what is stored about one pupil (152-ФЗ, article 21), with the act on it, or let the pupil in again.

    leases of all streams: no run meanwhile ─ obstacles, again under the lock ─ rows and values go, marks and an entry
    of the journal stay │ commit ─ the freed space of the database is overwritten ─ that this was done │ commit

The act is made from what was looked at right before and is written down nowhere: whoever asked holds the only copy.
The journal says that it was made, by whom, when and why, and not whose data it was.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.erasures import Erasure, Reason, names_of
from sync_service.domain.errors import DecisionError, NoSuchCase, SyncError
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk
from sync_service.engine.due import mark_due
from sync_service.engine.erased import PERSONS
from sync_service.engine.import_files import LAST_IMPORT
from sync_service.engine.leased_run import Job, leased
from sync_service.engine.queries_erasure import ErasureView, view_in
from sync_service.engine.stores import AuditRow, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was destroyed. ``view`` holds the last copy of the names; ``entry`` is the journal's word on it."""

    erasure: Erasure
    view: ErasureView
    entry: AuditRow
    school: str
    zone: str


def erase_subject(job: Job, student_id: LocalId, reason: Reason) -> Erased:
    """Everything about the pupil goes in one transaction, or nothing does.

    Raises NoSuchCase, DecisionError while something is to be settled first, AlreadyRunning while a run is at work.
    """
    school = job.school.school_id
    with leased(job, f"erasure:{student_id}", tuple(Stream)) as (fence, _):
        with job.db.write(school, fence=fence) as uow:
            # In line with imports and entries in «Движение»: none of them adds to the pupil behind our look.
            uow.cursors.put_note(LAST_IMPORT, uow.cursors.get_note(LAST_IMPORT) or job.clock.now().isoformat())
            view = view_in(uow, student_id)
            if view.obstacles:
                raise DecisionError(f"Ученик {student_id}: уничтожить данные пока нельзя. {' '.join(view.obstacles)}")
            erasure_id = _take_out(uow, student_id, reason, actor=job.actor)
            job.probe("erasure.before_commit")
            uow.commit()
        erasure, entry = _recorded(job, erasure_id)
        # It has happened, and the act is to be had now or never: space that is still to be overwritten waits.
        with suppress(SyncError):
            if scrub(job):
                erasure, entry = _recorded(job, erasure_id)
    return Erased(erasure=erasure, view=view, entry=entry, school=job.school.name, zone=job.school.zone)


def _recorded(job: Job, erasure_id: int) -> tuple[Erasure, AuditRow]:
    """What the book and the journal say of it."""
    with job.db.read(job.school.school_id) as uow:
        erasure = uow.erasures.get(erasure_id)
        entries = uow.audited.page(cause=_cause(erasure_id))
    entry = next((one for one in entries if one.act == Act.ERASE), None)
    if erasure is None or entry is None:
        raise AssertionError("neither is ever removed")
    return erasure, entry


def _take_out(uow: UnitOfWork, student_id: LocalId, reason: Reason, *, actor: str) -> int:
    card = uow.staging.rows(Stream.STUDENTS, [student_id])[student_id]
    found = uow.erasures.take_out(student_id)
    if found is None:
        raise AssertionError("the card was read in this transaction")
    erasure_id = uow.erasures.record(
        reason,
        actor=actor,
        rows=found.total,
        remote_ids={stream: found.remote_ids.get(stream, frozenset()) for stream in PERSONS},
        names=names_of(card, found.class_ids),
    )
    counts = ", ".join(f"{name} {count}" for name, count in sorted(found.rows.items()))
    note = f"{reason.value}; {counts}"
    entry = AuditEntry(act=Act.ERASE.value, actor=actor, cause=_cause(erasure_id), note=note)
    uow.audit.append([entry])
    return erasure_id


def _cause(erasure_id: int) -> str:
    return f"erasure:{erasure_id}"


def scrub(job: Job) -> int:
    """Overwrite what erased rows have left in the files of the database; returns how many erasures are complete by
    it. What could not be overwritten now (somebody is reading) is left for the next time."""
    school = job.school.school_id
    with job.db.read(school) as uow:
        waiting = [one.erasure_id for one in uow.erasures.cases() if one.scrubbed_at is None]
    if not waiting or not job.db.scrub():
        return 0
    with job.db.write(school) as uow:
        uow.erasures.scrubbed(waiting)
        uow.commit()
    return len(waiting)


def restore_subject(desk: Desk, erasure_id: int) -> Erasure:
    """Forget the marks of an erasure: who is listed by the region, or by a file, comes in again like anybody else.

    Nothing that was destroyed comes back. Raises NoSuchCase, DecisionError when there are no marks any more.
    """
    with desk.db.write(desk.school.school_id) as uow:
        found = uow.erasures.get(erasure_id)
        if found is None:
            raise NoSuchCase(f"Акт {erasure_id}: нет такой записи. Обновите список.")
        if found.lifted_at is not None:
            raise DecisionError(f"Акт {erasure_id}: отметка уже снята ({found.lifted_by}).", stale=True)
        uow.erasures.lift(erasure_id, by=desk.actor)
        uow.audit.append(
            [AuditEntry(act=Act.DECIDE.value, actor=desk.actor, cause=_cause(erasure_id), note="mark lifted")]
        )
        mark_due(uow, tuple(Stream), desk.now())  # what was passed by meanwhile lies behind the cursors
        uow.commit()
    return found
