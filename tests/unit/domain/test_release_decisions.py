"""Cases A to F of the regulation: what the list «доступные для зачисления» means for an arrival (DESIGN.md 5)."""

from __future__ import annotations

import itertools

import pytest

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.release_decisions import Origin, Person, Verdict, decide_arrival, decide_departure
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState
from tests.unit.domain.sketches import pupil

SNILS, OTHER = "11223344595", "08765430300"
SCHOOL, ELSEWHERE = RemoteId("school-68"), RemoteId("school-31")
FROM_SCHOOL = Origin(kind="school", organization_id=SCHOOL, name="СОШ № 68", keeps_movement=True)
UNKNOWN = Origin()


def person(
    name: str = "P-1",
    *,
    available: bool = True,
    snils: str | None = None,
    born: str | None = "2015-03-14",
    where: RemoteId | None = None,
) -> Person:
    return Person(person_id=name, available=available, values={"snils": snils, "birth_date": born}, where=where)


def decide(
    *persons: Person,
    student: Values | None = None,
    origin: Origin = UNKNOWN,
    grade: int | None = 5,
    arrived_on: str | None = "2026-11-20",
    confirmed: str | None = None,
    refused: tuple[str, ...] = (),
) -> Verdict:
    return decide_arrival(
        student or pupil(snils=SNILS),
        origin,
        grade=grade,
        arrived_on=arrived_on,
        persons=persons,
        confirmed_person=confirmed,
        refused_persons=frozenset(refused),
    )


RELEASED, NOT_RELEASED, CLAIMED = ReleaseState.RELEASED, ReleaseState.NOT_RELEASED, ReleaseState.CLAIMED
ENROL = Verdict(case=ReleaseCase.AVAILABLE, state=RELEASED, person_id="P-1")
NEW_CARD = {
    "C": Verdict(case=ReleaseCase.OTHER_DISTRICT, state=RELEASED, new_card=True),
    "E": Verdict(case=ReleaseCase.FIRST_TIME, state=RELEASED, new_card=True),
}


# --- A: in the list


def test_a_an_equal_snils_in_the_list_enrols_without_a_new_card() -> None:
    assert decide(person(snils=SNILS)) == ENROL


def test_a_name_birth_date_and_the_previous_school_enrol() -> None:
    """Region-wide, name and birth date need one more agreeing field."""
    found = person(where=SCHOOL)
    assert decide(found, student=pupil(), origin=FROM_SCHOOL) == ENROL


@pytest.mark.parametrize(
    ("student", "found", "origin"),
    [
        (pupil(), person(where=ELSEWHERE), FROM_SCHOOL),
        (pupil(), person(), FROM_SCHOOL),
        (pupil(), person(where=SCHOOL), UNKNOWN),
        (pupil(snils=SNILS), person(where=ELSEWHERE), FROM_SCHOOL),
        (pupil(birth_date=None), person(where=SCHOOL), FROM_SCHOOL),
        (pupil(), person(born=None, where=SCHOOL), FROM_SCHOOL),
    ],
    ids=["another school", "no school", "unknown origin", "СНИЛС on one side", "no birth date here", "none there"],
)
@pytest.mark.parametrize("available", [True, False])
def test_f_a_namesake_without_another_agreeing_field_is_asked_about(
    student: Values, found: Person, origin: Origin, available: bool
) -> None:
    """Nothing is created and nobody is enrolled until a person has said whether it is the same child."""
    namesake = Person(person_id="P-1", available=available, values=found.values, where=found.where)
    verdict = decide(namesake, student=student, origin=origin)
    assert verdict == Verdict(case=ReleaseCase.UNKNOWN_ORIGIN, state=CLAIMED, ask_person=namesake)


def test_a_confirmed_person_is_enrolled_and_a_refused_one_forgotten() -> None:
    namesake = person()
    assert decide(namesake, student=pupil(), confirmed="P-1") == ENROL
    refused = decide(namesake, student=pupil(), origin=FROM_SCHOOL, refused=("P-1",))
    assert (refused.case, refused.ask_person) == (ReleaseCase.NOT_RELEASED, None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_persons_word_decides_between_two_that_fit(order: int) -> None:
    """Two namesakes of one birthday left the same school; without a word a person is asked about one of them."""
    twins = [person("P-1", where=SCHOOL), person("P-2", where=SCHOOL)][::order]
    assert decide(*twins, student=pupil(), origin=FROM_SCHOOL).ask_person == twins[0]
    assert decide(*twins, student=pupil(), origin=FROM_SCHOOL, confirmed="P-1") == ENROL
    assert decide(*twins, student=pupil(), origin=FROM_SCHOOL, refused=("P-2",)) == ENROL


@pytest.mark.parametrize("order", [1, -1])
def test_snils_decides_before_the_previous_school(order: int) -> None:
    found = [person("P-1", snils=SNILS), person("P-2", where=SCHOOL)][::order]
    assert decide(*found, origin=FROM_SCHOOL) == ENROL


def test_two_persons_with_the_same_snils_are_asked_about() -> None:
    verdict = decide(person("P-1", snils=SNILS), person("P-2", snils=SNILS))
    assert (verdict.state, verdict.person_id) == (CLAIMED, None)
    assert verdict.ask_person is not None


# --- contradictions


def test_another_snils_is_another_child() -> None:
    """Whoever shares name and birthday: the list does not hold our pupil."""
    verdict = decide(person(snils=OTHER, where=SCHOOL), origin=FROM_SCHOOL)
    assert verdict == Verdict(case=ReleaseCase.NOT_RELEASED, state=NOT_RELEASED, where=SCHOOL)
    assert decide(person(snils=OTHER), confirmed="P-1").person_id is None


def test_another_birth_date_is_another_child() -> None:
    found = person(born="2014-03-14", where=SCHOOL)
    assert decide(found, student=pupil(), origin=FROM_SCHOOL).ask_person is None


def test_an_equal_snils_with_another_birth_date_is_asked_about() -> None:
    """One of the two was mistyped: neither enrolled nor given a second card."""
    found = person(snils=SNILS, born="2015-04-13")
    for origin in (FROM_SCHOOL, UNKNOWN, Origin(kind="none"), Origin(kind="other_district")):
        assert decide(found, origin=origin, grade=1, arrived_on="2026-09-01") == Verdict(
            case=ReleaseCase.UNKNOWN_ORIGIN, state=CLAIMED, ask_person=found
        )
    assert decide(found, confirmed="P-1") == ENROL


# --- B: not released


def test_b_a_person_still_enrolled_elsewhere_is_not_released() -> None:
    """The list tells where to phone, also when the arrival names no school."""
    for origin in (UNKNOWN, FROM_SCHOOL):
        verdict = decide(person(snils=SNILS, available=False, where=ELSEWHERE), origin=origin)
        assert verdict == Verdict(case=ReleaseCase.NOT_RELEASED, state=NOT_RELEASED, person_id="P-1", where=ELSEWHERE)


@pytest.mark.parametrize(
    "origin",
    [
        FROM_SCHOOL,
        Origin(kind="school"),
        Origin(organization_id=SCHOOL),
        Origin(name="СОШ № 5, Тагил"),
        Origin(kind="school", keeps_movement=None),
    ],
)
@pytest.mark.parametrize("grade", [1, 5, None])
def test_b_whoever_came_from_a_school_and_is_not_in_the_list_is_not_released(
    origin: Origin, grade: int | None
) -> None:
    """In grade 1 as well: the arrival says where the pupil has studied."""
    verdict = decide(origin=origin, grade=grade, arrived_on="2026-09-01")
    assert (verdict.case, verdict.state, verdict.new_card) == (ReleaseCase.NOT_RELEASED, NOT_RELEASED, False)
    assert verdict.where == origin.organization_id


# --- C and E: a new card


@pytest.mark.parametrize(
    "origin",
    [
        Origin(kind="other_district"),
        Origin(kind="other_district", name="школа, Курган"),
        Origin(kind="school", organization_id=SCHOOL, keeps_movement=False),
        Origin(organization_id=SCHOOL, keeps_movement=False),
    ],
)
def test_c_a_school_that_keeps_no_movement_leads_to_a_new_card(origin: Origin) -> None:
    assert decide(origin=origin) == NEW_CARD["C"]


@pytest.mark.parametrize("grade", [1, 2, None])
def test_e_who_has_not_studied_before_gets_a_new_card(grade: int | None) -> None:
    assert decide(origin=Origin(kind="none"), grade=grade) == NEW_CARD["E"]


@pytest.mark.parametrize(
    ("grade", "arrived_on", "first_time"),
    [
        (1, "2026-03-31", False),
        (1, "2026-04-01", True),
        (1, "2026-09-01", True),
        (1, "2026-09-30", True),
        (1, "2026-10-01", False),
        (1, None, False),
        (2, "2026-09-01", False),
        (None, "2026-09-01", False),
    ],
)
def test_e_first_graders_of_unknown_origin_have_not_studied_before_until_the_end_of_september(
    grade: int | None, arrived_on: str | None, first_time: bool
) -> None:
    verdict = decide(grade=grade, arrived_on=arrived_on)
    assert verdict == (NEW_CARD["E"] if first_time else Verdict(case=ReleaseCase.UNKNOWN_ORIGIN, state=CLAIMED))


@pytest.mark.parametrize("origin", [Origin(kind="none"), Origin(kind="other_district"), UNKNOWN])
def test_a_known_person_never_gets_a_second_card(origin: Origin) -> None:
    """Whatever the arrival says: who is in the list is enrolled, who is enrolled elsewhere is phoned about."""
    free = decide(person(snils=SNILS), origin=origin, grade=1, arrived_on="2026-09-01")
    assert free == ENROL
    busy = decide(person(snils=SNILS, available=False), origin=origin, grade=1, arrived_on="2026-09-01")
    assert (busy.state, busy.new_card) == (NOT_RELEASED, False)


def test_nothing_is_ever_both_enrolled_and_created() -> None:
    """Over every combination: a new card or a person or neither, and an open question means neither."""
    origins = [UNKNOWN, FROM_SCHOOL, Origin(kind="none"), Origin(kind="other_district")]
    people = [
        person(f"P-{number}", available=available, snils=snils, born=born, where=where)
        for number, (available, snils, born, where) in enumerate(
            itertools.product((True, False), (None, SNILS, OTHER), ("2015-03-14", "2014-01-01"), (None, SCHOOL))
        )
    ]
    crowds = [(), *((one,) for one in people), *itertools.combinations(people, 2)]
    verdicts = [
        decide(*crowd, origin=origin, grade=grade, arrived_on="2026-09-01")
        for crowd, origin, grade in itertools.product(crowds, origins, (1, 5))
    ]
    for verdict in verdicts:
        assert not (verdict.new_card and (verdict.person_id or verdict.ask_person))
        assert not (verdict.ask_person and verdict.person_id)
        assert (verdict.state is RELEASED) == bool(
            verdict.new_card or (verdict.person_id and verdict.case is ReleaseCase.AVAILABLE)
        )
    assert {verdict.case for verdict in verdicts} == set(ReleaseCase) - {ReleaseCase.DEPARTURE}


# --- D: our leaver


@pytest.mark.parametrize(
    ("before", "visible", "expected"),
    [
        (None, True, ReleaseState.VISIBLE),
        (None, False, ReleaseState.LEFT),
        (ReleaseState.LEFT, False, ReleaseState.LEFT),
        (ReleaseState.LEFT, True, ReleaseState.VISIBLE),
        (ReleaseState.VISIBLE, False, ReleaseState.VISIBLE),
    ],
)
def test_d_the_mirror_flag_stays_up_until_the_leaver_was_seen_in_the_list(
    before: ReleaseState | None, visible: bool, expected: ReleaseState
) -> None:
    """Once seen is enough: afterwards another school may have enrolled the pupil."""
    release = None
    if before is not None:
        release = Release(release_id=1, student_id=LocalId(1), case=ReleaseCase.DEPARTURE, state=before)
    assert decide_departure(release, visible=visible) is expected
