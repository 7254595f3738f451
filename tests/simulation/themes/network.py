"""What the region and the line to it may do (17 to 25)."""

from __future__ import annotations

from tests.simulation import parts
from tests.simulation.statement import Part, Statement

NETWORK = (
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
)
