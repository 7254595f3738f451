"""Which mark of a cell a regional mark is, and which lesson a cell of a class report belongs to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Locals, Match, Matched, Remotes
from sync_service.domain.records import Scalar, Values


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
