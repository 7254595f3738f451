"""Matching: which local row an unlinked regional record is, with the evidence, never a guess (invariant 8).

Every function is pure and takes whole pages or inventories, since two regional records may meet the same
local row. A record absent from an answer is unmatched.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.names import comparison_key, full_name_key
from sync_service.domain.rules.text import plain_hyphens
from sync_service.domain.streams import StreamSpec

Key = TypeVar("Key")
RowId = TypeVar("RowId")

MOST_CANDIDATES = 5
SIMILAR_NAME = 85  # rapidfuzz ratio of folded full names, 0…100; only ever proposes


@dataclass(frozen=True, slots=True)
class Matched:
    """Exactly one local row, nothing contradicting; ``evidence`` is stored with the link."""

    local_id: LocalId
    evidence: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A person decides among these."""

    candidates: tuple[Candidate, ...]


Match = Matched | Ambiguous
Locals = Mapping[LocalId, Values]
Remotes = Mapping[RemoteId, Values]
RejectedPairs = Mapping[tuple[RemoteId, LocalId], str]


def fold(value: Scalar) -> Scalar:
    """The form in which two spellings of a name are equal: case, ё and the kind of hyphen do not matter."""
    if not isinstance(value, str):
        return value
    text = plain_hyphens(unicodedata.normalize("NFKC", value)).casefold()
    return " ".join(text.replace("ё", "е").split())


def match_by_key(spec: StreamSpec, remotes: Remotes, locals_: Locals) -> dict[RemoteId, Match]:
    """Match by the stream's natural key, unique on both sides; several rows of either side are ambiguous."""
    here = _index(locals_, lambda values: _key(spec, values))
    there = _index(remotes, lambda values: _key(spec, values))
    found: dict[RemoteId, Match] = {}
    for key, remote_ids in there.items():
        local_ids = here.get(key, [])
        if len(local_ids) == 1 and len(remote_ids) == 1:
            found[remote_ids[0]] = Matched(local_ids[0], "natural_key")
        elif local_ids:
            candidates = [Candidate(local_id=c, reasons=("natural_key",)) for c in sorted(local_ids)]
            found.update(dict.fromkeys(remote_ids, Ambiguous(tuple(candidates[:MOST_CANDIDATES]))))
    return found


def _key(spec: StreamSpec, values: Values) -> tuple[Scalar, ...]:
    return tuple(_fold_name(values.get(field)) for field in spec.key)


def _fold_name(value: Scalar) -> Scalar:
    folded = fold(value)
    return folded.replace(" ", "") if isinstance(folded, str) else folded


def match_marks(remotes: Remotes, locals_: Locals) -> dict[RemoteId, Match]:
    """Marks of one cell meet as a multiset of values, then by position; equal values in the order of position."""
    cells: dict[tuple[Scalar, Scalar], list[LocalId]] = defaultdict(list)
    for local_id, values in locals_.items():
        cells[values["student_id"], values["lesson_id"]].append(local_id)
    found: dict[RemoteId, Match] = {}
    if not cells:
        return found
    for here in cells.values():
        here.sort(key=lambda local_id: (_position(locals_[local_id]), local_id))
    in_order = sorted(remotes.items(), key=lambda item: (_position(item[1]), item[0]))
    rounds: tuple[tuple[str, ...], ...] = (("value", "position"), ("value",), ("position",))
    for fields in rounds:
        for remote_id, values in in_order:
            here = cells.get((values.get("student_id"), values.get("lesson_id")), [])
            if remote_id in found or not here:
                continue
            for local_id in here:
                if all(locals_[local_id].get(f) == values.get(f) for f in fields):
                    found[remote_id] = Matched(local_id, "cell_" + "_".join(fields))
                    here.remove(local_id)
                    break
    return found


def _position(values: Values) -> int:
    return int(values.get("position") or 0)


# --- pupils --------------------------------------------------------------------------------------------------


def full_name(values: Values) -> str:
    """«фамилия имя отчество» in the form in which two spellings of it are equal."""
    last, first, patronymic = (values.get(f) for f in ("last_name", "first_name", "patronymic"))
    return " ".join(full_name_key(_text(last), _text(first), _text(patronymic)))


def _text(value: Scalar) -> str | None:
    return None if value is None else str(value)


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


def pair_digest(remote: Values, local: Values) -> str:
    """Changes when a key field of either side changes; «not the same child» holds as long as it is equal."""
    keys = ("last_name", "first_name", "patronymic", "birth_date", "snils", "document_number", "phone")
    text = json.dumps([[side.get(k) for k in keys] for side in (remote, local)], ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


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
    here = _index(locals_, _name_and_birth)
    there = _index(remotes, _name_and_birth)
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


def _index(rows: Mapping[RowId, Values], key_of: Callable[[Values], Key]) -> dict[Key, list[RowId]]:
    index: dict[Key, list[RowId]] = defaultdict(list)
    for row_id, values in rows.items():
        index[key_of(values)].append(row_id)
    return index


def _propose_students(remotes: Remotes, locals_: Locals, rejected: RejectedPairs) -> dict[RemoteId, Match]:
    from rapidfuzz import fuzz

    by_name = _index(locals_, full_name)
    by_birth = _index(locals_, lambda v: v.get("birth_date"))
    by_words = _index(locals_, _sorted_words)
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


# --- parents -------------------------------------------------------------------------------------------------


def match_guardians(
    remotes: Remotes,
    locals_: Locals,
    *,
    remote_children: Mapping[RemoteId, Collection[LocalId]],
    local_children: Mapping[LocalId, Collection[LocalId]],
    rejected: RejectedPairs,
) -> dict[RemoteId, Match]:
    """A parent is the same by full name with an equal phone or a common child, unique on both sides; the
    full name alone proposes. Children are local ids of linked pupils."""
    here = _index(locals_, full_name)
    there = _index(remotes, full_name)
    found: dict[RemoteId, Match] = {}
    for name, remote_ids in there.items():
        local_ids = here.get(name, [])
        if not local_ids:
            continue
        pairs: dict[RemoteId, list[tuple[LocalId, str]]] = defaultdict(list)
        for remote_id in remote_ids:
            for local_id in local_ids:
                if rejected.get((remote_id, local_id)) == pair_digest(remotes[remote_id], locals_[local_id]):
                    continue
                evidence = _same_parent(
                    remotes[remote_id],
                    locals_[local_id],
                    set(remote_children.get(remote_id, ())) & set(local_children.get(local_id, ())),
                )
                if evidence:
                    pairs[remote_id].append((local_id, evidence))
        claimed = Counter(local_id for hits in pairs.values() for local_id, _ in hits)
        for remote_id in remote_ids:
            hits = pairs[remote_id]
            if len(hits) == 1 and claimed[hits[0][0]] == 1:
                found[remote_id] = Matched(*hits[0])
        taken = {m.local_id for m in found.values() if isinstance(m, Matched)}
        for remote_id in remote_ids:
            open_ = [
                c
                for c in local_ids
                if c not in taken and rejected.get((remote_id, c)) != pair_digest(remotes[remote_id], locals_[c])
            ]
            if remote_id not in found and open_:
                found[remote_id] = Ambiguous(
                    tuple(
                        Candidate(local_id=c, reasons=_parent_reasons(remotes[remote_id], locals_[c]), score=50)
                        for c in open_[:MOST_CANDIDATES]
                    )
                )
    return found


def _phones(values: Values) -> set[Scalar]:
    return {values.get("phone"), values.get("home_phone")} - {None}


def _same_parent(remote: Values, local: Values, common_children: Collection[LocalId]) -> str | None:
    if not remote.get("first_name"):
        return None  # a surname alone proves nothing
    if _phones(remote) & _phones(local):
        return "name_and_phone"
    return "name_and_child" if common_children else None


def _parent_reasons(remote: Values, local: Values) -> tuple[str, ...]:
    if not _phones(remote) or not _phones(local):
        return ("name_equal", "phone_missing")
    return ("name_equal", "phone_equal" if _phones(remote) & _phones(local) else "phone_differs")


# --- lessons of report cells ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoLesson:
    """The region's timetable has no such lesson yet."""


@dataclass(frozen=True, slots=True)
class WhichLesson:
    """Several lessons are possible, or one lesson for several cells; a person tells which."""

    lessons: int


def place_cell(
    ordinal: int | None, lessons: list[tuple[LocalId, int]], ordinals_used: Collection[int]
) -> LocalId | NoLesson | WhichLesson:
    """Find a cell's lesson by its ordinal among the day's lessons of its class and subject.

    With one lesson that day it is the one, unless cells of several ordinals claim it.
    """
    if not lessons:
        return NoLesson()
    if len(lessons) == 1:
        return lessons[0][0] if len(set(ordinals_used)) <= 1 else WhichLesson(1)
    if ordinal is not None and 1 <= ordinal <= len(lessons):
        return lessons[ordinal - 1][0]
    return WhichLesson(len(lessons))
