"""Clocks, sleep and the calendar (31 to 33)."""

from __future__ import annotations

from tests.simulation import calendar_statements, parts, sleep_statements
from tests.simulation.statement import Part, Statement

TIMES = (
    Statement(
        number=31,
        title="Local ±24 h, region ±10 min, a jump of −1 h in a run: 0 missed",
        parts=(
            Part(
                figure="{count} histories with jumping clocks, 0 missed, 0 doubled",
                full=1_000,
                tested_by="tests/unit/engine/test_clocks.py::test_clocks_that_jump_lose_nothing_and_double_nothing",
                by_seed=parts.clock_jumps,
            ),
        ),
    ),
    Statement(
        number=32,
        title="12 hours of sleep: exactly one catch-up run",
        parts=(
            Part(
                figure="{count} sleeps of 12 hours, one catch-up run each",
                full=1_000,
                short=50,
                by_seed=sleep_statements.statement_32,
            ),
        ),
    ),
    Statement(
        number=33,
        title="31.08/01.09, 29.02, year end",
        parts=(
            Part(
                figure="{count} ends of the fourteen days, in 11 zones, none a minute early or late",
                full=330,
                short=9,
                by_count=calendar_statements.deadlines,
            ),
            Part(
                figure="{count} pupils from 31 August to 1 September on two databases, 0 doubled, 0 lost",
                full=60,
                tested_by="tests/unit/engine/test_school_year.py::test_the_first_of_september",
                by_count=calendar_statements.first_of_september,
            ),
        ),
    ),
)
