"""What runs came to, per stream and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stream_days",
        sa.Column("school_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("done", WHOLE, nullable=False),
        sa.Column("failed", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name="fk_stream_days_school_id"),
        sa.PrimaryKeyConstraint("school_id", "stream", "day", name="pk_stream_days"),
    )
