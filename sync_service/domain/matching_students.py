"""Which pupil of the school a regional card is: strong evidence links, likeness only asks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from types import MappingProxyType

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import (
    MOST_CANDIDATES,
    Ambiguous,
    Locals,
    Match,
    Matched,
    RejectedPairs,
    Remotes,
    _text,
    fold,
    full_name,
    index_by,
    pair_digest,
)
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.names import comparison_key

SIMILAR_NAME = 85  # rapidfuzz ratio of folded full names, 0…100; only ever proposes


def contradictions(one: Values, other: Values) -> tuple[str, ...]:
    """Key fields on which both sides speak and differ."""
    found = [
        field
        for field in ("snils", "birth_date", "sex")
        if one.get(field) and other.get(field) and one[field] != other[field]
    ]
    if _document(one) and _document(other) and _document(one) != _document(other):
        found.append("document")
    return tuple(found)


def _document(values: Values) -> tuple[Scalar, Scalar] | None:
    if values.get("document_number") is None:
        return None
    return fold(values.get("document_series")), values.get("document_number")


def match_students(
    remotes: Remotes, locals_: Locals, *, linked: Iterable[Values], rejected: RejectedPairs
) -> dict[RemoteId, Match]:
    """Everything known of pupils in one set-based pass after the inventory: strong keys, then names.

    Pupils whom a strong key has just linked, or left in doubt, count as namesakes like those linked before.
    """
    found = match_students_strongly(remotes, locals_, rejected=rejected)
    taken = {m.local_id for m in found.values() if isinstance(m, Matched)}
    doubtful = [remotes[remote_id] for remote_id, m in found.items() if isinstance(m, Ambiguous)]
    return found | match_students_by_name(
        {i: v for i, v in remotes.items() if i not in found},
        {i: v for i, v in locals_.items() if i not in taken},
        linked=[*linked, *(locals_[local_id] for local_id in taken), *doubtful],
        rejected=rejected,
    )


def match_students_strongly(
    remotes: Remotes, locals_: Locals, *, rejected: RejectedPairs = MappingProxyType({})
) -> dict[RemoteId, Match]:
    """СНИЛС, then birth certificate: unique and supported by the name or by first name and birth date, else a
    person decides; a pair that a person has refused is neither linked nor asked about again."""
    found: dict[RemoteId, Match] = {}
    taken: set[LocalId] = set()
    keys: tuple[tuple[str, Callable[[Values], object]], ...] = (
        ("snils", lambda v: v.get("snils")),
        ("document", _document),
    )
    for evidence, key_of in keys:
        index: dict[object, list[LocalId]] = defaultdict(list)
        for local_id, values in locals_.items():
            if key_of(values) is not None:
                index[key_of(values)].append(local_id)
        claims = Counter(key_of(values) for values in remotes.values())
        for remote_id, values in remotes.items():
            key = key_of(values)
            holders = index.get(key, []) if key is not None else []
            candidates = [
                c
                for c in holders
                if c not in taken and rejected.get((remote_id, c)) != pair_digest(values, locals_[c])
            ]
            if remote_id in found or not candidates:
                continue
            only = candidates[0]
            sole = len(holders) == 1 and claims[key] == 1
            if sole and _supported(values, locals_[only]):
                found[remote_id] = Matched(only, evidence)
                taken.add(only)
            else:
                found[remote_id] = _ask_about_students(values, candidates, locals_)
    return found


def _ask_about_students(remote: Values, local_ids: Iterable[LocalId], locals_: Locals) -> Ambiguous:
    candidates = [_candidate(remote, c, locals_[c]) for c in local_ids]
    candidates.sort(key=lambda c: (-c.score, c.local_id))
    return Ambiguous(tuple(candidates[:MOST_CANDIDATES]))


def _supported(remote: Values, local: Values) -> bool:
    """A strong key may have been copied from a twin's card: the birth date alone does not bear it out."""
    born = remote.get("birth_date")
    same_child = (
        born is not None and born == local.get("birth_date") and _first_name(remote) == _first_name(local)
    ) or _sorted_words(remote) == _sorted_words(local)
    return same_child and not (set(contradictions(remote, local)) - {"birth_date", "sex"})


def _first_name(values: Values) -> str:
    return comparison_key(_text(values.get("first_name")))


def match_students_by_name(
    remotes: Remotes,
    locals_: Locals,
    *,
    linked: Iterable[Values],
    rejected: RejectedPairs,
) -> dict[RemoteId, Match]:
    """The set-based pass after the inventory: full name and birth date, unique on both sides within the
    school with nothing contradicting, link; weaker likeness proposes.

    ``linked`` are the pupils already linked: a namesake among them makes a pair not unique.
    """
    others = Counter(_name_and_birth(values) for values in linked)
    here = index_by(locals_, _name_and_birth)
    there = index_by(remotes, _name_and_birth)
    found: dict[RemoteId, Match] = {}
    taken: set[LocalId] = set()
    for key, remote_ids in there.items():
        local_ids = here.get(key, [])
        if key[1] is None or len(remote_ids) != 1 or len(local_ids) != 1 or others[key]:
            continue
        remote_id, local_id = remote_ids[0], local_ids[0]
        pair = remotes[remote_id], locals_[local_id]
        if contradictions(*pair) or rejected.get((remote_id, local_id)) == pair_digest(*pair):
            continue
        found[remote_id] = Matched(local_id, "name_and_birth_date")
        taken.add(local_id)
    rest = {i: v for i, v in remotes.items() if i not in found}
    free = {i: v for i, v in locals_.items() if i not in taken}
    found.update(_propose_students(rest, free, rejected))
    return found


def _name_and_birth(values: Values) -> tuple[str, Scalar]:
    return full_name(values), values.get("birth_date")


def _propose_students(remotes: Remotes, locals_: Locals, rejected: RejectedPairs) -> dict[RemoteId, Match]:
    from rapidfuzz import fuzz

    by_name = index_by(locals_, full_name)
    by_birth = index_by(locals_, lambda v: v.get("birth_date"))
    by_words = index_by(locals_, _sorted_words)
    found: dict[RemoteId, Match] = {}
    for remote_id, values in remotes.items():
        name = full_name(values)
        near: set[LocalId] = set()
        for local_id in [*by_name.get(name, ()), *by_words.get(_sorted_words(values), ())]:
            if _near_birth(values.get("birth_date"), locals_[local_id].get("birth_date")):
                near.add(local_id)
        if values.get("birth_date"):
            for local_id in by_birth.get(values.get("birth_date"), ()):
                local = locals_[local_id]
                if (
                    fuzz.ratio(name, full_name(local)) >= SIMILAR_NAME
                    or _first_and_patronymic_equal(values, local)
                    or _patronymic_left_out(values, local)
                ):
                    near.add(local_id)
        open_ = [
            c
            for c in near
            if rejected.get((remote_id, c)) != pair_digest(values, locals_[c])
            and "snils" not in contradictions(values, locals_[c])
        ]
        if open_:
            found[remote_id] = _ask_about_students(values, open_, locals_)
    return found


def _sorted_words(values: Values) -> tuple[str, ...]:
    return tuple(sorted(full_name(values).split()))


def _near_birth(one: Scalar, other: Scalar) -> bool:
    """Equal year, or one side has no birth date (an incomplete card)."""
    return not one or not other or str(one)[:4] == str(other)[:4]


def _first_and_patronymic_equal(one: Values, other: Values) -> bool:
    """The likeness of a pupil whose surname changed."""
    return bool(one.get("patronymic")) and all(
        fold(one.get(f)) == fold(other.get(f)) for f in ("first_name", "patronymic", "sex")
    )


def _patronymic_left_out(one: Values, other: Values) -> bool:
    """The likeness of a pupil whose patronymic stands on one card only."""
    return not (one.get("patronymic") and other.get("patronymic")) and all(
        fold(one.get(f)) == fold(other.get(f)) for f in ("last_name", "first_name")
    )


def _candidate(remote: Values, local_id: LocalId, local: Values) -> Candidate:
    from rapidfuzz import fuzz

    reasons: list[str] = []
    score = 0.0
    for field, weight in (("snils", 40), ("birth_date", 25), ("sex", 2)):
        if remote.get(field) and local.get(field):
            equal = remote[field] == local[field]
            reasons.append(f"{field}_{'equal' if equal else 'differs'}")
            score += weight if equal else -weight / 2
        else:
            reasons.append(f"{field}_missing")
    if _document(remote) and _document(local):
        equal = _document(remote) == _document(local)
        reasons.append(f"document_{'equal' if equal else 'differs'}")
        score += 20 if equal else -10
    for field in ("last_name", "first_name", "patronymic"):
        if fold(remote.get(field)) == fold(local.get(field)):
            reasons.append(f"{field}_equal")
        else:
            reasons.append(f"{field}_differs")
    score += 0.3 * fuzz.ratio(full_name(remote), full_name(local))
    if local.get("incomplete"):
        reasons.append("card_incomplete")
    return Candidate(local_id=local_id, reasons=tuple(reasons), score=max(0, min(100, round(score))))
