"""Cells of a report beside the cells of staging."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.links import LocalId
from sync_service.engine.import_cells import Wanted, plan_cells, without_repeats
from sync_service.engine.stores import Cell

DAY = "2026-10-01"


def stored(content: str, *, ordinal: int = 1, position: int = 1, local_id: int = 1) -> Cell:
    return Cell(
        local_id=LocalId(local_id),
        student_id=LocalId(1),
        subject_id=2,
        lesson_date=DAY,
        ordinal=ordinal,
        position=position,
        content=content,
    )


def wanted(content: str, *, ordinal: int = 1, position: int = 1, **values: Any) -> Wanted:
    known: dict[str, Any] = {"student_id": LocalId(1), "subject_id": LocalId(2), "lesson_date": DAY, "address": "B2"}
    return Wanted(ordinal=ordinal, position=position, content=content, **(known | values))


@pytest.mark.parametrize(
    ("existing", "report", "inserted", "updated", "unchanged"),
    [
        pytest.param([], [wanted("5")], [(1, 1, "5")], [], 0, id="new"),
        pytest.param([stored("5")], [wanted("5")], [], [], 1, id="equal"),
        pytest.param([stored("4")], [wanted("5")], [], [(1, "5")], 0, id="different"),
        pytest.param([stored("5")], [], [], [], 0, id="missing-is-left-alone"),
        pytest.param([stored("5", ordinal=2)], [wanted("5")], [], [], 1, id="one-lesson-counted-otherwise"),
        pytest.param([stored("4", ordinal=2)], [wanted("5")], [], [(1, "5")], 0, id="corrected-there"),
        pytest.param(
            [stored("5", ordinal=2)],
            [wanted("5"), wanted("4", position=2)],
            [(2, 2, "4")],
            [],
            1,
            id="a-second-mark-joins-the-lesson-that-is-known",
        ),
        pytest.param(
            [stored("5", ordinal=2)],
            [wanted("3"), wanted("5", ordinal=2)],
            [(1, 1, "3")],
            [],
            1,
            id="two-lessons-in-the-report",
        ),
        pytest.param(
            [stored("5", ordinal=2), stored("4", ordinal=3, local_id=2)],
            [wanted("3")],
            [(1, 1, "3")],
            [],
            0,
            id="two-lessons-in-staging",
        ),
        pytest.param(
            [stored("4"), stored("5", local_id=2)], [wanted("5")], [], [], 1, id="one-of-two-rows-says-the-same"
        ),
    ],
)
def test_cells_are_compared_by_their_place(
    existing: list[Cell],
    report: list[Wanted],
    inserted: list[tuple[int, int, str]],
    updated: list[tuple[int, str]],
    unchanged: int,
) -> None:
    """Pupil, subject, date, ordinal, position; the ordinal is no matter where both sides know one lesson."""
    plan = plan_cells(existing, report)
    assert [(item.ordinal, item.position, item.content) for item in plan.inserts] == inserted
    assert [(cell.local_id, item.content) for cell, item in plan.updates] == updated
    assert plan.unchanged == unchanged


def test_another_day_or_subject_is_another_lesson() -> None:
    """The only lesson of a day says nothing about other days, subjects or pupils."""
    others = [wanted("5", lesson_date="2026-10-02"), wanted("5", subject_id=3), wanted("5", student_id=4)]
    assert plan_cells([stored("5", ordinal=2)], others).inserts == tuple(others)


def test_repeats_fall_together_and_contradictions_are_named() -> None:
    """Of several cells in one place the first counts; those that say something else are given back."""
    first, same, other = wanted("5", address="B2"), wanted("5", address="B9"), wanted("4", address="B10")
    kept, contradicting = without_repeats([first, same, other], lambda item: item.key, lambda item: item.content)
    assert kept == [first]
    assert contradicting == [other]
