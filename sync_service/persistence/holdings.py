"""What every column of the database may say of a pupil, and what an erasure makes of it.

Nothing is erased by accident of not being thought of: a test compares this list with the schema, column by column.
``stores/traces.py`` finds the rows, ``stores/erasing.py`` takes them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    ROWS = "rows"  # rows about the person go
    VALUES = "values"  # the row stays without what it says of the person
    KEPT = "kept"  # says nothing of any pupil


@dataclass(frozen=True, slots=True)
class Holding:
    """``personal``: columns that may hold values, texts or regional ids of a pupil or a parent. All others hold
    numbers of rows, states, moments, and names of the school's own people."""

    fate: Fate
    personal: frozenset[str]
    plain: frozenset[str]


def _holding(fate: Fate, personal: str, plain: str) -> Holding:
    return Holding(fate, frozenset(personal.split()), frozenset(plain.split()))


def _rows(personal: str, plain: str) -> Holding:
    return _holding(Fate.ROWS, personal, plain)


def _kept(plain: str) -> Holding:
    return _holding(Fate.KEPT, "", plain)


HOLDINGS: dict[str, Holding] = {
    # the school's own records
    "students": _rows(
        "last_name first_name patronymic sex birth_date snils document_series document_number personal_file_no"
        " admitted_on address phone email person_id listed_class_id",
        "id school_id incomplete",
    ),
    "guardians": _rows("last_name first_name patronymic phone home_phone email", "id school_id"),
    "guardianships": _rows("relation relation_note", "id school_id student_id guardian_id"),
    "movements": _rows(
        "kind date order_number order_date class_from_id class_to_id origin_kind origin_organization_id origin_name"
        " destination_organization_id destination_name",
        "id school_id student_id",
    ),
    "marks": _rows(
        "lesson_id value weight position comment class_id subject_id lesson_date lesson_ordinal",
        "id school_id student_id",
    ),
    "final_marks": _rows("subject_id period_id kind value", "id school_id student_id"),
    "attendance": _rows(
        "lesson_id symbol reason class_id subject_id lesson_date lesson_ordinal", "id school_id student_id"
    ),
    "organizations": _kept("id school_id name short_name phone email district keeps_movement"),
    "periods": _kept("id school_id school_year name kind starts_on ends_on"),
    "classes": _kept("id school_id school_year name grade late_entry_until"),
    "subjects": _kept("id school_id name"),
    "lessons": _kept("id school_id class_id subject_id date number"),
    # what was agreed, set aside, asked and decided
    "links": _rows(
        "remote_id base_local base_remote",
        "id school_id stream local_id state version change_version evidence previous_id closed_at closed_by",
    ),
    "changes": _rows("", "id school_id stream local_id op at"),
    "inbox": _rows("remote_id waits_for record", "id school_id stream reason parked_at"),
    "quarantine": _rows(
        "record remote_id payload waits_for reason",
        "id school_id stream direction code signature local_id tries first_seen last_seen fingerprint peer_version"
        " discarded_at discarded_by",
    ),
    "conflicts": _rows(
        "clashes choices",
        "id school_id stream link_id local_id kind state opened_at decided_at decided_by local_at remote_at",
    ),
    "match_cases": _rows(
        "remote_id candidates key_digest", "id school_id stream state chosen opened_at decided_at decided_by"
    ),
    "releases": _rows(
        "person_id previous_school previous_phone",
        "id school_id student_id movement_id release_case state new_card opened_at updated_at closed_at closed_by"
        " closed_from",
    ),
    "release_steps": _rows("note", "id school_id release_id kind actor at next_call_on"),
    "case_notes": _rows("note", "id school_id queue case_id author at"),
    "case_marks": _rows("", "school_id queue case_id postponed_until passed_to passed_by passed_at open_by open_at"),
    # what was to be sent, held or planned
    "outbox": _rows(
        "waits_for",
        "id school_id stream local_id client_ref state groups dirty_again tries not_before waiting code created_at",
    ),
    "attempt_items": _rows(
        "payload remote_id", "attempt_id position school_id entry_id local_id client_ref op groups version result"
    ),
    "attempts": _kept("id school_id stream key state digest sent_at closed_at"),
    "hold_items": _rows("remote_id precondition", "id school_id hold_id local_id state"),
    "holds": _kept(
        "id school_id stream direction operation field state digest records total cause opened_at first_by first_at"
        " decided_by decided_at expires_at"
    ),
    "plan_items": _rows("remote_id precondition detail", "plan_id position school_id stream act local_id result"),
    "plans": _rows("scope", "id school_id kind state digest created_at expires_at created_by applied_at applied_by"),
    "guard_counts": _kept("school_id stream direction operation field hour passed"),
    # who was told, who did and saw what
    "notifications": _rows("subject body discreet", "id school_id key role class_name severity created_at told_at"),
    "audit_items": _holding(
        Fate.VALUES,
        "remote_id salt payload",
        "id school_id entry_id stream act local_id student_id digest",
    ),
    "audit": _kept("id school_id seq at actor act cause note digest form"),
    "audit_heads": _kept("school_id seq digest"),
    "uploads": _rows("file_name content", "token school_id uploaded_by uploaded_at"),
    "sessions": _holding(Fate.VALUES, "flash", "digest person_id csrf proven signed_in_at seen_at"),
    # the school, its people and its runs
    "schools": _kept("id code name organization_id zone"),
    "contacts": _kept("id school_id role class_name name address"),
    "people": _kept("id login name password totp_secret totp_last has_totp must_change_password disabled created_at"),
    "memberships": _kept("school_id person_id role"),
    "login_failures": _kept("key failures last_at"),
    "api_tokens": _kept("id school_id digest name role created_by created_at last_used_at revoked_at"),
    "connections": _kept("school_id access_token refresh_token state updated_at"),
    "cursors": _kept("school_id stream position stored_at"),
    "cursor_history": _kept("id school_id stream position stored_at"),
    "notes": _kept("school_id key value"),
    "leases": _kept("school_id stream holder token beat beat_at"),
    "runs": _kept("run_id school_id trigger status started_at finished_at report seq"),
    "stream_days": _kept("school_id stream day done failed"),
    "own_writes": _kept("id"),
    "erasures": _kept("id school_id reason actor made_at records scrubbed_at lifted_at lifted_by"),
    "erasure_marks": _kept("id school_id erasure_id kind digest"),
}
