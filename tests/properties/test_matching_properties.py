"""Matching never guesses: no row twice, no dependence on order, no link against the evidence (invariant 8)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Ambiguous, Match, Matched, full_name, match_by_key, pair_digest
from sync_service.domain.matching_cells import match_marks
from sync_service.domain.matching_guardians import match_guardians
from sync_service.domain.matching_students import contradictions, match_students
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, Stream

Remotes = dict[RemoteId, Values]
Locals = dict[LocalId, Values]

# So few values that nearly everything collides: twins, namesakes, copied numbers, missing fields.
PUPILS = st.fixed_dictionaries(
    {
        "last_name": st.sampled_from(["Семёнов", "Семенов", "Кузнецов"]),
        "first_name": st.sampled_from(["Илья", "Пётр"]),
        "patronymic": st.sampled_from([None, "Петрович"]),
        "sex": st.sampled_from([None, "М", "Ж"]),
        "birth_date": st.sampled_from([None, "2015-03-14", "2015-03-15"]),
        "snils": st.sampled_from([None, None, "11223344595", "08765430300"]),
        "document_series": st.just("IV-АИ"),
        "document_number": st.sampled_from([None, "123456", "654321"]),
    }
)
PARENTS = st.fixed_dictionaries(
    {
        "last_name": st.just("Семёнова"),
        "first_name": st.sampled_from([None, "Ольга"]),
        "patronymic": st.just(None),
        "phone": st.sampled_from([None, "+79990000001", "+79990000002"]),
        "home_phone": st.sampled_from([None, "+79990000001"]),
    }
)
MARKS = st.fixed_dictionaries(
    {
        "student_id": st.just(1),
        "lesson_id": st.sampled_from([1, 2]),
        "value": st.sampled_from(["4", "5"]),
        "position": st.integers(1, 4),
    }
)
KEYED = st.fixed_dictionaries({"school_year": st.just(2026), "name": st.sampled_from(["8А", "8 а", "8Б", "9А"])})


def there(rows: list[Values]) -> Remotes:
    return {RemoteId(f"r{number}"): row for number, row in enumerate(rows)}


def here(rows: list[Values]) -> Locals:
    return {LocalId(number): row for number, row in enumerate(rows)}


def links(found: Mapping[RemoteId, Match]) -> dict[RemoteId, LocalId]:
    return {remote_id: match.local_id for remote_id, match in found.items() if isinstance(match, Matched)}


def nobody_twice(found: Mapping[RemoteId, Match]) -> bool:
    given_away = list(links(found).values())
    return len(given_away) == len(set(given_away))


def shuffled(data: st.DataObject, remotes: Remotes, locals_: Locals) -> tuple[Remotes, Locals]:
    return (
        dict(data.draw(st.permutations(list(remotes.items())))),
        dict(data.draw(st.permutations(list(locals_.items())))),
    )


@given(st.lists(PUPILS, max_size=5), st.lists(PUPILS, max_size=5), st.lists(PUPILS, max_size=2), st.data())
def test_pupils(ours: list[Values], theirs: list[Values], linked: list[Values], data: st.DataObject) -> None:
    """No card is given away twice, order changes nothing, and no automatic link stands against the evidence."""
    remotes, locals_ = there(theirs), here(ours)
    found = match_students(remotes, locals_, linked=linked, rejected={})
    assert nobody_twice(found)
    for remote_id, match in found.items():
        if isinstance(match, Ambiguous):
            continue
        pair = remotes[remote_id], locals_[match.local_id]
        assert "snils" not in contradictions(*pair)
        assert "document" not in contradictions(*pair)
        match match.evidence:
            case "name_and_birth_date":
                assert contradictions(*pair) == ()
                assert pair[0]["birth_date"] is not None
                key = full_name(pair[0]), pair[0]["birth_date"]
                everyone = [*theirs, *ours, *linked]
                assert sum((full_name(v), v["birth_date"]) == key for v in everyone) == 2
            case "snils":
                assert pair[0]["snils"] == pair[1]["snils"] is not None
            case evidence:
                assert evidence == "document"
                assert pair[0]["document_number"] == pair[1]["document_number"] is not None
    again = match_students(*shuffled(data, remotes, locals_), linked=linked, rejected={})
    assert again == found


@given(st.lists(PUPILS, max_size=4), st.lists(PUPILS, max_size=4))
def test_what_was_refused_never_comes_back(ours: list[Values], theirs: list[Values]) -> None:
    """With every pair refused nothing is linked and nobody is asked, whatever the cards have in common."""
    remotes, locals_ = there(theirs), here(ours)
    no = {(r, i): pair_digest(remotes[r], locals_[i]) for r in remotes for i in locals_}
    assert match_students(remotes, locals_, linked=(), rejected=no) == {}


@given(st.lists(PUPILS, min_size=1, max_size=5, unique_by=lambda v: tuple(map(str, v.values()))))
def test_a_school_that_equals_the_region_is_linked_card_by_card(cards: list[Values]) -> None:
    """Whatever is linked between two equal schools is linked to itself."""
    found = match_students(there(cards), here(cards), linked=(), rejected={})
    assert all(remote_id == f"r{local_id}" for remote_id, local_id in links(found).items())


CHILDREN = st.frozensets(st.sampled_from([7, 8]).map(LocalId))


@given(
    st.lists(st.tuples(PARENTS, CHILDREN), max_size=4), st.lists(st.tuples(PARENTS, CHILDREN), max_size=4), st.data()
)
def test_parents(
    ours: list[tuple[Values, frozenset[LocalId]]],
    theirs: list[tuple[Values, frozenset[LocalId]]],
    data: st.DataObject,
) -> None:
    """A parent is linked only by an equal phone or a common child, once, in any order."""
    remotes, locals_ = there([card for card, _ in theirs]), here([card for card, _ in ours])
    remote_children = dict(zip(remotes, (children for _, children in theirs), strict=True))
    local_children = dict(zip(locals_, (children for _, children in ours), strict=True))

    def matched(remotes: Remotes, locals_: Locals) -> dict[RemoteId, Match]:
        return match_guardians(
            remotes, locals_, remote_children=remote_children, local_children=local_children, rejected={}
        )

    found = matched(remotes, locals_)
    assert nobody_twice(found)
    for remote_id, local_id in links(found).items():
        one, other = remotes[remote_id], locals_[local_id]
        assert full_name(one) == full_name(other)
        phones = {one["phone"], one["home_phone"]} & {other["phone"], other["home_phone"]} - {None}
        assert phones or remote_children[remote_id] & local_children[local_id]
    assert links(matched(*shuffled(data, remotes, locals_))) == links(found)


@given(st.lists(MARKS, max_size=6), st.lists(MARKS, max_size=6), st.data())
def test_marks(ours: list[Values], theirs: list[Values], data: st.DataObject) -> None:
    """Equal values of a cell meet as often as both sides have them, before any unequal ones; order is no evidence."""
    remotes, locals_ = there(theirs), here(ours)
    found = match_marks(remotes, locals_)
    assert nobody_twice(found)
    for lesson in (1, 2):
        for value in ("4", "5"):
            met = [r for r, i in links(found).items() if remotes[r]["value"] == value == locals_[i]["value"]]
            sides = (theirs, ours)
            counts = [sum(m["lesson_id"] == lesson and m["value"] == value for m in side) for side in sides]
            assert sum(remotes[r]["lesson_id"] == lesson for r in met) == min(counts)
    for remote_id, local_id in links(found).items():
        one, other = remotes[remote_id], locals_[local_id]
        assert one["lesson_id"] == other["lesson_id"]
        assert one["value"] == other["value"] or one["position"] == other["position"]
    again = links(match_marks(*shuffled(data, remotes, locals_)))
    # Marks equal in everything are one and the same to us; what is linked to what kind of mark never changes.
    assert _kinds(again, remotes, locals_) == _kinds(links(found), remotes, locals_)


def _kinds(found: dict[RemoteId, LocalId], remotes: Remotes, locals_: Locals) -> list[list[object]]:
    return sorted([sorted(remotes[r].items()), sorted(locals_[i].items())] for r, i in found.items())


@given(st.lists(KEYED, max_size=5), st.lists(KEYED, max_size=5), st.data())
def test_natural_keys(ours: list[Values], theirs: list[Values], data: st.DataObject) -> None:
    remotes, locals_ = there(theirs), here(ours)
    found = match_by_key(SPECS[Stream.CLASSES], remotes, locals_)
    assert nobody_twice(found)
    assert match_by_key(SPECS[Stream.CLASSES], *shuffled(data, remotes, locals_)) == found
