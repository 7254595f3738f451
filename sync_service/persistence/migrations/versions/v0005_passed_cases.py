"""Who passed a case on, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("case_marks", sa.Column("passed_by", sa.Text(), nullable=True))
    op.add_column("case_marks", sa.Column("passed_at", MOMENT, nullable=True))
