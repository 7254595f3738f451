"""When each side of a conflict was last changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """The triggers are made anew after every upgrade: they fill ``changes.at`` from now on."""
    op.add_column("changes", sa.Column("at", MOMENT, nullable=True))
    op.add_column("conflicts", sa.Column("local_at", MOMENT, nullable=True))
    op.add_column("conflicts", sa.Column("remote_at", MOMENT, nullable=True))
