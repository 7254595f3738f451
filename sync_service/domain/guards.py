"""The mass-change guard: what looks like damage is held, the rest goes on (invariant 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

DELETES_AT_LEAST = 5
DELETES_SHARE = 0.02
SYSTEMIC_MORE_THAN = 20
SYSTEMIC_SHARE = 0.05


def deletions_pass(count: int, *, of: int) -> bool:
    """Whether ``count`` deletions among ``of`` live records may go through unasked: at most max(5, 2 %)."""
    return count <= max(DELETES_AT_LEAST, of * DELETES_SHARE)


def systemic_failure(signatures: Iterable[str], *, of: int) -> str | None:
    """The signature that more than 20 and more than 5 % of ``of`` records fail with, None when there is none.

    So many equal failures are our bug or the region's release, not so many bad records: the stream is stopped
    instead of emptied into the quarantine (invariant 6).
    """
    for signature, count in Counter(signatures).most_common(1):
        if count > SYSTEMIC_MORE_THAN and count > of * SYSTEMIC_SHARE:
            return signature
    return None
