"""What a killed process, a full disk and two processes may do (9 to 16)."""

from __future__ import annotations

from tests.simulation import crash_statements, disk_statements, lease_statements, parts, soak_statements
from tests.simulation.statement import Part, Statement

CRASHES = (
    Statement(
        number=9,
        title="kill -9 at each commit of sync, import, resolve, resync and migrate: 0 lost, 0 doubled, ready in 10 s",
        parts=(
            Part(
                full=1_000,
                tested_by="tests/acceptance/test_kill_statements.py::test_killed_at_a_commit",
                by_count=crash_statements.statement_09,
            ),
        ),
    ),
    Statement(
        number=10,
        title="Kills at random moments: 0 lost, 0 doubled",
        parts=(
            Part(
                full=1_000,
                tested_by="tests/acceptance/test_kill_statements.py::test_killed_at_random_moments",
                by_count=soak_statements.statement_10,
            ),
        ),
    ),
    Statement(
        number=11,
        title="The N-th write fails, for every N, and three kinds of full disk: resumes unaided",
        parts=(
            Part(
                full=10_000,
                short=2,
                by_count=disk_statements.statement_11,
            ),
        ),
    ),
    Statement(
        number=12,
        title="Copies of database and log at random instants open clean",
        parts=(
            Part(
                figure="{count} copies, all open clean",
                full=200,
                short=10,
                by_count=disk_statements.statement_12,
            ),
        ),
    ),
    Statement(
        number=13,
        title="Random page corruptions: clear refusal, 0 deletes sent",
        parts=(
            Part(
                full=100,
                short=5,
                by_count=disk_statements.statement_13,
            ),
        ),
    ),
    Statement(
        number=14,
        title="SIGTERM at 100 random moments: exit 0 in at most 30 s, 0 half pages",
        parts=(
            Part(
                full=100,
                tested_by="tests/acceptance/test_run_statements.py::test_sigterm_at_random_moments_leaves_no_half_page",
                by_count=parts.sigterms,
            ),
        ),
    ),
    Statement(
        number=15,
        title="100 double starts: one holder, the other exits 11 in less than 1 s",
        parts=(
            Part(
                full=100,
                tested_by="tests/acceptance/test_run_statements.py::test_of_two_daemons_started_at_once_one_works",
                by_count=parts.double_starts,
            ),
        ),
    ),
    Statement(
        number=16,
        title="A dead holder's run is taken over in at most 60 s; a late holder cannot write",
        parts=(
            Part(
                full=60,
                tested_by="tests/unit/engine/test_fencing.py::test_a_run_that_lost_its_leases_keeps_nothing",
                by_count=lease_statements.statement_16,
            ),
        ),
    ),
)
