"""Release watch: look arriving pupils up in «доступные для зачисления», flag, tell, enrol (DESIGN.md 5).

One batched look-up a cycle for everything open. A failed look-up raises before anything is written: it
changes nothing and is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.matching import pair_digest
from sync_service.domain.records import Values
from sync_service.domain.release_decisions import Origin, Person, Verdict, decide_arrival, decide_departure
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine import messages
from sync_service.engine.context import Cycle
from sync_service.engine.ports import Notification, PersonAnswer, PersonQuery, PersonStatus
from sync_service.engine.stores import Arrival, UnitOfWork

PERSON_PREFIX = "person:"  # a match case about a regional person who has no card in our school yet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    """Schools by local and by regional id."""

    rows: Mapping[LocalId, Values]
    local_ids: Mapping[RemoteId, LocalId]
    remote_ids: Mapping[LocalId, RemoteId]

    def by_remote(self, remote_id: RemoteId | None) -> Values | None:
        local_id = self.local_ids.get(remote_id) if remote_id else None
        return None if local_id is None else self.rows.get(local_id)


@dataclass(slots=True, kw_only=True)
class _Watched:
    arrivals: list[Arrival]
    departures: list[Arrival]
    cases: dict[LocalId, Release]


def watch_releases(cycle: Cycle) -> None:
    """Bring every open case up to date with the regional list, in one look-up."""
    with cycle.read() as uow:
        watched = _collect(cycle, uow)
    answers: dict[str, PersonAnswer] = {}
    queries = [_query(f"in:{a.student_id}", a.student) for a in watched.arrivals]
    queries += [_query(f"out:{a.student_id}", a.student) for a in watched.departures]
    if queries:
        answers = {answer.ref: answer for answer in cycle.remote.find_available(queries)}
    with cycle.write() as uow:
        # Only what still is as it was asked about: people work while the region answers.
        now = _collect(cycle, uow)
        still = replace(
            now,
            arrivals=[a for a in now.arrivals if a in watched.arrivals],
            departures=[d for d in now.departures if d in watched.departures],
        )
        _settle(cycle, uow, still, answers)
        cycle.probe("releases.before_commit")
        uow.commit()


def _collect(cycle: Cycle, uow: UnitOfWork) -> _Watched:
    in_question = uow.matches.open_locals(Stream.STUDENTS) - _asked_about_persons(uow)
    candidates = [
        a
        for a in uow.releases.candidates()
        if a.student_id not in in_question and _watched(cycle.school.watch_from, a)
    ]
    cases = uow.releases.by_student([a.student_id for a in candidates])
    return _Watched(
        arrivals=[a for a in candidates if not _closed_by_hand(cases.get(a.student_id))],
        departures=uow.releases.departures(),
        cases=cases,
    )


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


def _settle(cycle: Cycle, uow: UnitOfWork, watched: _Watched, answers: Mapping[str, PersonAnswer]) -> None:
    """Write the new states, and what people are to be told of them."""
    now = cycle.clock.now()
    directory = _directory(uow)
    grades = _grades(uow, watched.arrivals)
    refused = _refused_persons(uow, watched.arrivals)
    confirmed = _confirmed_persons(uow)
    saved: list[Release] = []
    notes: list[Notification] = []
    enrol: dict[LocalId, tuple[str, ...]] = {}
    questions: list[MatchCase] = []
    moved: list[tuple[int, str]] = []  # (position in saved, text of the step)
    enrolled_here: list[LocalId] = []
    for arrival in watched.arrivals:
        answer = answers[f"in:{arrival.student_id}"]
        if answer.status is PersonStatus.ENROLLED_HERE:
            enrolled_here.append(arrival.student_id)  # the card comes with the pull; matching decides
            continue
        case = watched.cases.get(arrival.student_id)
        origin = _origin(arrival, directory)
        class_id = arrival.movement.get("class_to_id")
        class_name, grade = grades.get(int(class_id), (None, None)) if class_id else (None, None)
        verdict = decide_arrival(
            arrival.student,
            origin,
            grade=grade,
            arrived_on=_arrived_on(arrival),
            persons=_persons(answer),
            confirmed_person=confirmed.get(arrival.student_id),
            refused_persons=refused.get(arrival.student_id, frozenset()),
        )
        release = _updated(case, arrival, verdict, origin, directory, now)
        if case is None or release != replace(case, updated_at=release.updated_at):
            saved.append(release)
            # An enrolment the region refused has moved the state already (settle), not the letter.
            if case is None or (case.case, case.state) != (release.case, release.state):
                moved.append((len(saved) - 1, messages.step(release)))
                notes.extend(messages.for_release(release, arrival.student, class_name))
        if verdict.ask_person is not None:
            questions.append(_question(arrival, verdict.ask_person))
        if release.state is ReleaseState.RELEASED:
            enrol[arrival.student_id] = ("card",)
    _settle_departures(watched, answers, saved, moved, now)
    _settle_linked(uow, saved, moved, watched, now)
    ids = uow.releases.save(saved)
    uow.releases.log(
        [
            ReleaseStep(release_id=ids[position], kind=StepKind.STATE, actor=cycle.actor, at=now, text=text)
            for position, text in moved
        ]
    )
    if enrol:
        uow.outbox.enqueue(Stream.STUDENTS, enrol)
        uow.outbox.wake(Stream.STUDENTS, [f"releases:{student_id}" for student_id in enrol])
    if questions:
        _ask(uow, questions)
    if saved:
        items = tuple(
            AuditItem(stream=Stream.STUDENTS, act=Act.RELEASE, local_id=r.student_id, student_id=int(r.student_id))
            for r in saved
        )
        uow.audit.append(
            [AuditEntry(act=Act.RELEASE.value, actor=cycle.actor, cause=cycle.report.run_id, items=items)]
        )
    if notes:
        uow.notifications.add(notes)


def _directory(uow: UnitOfWork) -> _Directory:
    rows = uow.staging.all_rows(Stream.ORGANIZATIONS)
    remote_ids = uow.links.remote_ids(Stream.ORGANIZATIONS, rows)
    return _Directory(rows=rows, remote_ids=remote_ids, local_ids={r: i for i, r in remote_ids.items()})


def _grades(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> dict[int, tuple[str | None, int | None]]:
    ids = {LocalId(int(c)) for a in arrivals if (c := a.movement.get("class_to_id")) is not None}
    found: dict[int, tuple[str | None, int | None]] = {}
    for local_id, row in uow.staging.rows(Stream.CLASSES, ids).items() if ids else ():
        grade = row.get("grade")
        found[int(local_id)] = (str(row["name"]), int(grade) if grade is not None else None)
    return found


def _arrived_on(arrival: Arrival) -> str | None:
    day = arrival.movement.get("date") or arrival.student.get("admitted_on")
    return None if day is None else str(day)


def _origin(arrival: Arrival, directory: _Directory) -> Origin:
    movement = arrival.movement
    local_id = movement.get("origin_organization_id")
    school = directory.rows.get(LocalId(int(local_id))) if local_id is not None else None
    kind, name = movement.get("origin_kind"), movement.get("origin_name")
    if school is None:
        return Origin(kind=None if kind is None else str(kind), name=None if name is None else str(name))
    phone = school.get("phone")
    return Origin(
        kind=None if kind is None else str(kind),
        organization_id=directory.remote_ids.get(LocalId(int(local_id or 0))),
        name=str(school["name"]),
        phone=None if phone is None else str(phone),
        keeps_movement=bool(school.get("keeps_movement")),
    )


def _persons(answer: PersonAnswer) -> list[Person]:
    return [
        Person(
            person_id=c.person_id,
            available=c.status is PersonStatus.AVAILABLE,
            values={"birth_date": c.birth_date, "snils": c.snils},
            where=c.organization_id,
        )
        for c in answer.candidates
        if c.status is not PersonStatus.ENROLLED_HERE
    ]


def _updated(
    case: Release | None,
    arrival: Arrival,
    verdict: Verdict,
    origin: Origin,
    directory: _Directory,
    now: datetime,
) -> Release:
    """The case as it stands now; a case that once was B keeps its letter when the release appears."""
    school = directory.by_remote(verdict.where)
    phone = (school or {}).get("phone") or origin.phone
    name = (school or {}).get("name") or origin.name
    kept = case if case is not None and case.state is not ReleaseState.WITHDRAWN else None
    former = kept if verdict.case is not ReleaseCase.FIRST_TIME else None  # who has not studied has no such school
    return Release(
        release_id=kept.release_id if kept else 0,
        student_id=arrival.student_id,
        case=_letter(kept, verdict),
        state=verdict.state,
        movement_id=arrival.movement_id,
        person_id=verdict.person_id,
        previous_school=str(name) if name else (former.previous_school if former else None),
        previous_phone=str(phone) if phone else (former.previous_phone if former else None),
        new_card=verdict.new_card,
        opened_at=kept.opened_at if kept else now,
        updated_at=now,
    )


def _letter(kept: Release | None, verdict: Verdict) -> ReleaseCase:
    if kept is not None and kept.case is ReleaseCase.NOT_RELEASED and verdict.case is ReleaseCase.AVAILABLE:
        return kept.case
    return verdict.case


def _question(arrival: Arrival, person: Person) -> MatchCase:
    reasons = ["name_equal"]
    reasons.append("birth_date_equal" if person.values.get("birth_date") else "birth_date_missing")
    reasons.append("snils_missing")
    return MatchCase(
        case_id=0,
        stream=Stream.STUDENTS,
        remote_id=RemoteId(PERSON_PREFIX + person.person_id),
        candidates=(Candidate(local_id=arrival.student_id, reasons=tuple(reasons), score=70),),
        key_digest=pair_digest({}, arrival.student),
    )


def _ask(uow: UnitOfWork, questions: Sequence[MatchCase]) -> None:
    known = uow.matches.open_for(Stream.STUDENTS, [q.remote_id for q in questions])
    uow.matches.save([q for q in questions if q.remote_id not in known])


def _confirmed_persons(uow: UnitOfWork) -> dict[LocalId, str]:
    """Regional persons of whom a person has said that they are this pupil; the latest word counts."""
    return {
        case.chosen: case.remote_id.removeprefix(PERSON_PREFIX)
        for case in uow.matches.cases(state=MatchState.CONFIRMED)
        if case.chosen is not None and case.remote_id.startswith(PERSON_PREFIX)
    }


def _refused_persons(uow: UnitOfWork, arrivals: Sequence[Arrival]) -> dict[LocalId, frozenset[str]]:
    found: dict[LocalId, set[str]] = {}
    digests = {arrival.student_id: pair_digest({}, arrival.student) for arrival in arrivals}
    for (remote_id, local_id), digest in uow.matches.rejected_pairs(Stream.STUDENTS).items():
        if remote_id.startswith(PERSON_PREFIX) and digests.get(local_id) == digest:
            found.setdefault(local_id, set()).add(remote_id.removeprefix(PERSON_PREFIX))
    return {local_id: frozenset(persons) for local_id, persons in found.items()}


def _settle_departures(
    watched: _Watched,
    answers: Mapping[str, PersonAnswer],
    saved: list[Release],
    moved: list[tuple[int, str]],
    now: datetime,
) -> None:
    """Case D: verify that our leaver appears in the list."""
    for departure in watched.departures:
        answer = answers[f"out:{departure.student_id}"]
        visible = answer.status in (PersonStatus.AVAILABLE, PersonStatus.ENROLLED_ELSEWHERE)
        state = decide_departure(departure.case, visible=visible)
        if departure.case is not None and departure.case.state is state:
            continue
        release = departure.case or Release(
            release_id=0,
            student_id=departure.student_id,
            case=ReleaseCase.DEPARTURE,
            state=state,
            movement_id=departure.movement_id,
            opened_at=now,
        )
        done = state is ReleaseState.VISIBLE
        saved.append(
            replace(
                release,
                state=state,
                updated_at=now,
                closed_at=now if done else None,
                closed_by="system" if done else None,
            )
        )
        moved.append((len(saved) - 1, messages.step(saved[-1])))


def _settle_linked(
    uow: UnitOfWork, saved: list[Release], moved: list[tuple[int, str]], watched: _Watched, now: datetime
) -> None:
    """Open arrival cases whose pupil is enrolled by now, or has no card any more."""
    looked_up = {a.student_id for a in watched.arrivals}
    rest = [r for r in uow.releases.open() if r.case is not ReleaseCase.DEPARTURE and r.student_id not in looked_up]
    if not rest:
        return
    linked = uow.links.remote_ids(Stream.STUDENTS, [r.student_id for r in rest])
    cards = uow.staging.rows(Stream.STUDENTS, [r.student_id for r in rest])
    for release in rest:
        if release.student_id in linked:
            state = ReleaseState.ENROLLED
        elif release.student_id not in cards:
            state = ReleaseState.WITHDRAWN
        else:
            continue
        saved.append(replace(release, state=state, updated_at=now, closed_at=now, closed_by="system"))
        moved.append((len(saved) - 1, messages.step(saved[-1])))


def close_enrolled(cycle: Cycle) -> int:
    """After the push: cases whose pupil has just been enrolled are closed; returns how many."""
    with cycle.write() as uow:
        saved: list[Release] = []
        moved: list[tuple[int, str]] = []
        now = cycle.clock.now()
        _settle_linked(uow, saved, moved, _Watched(arrivals=[], departures=[], cases={}), now)
        if not saved:
            return 0
        ids = uow.releases.save(saved)
        uow.releases.log(
            [
                ReleaseStep(release_id=ids[position], kind=StepKind.STATE, actor=cycle.actor, at=now, text=text)
                for position, text in moved
            ]
        )
        cycle.probe("releases.close.before_commit")
        uow.commit()
    return sum(release.state is ReleaseState.ENROLLED for release in saved)
