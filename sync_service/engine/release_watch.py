"""Release watch: look arriving pupils up in «доступные для зачисления», flag, tell, enrol (DESIGN.md 5).

One batched look-up a cycle for everything open. A failed look-up raises before anything is written: it
changes nothing and is reported. A cycle that finds nothing new takes no lock and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.errors import RecordError
from sync_service.domain.links import LocalId
from sync_service.domain.outbox import EntryState
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle
from sync_service.engine.loading import canonical
from sync_service.engine.ports import PersonAnswer, PersonQuery
from sync_service.engine.release_findings import PERSON_PREFIX, Findings, Watched, findings_of, see_linked
from sync_service.engine.stores import Arrival, UnitOfWork


def watch_releases(cycle: Cycle) -> None:
    """Bring every open case up to date with the regional list, in one look-up."""
    with cycle.read() as uow:
        watched = _collect(cycle, uow)
    answers: dict[str, PersonAnswer] = {}
    queries = [_query(f"in:{a.student_id}", a.student) for a in watched.arrivals]
    queries += [_query(f"out:{a.student_id}", a.student) for a in watched.departures]
    if queries:
        answers = {answer.ref: answer for answer in cycle.remote.find_available(queries)}
    with cycle.read() as uow:
        if not _look(cycle, uow, watched, answers):
            return
    with cycle.write() as uow:
        _carry_out(cycle, uow, _look(cycle, uow, watched, answers))
        cycle.probe("releases.before_commit")
        uow.commit()


def _look(cycle: Cycle, uow: UnitOfWork, watched: Watched, answers: Mapping[str, PersonAnswer]) -> Findings:
    """What is new of those that still are as they were asked about: people work while the region answers."""
    now = _collect(cycle, uow)
    still = replace(
        now,
        arrivals=[a for a in now.arrivals if a in watched.arrivals],
        departures=[d for d in now.departures if d in watched.departures],
    )
    return findings_of(uow, still, answers, cycle.clock.now())


def _collect(cycle: Cycle, uow: UnitOfWork) -> Watched:
    in_question = uow.matches.open_locals(Stream.STUDENTS) - _asked_about_persons(uow)
    candidates = [
        a
        for a in _readable(cycle, uow.releases.candidates())
        if a.student_id not in in_question and _watched(cycle.school.watch_from, a)
    ]
    cases = uow.releases.by_student([a.student_id for a in candidates])
    return Watched(
        arrivals=[a for a in candidates if not _closed_by_hand(cases.get(a.student_id))],
        departures=_readable(cycle, uow.releases.departures()),
        cases=cases,
    )


def _readable(cycle: Cycle, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The cards as they are compared, whatever program wrote them. One that cannot be read is nobody's question to
    the region: capture has set it aside with its reason."""
    found: list[Arrival] = []
    for arrival in arrivals:
        try:
            card = cycle.normalise(Stream.STUDENTS, arrival.student)
        except RecordError:
            continue
        movement = canonical(cycle.normalise, Stream.MOVEMENTS, {arrival.student_id: arrival.movement})
        found.append(replace(arrival, student={**arrival.student, **card}, movement=movement[arrival.student_id]))
    return found


def _closed_by_hand(case: Release | None) -> bool:
    """A person has said that the pupil does not come; only a person opens the case again."""
    return case is not None and case.state is ReleaseState.WITHDRAWN and case.closed_by != "system"


def _asked_about_persons(uow: UnitOfWork) -> set[LocalId]:
    """Cards whose open question is about a regional person: the watch itself asked and goes on looking."""
    return {
        candidate.local_id
        for case in uow.matches.cases()
        if case.remote_id.startswith(PERSON_PREFIX)
        for candidate in case.candidates
    }


def _watched(watch_from: str | None, arrival: Arrival) -> bool:
    day = arrival.movement.get("date") or arrival.student.get("admitted_on")
    return watch_from is None or day is None or str(day) >= watch_from


def _query(ref: str, student: Values) -> PersonQuery:
    def text(name: str) -> str | None:
        value = student.get(name)
        return None if value is None else str(value)

    return PersonQuery(
        ref=ref,
        last_name=text("last_name") or "",
        first_name=text("first_name") or "",
        patronymic=text("patronymic"),
        birth_date=text("birth_date"),
        snils=text("snils"),
    )


def _carry_out(cycle: Cycle, uow: UnitOfWork, found: Findings) -> None:
    """Write the new states, and what people are to be told of them."""
    _save(cycle, uow, found)
    if found.enrol:
        uow.outbox.enqueue(Stream.STUDENTS, _unsent(uow, found.enrol))
        uow.outbox.wake(Stream.STUDENTS, [f"releases:{student_id}" for student_id in found.enrol])
    if found.second:
        uow.quarantine.put(cycle.marked(found.second.items()))
        uow.quarantine.clear(Stream.STUDENTS, local_ids=found.second.over)
    if found.questions:
        uow.matches.save(found.questions)
    if found.saved:
        items = tuple(
            AuditItem(stream=Stream.STUDENTS, act=Act.RELEASE, local_id=r.student_id, student_id=int(r.student_id))
            for r in found.saved
        )
        uow.audit.append(
            [AuditEntry(act=Act.RELEASE.value, actor=cycle.actor, cause=cycle.report.run_id, items=items)]
        )
    if found.notes:
        uow.notifications.add(found.notes)


def _unsent(uow: UnitOfWork, enrol: Mapping[LocalId, tuple[str, ...]]) -> dict[LocalId, tuple[str, ...]]:
    """Cards that are not on their way. One the region has refused is sent again when its reason is gone from the
    quarantine: the card was changed since."""
    known = uow.outbox.by_local(Stream.STUDENTS, enrol)
    refused = {i for i, entry in known.items() if entry.state is EntryState.REJECTED}
    if refused:
        items = uow.quarantine.items(stream=Stream.STUDENTS, direction="push", discarded=None)
        refused -= {item.local_id for item in items}
    return {i: groups for i, groups in enrol.items() if i not in known or i in refused}


def _save(cycle: Cycle, uow: UnitOfWork, found: Findings) -> None:
    ids = uow.releases.save(found.saved)
    now = cycle.clock.now()
    uow.releases.log(
        [
            ReleaseStep(release_id=ids[position], kind=StepKind.STATE, actor=cycle.actor, at=now, text=text)
            for position, text in found.moved
        ]
    )


def close_enrolled(cycle: Cycle) -> int:
    """After the push: cases whose pupil has just been enrolled are closed; returns how many."""
    with cycle.read() as uow:
        if not _enrolled(cycle, uow):
            return 0
    with cycle.write() as uow:
        found = _enrolled(cycle, uow)
        _save(cycle, uow, found)
        cycle.probe("releases.close.before_commit")
        uow.commit()
    return sum(release.state is ReleaseState.ENROLLED for release in found.saved)


def _enrolled(cycle: Cycle, uow: UnitOfWork) -> Findings:
    found = Findings()
    see_linked(uow, found, cycle.clock.now())
    return found
