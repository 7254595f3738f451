"""Decide match cases: the same child, another child, and taking either back (invariant 8)."""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.audit import Act
from sync_service.domain.errors import DecisionError
from sync_service.domain.inbox import Parked
from sync_service.domain.links import LocalId
from sync_service.domain.matches import MatchCase, MatchState
from sync_service.domain.matching import Ambiguous, Matched, pair_digest
from sync_service.domain.planning import case_digest, plan_page
from sync_service.domain.streams import Stream
from sync_service.engine.apply import apply
from sync_service.engine.decisions import Desk, journal, not_found
from sync_service.engine.loading import DEFERRED, canonical, load_page
from sync_service.engine.release_findings import PERSON_PREFIX
from sync_service.engine.separate import separate
from sync_service.engine.stores import UnitOfWork


def confirm(desk: Desk, case_id: int, local_id: LocalId) -> None:
    """«Тот же ребёнок»: link the regional record to the chosen card, or let the watch enrol that person.

    Raises DecisionError (``stale``) when key fields have changed since the question was put.
    """
    with desk.db.write(desk.school.school_id) as uow:
        case = _open_case(desk, uow, case_id)
        if local_id not in {c.local_id for c in case.candidates}:
            raise DecisionError(f"Двойники {case_id}: карточки {local_id} нет среди кандидатов.")
        if case.remote_id.startswith(PERSON_PREFIX):
            _confirm_person(desk, uow, case, local_id)
        else:
            _confirm_record(desk, uow, case, local_id)
        _decide(desk, uow, case, MatchState.CONFIRMED, local_id)
        uow.commit()


def reject(desk: Desk, case_id: int) -> None:
    """«Другой ребёнок»: remembered for every candidate until a key field changes; the record goes its way."""
    with desk.db.write(desk.school.school_id) as uow:
        case = _open_case(desk, uow, case_id)
        rows = canonical(
            desk.normalise, case.stream, uow.staging.rows(case.stream, [c.local_id for c in case.candidates])
        )
        parked = uow.inbox.parked(case.stream, remote_ids=[case.remote_id])
        remote = parked[0].record.values if parked else {}
        first, *others = [
            replace(
                case,
                candidates=(candidate,),
                key_digest=pair_digest(remote, rows.get(candidate.local_id, {})),
                state=MatchState.REJECTED,
                decided_at=desk.now(),
                decided_by=desk.actor,
            )
            for candidate in case.candidates
        ]
        uow.matches.save([first, *(replace(other, case_id=0) for other in others)])
        if parked and case.stream in DEFERRED:
            uow.inbox.park([Parked(record=parked[0].record, reason="inventory")])
        elif parked:
            # Other streams have no inventory pass: the record becomes a row of its own at once.
            page = load_page(
                uow, desk.policies, case.stream, [parked[0].record], normalise=desk.normalise, matches={}
            )
            apply(uow, plan_page(page), actor=desk.actor, cause=f"match:{case_id}")
        journal(
            uow,
            desk,
            Act.MATCH,
            f"match:{case_id}",
            stream=case.stream,
            local_ids=tuple(c.local_id for c in case.candidates),
            note="rejected",
        )
        uow.commit()


def undo(desk: Desk, case_id: int) -> None:
    """Take a decision back. A confirmed pair is unlinked, a refused one is asked about again."""
    with desk.db.write(desk.school.school_id) as uow:
        case = uow.matches.get(case_id)
        if case is None:
            raise not_found("Двойники", case_id)
        match case.state:
            case MatchState.CONFIRMED if case.chosen is not None:
                if case.remote_id.startswith(PERSON_PREFIX):
                    _forget_person(desk, uow, case)
                else:
                    separate(desk, uow, case.stream, case.chosen)
            case MatchState.REJECTED:
                if uow.links.by_remote(case.stream, [case.remote_id]):
                    raise DecisionError(
                        f"Двойники {case_id}: для записи ГИС уже заведена своя карточка. "
                        "Сначала отвяжите её: matches unlink."
                    )
            case _:
                raise DecisionError(f"Двойники {case_id}: решения ещё нет, отменять нечего.")
        uow.matches.save([replace(case, state=MatchState.CLOSED, decided_at=desk.now(), decided_by=desk.actor)])
        journal(uow, desk, Act.UNDO, f"match:{case_id}", stream=case.stream, local_ids=_chosen(case))
        uow.commit()


def unlink(desk: Desk, stream: Stream, local_id: LocalId) -> None:
    """Separate a pupil's or parent's card from its regional record; the pair is remembered as not the same."""
    if stream not in DEFERRED:
        raise DecisionError(f"{stream.value} {local_id}: разъединяют только карточки учеников и родителей.")
    with desk.db.write(desk.school.school_id) as uow:
        separate(desk, uow, stream, local_id)
        journal(uow, desk, Act.MATCH, f"unlink:{stream.value}:{local_id}", stream=stream, local_ids=(local_id,))
        uow.commit()


def _open_case(desk: Desk, uow: UnitOfWork, case_id: int) -> MatchCase:
    case = uow.matches.get(case_id)
    if case is None:
        raise not_found("Двойники", case_id)
    if case.state is not MatchState.OPEN:
        raise DecisionError(
            f"Двойники {case_id}: уже решено{desk.said(case.decided_by, case.decided_at)}. Обновите список.",
            stale=True,
        )
    return case


def _confirm_record(desk: Desk, uow: UnitOfWork, case: MatchCase, local_id: LocalId) -> None:
    parked = uow.inbox.parked(case.stream, remote_ids=[case.remote_id])
    if not parked:
        raise DecisionError(f"Двойники {case.case_id}: запись ГИС уже разобрана. Обновите список.", stale=True)
    rows = canonical(
        desk.normalise, case.stream, uow.staging.rows(case.stream, [c.local_id for c in case.candidates])
    )
    digest = case_digest(parked[0].record.values, Ambiguous(case.candidates), rows)
    if case.key_digest and digest != case.key_digest:
        uow.matches.save([replace(case, key_digest=digest)])
        uow.commit()
        raise DecisionError(
            f"Двойники {case.case_id}: сведения изменились, пока вы решали. Посмотрите новые и решите снова.",
            stale=True,
        )
    if uow.links.by_local(case.stream, [local_id]):
        raise DecisionError(f"Двойники {case.case_id}: карточка {local_id} уже связана с другой записью ГИС.")
    matches = {case.remote_id: Matched(local_id, f"decided:{case.case_id}")}
    page = load_page(uow, desk.policies, case.stream, [parked[0].record], normalise=desk.normalise, matches=matches)
    apply(uow, plan_page(page), actor=desk.actor, cause=f"match:{case.case_id}")


def _confirm_person(desk: Desk, uow: UnitOfWork, case: MatchCase, local_id: LocalId) -> None:
    release = uow.releases.by_student([local_id]).get(local_id)
    if release is None:
        raise DecisionError(f"Двойники {case.case_id}: случая зачисления больше нет. Обновите список.", stale=True)
    row = canonical(desk.normalise, case.stream, uow.staging.rows(case.stream, [local_id])).get(local_id, {})
    if case.key_digest and case.key_digest != pair_digest({}, row):
        uow.matches.save([replace(case, key_digest=pair_digest({}, row))])
        uow.commit()
        raise DecisionError(
            f"Двойники {case.case_id}: сведения изменились, пока вы решали. Посмотрите новые и решите снова.",
            stale=True,
        )
    person_id = case.remote_id.removeprefix(PERSON_PREFIX)
    uow.releases.save([replace(release, person_id=person_id, updated_at=desk.now())])


def _forget_person(desk: Desk, uow: UnitOfWork, case: MatchCase) -> None:
    if case.chosen is None:
        return
    if uow.links.by_local(case.stream, [case.chosen]):
        raise DecisionError(f"Двойники {case.case_id}: ученик уже зачислен в ГИС. Исправляется движением.")
    release = uow.releases.by_student([case.chosen]).get(case.chosen)
    if release is not None:
        uow.releases.save([replace(release, person_id=None, updated_at=desk.now())])


def _decide(desk: Desk, uow: UnitOfWork, case: MatchCase, state: MatchState, local_id: LocalId) -> None:
    decided = replace(case, state=state, chosen=local_id, decided_at=desk.now(), decided_by=desk.actor)
    uow.matches.save([decided])
    journal(
        uow, desk, Act.MATCH, f"match:{case.case_id}", stream=case.stream, local_ids=(local_id,), note="confirmed"
    )


def _chosen(case: MatchCase) -> tuple[LocalId, ...]:
    return (case.chosen,) if case.chosen is not None else tuple(c.local_id for c in case.candidates)
