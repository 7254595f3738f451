"""What the region's answers mean for every pupil that is watched: new states, what people are told, what leaves.

Reads only. The watch (:mod:`sync_service.engine.release_watch`) carries it out, if there is anything new.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.matching import pair_digest
from sync_service.domain.records import Values
from sync_service.domain.release_decisions import Origin, Person, Verdict, decide_arrival, decide_departure
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine import messages
from sync_service.engine.ports import Notification, PersonAnswer, PersonStatus
from sync_service.engine.second_cards import SecondCards, find_second_cards
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
class Watched:
    """Whom the region is asked about, and the cases of those who arrive."""

    arrivals: list[Arrival]
    departures: list[Arrival]
    cases: dict[LocalId, Release]


@dataclass(slots=True, kw_only=True)
class Findings:
    """What is new. ``moved``: position in ``saved`` and the text of the step; ``enrol``: cards that may leave now."""

    saved: list[Release] = field(default_factory=list)
    moved: list[tuple[int, str]] = field(default_factory=list)
    notes: list[Notification] = field(default_factory=list)
    questions: list[MatchCase] = field(default_factory=list)
    enrol: dict[LocalId, tuple[str, ...]] = field(default_factory=dict)
    second: SecondCards = field(default_factory=SecondCards)

    def __bool__(self) -> bool:
        return bool(self.saved or self.questions or self.enrol or self.second)

    def move(self, release: Release) -> None:
        self.saved.append(release)
        self.moved.append((len(self.saved) - 1, messages.step(release)))


def findings_of(uow: UnitOfWork, watched: Watched, answers: Mapping[str, PersonAnswer], now: datetime) -> Findings:
    """Compare what is known of every watched pupil with the region's ``answers``, by reference."""
    directory = _directory(uow)
    grades = _grades(uow, watched.arrivals)
    refused = _refused_persons(uow, watched.arrivals)
    confirmed = _confirmed_persons(uow)
    found = Findings()
    for arrival in watched.arrivals:
        answer = answers[f"in:{arrival.student_id}"]
        if answer.status is PersonStatus.ENROLLED_HERE:
            continue  # the card comes with the pull, and matching decides; or another one is linked already
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
        # An enrolment the region refused has moved the state already (settle), not the letter.
        if case is None or (case.case, case.state) != (release.case, release.state):
            found.move(release)
            found.notes.extend(messages.for_release(release, arrival.student, class_name))
        elif release != replace(case, updated_at=release.updated_at):
            found.saved.append(release)
        if verdict.ask_person is not None:
            found.questions.append(_question(arrival, verdict.ask_person))
        if release.state is ReleaseState.RELEASED:
            found.enrol[arrival.student_id] = ("card",)
    arrivals = {arrival.student_id: arrival for arrival in watched.arrivals}
    found.second = find_second_cards(uow, arrivals, {i: answers[f"in:{i}"] for i in arrivals})
    _see_leavers(found, watched, answers, now)
    see_linked(uow, found, now, looked_up={a.student_id for a in watched.arrivals})
    found.questions = _unasked(uow, found.questions)
    return found


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


def _unasked(uow: UnitOfWork, questions: Sequence[MatchCase]) -> list[MatchCase]:
    known = uow.matches.open_for(Stream.STUDENTS, [q.remote_id for q in questions]) if questions else {}
    return [q for q in questions if q.remote_id not in known]


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


def _see_leavers(found: Findings, watched: Watched, answers: Mapping[str, PersonAnswer], now: datetime) -> None:
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
        found.move(
            replace(
                release,
                state=state,
                updated_at=now,
                closed_at=now if done else None,
                closed_by="system" if done else None,
            )
        )


def see_linked(
    uow: UnitOfWork, found: Findings, now: datetime, *, looked_up: Collection[LocalId] = frozenset()
) -> None:
    """Open arrival cases whose pupil is enrolled by now, or has no card any more."""
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
        found.move(replace(release, state=state, updated_at=now, closed_at=now, closed_by="system"))
