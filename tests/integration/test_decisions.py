"""Conflicts, match cases and the release watch, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync_service.domain.cases import CaseMark, Queue, Shelf
from sync_service.domain.conflicts import Choice, Conflict, ConflictKind, ConflictState, FieldClash, Side
from sync_service.domain.errors import FatalError
from sync_service.domain.links import LinkId, LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.people import Role
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState, ReleaseStep, StepKind
from sync_service.domain.streams import Stream
from tests.databases import SchoolDatabase
from tests.integration.test_links import add, new
from tests.integration.test_staging import PUPIL, insert, link

MOMENT = datetime(2026, 11, 20, 8, 30, 15, 123456, tzinfo=UTC)


def conflict(link_id: LinkId, local_id: int = 1) -> Conflict:
    clashes = (
        FieldClash(
            field="value", group="mark", local="5", remote="4", base_local="3", base_remote="3", has_base=True
        ),
        FieldClash(field="weight", group="mark", local=2, remote=None),
    )
    return Conflict(
        conflict_id=0,
        stream=Stream.MARKS,
        link_id=link_id,
        local_id=LocalId(local_id),
        kind=ConflictKind.EDIT,
        clashes=clashes,
        opened_at=MOMENT,
    )


def test_a_conflict_comes_back_as_the_person_saw_it(database: SchoolDatabase) -> None:
    """Types of values survive, so that the stamp of the decision still fits."""
    one, two = add(database, new(1, "r1"), new(2, "r2"))
    with database.database.write(database.school) as unit:
        first, second = unit.conflicts.save([conflict(one), conflict(two, 2)])
        unit.commit()
    stored = replace(conflict(one), conflict_id=first)
    decided = replace(
        stored,
        state=ConflictState.RESOLVED,
        decided_at=MOMENT,
        decided_by="ivanova",
        choices=(Choice(group="mark", side=Side.VALUE, values={"value": "4", "weight": 1}),),
    )
    with database.database.write(database.school) as unit:
        assert unit.conflicts.get(first) == stored
        assert stored.stamp == conflict(one).stamp
        assert unit.conflicts.open_for([one, two, LinkId(99)]) == {
            one: stored,
            two: replace(conflict(two, 2), conflict_id=second),
        }
        assert unit.conflicts.save([decided]) == [first]
        assert unit.conflicts.open_for([one]) == {}
        assert unit.conflicts.cases() == [replace(conflict(two, 2), conflict_id=second)]
        assert len(unit.conflicts.cases(state=None)) == 2
        assert unit.conflicts.cases(state="resolved", limit=5) == [decided]
        assert unit.conflicts.counts() == {Stream.MARKS: 1}
        assert unit.conflicts.get(10**6) is None


def test_open_cases_lie_on_the_shelf_of_whose_turn_it_is(database: SchoolDatabase) -> None:
    """Passed on: due for that role alone. Put off: for nobody, until its day; then it is where it was."""
    links = add(database, *(new(n, f"r{n}") for n in range(1, 5)))
    with database.database.write(database.school) as unit:
        due, passed, later, both = unit.conflicts.save([conflict(link, n + 1) for n, link in enumerate(links)])
        to_admin = CaseMark(passed_to="admin", passed_by="Петрова А. В.", passed_at=MOMENT)
        unit.cases.mark(Queue.CONFLICTS, passed, to_admin)
        unit.cases.mark(Queue.CONFLICTS, later, CaseMark(postponed_until="2026-12-01"))
        unit.cases.mark(Queue.CONFLICTS, both, replace(to_admin, postponed_until="2026-12-01"))
        for text in ("старая", "последняя"):
            unit.cases.add_note(Queue.CONFLICTS, passed, author="Петрова А. В.", text=text)
        unit.commit()
    with database.database.read(database.school) as unit:

        def shelves(role: Role, on: str) -> list[list[int]]:
            found = [unit.conflicts.open_ids(shelf, role, on=on) for shelf in Shelf]
            assert [unit.conflicts.on_shelf(shelf, role, on=on) for shelf in Shelf] == [len(ids) for ids in found]
            return found

        assert shelves(Role.SECRETARY, "2026-11-30") == [[due], [passed], [later, both]]
        assert shelves(Role.ADMIN, "2026-11-30") == [[due, passed], [passed], [later, both]]
        assert shelves(Role.SECRETARY, "2026-12-01") == [[due, later], [passed, both], []]
        assert unit.conflicts.open_ids(Shelf.DUE, Role.ADMIN, Stream.STUDENTS, on="2026-11-30") == []
        assert unit.cases.marks(Queue.CONFLICTS, [passed]) == {passed: to_admin}
        notes = unit.cases.last_notes(Queue.CONFLICTS, [due, passed])
        assert {case_id: note.text for case_id, note in notes.items()} == {passed: "последняя"}


def test_a_record_has_one_undecided_case(database: SchoolDatabase) -> None:
    """The database refuses a second one; a decided case makes room in the same call."""
    (one,) = add(database, new(1, "r1"))
    with database.database.write(database.school) as unit:
        (first,) = unit.conflicts.save([conflict(one)])
        done = replace(conflict(one), conflict_id=first, state=ConflictState.CONVERGED)
        assert unit.conflicts.save([conflict(one), done]) == [first + 1, first]
        unit.commit()
    with pytest.raises(FatalError), database.database.write(database.school) as unit:
        unit.conflicts.save([replace(conflict(one), state=ConflictState.UNDOING)])


def case(remote: str, *locals_: int, state: MatchState = MatchState.OPEN) -> MatchCase:
    return MatchCase(
        case_id=0,
        stream=Stream.STUDENTS,
        remote_id=RemoteId(remote),
        candidates=tuple(
            Candidate(local_id=LocalId(i), reasons=("name_equal", "snils_missing"), score=90 + i) for i in locals_
        ),
        key_digest=f"digest-{remote}",
        state=state,
        opened_at=MOMENT,
    )


def test_match_cases_and_remembered_rejections(database: SchoolDatabase) -> None:
    """«Not the same child» holds for every candidate of a rejected case, until the rejection is taken back."""
    with database.database.write(database.school) as unit:
        matches = unit.matches
        first, second = matches.save([case("a", 1, 2), case("b", 3)])
        assert matches.open_for(Stream.STUDENTS, [RemoteId("a"), RemoteId("x")]) == {
            "a": replace(case("a", 1, 2), case_id=first)
        }
        assert matches.open_for(Stream.GUARDIANS, [RemoteId("a")]) == {}
        assert matches.open_locals(Stream.STUDENTS) == {1, 2, 3}
        rejected = replace(
            case("a", 1, 2, state=MatchState.REJECTED), case_id=first, decided_at=MOMENT, decided_by="ivanova"
        )
        confirmed = replace(case("b", 3, state=MatchState.CONFIRMED), case_id=second, chosen=LocalId(3))
        assert matches.save([rejected, confirmed]) == [first, second]
        assert matches.get(first) == rejected
        assert matches.get(10**6) is None
        assert matches.cases() == []
        assert matches.cases(state=None) == [rejected, confirmed]
        assert matches.rejected_pairs(Stream.STUDENTS) == {("a", 1): "digest-a", ("a", 2): "digest-a"}
        matches.save([replace(rejected, state=MatchState.OPEN)])
        assert matches.rejected_pairs(Stream.STUDENTS) == {}
        assert matches.open_locals(Stream.STUDENTS) == {1, 2}


def movement(student: LocalId, kind: str, date: str, **more: str) -> Values:
    return {"student_id": student, "kind": kind, "date": date, **more}


def test_candidates_of_the_release_watch(database: SchoolDatabase) -> None:
    """Complete cards without a live link, each with its latest arrival, or none."""
    arrived, bare, linked, incomplete = insert(
        database, Stream.STUDENTS, PUPIL, PUPIL, PUPIL, {**PUPIL, "incomplete": True}
    )
    link(database, Stream.STUDENTS, linked)
    _, latest, _, _ = insert(
        database,
        Stream.MOVEMENTS,
        movement(arrived, "arrival", "2025-09-01"),
        movement(arrived, "arrival", "2026-11-10", order_number="7-к", origin_kind="school"),
        movement(arrived, "class_change", "2026-11-12"),
        movement(incomplete, "arrival", "2026-11-10"),
    )
    with database.database.read(database.school) as unit:
        first, second = unit.releases.candidates()
    assert (first.student_id, first.movement_id, first.movement["order_number"]) == (arrived, latest, "7-к")
    assert first.student["snils"] == PUPIL["snils"]
    assert (second.student_id, second.movement_id, second.movement, second.case) == (bare, None, {}, None)


def test_departures_to_be_watched(database: SchoolDatabase) -> None:
    """Linked pupils whose latest movement is a linked departure, until its case D is closed."""
    gone, unsent, back, stays = insert(database, Stream.STUDENTS, PUPIL, PUPIL, PUPIL, PUPIL)
    link(database, Stream.STUDENTS, gone, unsent, back, stays)
    leaving, unsent_leaving, earlier, returned, arrival = insert(
        database,
        Stream.MOVEMENTS,
        movement(gone, "departure", "2026-11-10", destination_name="Школа № 12"),
        movement(unsent, "departure", "2026-11-10"),
        movement(back, "departure", "2026-11-01"),
        movement(back, "arrival", "2026-11-10"),
        movement(stays, "arrival", "2026-09-01"),
    )
    link(database, Stream.MOVEMENTS, leaving, earlier, returned, arrival)

    def watched() -> list[tuple[LocalId, LocalId | None, ReleaseState | None]]:
        with database.database.read(database.school) as unit:
            return [
                (a.student_id, a.movement_id, a.case.state if a.case else None) for a in unit.releases.departures()
            ]

    assert unsent_leaving > leaving
    assert watched() == [(gone, leaving, None)]
    opened = Release(
        release_id=0, student_id=gone, case=ReleaseCase.DEPARTURE, state=ReleaseState.LEFT, movement_id=leaving
    )
    with database.database.write(database.school) as unit:
        (release_id,) = unit.releases.save([opened])
        unit.commit()
    assert watched() == [(gone, leaving, ReleaseState.LEFT)]
    with database.database.write(database.school) as unit:
        closed = replace(opened, release_id=release_id, state=ReleaseState.VISIBLE, closed_at=MOMENT)
        unit.releases.save([closed])
        unit.commit()
    assert watched() == []


def test_cases_and_their_log(database: SchoolDatabase) -> None:
    full = Release(
        release_id=0,
        student_id=LocalId(1),
        case=ReleaseCase.NOT_RELEASED,
        state=ReleaseState.NOT_RELEASED,
        movement_id=LocalId(5),
        person_id="p-1",
        previous_school="Школа № 12",
        previous_phone="+73431234567",
        new_card=True,
        opened_at=MOMENT,
        updated_at=MOMENT,
    )
    withdrawn = replace(full, state=ReleaseState.WITHDRAWN, closed_at=MOMENT, closed_by="ivanova", new_card=False)
    withdrawn = replace(withdrawn, closed_from=ReleaseState.NOT_RELEASED)
    with database.database.write(database.school) as unit:
        releases = unit.releases
        old, new_id, left = releases.save(
            [withdrawn, full, replace(full, case=ReleaseCase.DEPARTURE, state=ReleaseState.LEFT)]
        )
        stored = replace(full, release_id=new_id)
        assert releases.get(new_id) == stored
        assert releases.get(old) == replace(withdrawn, release_id=old)
        assert releases.get(10**6) is None
        assert [r.release_id for r in releases.open()] == [new_id, left]
        assert releases.by_student([LocalId(1), LocalId(2)]) == {1: stored}
        assert releases.counts() == {"withdrawn": 1, "not_released": 1, "left": 1}
        assert [r.release_id for r in releases.cases()] == [old, new_id, left]
        assert releases.cases(state="withdrawn") == [replace(withdrawn, release_id=old)]
        steps = [
            ReleaseStep(release_id=new_id, kind=StepKind.OPENED, actor="system", at=MOMENT),
            ReleaseStep(
                release_id=new_id,
                kind=StepKind.PROMISE,
                actor="ivanova",
                at=MOMENT,
                text="обещали завтра",
                next_call_on="2026-11-23",
            ),
        ]
        releases.log(steps)
        assert releases.steps([new_id, old]) == {new_id: steps, old: []}
        assert releases.steps([]) == {}
