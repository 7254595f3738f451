"""The tables of erasures: that somebody's data was destroyed, and by what it is recognised when it comes again.

Neither says whose: a mark is a keyed digest (:mod:`sync_service.domain.erasures`).
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table

from sync_service.persistence.schema.columns import index, moment, number, text
from sync_service.persistence.schema.types import WHOLE, identity, metadata, school

erasures = Table(
    "erasures",
    metadata,
    identity(),
    school(),
    text("reason"),
    text("actor"),
    moment("made_at"),
    number("records"),  # rows that went
    moment("scrubbed_at", null=True),  # NULL: the freed space may still hold what stood there
    moment("lifted_at", null=True),
    text("lifted_by", null=True),
    sqlite_autoincrement=True,
)

erasure_marks = Table(
    "erasure_marks",
    metadata,
    identity(),
    school(),
    Column("erasure_id", WHOLE, ForeignKey("erasures.id"), nullable=False),
    text("kind"),  # record or name
    text("digest"),
)
index("ix_erasure_marks_digest", erasure_marks, "digest", "school_id")
index("ix_erasure_marks_erasure", erasure_marks, "erasure_id")
