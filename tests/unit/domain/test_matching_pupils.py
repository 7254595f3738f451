"""Identity is never guessed (invariant 8): which pupil a regional card is, and when a person is asked."""

from __future__ import annotations

import pytest

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import (
    Ambiguous,
    Match,
    match_students_by_name,
    match_students_strongly,
    pair_digest,
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


@pytest.mark.parametrize("changed", [{}, {"first_name": "Пётр"}])
def test_a_refused_pair_is_neither_linked_nor_asked_about_again(changed: dict[str, str]) -> None:
    """A person said «другой ребёнок» of cards that share a СНИЛС; the number stays refuted until a key changes."""
    remotes, locals_ = there(pupil(snils=SNILS, **changed)), here(pupil(snils=SNILS))
    no = refused(remotes, locals_)
    assert match_students_strongly(remotes, locals_, rejected=no) == {}
    corrected = here(pupil(snils=SNILS, phone="+79990000000"))
    assert match_students_strongly(remotes, corrected, rejected=no) != {}


def test_a_refused_holder_leaves_the_other_one_to_a_person() -> None:
    """The number stands on two cards here: refusing one does not prove the other."""
    remotes, locals_ = there(pupil(snils=SNILS)), here(pupil(snils=SNILS), pupil(snils=SNILS))
    no = refused(remotes, here(locals_[LocalId(1)]))
    assert asked(match_students_strongly(remotes, locals_, rejected=no)) == [2]
