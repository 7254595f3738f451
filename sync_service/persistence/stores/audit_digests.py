"""What the digests of the audit journal cover, in the form of today and in that of older versions.

The digest of an entry is chained over the previous entry's digest, a header that names the entry and every
item's record, and the digests of the items' salted values. While salt and values exist an item's digest is
computed from them; afterwards it stands in their place.

The regional id of a record leads to a person, so it counts as a value (``form`` 2): it is covered by the item's
digest and goes with the others. In entries of older versions of this program it stands in the header, which nothing
can take it out of; those keep it, and verify as they always did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync_service.domain.audit import AuditItem, item_digest
from sync_service.persistence.json_text import dump_bytes

FORM = 2
START = b""  # what the first entry of a school is chained to

ITEMS = (
    "SELECT t.entry_id, t.id, t.stream, t.act, t.local_id, t.remote_id, t.student_id, t.digest, t.salt, t.payload"
    " FROM audit_items AS t WHERE t.entry_id {ints} ORDER BY t.entry_id, t.id"
)


def header_of(seq: int, at: str, actor: str, act: str, cause: str, note: str, records: list[Any]) -> bytes:
    return dump_bytes([seq, at, actor, act, cause, note, records])


def payload_of(item: AuditItem) -> bytes:
    return dump_bytes([item.base_local, item.base_remote, item.before])


def values_of(payload: bytes, remote_id: str | None) -> bytes:
    """What an item's digest covers; the JSON before the id holds no zero byte."""
    return payload if remote_id is None else payload + b"\0" + remote_id.encode()


def digest_of(item: Sequence[Any], form: int | None) -> bytes | None:
    """What stands for the values of a row of ``ITEMS``; None when it has lost both them and their digest."""
    _, _, _, _, _, remote_id, _, digest, salt, payload = item
    if digest is not None:
        return bytes(digest)
    if salt is None or payload is None:
        return None
    return item_digest(bytes(salt), values_of(bytes(payload), remote_id if form == FORM else None))


def record_of(item: Sequence[Any], form: int | None) -> list[Any]:
    """How the header of an entry names the record of a row of ``ITEMS``."""
    return [*item[2:5], item[6]] if form == FORM else list(item[2:7])
