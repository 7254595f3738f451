"""Cells of a class report beside the cells that staging holds: what is new, what differs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sync_service.domain.links import LocalId
from sync_service.engine.stores import Cell

Record = TypeVar("Record")
Day = tuple[LocalId, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One mark or absence of the report, with local ids; ``address`` is its cell."""

    student_id: LocalId
    subject_id: LocalId
    lesson_date: str
    ordinal: int
    position: int  # 1 for an absence
    content: str
    address: str

    @property
    def day(self) -> Day:
        return self.student_id, self.subject_id, self.lesson_date

    @property
    def key(self) -> tuple[Day, int, int]:
        return self.day, self.ordinal, self.position


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """What to write. The cells of staging that the report does not name stay as they are (invariant 4)."""

    inserts: tuple[Wanted, ...]
    updates: tuple[tuple[Cell, Wanted], ...]
    unchanged: int


def without_repeats(
    wanted: Iterable[Record], key_of: Callable[[Record], Hashable], content_of: Callable[[Record], str]
) -> tuple[list[Record], list[Record]]:
    """Each key once, and the later ones that contradict the first; equal repeats fall together. Two rows of a
    report meet where the names of their subjects compare equal."""
    kept: dict[Hashable, Record] = {}
    contradicting: list[Record] = []
    for record in wanted:
        first = kept.setdefault(key_of(record), record)
        if content_of(first) != content_of(record):
            contradicting.append(record)
    return list(kept.values()), contradicting


def plan_cells(existing: Iterable[Cell], wanted: Sequence[Wanted]) -> CellPlan:
    """Compare by pupil, subject, date, ordinal and position. Keys of ``wanted`` are unique.

    Where both sides know one ordinal that day, and not the same one, it is the same lesson: a report counts the
    day's columns of one pupil, staging may count the lessons of the class.
    """
    stored: dict[tuple[Day, int, int], list[Cell]] = defaultdict(list)
    ordinals: dict[Day, set[int]] = defaultdict(set)
    for cell in existing:
        day = (LocalId(cell.student_id), cell.subject_id, cell.lesson_date)
        stored[day, cell.ordinal, cell.position].append(cell)
        ordinals[day].add(cell.ordinal)
    inserts: list[Wanted] = []
    updates: list[tuple[Cell, Wanted]] = []
    unchanged = 0
    for item in _with_stored_ordinals(wanted, ordinals):
        cells = stored.get(item.key, [])
        if not cells:
            inserts.append(item)
        elif any(cell.content == item.content for cell in cells):
            unchanged += 1
        else:
            updates.append((cells[0], item))
    return CellPlan(inserts=tuple(inserts), updates=tuple(updates), unchanged=unchanged)


def _with_stored_ordinals(wanted: Sequence[Wanted], ordinals: dict[Day, set[int]]) -> list[Wanted]:
    reported: dict[Day, set[int]] = defaultdict(set)
    for item in wanted:
        reported[item.day].add(item.ordinal)
    renumbered: list[Wanted] = []
    for item in wanted:
        known = ordinals.get(item.day, set())
        one_lesson = len(known) == 1 and len(reported[item.day]) == 1
        renumbered.append(replace(item, ordinal=next(iter(known))) if one_lesson else item)
    return renumbered
