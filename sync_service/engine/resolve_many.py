"""One decision for many conflicts: one field, one side, after a preview of exactly these cases.

Each case is decided under the stamp the preview showed; what has changed since is left open and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync_service.domain.conflicts import Choice, Side
from sync_service.domain.errors import DecisionError
from sync_service.engine.decisions import Desk
from sync_service.engine.resolve import resolve
from sync_service.engine.undo import undo

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """Case ids that were decided, and those left as they are, each with the reason."""

    done: tuple[int, ...]
    left: Mapping[int, str]


def resolve_many(desk: Desk, stamps: Mapping[int, str], group: str, side: Side) -> BulkOutcome:
    """Decide every case of ``stamps`` whose only clashing group is ``group``. Raises DecisionError for more than
    200 cases, or for a typed value: those are decided one by one."""
    if len(stamps) > MOST_AT_ONCE:
        raise DecisionError(f"Разом можно решить не больше {MOST_AT_ONCE} расхождений: уменьшите выбор.")
    if side is Side.VALUE:
        raise DecisionError("Разом можно взять только сторону школы или сторону ГИС.")
    done: list[int] = []
    left: dict[int, str] = {}
    for case_id, stamp in stamps.items():
        try:
            resolve(desk, case_id, [Choice(group=group, side=side)], stamp=stamp)
        except DecisionError as error:
            left[case_id] = str(error)
        else:
            done.append(case_id)
    return BulkOutcome(done=tuple(done), left=left)


def undo_many(desk: Desk, case_ids: Sequence[int]) -> BulkOutcome:
    """Take all of them back; those that cannot be are left and named."""
    done: list[int] = []
    left: dict[int, str] = {}
    for case_id in case_ids[:MOST_AT_ONCE]:
        try:
            undo(desk, case_id)
        except DecisionError as error:
            left[case_id] = str(error)
        else:
            done.append(case_id)
    return BulkOutcome(done=tuple(done), left=left)
