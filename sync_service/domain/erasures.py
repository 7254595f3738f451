"""Erasure of one person's data (152-ФЗ, article 21): what stands in its way, and what may remain of it.

What remains is a *mark*: a keyed digest by which a regional record, or a line of a school file, is recognised when
it comes again, so that the region's list does not bring back what was destroyed. A regional id is a number without a
meaning; a quick digest will do. A name can be guessed, therefore its digest is slow, and all that is compared at once
is one byte, which a 256th of all names share. The key lies in the same database: a mark keeps a stranger from reading
a name out of it, not the school from testing a name it already knows. That is what a mark is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.streams import Stream

_BYTES = 16
_COST, _BLOCK = 2**12, 8  # of scrypt: about 10 ms and 4 MB for one name


class Reason(StrEnum):
    """Why data is destroyed: the grounds of 152-ФЗ, article 21."""

    PURPOSE = "purpose"  # the purpose is reached or has gone (part 4)
    CONSENT = "consent"  # the consent was withdrawn (part 5)
    UNLAWFUL = "unlawful"  # the processing was unlawful and cannot be made lawful (part 3)
    TERM = "term"  # the term of keeping has ended


class Obstacle(StrEnum):
    """What has to be settled first; somebody or the next run can settle each of them."""

    ENROLLED = "enrolled"
    CHANGES = "changes"  # edits no run has looked at yet
    OUTBOX = "outbox"
    CONFLICT = "conflict"
    HOLD = "hold"
    MATCH = "match"
    RELEASE = "release"
    PLAN = "plan"  # a resync that is being applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Everything the database holds about one pupil: rows by table, and the ids its records have or had on both
    sides. ``parents`` are cards of nobody else's parents; ``unsent`` entries of the outbox wait for what may never
    come and are lost with the rest; ``mentions`` are notes on other cases that name the person."""

    student_id: LocalId
    rows: Mapping[str, int]
    obstacles: Mapping[Obstacle, int]
    records: Mapping[Stream, frozenset[LocalId]]
    remote_ids: Mapping[Stream, frozenset[RemoteId]]
    class_ids: frozenset[int] = frozenset()
    unsent: int = 0
    mentions: int = 0

    @property
    def parents(self) -> int:
        return len(self.records.get(Stream.GUARDIANS, ()))

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure, told without the person. Moments are aware, in UTC. ``scrubbed_at``: when the freed space of the
    database was overwritten; ``lifted_at``: when a person let the pupil in again. ``marks`` still in force."""

    erasure_id: int
    reason: Reason
    actor: str
    made_at: datetime
    rows: int
    scrubbed_at: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    marks: int = field(default=0, compare=False)


def record_mark(key: bytes, stream: Stream, remote_id: str) -> str:
    """Recognises a regional record."""
    return hashlib.blake2b(f"{stream.value}\0{remote_id}".encode(), key=key, digest_size=_BYTES).hexdigest()


def name_mark(key: bytes, text: str) -> str:
    """Recognises a text of :func:`born` or :func:`in_class`; slow on purpose."""
    slow = hashlib.scrypt(text.encode(), salt=key, n=_COST, r=_BLOCK, p=1, dklen=_BYTES)
    return _first_byte(key, text) + slow.hex()


def named(key: bytes, texts: Iterable[str], marks: Iterable[str]) -> dict[str, str]:
    """Those of ``texts`` that one of ``marks`` recognises, with the mark."""
    by_byte: dict[str, set[str]] = {}
    for mark in marks:
        by_byte.setdefault(mark[:2], set()).add(mark)
    found: dict[str, str] = {}
    for text in texts:
        known = by_byte.get(_first_byte(key, text))
        if known and (mark := name_mark(key, text)) in known:
            found[text] = mark
    return found


def _first_byte(key: bytes, text: str) -> str:
    return hashlib.blake2b(text.encode(), key=key, digest_size=1).hexdigest()


def born(name: tuple[str, str, str], birth_date: object) -> str:
    """How a list of pupils names somebody."""
    return "\0".join(("born", *name, str(birth_date)))


def in_class(name: tuple[str, str, str], class_id: int) -> str:
    """How the report of a class names somebody."""
    return "\0".join(("class", *name, str(class_id)))


def names_of(card: Values, class_ids: Iterable[int]) -> list[str]:
    """Every text by which a school file may name the pupil of this card."""
    parts = (card.get(field) for field in ("last_name", "first_name", "patronymic"))
    name = full_name_key(*(None if part is None else str(part) for part in parts))
    texts = [in_class(name, class_id) for class_id in sorted(class_ids)]
    return [born(name, card["birth_date"]), *texts] if card.get("birth_date") else texts
