"""The journal of one run, and the decision an undo goes back to, are found by one index."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_audit_decisions", table_name="audit")
    op.create_index("ix_audit_cause", "audit", ["cause", "school_id"])
