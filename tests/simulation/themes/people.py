"""What people see and decide (34 to 38)."""

from __future__ import annotations

from tests.simulation import keyboard_statements, look_statements, parts, queue_statements
from tests.simulation.statement import Part, Statement

PEOPLE = (
    Statement(
        number=34,
        title="100 simultaneous resolutions: one winner, the others see who and when",
        parts=(
            Part(
                full=100,
                tested_by="tests/simulation/test_decision_statements.py::test_of_a_hundred_decisions_at_once_one_counts",
                by_count=parts.decisions_at_once,
            ),
        ),
    ),
    Statement(
        number=35,
        title="Every decision can be undone; undo after a push never overwrites newer data",
        parts=(
            Part(
                full=2_000,
                tested_by="tests/simulation/test_decision_statements.py::test_every_decision_can_be_undone",
                by_count=parts.undone_decisions,
            ),
        ),
    ),
    Statement(
        number=36,
        title="50 conflicts by keyboard only, at most 3 keys each",
        parts=(
            Part(
                full=50,
                tested_by="tests/browser/test_keyboard.py::test_conflicts_are_decided_by_keyboard_only",
                by_count=keyboard_statements.statement_36,
            ),
        ),
    ),
    Statement(
        number=37,
        title="Every page, empty, full, failing: axe 0 violations, 320 px, 0 off-origin requests, no script needed",
        parts=(
            Part(
                full=1,
                tested_by="tests/browser/test_every_page.py::test_a_screen_is_usable_by_everybody",
                by_count=look_statements.statement_37,
            ),
        ),
    ),
    Statement(
        number=38,
        title="10,000 conflicts: p95 of the list under 300 ms",
        parts=(
            Part(
                full=10_000,
                tested_by="tests/simulation/test_page_statements.py::test_the_list_of_conflicts_costs_the_same_however_long_it_is",
                by_count=queue_statements.statement_38,
            ),
        ),
    ),
)
