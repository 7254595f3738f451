"""Who may do what, what leaks, what is let in (42 to 51)."""

from __future__ import annotations

from tests.simulation import (
    connection_statements,
    door_statements,
    erasure_statements,
    injection_statements,
    journal_statements,
    leak_statements,
    parts,
    session_statements,
)
from tests.simulation.statement import Part, Statement

SECURITY = (
    Statement(
        number=42,
        title="All routes against all roles, anonymous included; an unlisted route fails",
        parts=(
            Part(
                full=1,
                tested_by="tests/browser/test_doors.py::test_all_routes_against_all_roles",
                by_count=door_statements.statement_42,
            ),
        ),
    ),
    Statement(
        number=43,
        title="Every unsafe route rejects a missing or foreign CSRF token or Origin",
        parts=(
            Part(
                full=1,
                tested_by="tests/browser/test_doors.py::test_a_foreign_form_changes_nothing",
                by_count=door_statements.statement_43,
            ),
        ),
    ),
    Statement(
        number=44,
        title="Session of at least 128 bits, rotated at login, 30 min idle, 12 h in all, dead at logout or disable",
        parts=(
            Part(
                full=1_000,
                short=20,
                by_count=session_statements.statement_44,
            ),
        ),
    ),
    Statement(
        number=45,
        title="50 canaries (tokens, СНИЛС, names): 0 hits in logs, metrics, addresses and error pages",
        parts=(
            Part(
                full=1,
                tested_by="tests/acceptance/test_leaks.py::test_a_day_of_work_tells_nobody_about_anybody",
                by_count=leak_statements.statement_45,
            ),
        ),
    ),
    Statement(
        number=46,
        title="Edits, deletions and reorderings of the journal: all detected",
        parts=(
            Part(
                full=1_250,
                short=30,
                by_count=journal_statements.statement_46,
            ),
        ),
    ),
    Statement(
        number=47,
        title="200 XSS payloads through regional fields: 0 run; cells of CSV neutralised",
        parts=(
            Part(
                full=200,
                tested_by="tests/browser/test_injection.py::test_payloads_stay_text",
                by_count=injection_statements.statement_47,
            ),
        ),
    ),
    Statement(
        number=48,
        title="Redirects and next-links to other addresses: 0 requests off the allow-list",
        parts=(
            Part(
                figure="{count} redirects and links, 0 followed",
                full=36,
                tested_by="tests/unit/connectors/test_edge.py::test_nothing_leads_off_the_configured_address",
                by_count=parts.addresses,
            ),
        ),
    ),
    Statement(
        number=49,
        title="Expired, wrong-host, self-signed, unknown-root TLS: 0 body bytes sent",
        parts=(
            Part(
                figure="{count} certificates, 0 bytes sent",
                full=4,
                tested_by="tests/unit/connectors/test_edge.py::test_no_byte_goes_to_a_server_that_proves_nothing",
                by_count=parts.certificates,
            ),
        ),
    ),
    Statement(
        number=50,
        title="Erasure of a subject: 0 canaries left after VACUUM; act and extract produced",
        parts=(
            Part(
                full=100,
                tested_by="tests/simulation/test_erasure_statements.py::test_an_erased_subject_leaves_no_canary",
                by_count=erasure_statements.statement_50,
            ),
        ),
    ),
    Statement(
        number=51,
        title="500 half-open connections: p95 of the page under 500 ms, all closed in at most 30 s",
        parts=(
            Part(
                full=500,
                tested_by="tests/simulation/test_page_statements.py::test_half_open_connections_are_given_up",
                by_count=connection_statements.statement_51,
            ),
        ),
    ),
)
