"""The tables of synchronisation itself. Every row belongs to a school; JSON is text on both engines.

As in staging, indexes begin with the column that tells rows apart.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from sync_service.persistence.schema.types import MOMENT, WHOLE, identity, metadata, partial, school


def _text(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text(), nullable=null, server_default=default)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, WHOLE, nullable=null)


def _moment(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, MOMENT, nullable=null)


def _index(name: str, table: Table, *columns: str, unique: bool = False, where: str | None = None) -> None:
    Index(name, *(table.c[c] for c in columns), unique=unique, **partial(where))


schools = Table(
    "schools",
    metadata,
    identity(),
    _text("code"),
    _text("name"),
    _text("organization_id"),  # GUID of the school in the region
    _text("zone"),  # IANA name
    UniqueConstraint("code"),
    sqlite_autoincrement=True,
)

# -- who is who, and what was agreed ----------------------------------------------------------------------

links = Table(
    "links",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _number("local_id"),
    _text("remote_id"),
    _text("state"),
    _number("version", null=True),
    _number("change_version", null=True),
    _text("base_local"),
    _text("base_remote", null=True),  # NULL: equal to base_local
    _text("evidence"),
    _number("previous_id", null=True),
)
LIVE = "state = 'live'"
CLOSED = "state <> 'live'"
_index("uq_links_remote_live", links, "remote_id", "stream", "school_id", unique=True, where=LIVE)
_index("uq_links_local_live", links, "local_id", "stream", "school_id", unique=True, where=LIVE)
_index("ix_links_remote_closed", links, "remote_id", "stream", where=CLOSED)
_index("ix_links_local_closed", links, "local_id", "stream", where=CLOSED)

# -- local changes ----------------------------------------------------------------------------------------

changes = Table(
    "changes",
    metadata,
    identity(),
    _number("school_id"),  # no foreign key: a trigger writes it, the staging row's own key was checked
    _text("stream"),
    _number("local_id"),
    _text("op"),
)
_index("ix_changes_claim", changes, "school_id", "stream", "id")

own_writes = Table(  # SQLite's flag: a row exists exactly while our transaction writes to staging
    "own_writes", metadata, Column("id", WHOLE, primary_key=True, autoincrement=False)
)

# -- records set aside ------------------------------------------------------------------------------------

inbox = Table(
    "inbox",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _text("remote_id"),
    _text("reason"),
    _text("waits_for", null=True),
    _text("record"),  # JSON of the RemoteRecord
    _moment("parked_at"),
    UniqueConstraint("remote_id", "stream", "school_id"),
)
_index("ix_inbox_reason", inbox, "reason", "stream", "school_id")
_index("ix_inbox_waits", inbox, "waits_for", "school_id", where="waits_for IS NOT NULL")

quarantine = Table(
    "quarantine",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _text("direction"),
    _text("record"),  # what makes the record the same one when it fails again
    _text("code"),
    _text("signature"),
    _text("reason"),
    _text("remote_id", null=True),
    _number("local_id", null=True),
    _text("payload"),
    _number("tries"),
    _moment("first_seen"),
    _moment("last_seen"),
    UniqueConstraint("record", "direction", "stream", "school_id"),
    sqlite_autoincrement=True,
)

# -- decisions --------------------------------------------------------------------------------------------

conflicts = Table(
    "conflicts",
    metadata,
    identity(),
    school(),
    _text("stream"),
    Column("link_id", WHOLE, ForeignKey("links.id"), nullable=False),
    _number("local_id"),
    _text("kind"),
    _text("state"),
    _text("clashes"),
    _text("choices"),
    _moment("opened_at"),
    _moment("decided_at", null=True),
    _text("decided_by", null=True),
    sqlite_autoincrement=True,
)
UNDECIDED = "state IN ('open', 'undoing')"
_index("uq_conflicts_link_undecided", conflicts, "link_id", unique=True, where=UNDECIDED)
_index("ix_conflicts_state", conflicts, "state", "school_id")

match_cases = Table(
    "match_cases",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _text("remote_id"),
    _text("candidates"),
    _text("key_digest"),
    _text("state"),
    _number("chosen", null=True),
    _moment("opened_at"),
    _moment("decided_at", null=True),
    _text("decided_by", null=True),
    sqlite_autoincrement=True,
)
_index("uq_match_cases_open", match_cases, "remote_id", "stream", "school_id", unique=True, where="state = 'open'")
_index("ix_match_cases_state", match_cases, "state", "stream", "school_id")

releases = Table(
    "releases",
    metadata,
    identity(),
    school(),
    _number("student_id"),
    _number("movement_id", null=True),
    _text("release_case"),
    _text("state"),
    _text("person_id", null=True),
    _text("previous_school", null=True),
    _text("previous_phone", null=True),
    Column("new_card", Boolean(), nullable=False),
    _moment("opened_at"),
    _moment("updated_at"),
    _moment("closed_at", null=True),
    _text("closed_by", null=True),
    sqlite_autoincrement=True,
)
_index("ix_releases_student", releases, "student_id")
_index("ix_releases_movement", releases, "movement_id")
_index("ix_releases_state", releases, "state", "school_id")

release_steps = Table(
    "release_steps",
    metadata,
    identity(),
    school(),
    Column("release_id", WHOLE, ForeignKey("releases.id"), nullable=False),
    _text("kind"),
    _text("actor"),
    _moment("at"),
    _text("note"),
    _text("next_call_on", null=True),
)
_index("ix_release_steps_release", release_steps, "release_id")

# -- what is to be sent, and what was sent ----------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _number("local_id"),
    _text("client_ref"),
    _text("state"),
    _text("groups"),
    Column("dirty_again", Boolean(), nullable=False),
    _number("tries"),
    _moment("not_before", null=True),
    _text("waiting", null=True),
    _text("waits_for", null=True),
    _text("code", null=True),
    _moment("created_at"),
    UniqueConstraint("local_id", "stream", "school_id"),
    UniqueConstraint("client_ref", "school_id"),
    sqlite_autoincrement=True,
)
_index("ix_outbox_state", outbox, "state", "stream", "school_id")
_index("ix_outbox_waits", outbox, "waits_for", "school_id", where="waits_for IS NOT NULL")

attempts = Table(
    "attempts",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _text("key"),  # Idempotency-Key
    _text("state"),
    Column("digest", LargeBinary(), nullable=False),  # of the ordered items
    _moment("sent_at"),
    _moment("closed_at", null=True),
    UniqueConstraint("key", "school_id"),
    sqlite_autoincrement=True,
)
UNANSWERED = "state IN ('sent', 'unknown')"
_index("ix_attempts_unanswered", attempts, "school_id", "stream", where=UNANSWERED)

attempt_items = Table(
    "attempt_items",
    metadata,
    Column("attempt_id", WHOLE, ForeignKey("attempts.id"), primary_key=True, autoincrement=False),
    Column("position", Integer(), primary_key=True, autoincrement=False),
    school(),
    _number("entry_id"),
    _number("local_id"),
    _text("client_ref"),
    _text("op"),
    _text("groups"),
    _text("payload"),
    _text("remote_id", null=True),
    _number("version", null=True),
    _text("result", null=True),
)

# -- position, runs, ownership ----------------------------------------------------------------------------

cursors = Table(
    "cursors",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    _text("position"),
    _moment("stored_at"),
)
cursor_history = Table(
    "cursor_history",
    metadata,
    identity(),
    school(),
    _text("stream"),
    _text("position", null=True),  # NULL: the position was forgotten here
    _moment("stored_at"),
)
_index("ix_cursor_history_stream", cursor_history, "school_id", "stream", "id")

notes = Table(
    "notes",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("key", Text(), primary_key=True),
    _text("value"),
)

leases = Table(
    "leases",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    _text("holder", null=True),  # NULL: free
    _number("token"),  # grows with every acquisition, for ever
    _number("beat"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text(), primary_key=True),
    school(),
    _text("trigger"),
    _text("status"),
    _moment("started_at"),
    _moment("finished_at", null=True),
    _text("report"),
)
_index("ix_runs_school", runs, "school_id", "started_at")
_index("ix_runs_running", runs, "school_id", where="status = 'running'")

connections = Table(
    "connections",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    _text("access_token", null=True),
    _text("refresh_token"),
    _text("state"),
    _moment("updated_at"),
)

# -- people to tell ---------------------------------------------------------------------------------------

contacts = Table(
    "contacts",
    metadata,
    identity(),
    school(),
    _text("role"),
    _text("class_name", null=True),
    _text("name"),
    _text("address"),
)
_index("ix_contacts_role", contacts, "school_id", "role")

notifications = Table(
    "notifications",
    metadata,
    identity(),
    school(),
    _text("key"),
    _text("role"),
    _text("subject"),
    _text("body"),
    _text("class_name", null=True),
    _text("severity"),
    _moment("created_at"),
    _moment("told_at", null=True),
    UniqueConstraint("key", "school_id"),
)
_index("ix_notifications_untold", notifications, "school_id", where="told_at IS NULL")

# -- who changed or saw what ------------------------------------------------------------------------------

audit = Table(
    "audit",
    metadata,
    identity(),
    school(),
    _number("seq"),  # 1, 2, 3 … within the school
    _moment("at"),
    _text("actor"),
    _text("act"),
    _text("cause"),
    _text("note"),
    Column("digest", LargeBinary(), nullable=False),
    UniqueConstraint("school_id", "seq"),
)
audit_items = Table(
    "audit_items",
    metadata,
    identity(),
    school(),
    Column("entry_id", WHOLE, ForeignKey("audit.id"), nullable=False),
    _text("stream"),
    _text("act"),
    _number("local_id", null=True),
    _text("remote_id", null=True),
    _number("student_id", null=True),
    Column("digest", LargeBinary(), nullable=True),  # filled when salt and payload are erased
    Column("salt", LargeBinary(), nullable=True),
    Column("payload", LargeBinary(), nullable=True),
)
_index("ix_audit_items_entry", audit_items, "entry_id")
_index("ix_audit_items_student", audit_items, "student_id", where="student_id IS NOT NULL")

audit_heads = Table(  # where the chain of a school ends: entries cut off its end are missed too
    "audit_heads",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    _number("seq"),
    Column("digest", LargeBinary(), nullable=False),
)
