"""Identity is never guessed (invariant 8): which pupil a regional card is, and when a person is asked."""

from __future__ import annotations

import pytest

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import MOST_CANDIDATES, Ambiguous, Match, Matched, fold, pair_digest
from sync_service.domain.matching_students import (
    contradictions,
    match_students,
    match_students_by_name,
    match_students_strongly,
)
from sync_service.domain.records import Values
from tests.unit.domain.sketches import pupil

SNILS = "11223344595"
OTHER_SNILS = "08765430300"
CERTIFICATE = {"document_series": "IV-АИ", "document_number": "123456"}


def there(*cards: Values) -> dict[RemoteId, Values]:
    return {RemoteId(f"r{number}"): card for number, card in enumerate(cards, 1)}


def here(*cards: Values) -> dict[LocalId, Values]:
    return {LocalId(number): card for number, card in enumerate(cards, 1)}


def refused(remotes: dict[RemoteId, Values], locals_: dict[LocalId, Values]) -> dict[tuple[RemoteId, LocalId], str]:
    """Every pair of these was told «другой ребёнок»."""
    return {(r, i): pair_digest(remotes[r], locals_[i]) for r in remotes for i in locals_}


def asked(found: dict[RemoteId, Match], remote_id: str = "r1") -> list[int]:
    """The candidates a person is asked about, sorted."""
    match = found[RemoteId(remote_id)]
    assert isinstance(match, Ambiguous)
    return sorted(c.local_id for c in match.candidates)


def by_name(
    remotes: dict[RemoteId, Values], locals_: dict[LocalId, Values], *linked: Values
) -> dict[RemoteId, Match]:
    return match_students_by_name(remotes, locals_, linked=linked, rejected={})


# --- strong keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "evidence"), [({"snils": SNILS}, "snils"), (CERTIFICATE, "document")])
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "everything agrees"),
        ({"birth_date": "2015-04-13"}, "a birth date mistyped"),
        ({"birth_date": None}, "no birth date on one side"),
        ({"last_name": "Кузнецов"}, "the surname changed"),
        ({"patronymic": None}, "no patronymic on one side"),
        ({"last_name": "Семенов"}, "ё written as е"),
        ({"last_name": "Илья", "first_name": "Семёнов"}, "surname and first name swapped"),
    ],
)
def test_a_strong_key_links_what_the_card_bears_out(
    key: dict[str, str], evidence: str, changed: dict[str, str | None], why: str
) -> None:
    found = match_students_strongly(there(pupil(**key, **changed)), here(pupil(**key)))
    assert found == {"r1": Matched(LocalId(1), evidence)}, why


@pytest.mark.parametrize("key", [{"snils": SNILS}, CERTIFICATE])
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"first_name": "Пётр"}, "a twin's card with the number copied: born the same day, another first name"),
        ({"first_name": "Анна", "birth_date": "2013-01-01"}, "a sibling"),
        ({"last_name": "Кузнецов", "first_name": "Олег", "birth_date": None}, "no birth date bears it out"),
    ],
)
def test_a_strong_key_on_another_childs_card_is_asked_about(
    key: dict[str, str], changed: dict[str, str | None], why: str
) -> None:
    assert asked(match_students_strongly(there(pupil(**key, **changed)), here(pupil(**key)))) == [1], why


def test_two_absent_birth_dates_do_not_agree() -> None:
    remotes = there(pupil(snils=SNILS, birth_date=None, last_name="Кузнецов"))
    assert asked(match_students_strongly(remotes, here(pupil(snils=SNILS, birth_date=None, first_name="Олег")))) == [
        1
    ]


def test_snils_decides_before_the_certificate() -> None:
    """The regional card bears the number of one card and the certificate of another."""
    remotes = there(pupil(snils=SNILS, **CERTIFICATE))
    found = match_students_strongly(remotes, here(pupil(**CERTIFICATE), pupil(snils=SNILS)))
    assert found == {"r1": Matched(LocalId(2), "snils")}


def test_a_certificate_does_not_link_against_a_different_snils() -> None:
    remotes = there(pupil(snils=SNILS, **CERTIFICATE))
    assert asked(match_students_strongly(remotes, here(pupil(snils=OTHER_SNILS, **CERTIFICATE)))) == [1]


@pytest.mark.parametrize("key", [{"snils": SNILS}, CERTIFICATE])
def test_a_strong_key_on_several_cards_is_asked_about(key: dict[str, str]) -> None:
    """On either side: two local holders, or two regional claims."""
    assert asked(match_students_strongly(there(pupil(**key)), here(pupil(**key), pupil(**key)))) == [1, 2]
    claimed = match_students_strongly(there(pupil(**key), pupil(**key)), here(pupil(**key)))
    assert [asked(claimed, r) for r in ("r1", "r2")] == [[1], [1]]


def test_a_series_typed_in_another_case_is_the_same_certificate() -> None:
    remotes = there(pupil(document_series="iv-аи", document_number="123456"))
    assert match_students_strongly(remotes, here(pupil(**CERTIFICATE))) == {"r1": Matched(LocalId(1), "document")}


def test_absent_strong_keys_never_meet() -> None:
    assert match_students_strongly(there(pupil()), here(pupil())) == {}


@pytest.mark.parametrize("changed", [{}, {"first_name": "Пётр"}])
def test_a_refused_pair_is_neither_linked_nor_asked_about_again(changed: dict[str, str]) -> None:
    """A person said «другой ребёнок» of cards that share a СНИЛС; the number stays refuted until a key changes."""
    remotes, locals_ = there(pupil(snils=SNILS, **changed)), here(pupil(snils=SNILS))
    no = refused(remotes, locals_)
    assert match_students_strongly(remotes, locals_, rejected=no) == {}
    assert match_students(remotes, locals_, linked=(), rejected=no) == {}
    corrected = here(pupil(snils=SNILS, phone="+79990000000"))
    assert match_students_strongly(remotes, corrected, rejected=no) != {}


def test_a_refused_holder_leaves_the_other_one_to_a_person() -> None:
    """The number stands on two cards here: refusing one does not prove the other."""
    remotes, locals_ = there(pupil(snils=SNILS)), here(pupil(snils=SNILS), pupil(snils=SNILS))
    no = refused(remotes, here(locals_[LocalId(1)]))
    assert asked(match_students_strongly(remotes, locals_, rejected=no)) == [2]


# --- full name and birth date -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"last_name": "СЕМЕНОВ"},
        {"last_name": "семёнов ", "first_name": "Илья"},
        {"sex": None},
        {"snils": SNILS},
    ],
)
def test_name_and_birth_date_unique_on_both_sides_link(changed: dict[str, str | None]) -> None:
    found = by_name(there(pupil(**changed)), here(pupil(), pupil(first_name="Олег", birth_date="2014-01-01")))
    assert found == {"r1": Matched(LocalId(1), "name_and_birth_date")}


def test_namesakes_born_the_same_day_are_asked_about() -> None:
    """Two cards on either side, or one already linked: the pair is not unique."""
    assert asked(by_name(there(pupil()), here(pupil(), pupil()))) == [1, 2]
    twice = by_name(there(pupil(), pupil()), here(pupil()))
    assert [asked(twice, r) for r in ("r1", "r2")] == [[1], [1]]
    assert asked(by_name(there(pupil()), here(pupil()), pupil())) == [1]


def test_twins_are_told_apart_by_their_first_names() -> None:
    remotes = there(pupil(), pupil(first_name="Пётр"))
    found = by_name(remotes, here(pupil(first_name="Пётр"), pupil()))
    assert found == {
        "r1": Matched(LocalId(2), "name_and_birth_date"),
        "r2": Matched(LocalId(1), "name_and_birth_date"),
    }


def test_one_twin_is_only_proposed_for_the_other() -> None:
    assert asked(by_name(there(pupil(first_name="Ильян")), here(pupil()))) == [1]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"sex": "Ж"}, {"sex": "М"}),
        (CERTIFICATE, {"document_series": "IV-АИ", "document_number": "654321"}),
    ],
)
def test_a_contradiction_is_asked_about(ours: dict[str, str], theirs: dict[str, str]) -> None:
    assert asked(by_name(there(pupil(**theirs)), here(pupil(**ours)))) == [1]


def test_a_different_snils_means_another_child() -> None:
    """Namesakes born the same day exist; with two numbers nobody needs to be asked."""
    assert by_name(there(pupil(snils=SNILS)), here(pupil(snils=OTHER_SNILS))) == {}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"birth_date": "2015-11-02"}, "name and birth year only"),
        ({"last_name": "Кузнецов"}, "the surname changed"),
        ({"last_name": "Илья", "first_name": "Семёнов"}, "surname and first name swapped"),
        ({"last_name": "Семёнав"}, "a letter mistyped"),
        ({"patronymic": None}, "no patronymic on one side"),
    ],
)
def test_weaker_likeness_only_proposes(changed: dict[str, str | None], why: str) -> None:
    assert asked(by_name(there(pupil(**changed)), here(pupil()))) == [1], why


@pytest.mark.parametrize(
    "changed",
    [
        {"birth_date": "2014-03-14"},
        {"last_name": "Кузнецов", "first_name": "Олег"},
        {"last_name": "Кузнецов", "sex": "Ж"},
        {"last_name": "Кузнецов", "patronymic": "Олегович"},
    ],
)
def test_unlike_cards_are_not_even_proposed(changed: dict[str, str]) -> None:
    """Another birth year, another name, or nothing but a first name and a birthday in common."""
    assert by_name(there(pupil(**changed)), here(pupil())) == {}


@pytest.mark.parametrize("side", ["school", "region"])
def test_an_incomplete_card_is_only_proposed(side: str) -> None:
    """A class report knows the name alone; even when it is unique, a person says so."""
    bare = pupil(birth_date=None, sex=None)
    remotes, locals_ = (there(pupil()), here(bare)) if side == "school" else (there(bare), here(pupil()))
    assert asked(by_name(remotes, locals_)) == [1]


def test_two_incomplete_cards_do_not_agree_on_their_missing_birth_dates() -> None:
    assert asked(by_name(there(pupil(birth_date=None)), here(pupil(birth_date=None)))) == [1]


def test_a_card_linked_in_the_pass_is_not_proposed_to_others() -> None:
    """The namesake with another birthday is a new child, not a question about the card just linked."""
    found = by_name(there(pupil(), pupil(birth_date="2015-11-02")), here(pupil()))
    assert found == {"r1": Matched(LocalId(1), "name_and_birth_date")}


@pytest.mark.parametrize("field", ["last_name", "birth_date", "snils", "phone"])
def test_a_refusal_is_remembered_until_a_key_field_changes(field: str) -> None:
    remotes, locals_ = there(pupil()), here(pupil())
    no = refused(remotes, locals_)
    assert match_students_by_name(remotes, locals_, linked=(), rejected=no) == {}
    moved = there(pupil(**{field: {"birth_date": "2015-11-02", "snils": SNILS}.get(field, "Семенов")}))
    assert match_students_by_name(moved, locals_, linked=(), rejected=no) != {}


def test_a_refusal_survives_a_change_of_anything_else() -> None:
    remotes, locals_ = there(pupil()), here(pupil())
    no = refused(remotes, locals_)
    moved = here(pupil(address="ул. Мира, 5", email="a@example.ru"))
    assert match_students_by_name(remotes, moved, linked=(), rejected=no) == {}


def test_a_person_is_shown_the_evidence_best_candidate_first() -> None:
    """At most five candidates, by score, with what is equal, different and missing."""
    crowd = here(*(pupil(birth_date=f"2015-0{month}-01") for month in range(1, 8)), pupil(birth_date="2015-03-15"))
    crowd[LocalId(9)] = {**pupil(birth_date=None), "incomplete": True}
    found = by_name(there(pupil()), crowd)[RemoteId("r1")]
    assert isinstance(found, Ambiguous)
    assert len(found.candidates) == MOST_CANDIDATES
    assert [c.score for c in found.candidates] == sorted((c.score for c in found.candidates), reverse=True)
    best = found.candidates[0]
    assert best.local_id == 9
    assert set(best.reasons) >= {"birth_date_missing", "snils_missing", "last_name_equal", "card_incomplete"}
    assert "birth_date_differs" in found.candidates[1].reasons


# --- the whole pass -----------------------------------------------------------------------------------------


def test_a_namesake_linked_by_snils_in_the_same_pass_makes_a_pair_not_unique() -> None:
    """Two namesakes born the same day, one with a number: what is left is not proven by elimination."""
    remotes = there(pupil(snils=SNILS), pupil())
    found = match_students(remotes, here(pupil(snils=SNILS), pupil()), linked=(), rejected={})
    assert found[RemoteId("r1")] == Matched(LocalId(1), "snils")
    assert asked(found, "r2") == [2]


def test_a_namesake_in_doubt_makes_a_pair_not_unique() -> None:
    """The regional namesake whose number is on a twin's card here may still turn out to be that very child."""
    remotes = there(pupil(snils=SNILS), pupil())
    found = match_students(remotes, here(pupil(snils=SNILS, first_name="Пётр"), pupil()), linked=(), rejected={})
    assert asked(found, "r1") == [1]
    assert asked(found, "r2") == [2]


def test_contradictions_need_both_sides_to_speak() -> None:
    assert contradictions(pupil(snils=SNILS), pupil(snils=None)) == ()
    assert contradictions(pupil(snils=SNILS, sex="Ж", **CERTIFICATE), pupil(birth_date="2014-01-01")) == (
        "birth_date",
        "sex",
    )
    assert contradictions(pupil(**CERTIFICATE), pupil(**{**CERTIFICATE, "document_series": "V-АИ"})) == ("document",)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Артём", "АРТЕМ"), ("Анна‑Мария", "анна-мария"), (" Ким  Ли ", "ким ли"), (5, 5), (None, None)],
)
def test_folded_spellings_are_equal(one: str | int | None, other: str | int | None) -> None:
    assert fold(one) == fold(other)
