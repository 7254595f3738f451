"""Natural keys, marks of a cell, parents and report cells: how they first meet (invariant 8)."""

from __future__ import annotations

import pytest

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Ambiguous, Match, Matched, match_by_key, pair_digest
from sync_service.domain.matching_cells import NoLesson, WhichLesson, match_marks, place_cell
from sync_service.domain.matching_guardians import match_guardians
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, Stream

Remotes = dict[RemoteId, Values]
Locals = dict[LocalId, Values]


def there(*rows: Values) -> Remotes:
    return {RemoteId(f"r{number}"): row for number, row in enumerate(rows, 1)}


def here(*rows: Values) -> Locals:
    return {LocalId(number): row for number, row in enumerate(rows, 1)}


def pairs(found: dict[RemoteId, Match]) -> dict[str, int]:
    return {remote_id: match.local_id for remote_id, match in found.items() if isinstance(match, Matched)}


# --- natural keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "ours", "theirs"),
    [
        (Stream.CLASSES, {"school_year": 2026, "name": "8А"}, {"school_year": 2026, "name": "8 а"}),
        (Stream.SUBJECTS, {"name": "Русский язык"}, {"name": "русский  язык"}),
        (Stream.PERIODS, {"school_year": 2026, "name": "1 четверть"}, {"school_year": 2026, "name": "1 Четверть"}),
        (Stream.GUARDIANSHIPS, {"student_id": 1, "guardian_id": 2}, {"student_id": 1, "guardian_id": 2}),
        (
            Stream.MOVEMENTS,
            {"student_id": 1, "kind": "arrival", "order_number": "15-К", "date": "2026-09-01"},
            {"student_id": 1, "kind": "arrival", "order_number": "15-к", "date": "2026-09-01"},
        ),
        (Stream.ATTENDANCE, {"student_id": 1, "lesson_id": 4, "symbol": "Б"}, {"student_id": 1, "lesson_id": 4}),
    ],
)
def test_equal_natural_keys_meet_whatever_their_spelling(stream: Stream, ours: Values, theirs: Values) -> None:
    assert match_by_key(SPECS[stream], there(theirs), here(ours)) == {"r1": Matched(LocalId(1), "natural_key")}


@pytest.mark.parametrize(
    "changed", [{"school_year": 2025}, {"name": "8Б"}], ids=["another school year", "another letter"]
)
def test_different_keys_do_not_meet(changed: Values) -> None:
    row: Values = {"school_year": 2026, "name": "8А"}
    assert match_by_key(SPECS[Stream.CLASSES], there({**row, **changed}), here(row)) == {}


def test_two_rows_with_one_key_are_a_question_on_either_side() -> None:
    """Which of them it is cannot be told by the order in which they came."""
    row: Values = {"name": "Алгебра"}
    spec = SPECS[Stream.SUBJECTS]
    for found in (match_by_key(spec, there(row), here(row, row)), match_by_key(spec, there(row, row), here(row))):
        assert found
        assert all(isinstance(match, Ambiguous) for match in found.values())


# --- marks of one cell ----------------------------------------------------------------------------------------


def mark(value: str, position: int, *, lesson: int = 1) -> Values:
    return {"student_id": 1, "lesson_id": lesson, "value": value, "position": position}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([("5", 1), ("4", 2)], [("5", 1), ("4", 2)], {"r1": 1, "r2": 2}),
        ([("5", 1), ("4", 2)], [("4", 1), ("5", 2)], {"r1": 2, "r2": 1}),
        ([("5", 1), ("5", 2)], [("5", 2), ("5", 3)], {"r1": 2, "r2": 1}),
        ([("5", 1), ("4", 2)], [("5", 1), ("3", 2)], {"r1": 1, "r2": 2}),
        ([("5", 1)], [("4", 1), ("5", 2)], {"r2": 1}),
        ([("5", 1), ("4", 2)], [("4", 7)], {"r1": 2}),
        ([("5", 1)], [("4", 2)], {}),
    ],
    ids=[
        "alike",
        "swapped places",
        "equal values",
        "one corrected",
        "value before place",
        "fewer there",
        "strangers",
    ],
)
def test_marks_of_a_cell_meet_by_value_then_by_position(
    ours: list[tuple[str, int]], theirs: list[tuple[str, int]], expected: dict[str, int]
) -> None:
    found = match_marks(there(*(mark(*m) for m in theirs)), here(*(mark(*m) for m in ours)))
    assert pairs(found) == expected


def test_equal_marks_meet_in_the_order_of_their_places_not_of_arrival() -> None:
    remotes, locals_ = there(mark("5", 4), mark("5", 3)), here(mark("5", 2), mark("5", 1))
    assert pairs(match_marks(remotes, locals_)) == {"r2": 2, "r1": 1}


def test_marks_of_different_lessons_never_meet() -> None:
    assert match_marks(there(mark("5", 1, lesson=1)), here(mark("5", 1, lesson=2))) == {}


# --- parents --------------------------------------------------------------------------------------------------

MOTHER: Values = {"last_name": "Семёнова", "first_name": "Ольга", "patronymic": "Игоревна", "phone": "+79991112233"}
NO_PHONE: Values = {**MOTHER, "phone": None}


def parents(
    remotes: Remotes,
    locals_: Locals,
    *,
    children: dict[str, set[int]] | None = None,
    ours: dict[int, set[int]] | None = None,
    rejected: dict[tuple[RemoteId, LocalId], str] | None = None,
) -> dict[RemoteId, Match]:
    return match_guardians(
        remotes,
        locals_,
        remote_children={RemoteId(r): {LocalId(c) for c in found} for r, found in (children or {}).items()},
        local_children={LocalId(i): {LocalId(c) for c in found} for i, found in (ours or {}).items()},
        rejected=rejected or {},
    )


@pytest.mark.parametrize("theirs", [MOTHER, {**NO_PHONE, "home_phone": "+79991112233"}])
def test_a_parent_is_known_by_name_and_phone(theirs: Values) -> None:
    """Either of the two numbers will do: families write them into each other's column."""
    assert parents(there(theirs), here(MOTHER)) == {"r1": Matched(LocalId(1), "name_and_phone")}


def test_a_parent_is_known_by_name_and_a_common_child() -> None:
    found = parents(there(NO_PHONE), here(MOTHER), children={"r1": {7, 8}}, ours={1: {8}})
    assert found == {"r1": Matched(LocalId(1), "name_and_child")}


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (MOTHER, NO_PHONE, "phone_missing"),
        (NO_PHONE, MOTHER, "phone_missing"),
        (MOTHER, {**MOTHER, "phone": "+79990000000"}, "phone_differs"),
    ],
)
def test_a_name_alone_proposes_a_parent(ours: Values, theirs: Values, reason: str) -> None:
    match = parents(there(theirs), here(ours), children={"r1": {7}}, ours={1: {8}})[RemoteId("r1")]
    assert isinstance(match, Ambiguous)
    assert [(c.local_id, c.reasons) for c in match.candidates] == [(1, ("name_equal", reason))]


def test_a_surname_alone_proves_nothing() -> None:
    """«Родитель: Семёнова» with the right phone may be the mother, the grandmother or a sister."""
    bare: Values = {"last_name": "Семёнова", "first_name": None, "patronymic": None, "phone": "+79991112233"}
    assert isinstance(parents(there(bare), here(bare))[RemoteId("r1")], Ambiguous)


def test_a_phone_alone_proves_nothing() -> None:
    assert parents(there({**MOTHER, "first_name": "Анна"}), here(MOTHER)) == {}


def test_parents_that_fit_twice_are_asked_about() -> None:
    """Two cards of one mother, on either side: siblings must share one card, and a person says which."""
    for found in (parents(there(MOTHER), here(MOTHER, MOTHER)), parents(there(MOTHER, MOTHER), here(MOTHER))):
        assert found
        assert all(isinstance(match, Ambiguous) for match in found.values())


def test_a_phone_and_a_child_that_point_to_different_cards_are_asked_about() -> None:
    found = parents(there(MOTHER), here(MOTHER, NO_PHONE), children={"r1": {7}}, ours={2: {7}})
    assert isinstance(found[RemoteId("r1")], Ambiguous)


def test_a_refused_parent_is_neither_linked_nor_proposed_until_a_key_changes() -> None:
    remotes, locals_ = there(MOTHER), here(MOTHER)
    no = {(RemoteId("r1"), LocalId(1)): pair_digest(MOTHER, MOTHER)}
    assert parents(remotes, locals_, rejected=no) == {}
    assert parents(there({**MOTHER, "first_name": "ОЛЬГА"}), locals_, rejected=no) != {}


# --- cells of class reports -----------------------------------------------------------------------------------

FIRST, SECOND = (LocalId(10), 2), (LocalId(11), 5)


@pytest.mark.parametrize(
    ("ordinal", "lessons", "used", "expected"),
    [
        (1, [], {1}, NoLesson()),
        (None, [], {1}, NoLesson()),
        (1, [FIRST], {1}, 10),
        (2, [FIRST], {2}, 10),
        (None, [FIRST], set(), 10),
        (1, [FIRST], {1, 2}, WhichLesson(1)),
        (2, [FIRST], {1, 2}, WhichLesson(1)),
        (1, [FIRST, SECOND], {1, 2}, 10),
        (2, [FIRST, SECOND], {1, 2}, 11),
        (3, [FIRST, SECOND], {3}, WhichLesson(2)),
        (0, [FIRST, SECOND], {0}, WhichLesson(2)),
        (None, [FIRST, SECOND], set(), WhichLesson(2)),
    ],
)
def test_a_cell_finds_its_lesson_only_where_the_timetable_leaves_no_doubt(
    ordinal: int | None, lessons: list[tuple[LocalId, int]], used: set[int], expected: object
) -> None:
    assert place_cell(ordinal, lessons, used) == expected
