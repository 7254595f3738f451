"""Mass damage, and what a run says of itself (26 to 30)."""

from __future__ import annotations

from tests.simulation import honesty_statements, parts
from tests.simulation.statement import Part, Statement

DAMAGE = (
    Statement(
        number=26,
        title="Empty, half or truncated list with 200: 0 deletes",
        parts=(
            Part(
                figure="{count} readings",
                full=300,
                tested_by="tests/simulation/test_guard_statements.py::test_lists_that_lie_delete_nothing",
                by_count=parts.lying_lists,
            ),
            Part(
                figure="{count} comparisons, 0 deletes",
                full=300,
                tested_by="tests/simulation/test_reconcile_statements.py::test_a_list_that_lies_deletes_nothing",
                by_count=parts.lying_comparisons,
            ),
            Part(
                full=2,
                tested_by="tests/simulation/test_guard_statements.py::test_ten_small_runs_do_not_do_what_one_may_not",
                by_count=parts.small_runs,
            ),
        ),
    ),
    Statement(
        number=27,
        title="401, 403, 404 for a stream: 0 deletes, never green",
        parts=(
            Part(
                figure="{count} runs, 0 green, 0 deletes",
                full=300,
                tested_by="tests/simulation/test_guard_statements.py::test_refused_streams_are_never_green_and_delete_nothing",
                by_count=parts.refusals,
            ),
        ),
    ),
    Statement(
        number=28,
        title="A failed look-up never creates a pupil",
        parts=(
            Part(
                figure="{count} failed look-ups, 0 pupils created",
                full=300,
                tested_by="tests/simulation/test_guard_statements.py::test_a_failed_look_up_never_creates_a_pupil",
                by_count=parts.failed_look_ups,
            ),
        ),
    ),
    Statement(
        number=29,
        title="Green exactly when counts balance and 0 errors, in 10,000 runs",
        parts=(
            Part(
                full=10_000,
                short=60,
                by_count=honesty_statements.statement_29,
            ),
        ),
    ),
    Statement(
        number=30,
        title="A stale plan or changed record is refused, always",
        parts=(
            Part(
                figure="{count} records changed after the plan, 0 written",
                full=1_000,
                tested_by="tests/simulation/test_resync_statements.py::test_a_changed_record_is_refused",
                by_count=parts.stale_plans,
            ),
            Part(
                full=1_000,
                tested_by="tests/simulation/test_resync_statements.py::test_a_plan_is_what_its_application_writes",
                by_count=parts.plans_as_written,
            ),
            Part(
                full=100,
                tested_by="tests/simulation/test_guard_statements.py::test_a_release_never_covers_a_record_that_changed",
                by_count=parts.stale_releases,
            ),
        ),
    ),
)
