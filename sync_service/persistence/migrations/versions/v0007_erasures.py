"""Erasures with the marks they leave; journal entries that can lose their regional ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("scrubbed_at", MOMENT, nullable=True),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_erasures_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "erasure_marks",
        sa.Column("id", WHOLE, sa.Identity(), nullable=False),
        sa.Column("school_id", WHOLE, nullable=False),
        sa.Column("erasure_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasures.id"], name="fk_erasure_marks_erasure_id"),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_erasure_marks_school_id"),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_marks"),
    )
    op.create_index("ix_erasure_marks_digest", "erasure_marks", ["digest", "school_id"])
    op.create_index("ix_erasure_marks_erasure", "erasure_marks", ["erasure_id"])
    op.add_column("audit", sa.Column("form", WHOLE, nullable=True))
