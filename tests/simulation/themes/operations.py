"""Backups, upgrades and long runs (39 to 41)."""

from __future__ import annotations

from tests.simulation import backup_statements, parts, upgrade_statements
from tests.simulation.statement import Part, Statement

OPERATIONS = (
    Statement(
        number=39,
        title="100 backups during writes: all restore; a cycle after an old restore creates 0 duplicates",
        parts=(
            Part(
                figure="{count} backups made during writes, every tenth by pg_dump: all restored, 0 duplicates",
                full=100,
                short=2,
                by_seed=backup_statements.statement_39,
            ),
        ),
    ),
    Statement(
        number=40,
        title="Upgrade with 10,000 pupils, killed at each statement: completes or rolls back",
        parts=(
            Part(
                full=10_000,
                short=3,
                by_count=upgrade_statements.statement_40,
            ),
        ),
    ),
    Statement(
        number=41,
        title="7 simulated days: memory growth under 5 %, constant file descriptors",
        parts=(
            Part(
                full=672,
                tested_by="tests/acceptance/test_run_statements.py::test_a_day_of_cycles_leaves_the_process_as_it_was",
                by_count=parts.days,
            ),
        ),
    ),
)
