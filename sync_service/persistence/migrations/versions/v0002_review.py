"""What a person reviews: holds of the guard, plans of a resync; proofs of closed links, causes of quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("links", sa.Column("closed_at", MOMENT, nullable=True))
    op.add_column("links", sa.Column("closed_by", sa.Text(), nullable=True))
    op.add_column("quarantine", sa.Column("fingerprint", sa.Text(), nullable=True))
    op.add_column("quarantine", sa.Column("waits_for", sa.Text(), nullable=True))
    op.add_column("leases", sa.Column("beat_at", MOMENT, nullable=True))
    op.add_column("runs", sa.Column("seq", WHOLE, server_default="0", nullable=False))
    op.drop_index("ix_runs_school", "runs")
    op.create_index("ix_runs_school", "runs", ["school_id", "seq"])
    op.add_column("quarantine", sa.Column("peer_version", WHOLE, nullable=True))
    op.add_column("quarantine", sa.Column("discarded_at", MOMENT, nullable=True))
    op.add_column("quarantine", sa.Column("discarded_by", sa.Text(), nullable=True))
    op.add_column("releases", sa.Column("closed_from", sa.Text(), nullable=True))
    op.create_index(
        "ix_audit_decisions",
        "audit",
        ["cause", "school_id"],
        sqlite_where=sa.text("act = 'decide'"),
        postgresql_where=sa.text("act = 'decide'"),
    )
    for table, column in (("conflicts", "decided_at"), ("releases", "closed_at")):
        op.drop_index(f"ix_{table}_state", table)
        op.create_index(f"ix_{table}_state", table, ["state", "school_id", column])
    decided = sa.text("decided_at IS NOT NULL")
    op.create_index(
        "ix_match_cases_decided",
        "match_cases",
        ["school_id", "decided_at"],
        sqlite_where=decided,
        postgresql_where=decided,
    )
    cards = sa.text("act = 'link' AND stream IN ('students', 'guardians')")
    op.create_index(
        "ix_audit_items_cards", "audit_items", ["local_id", "stream"], sqlite_where=cards, postgresql_where=cards
    )
    op.create_table(
        "guard_counts",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("hour", sa.Text(), nullable=False),
        sa.Column("passed", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_guard_counts_school_id"),
        sa.PrimaryKeyConstraint(
            "school_id", "stream", "direction", "operation", "field", "hour", name="pk_guard_counts"
        ),
    )
    op.create_table(
        "holds",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("total", WHOLE, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("first_by", sa.Text(), nullable=True),
        sa.Column("first_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_holds_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_holds_state", "holds", ["state", "stream", "school_id"])
    op.create_index(
        "ix_holds_decided", "holds", ["school_id", "decided_at"], sqlite_where=decided, postgresql_where=decided
    )
    op.create_table(
        "hold_items",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("hold_id", WHOLE, nullable=False),
        sa.Column("local_id", WHOLE, nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("precondition", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_hold_items_school_id"),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name="fk_hold_items_hold_id"),
        sa.PrimaryKeyConstraint("id", name="pk_hold_items"),
    )
    op.create_index("ix_hold_items_hold", "hold_items", ["hold_id"])
    op.create_table(
        "plans",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("applied_at", MOMENT, nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_plans_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "plan_items",
        sa.Column("plan_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("local_id", WHOLE, nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("precondition", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_plan_items_plan_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_plan_items_school_id"),
        sa.PrimaryKeyConstraint("plan_id", "position", name="pk_plan_items"),
        sa.UniqueConstraint(
            "plan_id", "stream", "local_id", "remote_id", name="uq_plan_items_plan_id_stream_local_id_remote_id"
        ),
    )
