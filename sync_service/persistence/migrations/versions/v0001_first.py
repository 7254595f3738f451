"""The first schema: staging and state, with the audit journal in its final form."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ISO_DATE = sa.Text().with_variant(postgresql.DATE(), "postgresql")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "changes",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("local_id", WHOLE, nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.create_index("ix_changes_claim", "changes", ["school_id", "stream", "id"])
    op.create_table(
        "own_writes",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_own_writes"),
    )
    op.create_table(
        "schools",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schools"),
        sa.UniqueConstraint("code", name="uq_schools_code"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempts",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_attempts_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("key", "school_id", name="uq_attempts_key_school_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_attempts_unanswered",
        "attempts",
        ["school_id", "stream"],
        sqlite_where=sa.text("state IN ('sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    )
    op.create_table(
        "attendance",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("lesson_id", WHOLE, nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("class_id", WHOLE, nullable=True),
        sa.Column("subject_id", WHOLE, nullable=True),
        sa.Column("lesson_date", ISO_DATE, nullable=True),
        sa.Column("lesson_ordinal", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_attendance_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attendance"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_attendance_class_id_subject_id_lesson_date_some",
        "attendance",
        ["class_id", "subject_id", "lesson_date"],
        sqlite_where=sa.text("lesson_date IS NOT NULL"),
        postgresql_where=sa.text("lesson_date IS NOT NULL"),
    )
    op.create_index(
        "ix_attendance_id_school_id_some",
        "attendance",
        ["id", "school_id"],
        sqlite_where=sa.text("lesson_id IS NULL"),
        postgresql_where=sa.text("lesson_id IS NULL"),
    )
    op.create_index("ix_attendance_lesson_id", "attendance", ["lesson_id"])
    op.create_index("ix_attendance_student_id", "attendance", ["student_id"])
    op.create_table(
        "audit",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_audit_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("school_id", "seq", name="uq_audit_school_id_seq"),
    )
    op.create_table(
        "audit_heads",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_audit_heads_school_id"),
        sa.PrimaryKeyConstraint("school_id", name="pk_audit_heads"),
    )
    op.create_table(
        "classes",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=True),
        sa.Column("late_entry_until", ISO_DATE, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_classes_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_classes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_classes_school_id", "classes", ["school_id"])
    op.create_table(
        "connections",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("access_token", sa.Text(), nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_connections_school_id"),
        sa.PrimaryKeyConstraint("school_id", name="pk_connections"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("class_name", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_contacts_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_role", "contacts", ["school_id", "role"])
    op.create_table(
        "cursor_history",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_cursor_history_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_cursor_history"),
    )
    op.create_index("ix_cursor_history_stream", "cursor_history", ["school_id", "stream", "id"])
    op.create_table(
        "cursors",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("stored_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_cursors_school_id"),
        sa.PrimaryKeyConstraint("school_id", "stream", name="pk_cursors"),
    )
    op.create_table(
        "final_marks",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("subject_id", WHOLE, nullable=False),
        sa.Column("period_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_final_marks_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_final_marks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_final_marks_period_id", "final_marks", ["period_id"])
    op.create_index("ix_final_marks_student_id", "final_marks", ["student_id"])
    op.create_index("ix_final_marks_subject_id", "final_marks", ["subject_id"])
    op.create_table(
        "guardians",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("patronymic", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("home_phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_guardians_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_guardians"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_guardians_last_name_school_id", "guardians", ["last_name", "school_id"])
    op.create_index("ix_guardians_phone_school_id", "guardians", ["phone", "school_id"])
    op.create_index("ix_guardians_school_id", "guardians", ["school_id"])
    op.create_table(
        "guardianships",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("guardian_id", WHOLE, nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("relation_note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_guardianships_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_guardianships"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_guardianships_guardian_id", "guardianships", ["guardian_id"])
    op.create_index("ix_guardianships_student_id", "guardianships", ["student_id"])
    op.create_table(
        "inbox",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("parked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_inbox_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("remote_id", "stream", "school_id", name="uq_inbox_remote_id_stream_school_id"),
    )
    op.create_index("ix_inbox_reason", "inbox", ["reason", "stream", "school_id"])
    op.create_index(
        "ix_inbox_waits",
        "inbox",
        ["waits_for", "school_id"],
        sqlite_where=sa.text("waits_for IS NOT NULL"),
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    )
    op.create_table(
        "leases",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("token", WHOLE, nullable=False),
        sa.Column("beat", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_leases_school_id"),
        sa.PrimaryKeyConstraint("school_id", "stream", name="pk_leases"),
    )
    op.create_table(
        "lessons",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("class_id", WHOLE, nullable=False),
        sa.Column("subject_id", WHOLE, nullable=False),
        sa.Column("date", ISO_DATE, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_lessons_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_lessons"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lessons_class_id_subject_id_date", "lessons", ["class_id", "subject_id", "date"])
    op.create_index("ix_lessons_subject_id", "lessons", ["subject_id"])
    op.create_table(
        "links",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("local_id", WHOLE, nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", WHOLE, nullable=True),
        sa.Column("change_version", WHOLE, nullable=True),
        sa.Column("base_local", sa.Text(), nullable=False),
        sa.Column("base_remote", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("previous_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_links_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
    )
    op.create_index(
        "ix_links_local_closed",
        "links",
        ["local_id", "stream"],
        sqlite_where=sa.text("state <> 'live'"),
        postgresql_where=sa.text("state <> 'live'"),
    )
    op.create_index(
        "ix_links_remote_closed",
        "links",
        ["remote_id", "stream"],
        sqlite_where=sa.text("state <> 'live'"),
        postgresql_where=sa.text("state <> 'live'"),
    )
    op.create_index(
        "uq_links_local_live",
        "links",
        ["local_id", "stream", "school_id"],
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_index(
        "uq_links_remote_live",
        "links",
        ["remote_id", "stream", "school_id"],
        unique=True,
        sqlite_where=sa.text("state = 'live'"),
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_table(
        "marks",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("lesson_id", WHOLE, nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False),
        sa.Column("position", sa.Integer(), server_default="1", nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("class_id", WHOLE, nullable=True),
        sa.Column("subject_id", WHOLE, nullable=True),
        sa.Column("lesson_date", ISO_DATE, nullable=True),
        sa.Column("lesson_ordinal", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_marks_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_marks"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_marks_class_id_subject_id_lesson_date_some",
        "marks",
        ["class_id", "subject_id", "lesson_date"],
        sqlite_where=sa.text("lesson_date IS NOT NULL"),
        postgresql_where=sa.text("lesson_date IS NOT NULL"),
    )
    op.create_index(
        "ix_marks_id_school_id_some",
        "marks",
        ["id", "school_id"],
        sqlite_where=sa.text("lesson_id IS NULL"),
        postgresql_where=sa.text("lesson_id IS NULL"),
    )
    op.create_index("ix_marks_lesson_id", "marks", ["lesson_id"])
    op.create_index("ix_marks_student_id", "marks", ["student_id"])
    op.create_table(
        "match_cases",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("chosen", WHOLE, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_match_cases_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_match_cases"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_match_cases_state", "match_cases", ["state", "stream", "school_id"])
    op.create_index(
        "uq_match_cases_open",
        "match_cases",
        ["remote_id", "stream", "school_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "movements",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("date", ISO_DATE, nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("order_date", ISO_DATE, nullable=True),
        sa.Column("class_from_id", WHOLE, nullable=True),
        sa.Column("class_to_id", WHOLE, nullable=True),
        sa.Column("origin_kind", sa.Text(), nullable=True),
        sa.Column("origin_organization_id", WHOLE, nullable=True),
        sa.Column("origin_name", sa.Text(), nullable=True),
        sa.Column("destination_organization_id", WHOLE, nullable=True),
        sa.Column("destination_name", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_movements_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_movements"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_movements_class_from_id", "movements", ["class_from_id"])
    op.create_index("ix_movements_class_to_id", "movements", ["class_to_id"])
    op.create_index("ix_movements_destination_organization_id", "movements", ["destination_organization_id"])
    op.create_index("ix_movements_kind_school_id", "movements", ["kind", "school_id"])
    op.create_index("ix_movements_origin_organization_id", "movements", ["origin_organization_id"])
    op.create_index(
        "ix_movements_student_id_kind_school_id_date", "movements", ["student_id", "kind", "school_id", "date"]
    )
    op.create_table(
        "notes",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_notes_school_id"),
        sa.PrimaryKeyConstraint("school_id", "key", name="pk_notes"),
    )
    op.create_table(
        "notifications",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("class_name", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_notifications_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("key", "school_id", name="uq_notifications_key_school_id"),
    )
    op.create_index(
        "ix_notifications_untold",
        "notifications",
        ["school_id"],
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.create_table(
        "organizations",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("keeps_movement", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_organizations_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_organizations_school_id", "organizations", ["school_id"])
    op.create_table(
        "outbox",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("local_id", WHOLE, nullable=False),
        sa.Column("client_ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("dirty_again", sa.Boolean(), nullable=False),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("waiting", sa.Text(), nullable=True),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_outbox_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("client_ref", "school_id", name="uq_outbox_client_ref_school_id"),
        sa.UniqueConstraint("local_id", "stream", "school_id", name="uq_outbox_local_id_stream_school_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "stream", "school_id"])
    op.create_index(
        "ix_outbox_waits",
        "outbox",
        ["waits_for", "school_id"],
        sqlite_where=sa.text("waits_for IS NOT NULL"),
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    )
    op.create_table(
        "periods",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("starts_on", ISO_DATE, nullable=False),
        sa.Column("ends_on", ISO_DATE, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_periods_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_periods"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_periods_school_id", "periods", ["school_id"])
    op.create_table(
        "quarantine",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("local_id", WHOLE, nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_quarantine_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint(
            "record", "direction", "stream", "school_id", name="uq_quarantine_record_direction_stream_school_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "releases",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("student_id", WHOLE, nullable=False),
        sa.Column("movement_id", WHOLE, nullable=True),
        sa.Column("release_case", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("previous_school", sa.Text(), nullable=True),
        sa.Column("previous_phone", sa.Text(), nullable=True),
        sa.Column("new_card", sa.Boolean(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_releases_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_releases_movement", "releases", ["movement_id"])
    op.create_index("ix_releases_state", "releases", ["state", "school_id"])
    op.create_index("ix_releases_student", "releases", ["student_id"])
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_runs_school_id"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index(
        "ix_runs_running",
        "runs",
        ["school_id"],
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index("ix_runs_school", "runs", ["school_id", "started_at"])
    op.create_table(
        "students",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("patronymic", sa.Text(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("birth_date", ISO_DATE, nullable=True),
        sa.Column("snils", sa.Text(), nullable=True),
        sa.Column("document_series", sa.Text(), nullable=True),
        sa.Column("document_number", sa.Text(), nullable=True),
        sa.Column("personal_file_no", sa.Text(), nullable=True),
        sa.Column("admitted_on", ISO_DATE, nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("incomplete", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("listed_class_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_students_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_students"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_students_last_name_school_id", "students", ["last_name", "school_id"])
    op.create_index("ix_students_school_id", "students", ["school_id"])
    op.create_index("ix_students_snils_school_id", "students", ["snils", "school_id"])
    op.create_table(
        "subjects",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_subjects_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subjects_school_id", "subjects", ["school_id"])
    op.create_table(
        "attempt_items",
        sa.Column("attempt_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("entry_id", WHOLE, nullable=False),
        sa.Column("local_id", WHOLE, nullable=False),
        sa.Column("client_ref", sa.Text(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("version", WHOLE, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_attempt_items_attempt_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_attempt_items_school_id"),
        sa.PrimaryKeyConstraint("attempt_id", "position", name="pk_attempt_items"),
    )
    op.create_table(
        "audit_items",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("entry_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("local_id", WHOLE, nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("student_id", WHOLE, nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["audit.id"], name="fk_audit_items_entry_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_audit_items_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_items"),
    )
    op.create_index("ix_audit_items_entry", "audit_items", ["entry_id"])
    op.create_index(
        "ix_audit_items_student",
        "audit_items",
        ["student_id"],
        sqlite_where=sa.text("student_id IS NOT NULL"),
        postgresql_where=sa.text("student_id IS NOT NULL"),
    )
    op.create_table(
        "conflicts",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("link_id", WHOLE, nullable=False),
        sa.Column("local_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("clashes", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_conflicts_link_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_conflicts_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conflicts_state", "conflicts", ["state", "school_id"])
    op.create_index(
        "uq_conflicts_link_undecided",
        "conflicts",
        ["link_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'undoing')"),
        postgresql_where=sa.text("state IN ('open', 'undoing')"),
    )
    op.create_table(
        "release_steps",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("release_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("next_call_on", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_release_steps_release_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_release_steps_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_release_steps"),
    )
    op.create_index("ix_release_steps_release", "release_steps", ["release_id"])
    # ### end Alembic commands ###
