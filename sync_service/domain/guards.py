"""The mass-change guard: what looks like damage is held, the rest goes on (invariant 7)."""

from __future__ import annotations

DELETES_AT_LEAST = 5
DELETES_SHARE = 0.02


def deletions_pass(count: int, *, of: int) -> bool:
    """Whether ``count`` deletions among ``of`` live records may go through unasked: at most max(5, 2 %)."""
    return count <= max(DELETES_AT_LEAST, of * DELETES_SHARE)
