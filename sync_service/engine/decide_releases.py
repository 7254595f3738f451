"""The release board's actions: log a call, a promise or the director's step; close and reopen a case."""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.audit import Act
from sync_service.domain.errors import DecisionError
from sync_service.domain.outbox import EntryState
from sync_service.domain.releases import OPEN_STATES, Release, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.stores import UnitOfWork


def log_step(desk: Desk, release_id: int, kind: StepKind, text: str = "", *, next_call_on: str | None = None) -> None:
    """Write down a call, promise, director's step or note; ``next_call_on`` is an ISO date."""
    with desk.db.write(desk.school.school_id) as uow:
        release = _open(uow, release_id)
        _log(desk, uow, release, kind, text, next_call_on)
        uow.releases.save([replace(release, updated_at=desk.now())])
        _journal(desk, uow, release, kind.value)
        uow.commit()


def close(desk: Desk, release_id: int, text: str = "") -> None:
    """The pupil does not come after all: the case is withdrawn; nothing is sent."""
    with desk.db.write(desk.school.school_id) as uow:
        release = _open(uow, release_id)
        entry = uow.outbox.by_local(Stream.STUDENTS, [release.student_id]).get(release.student_id)
        if entry is not None and entry.state in (EntryState.LEASED, EntryState.UNKNOWN):
            raise DecisionError(f"Случай {release_id}: зачисление сейчас отправляется. Повторите через минуту.")
        now = desk.now()
        closed = replace(release, state=ReleaseState.WITHDRAWN, updated_at=now, closed_at=now, closed_by=desk.actor)
        uow.releases.save([replace(closed, closed_from=release.state)])
        _log(desk, uow, release, StepKind.STATE, text or "Закрыто человеком", None)
        _journal(desk, uow, release, "closed")
        uow.commit()


def reopen(desk: Desk, release_id: int) -> ReleaseState:
    """Take a closing back: the case has its former state again and is looked up in the next cycle."""
    with desk.db.write(desk.school.school_id) as uow:
        release = uow.releases.get(release_id)
        if release is None:
            raise not_found("Случай", release_id)
        if release.state is not ReleaseState.WITHDRAWN or release.closed_by == "system":
            raise DecisionError(f"Случай {release_id}: открыть снова можно только закрытый человеком.")
        former = release.closed_from or ReleaseState.CLAIMED
        again = replace(release, state=former, closed_at=None, closed_by=None, closed_from=None)
        uow.releases.save([replace(again, updated_at=desk.now())])
        _log(desk, uow, release, StepKind.STATE, "Открыто снова", None)
        _journal(desk, uow, release, "reopened")
        uow.commit()
    return former


def _open(uow: UnitOfWork, release_id: int) -> Release:
    release = uow.releases.get(release_id)
    if release is None:
        raise not_found("Случай", release_id)
    if release.state not in OPEN_STATES:
        raise DecisionError(f"Случай {release_id} уже закрыт. Обновите список.", stale=True)
    return release


def _log(desk: Desk, uow: UnitOfWork, release: Release, kind: StepKind, text: str, next_call_on: str | None) -> None:
    step = ReleaseStep(
        release_id=release.release_id,
        kind=kind,
        actor=desk.actor,
        at=desk.now(),
        text=text,
        next_call_on=next_call_on,
    )
    uow.releases.log([step])


def _journal(desk: Desk, uow: UnitOfWork, release: Release, note: str) -> None:
    journal(
        uow,
        desk,
        Act.RELEASE,
        f"release:{release.release_id}",
        stream=Stream.STUDENTS,
        local_ids=(release.student_id,),
        note=note,
    )
