"""What both sides hold in the end (1 to 8)."""

from __future__ import annotations

from tests.simulation import history_statements, parts
from tests.simulation.statement import Part, Statement

CORRECTNESS = (
    Statement(
        number=1,
        title="Histories of 50 steps with faults and crashes end in agreement within two clean cycles",
        parts=(
            Part(
                figure="{count} histories × 50 steps, 0 lost, 0 doubled; every hundredth replayed identically",
                full=10_000,
                short=30,
                by_seed=history_statements.statement_01,
            ),
        ),
    ),
    Statement(
        number=2,
        title="The second cycle writes nothing",
        parts=(
            Part(
                figure="{count} random states, 0 writes",
                full=1_000,
                short=10,
                by_seed=history_statements.statement_02,
            ),
        ),
    ),
    Statement(
        number=3,
        title="The whole truth table of local, base and remote; without a base 0 deletes",
        parts=(
            Part(
                figure="{count} rows of the table on two databases, 0 deletes without a base",
                full=42,
                tested_by="tests/simulation/test_guard_statements.py::test_the_whole_truth_table",
                by_count=parts.truth_table,
            ),
        ),
    ),
    Statement(
        number=4,
        title="Versions bumped, contents equal: 0 conflicts, 0 writes",
        parts=(
            Part(
                figure="{count} cards told",
                full=1_000,
                short=100,
                by_count=history_statements.statement_04,
            ),
            Part(
                figure="{count} marks told and compared, 0 conflicts, 0 writes",
                full=1_000,
                tested_by="tests/simulation/test_reconcile_statements.py::test_equal_contents_under_new_versions_are_no_news",
                by_count=parts.bumped_marks,
            ),
        ),
    ),
    Statement(
        number=5,
        title="All orders of five events: one final state",
        parts=(
            Part(
                figure="{count} orders, 1 final state",
                full=120,
                short=6,
                by_count=history_statements.statement_05,
            ),
        ),
    ),
    Statement(
        number=6,
        title="Every page delivered three times: 0 duplicates",
        parts=(
            Part(
                figure="{count} histories",
                full=500,
                short=3,
                by_seed=history_statements.statement_06,
            ),
            Part(
                figure="{count} pages in one transaction and in several, 0 duplicates",
                full=1_000,
                tested_by="tests/simulation/test_reconcile_statements.py::test_pages_delivered_three_times_count_once",
                by_count=parts.pages_thrice,
            ),
        ),
    ),
    Statement(
        number=7,
        title="Records that come and go while pages are read: 0 missed",
        parts=(
            Part(
                figure="{count} schedules of cycles",
                full=1_000,
                short=10,
                by_seed=history_statements.statement_07,
            ),
            Part(
                figure="{count} of readings and listings",
                full=1_000,
                tested_by="tests/simulation/test_reconcile_statements.py::test_nothing_is_missed_while_records_move",
                by_seed=parts.readings,
            ),
            Part(
                figure="{count} over the real connector, 0 missed",
                full=1_000,
                tested_by="tests/contract/test_paging_schedules.py::test_nothing_is_missed_while_people_work",
                by_seed=parts.paging_schedules,
            ),
        ),
    ),
    Statement(
        number=8,
        title="Unknown optional fields: 0 wiped in 1,000 round trips",
        parts=(
            Part(
                figure="{count} round trips, 0 wiped",
                full=1_000,
                tested_by="tests/simulation/test_reconcile_statements.py::test_unknown_and_silent_fields_are_not_wiped",
                by_seed=parts.round_trips,
            ),
        ),
    ),
)
