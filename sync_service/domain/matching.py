"""Matching: which local row an unlinked regional record is, with the evidence, never a guess (invariant 8).

Every function is pure and takes whole pages or inventories, since two regional records may meet the same
local row. A record absent from an answer is unmatched.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.rules.text import plain_hyphens
from sync_service.domain.streams import StreamSpec

Key = TypeVar("Key")
RowId = TypeVar("RowId")
MOST_CANDIDATES = 5


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
    here = index_by(locals_, lambda values: _key(spec, values))
    there = index_by(remotes, lambda values: _key(spec, values))
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


def index_by(rows: Mapping[RowId, Values], key_of: Callable[[Values], Key]) -> dict[Key, list[RowId]]:
    index: dict[Key, list[RowId]] = defaultdict(list)
    for row_id, values in rows.items():
        index[key_of(values)].append(row_id)
    return index


def full_name(values: Values) -> str:
    """«фамилия имя отчество» in the form in which two spellings of it are equal."""
    last, first, patronymic = (values.get(f) for f in ("last_name", "first_name", "patronymic"))
    return " ".join(full_name_key(_text(last), _text(first), _text(patronymic)))


def _text(value: Scalar) -> str | None:
    return None if value is None else str(value)


def pair_digest(remote: Values, local: Values) -> str:
    """Changes when a key field of either side changes; «not the same child» holds as long as it is equal."""
    keys = ("last_name", "first_name", "patronymic", "birth_date", "snils", "document_number", "phone")
    text = json.dumps([[side.get(k) for k in keys] for side in (remote, local)], ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
