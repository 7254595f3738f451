"""What a person chooses in a test."""

from __future__ import annotations

from sync_service.domain.conflicts import Choice, Conflict, Side


def choose_all(conflict: Conflict, side: Side) -> tuple[Choice, ...]:
    """The same side for every group of the case."""
    return tuple(Choice(group=group, side=side) for group in sorted(conflict.groups))
