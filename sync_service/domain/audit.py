"""The audit journal: who changed or saw what, append-only, chained per school over salted digests.

An entry is one act in one transaction (a page applied, a batch acknowledged, a decision); its items are the
records it touched. The digest of an entry covers the previous entry's digest, its own header and the digests
of its items; an item's digest covers a random salt and its values. The values stand apart from the chain and
may be erased together with their salt: the item's digest stays, the chain still verifies (invariant 15).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream


class Act(StrEnum):
    LINK = "link"  # a pair was formed; after = agreed local values
    AGREE = "agree"  # the base moved because both sides were seen to agree
    PULL = "pull"  # regional values were written to staging
    ACK = "ack"  # an acknowledged write moved the base
    CREATE = "create"  # a regional record was written to staging as a new row
    DELETE = "delete"
    CONFLICT = "conflict"
    DECIDE = "decide"
    UNDO = "undo"
    MATCH = "match"
    RELEASE = "release"
    IMPORT = "import"
    ENTER = "enter"  # a person entered it on the page
    VIEW = "view"
    ERASE = "erase"  # a pupil's data was destroyed; the entry names nobody
    CONFIGURE = "configure"


@dataclass(slots=True, kw_only=True)  # not frozen: one per record of a bulk page, see streams.RemoteRecord
class AuditItem:
    """One touched record. ``base_local``/``base_remote`` are the fields whose base moved, with their new
    values: replaying them in order gives the current base of every live link; those of an ``undo`` are the whole
    base, because an undone decision may leave fields without one. ``before`` holds what a write replaced in
    staging."""

    stream: Stream
    act: Act
    local_id: LocalId | None
    remote_id: str | None = None
    student_id: int | None = None
    base_local: Values | None = None
    base_remote: Values | None = None  # None: same as base_local
    before: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act. ``actor`` is a login, ``--as`` name or ``system``; ``cause`` a run id or decision."""

    act: str
    actor: str
    cause: str
    items: tuple[AuditItem, ...] = ()
    note: str = ""  # no personal data


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead:
    """The newest entry of a school's journal: its number and its digest, 0 and none while there is no entry.

    Whoever may write the whole database may also chain it anew. A head that was noted elsewhere shows it: the
    journal of a later day must still pass through it.
    """

    seq: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> JournalHead:
        """The reverse of ``str``; raises ValueError."""
        number, _, digest = text.strip().partition(":")
        head = cls(seq=int(number), digest=bytes.fromhex(digest))
        if len(head.digest) != (DIGEST_BYTES if head.seq else 0):
            raise ValueError("no head of a journal")
        return head


DIGEST_BYTES = 16


def item_digest(salt: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, key=salt, digest_size=DIGEST_BYTES).digest()


def entry_digest(previous: bytes, header: bytes, items: Iterable[bytes]) -> bytes:
    """The link of the chain: changes when the header, any item, their order or any earlier entry changes."""
    chain = hashlib.blake2b(previous, digest_size=DIGEST_BYTES)
    chain.update(len(header).to_bytes(4, "big"))
    chain.update(header)
    for digest in items:
        chain.update(digest)
    return chain.digest()
