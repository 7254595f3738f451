"""The tables of what a person reviews before it happens: held operations and previewed plans.

A hold is the exact set of records whose operation the mass-change guard stopped; a plan is what a resync would
write, with the preconditions under which each item may be written.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from sync_service.persistence.schema.columns import index, moment, number, text
from sync_service.persistence.schema.types import WHOLE, identity, metadata, school

guard_counts = Table(  # what has passed the guard, by the hour, so that ten small runs cannot do what one may not
    "guard_counts",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("stream", Text(), primary_key=True),
    Column("direction", Text(), primary_key=True),
    Column("operation", Text(), primary_key=True),
    Column("field", Text(), primary_key=True),  # empty for creates and deletes
    Column("hour", Text(), primary_key=True),  # UTC, 2026-11-27T09
    number("passed"),
)

holds = Table(
    "holds",
    metadata,
    identity(),
    school(),
    text("stream"),
    text("direction"),
    text("operation"),
    text("field"),
    text("state"),
    text("digest"),  # of the sorted set of records: a release is valid for this set alone
    number("records"),
    number("total"),  # records the stream had when the guard counted
    text("cause"),  # the run that was stopped
    moment("opened_at"),
    text("first_by", null=True),  # deletions need a second person
    moment("first_at", null=True),
    text("decided_by", null=True),
    moment("decided_at", null=True),
    moment("expires_at", null=True),  # a release is valid for 72 hours
    sqlite_autoincrement=True,
)
index("ix_holds_state", holds, "state", "stream", "school_id")
index("ix_holds_decided", holds, "school_id", "decided_at", where="decided_at IS NOT NULL")

hold_items = Table(
    "hold_items",
    metadata,
    identity(),
    school(),
    Column("hold_id", WHOLE, ForeignKey("holds.id"), nullable=False),
    number("local_id", null=True),
    text("remote_id", null=True),
    text("state"),
    text("precondition"),  # digest of both sides and the base when it was held
)
index("ix_hold_items_hold", hold_items, "hold_id")

plans = Table(
    "plans",
    metadata,
    identity(),
    school(),
    text("kind"),  # compare, accept_gis or accept_local
    text("scope"),  # JSON
    text("state"),
    text("digest"),
    moment("created_at"),
    moment("expires_at"),
    text("created_by"),
    moment("applied_at", null=True),
    text("applied_by", null=True),
    sqlite_autoincrement=True,
)
plan_items = Table(
    "plan_items",
    metadata,
    Column("plan_id", WHOLE, ForeignKey("plans.id"), primary_key=True, autoincrement=False),
    Column("position", Integer(), primary_key=True, autoincrement=False),
    school(),
    text("stream"),
    text("act"),  # several joined by «+»
    number("local_id", null=True),
    text("remote_id", null=True),
    text("precondition"),
    text("detail"),  # JSON: fields with their values before and after; stays in the database
    text("result", null=True),
    UniqueConstraint("plan_id", "stream", "local_id", "remote_id"),
)
