"""The statements of reliability, each with what proves it and how often.

A proof is a function that returns what it has checked and raises AssertionError; a statement may have several parts,
and their figures stand in one row. What nothing proves yet stands here without a part and is listed as such.
"""

from __future__ import annotations

from tests.simulation import (
    calendar_statements,
    crash_statements,
    disk_statements,
    history_statements,
    honesty_statements,
    lease_statements,
    parts,
    sleep_statements,
)
from tests.simulation.statement import Part, Statement
from tests.simulation.themes.operations import OPERATIONS
from tests.simulation.themes.people import PEOPLE
from tests.simulation.themes.security import SECURITY

STATEMENTS: tuple[Statement, ...] = (
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
    Statement(
        number=9,
        title="kill -9 at each commit of sync, import, resolve, resync and migrate: 0 lost, 0 doubled, ready in 10 s",
        parts=(
            Part(
                full=1_000,
                short=1,
                by_count=crash_statements.statement_09,
            ),
        ),
    ),
    Statement(
        number=10,
        title="Kills at random moments: 0 lost, 0 doubled",
        parts=(
            Part(
                figure="{count} kills, 0 lost, 0 doubled",
                full=1_000,
                short=1,
                by_count=crash_statements.statement_10,
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
    Statement(
        number=17,
        title="10,000 malformed responses: 0 crashes, 0 rows lost, all quarantined with a reason",
        parts=(
            Part(
                figure="{count} answers refused or read whole",
                full=10_000,
                tested_by="tests/unit/connectors/test_edge.py::test_malformed_answers_are_refused_with_a_reason_or_read_whole",
                by_count=parts.malformed_answers,
            ),
            Part(
                figure="{count} on their way into two databases",
                full=300,
                tested_by="tests/simulation/test_edge_statements.py::test_malformed_answers_lose_no_row_on_sqlite",
                by_count=parts.malformed_rows,
            ),
            Part(
                full=10_000,
                tested_by="tests/simulation/test_quarantine_statements.py::test_broken_records_are_set_aside_with_a_reason_and_none_is_lost",
                by_count=parts.broken_records,
            ),
        ),
    ),
    Statement(
        number=18,
        title="Reset at each byte of a 4 KB answer: 0 partial pages",
        parts=(
            Part(
                figure="{count} cuts, two at each byte, 0 partial pages",
                full=8_192,
                tested_by="tests/unit/connectors/test_edge.py::test_no_cut_makes_half_a_page",
                by_count=parts.cuts,
            ),
        ),
    ),
    Statement(
        number=19,
        title="20 drip patterns: the total deadline holds ±1 s",
        parts=(
            Part(
                figure="{count} patterns within a second of the deadline",
                full=22,
                tested_by="tests/unit/connectors/test_edge.py::test_no_drip_stretches_the_deadline",
                by_count=parts.drips,
            ),
        ),
    ),
    Statement(
        number=20,
        title="A 50 MB bomb is stopped at 10 MB",
        parts=(
            Part(
                figure="{count} forms stopped at 10 MB",
                full=12,
                tested_by="tests/unit/connectors/test_edge.py::test_no_bomb_goes_off",
                by_count=parts.bombs,
            ),
        ),
    ),
    Statement(
        number=21,
        title="1,000 writes committed with the answer lost: 0 duplicates",
        parts=(
            Part(
                figure="{count} writes under six behaviours of keys, 0 duplicates",
                full=1_000,
                tested_by="tests/simulation/test_edge_statements.py::test_lost_answers_double_nothing_whatever_the_region_makes_of_keys",
                by_count=parts.lost_answers,
            ),
        ),
    ),
    Statement(
        number=22,
        title="429 with Retry-After in seconds, as a date, absent, negative, huge: 0 early requests",
        parts=(
            Part(
                figure="{count} requests after a wait, 0 early",
                full=23,
                tested_by="tests/unit/connectors/test_edge.py::test_nobody_comes_early",
                by_count=parts.waits,
            ),
        ),
    ),
    Statement(
        number=23,
        title="An outage of 8 hours: at most 120 probes, 10,000 changes drained in order",
        parts=(
            Part(
                full=10_000,
                tested_by="tests/simulation/test_edge_statements.py::test_an_outage_costs_few_requests_and_burns_no_try",
                by_count=parts.outages,
            ),
        ),
    ),
    Statement(
        number=24,
        title="12 schema drifts: additive passes, breaking pauses that stream only",
        parts=(
            Part(
                figure="{count} drifts",
                full=12,
                tested_by="tests/simulation/test_edge_statements.py::test_a_change_of_shape_wipes_nothing_and_stops_one_stream_at_most",
                by_count=parts.drifts,
            ),
        ),
    ),
    Statement(
        number=25,
        title="An HTML page with status 200 is never data",
        parts=(
            Part(
                figure="{count} pages and calls, all refused",
                full=138,
                tested_by="tests/unit/connectors/test_edge.py::test_a_web_page_is_never_data",
                by_count=parts.web_pages,
            ),
        ),
    ),
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
    *PEOPLE,
    *OPERATIONS,
    *SECURITY,
)
