"""The tables of synchronisation itself. Every row belongs to a school; JSON is text on both engines.

As in staging, indexes begin with the column that tells rows apart; a moment stands last, behind what is equal.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, Table, Text, UniqueConstraint

from sync_service.persistence.schema.columns import index, moment, number, text
from sync_service.persistence.schema.types import WHOLE, identity, metadata, school

schools = Table(
    "schools",
    metadata,
    identity(),
    text("code"),
    text("name"),
    text("organization_id"),  # GUID of the school in the region
    text("zone"),  # IANA name
    UniqueConstraint("code"),
    sqlite_autoincrement=True,
)

# -- who is who, and what was agreed ----------------------------------------------------------------------

links = Table(
    "links",
    metadata,
    identity(),
    school(),
    text("stream"),
    number("local_id"),
    text("remote_id"),
    text("state"),
    number("version", null=True),
    number("change_version", null=True),
    text("base_local"),
    text("base_remote", null=True),  # NULL: equal to base_local
    text("evidence"),
    number("previous_id", null=True),
    moment("closed_at", null=True),
    text("closed_by", null=True),  # the proof: tombstone, not_found, both or decision
)
LIVE = "state = 'live'"
CLOSED = "state <> 'live'"
index("uq_links_remote_live", links, "remote_id", "stream", "school_id", unique=True, where=LIVE)
index("uq_links_local_live", links, "local_id", "stream", "school_id", unique=True, where=LIVE)
index("ix_links_remote_closed", links, "remote_id", "stream", where=CLOSED)
index("ix_links_local_closed", links, "local_id", "stream", where=CLOSED)

# -- local changes ----------------------------------------------------------------------------------------

changes = Table(
    "changes",
    metadata,
    identity(),
    number("school_id"),  # no foreign key: a trigger writes it, the staging row's own key was checked
    text("stream"),
    number("local_id"),
    text("op"),
    moment("at", null=True),  # by the clock of the database; null for what the comparison noted
)
index("ix_changes_claim", changes, "school_id", "stream", "id")

own_writes = Table(  # SQLite's flag: a row exists exactly while our transaction writes to staging
    "own_writes", metadata, Column("id", WHOLE, primary_key=True, autoincrement=False)
)

# -- records set aside ------------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("remote_id"),
    text("reason"),
    text("waits_for", null=True),
    text("record"),  # JSON of the RemoteRecord
    moment("parked_at"),
    UniqueConstraint("remote_id", "stream", "school_id"),
)
index("ix_inbox_reason", inbox, "reason", "stream", "school_id")
index("ix_inbox_waits", inbox, "waits_for", "school_id", where="waits_for IS NOT NULL")

quarantine = Table(
    "quarantine",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("direction"),
    text("record"),  # what makes the record the same one when it fails again
    text("code"),
    text("signature"),
    text("reason"),
    text("remote_id", null=True),
    number("local_id", null=True),
    text("payload"),
    number("tries"),
    moment("first_seen"),
    moment("last_seen"),
    text("fingerprint", null=True),  # of the mapping it failed under; another one is a reason to try again
    text("waits_for", null=True),  # the parent it names, stream:id
    number("peer_version", null=True),  # of the linked regional record when ours failed
    moment("discarded_at", null=True),
    text("discarded_by", null=True),
    UniqueConstraint("record", "direction", "stream", "school_id"),
    sqlite_autoincrement=True,
)

# -- decisions --------------------------------------------------------------------------------------------

conflicts = Table(
    "conflicts",
    metadata,
    identity(),
    school(),
    text("stream"),
    Column("link_id", WHOLE, ForeignKey("links.id"), nullable=False),
    number("local_id"),
    text("kind"),
    text("state"),
    text("clashes"),
    text("choices"),
    moment("opened_at"),
    moment("decided_at", null=True),
    text("decided_by", null=True),
    moment("local_at", null=True),
    moment("remote_at", null=True),
    sqlite_autoincrement=True,
)
UNDECIDED = "state IN ('open', 'undoing')"
index("uq_conflicts_link_undecided", conflicts, "link_id", unique=True, where=UNDECIDED)
index("ix_conflicts_state", conflicts, "state", "school_id", "decided_at")

match_cases = Table(
    "match_cases",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("remote_id"),
    text("candidates"),
    text("key_digest"),
    text("state"),
    number("chosen", null=True),
    moment("opened_at"),
    moment("decided_at", null=True),
    text("decided_by", null=True),
    sqlite_autoincrement=True,
)
index("uq_match_cases_open", match_cases, "remote_id", "stream", "school_id", unique=True, where="state = 'open'")
index("ix_match_cases_state", match_cases, "state", "stream", "school_id")
index("ix_match_cases_decided", match_cases, "school_id", "decided_at", where="decided_at IS NOT NULL")

releases = Table(
    "releases",
    metadata,
    identity(),
    school(),
    number("student_id"),
    number("movement_id", null=True),
    text("release_case"),
    text("state"),
    text("person_id", null=True),
    text("previous_school", null=True),
    text("previous_phone", null=True),
    Column("new_card", Boolean(), nullable=False),
    moment("opened_at"),
    moment("updated_at"),
    moment("closed_at", null=True),
    text("closed_by", null=True),
    text("closed_from", null=True),
    sqlite_autoincrement=True,
)
index("ix_releases_student", releases, "student_id")
index("ix_releases_movement", releases, "movement_id")
index("ix_releases_state", releases, "state", "school_id", "closed_at")

release_steps = Table(
    "release_steps",
    metadata,
    identity(),
    school(),
    Column("release_id", WHOLE, ForeignKey("releases.id"), nullable=False),
    text("kind"),
    text("actor"),
    moment("at"),
    text("note"),
    text("next_call_on", null=True),
)
index("ix_release_steps_release", release_steps, "release_id")

# -- what is to be sent, and what was sent ----------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    identity(),
    school(),
    text("stream"),
    number("local_id"),
    text("client_ref"),
    text("state"),
    text("groups"),
    Column("dirty_again", Boolean(), nullable=False),
    number("tries"),
    moment("not_before", null=True),
    text("waiting", null=True),
    text("waits_for", null=True),
    text("code", null=True),
    moment("created_at"),
    UniqueConstraint("local_id", "stream", "school_id"),
    UniqueConstraint("client_ref", "school_id"),
    sqlite_autoincrement=True,
)
index("ix_outbox_state", outbox, "state", "stream", "school_id")
index("ix_outbox_waits", outbox, "waits_for", "school_id", where="waits_for IS NOT NULL")

attempts = Table(
    "attempts",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("key"),  # Idempotency-Key
    text("state"),
    Column("digest", LargeBinary(), nullable=False),  # of the ordered items
    moment("sent_at"),
    moment("closed_at", null=True),
    UniqueConstraint("key", "school_id"),
    sqlite_autoincrement=True,
)
UNANSWERED = "state IN ('sent', 'unknown')"
index("ix_attempts_unanswered", attempts, "school_id", "stream", where=UNANSWERED)

attempt_items = Table(
    "attempt_items",
    metadata,
    Column("attempt_id", WHOLE, ForeignKey("attempts.id"), primary_key=True, autoincrement=False),
    Column("position", Integer(), primary_key=True, autoincrement=False),
    school(),
    number("entry_id"),
    number("local_id"),
    text("client_ref"),
    text("op"),
    text("groups"),
    text("payload"),
    text("remote_id", null=True),
    number("version", null=True),
    text("result", null=True),
)

# -- position, runs, ownership ----------------------------------------------------------------------------

cursors = Table(
    "cursors",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    text("position"),
    moment("stored_at"),
)
cursor_history = Table(
    "cursor_history",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("position", null=True),  # NULL: the position was forgotten here
    moment("stored_at"),
)
index("ix_cursor_history_stream", cursor_history, "school_id", "stream", "id")

notes = Table(
    "notes",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("key", Text(), primary_key=True),
    text("value"),
)

leases = Table(
    "leases",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    text("holder", null=True),  # NULL: free
    number("token"),  # grows with every acquisition, for ever
    number("beat"),
    moment("beat_at", null=True),  # by the holder's clock; only shown to people, nothing is decided by it
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text(), primary_key=True),
    school(),
    text("trigger"),
    text("status"),
    moment("started_at"),
    moment("finished_at", null=True),
    text("report"),
    Column("seq", WHOLE, nullable=False, server_default="0"),  # order of starting: a clock may be set back
)
index("ix_runs_school", runs, "school_id", "seq")
index("ix_runs_running", runs, "school_id", where="status = 'running'")

stream_days = Table(  # what runs came to, by the day they ended: two weeks cost one look
    "stream_days",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    Column("day", Text(), primary_key=True),  # UTC, 2026-11-27
    number("done"),
    number("failed"),
)

connections = Table(
    "connections",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    text("access_token", null=True),
    text("refresh_token"),
    text("state"),
    moment("updated_at"),
)

# -- people to tell ---------------------------------------------------------------------------------------

contacts = Table(
    "contacts",
    metadata,
    identity(),
    school(),
    text("role"),
    text("class_name", null=True),
    text("name"),
    text("address"),
)
index("ix_contacts_role", contacts, "school_id", "role")

notifications = Table(
    "notifications",
    metadata,
    identity(),
    school(),
    text("key"),
    text("role"),
    text("subject"),
    text("body"),
    text("class_name", null=True),
    text("severity"),
    moment("created_at"),
    moment("told_at", null=True),
    text("discreet", null=True),  # the same without names; NULL: the body names nobody
    UniqueConstraint("key", "school_id"),
)
index("ix_notifications_untold", notifications, "school_id", where="told_at IS NULL")

# -- who changed or saw what ------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    identity(),
    school(),
    number("seq"),  # 1, 2, 3 … within the school
    moment("at"),
    text("actor"),
    text("act"),
    text("cause"),
    text("note"),
    Column("digest", LargeBinary(), nullable=False),
    number("form", null=True),  # NULL: regional ids stand in the chained header, 2: with the erasable values
    UniqueConstraint("school_id", "seq"),
)
index("ix_audit_cause", audit, "cause", "school_id")  # what a run did, and what an undo goes back to
audit_items = Table(
    "audit_items",
    metadata,
    identity(),
    school(),
    Column("entry_id", WHOLE, ForeignKey("audit.id"), nullable=False),
    text("stream"),
    text("act"),
    number("local_id", null=True),
    text("remote_id", null=True),
    number("student_id", null=True),
    Column("digest", LargeBinary(), nullable=True),  # filled when salt and payload are erased
    Column("salt", LargeBinary(), nullable=True),
    Column("payload", LargeBinary(), nullable=True),
)
index("ix_audit_items_entry", audit_items, "entry_id")
index("ix_audit_items_student", audit_items, "student_id", where="student_id IS NOT NULL")

CARDS = "act = 'link' AND stream IN ('students', 'guardians')"
index("ix_audit_items_cards", audit_items, "local_id", "stream", where=CARDS)  # what separating goes back to

audit_heads = Table(  # where the chain of a school ends: entries cut off its end are missed too
    "audit_heads",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    number("seq"),
    Column("digest", LargeBinary(), nullable=False),
)
