"""The tables of people: accounts, sessions, tokens of programs, and what people note on a case.

Secrets are never stored: a password as its argon2 hash, a session and a token as the SHA-256 of their text. Only
the secret of the second factor has to be kept as it is; the database file is as confidential as the records.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, LargeBinary, Table, Text, UniqueConstraint

from sync_service.persistence.schema.columns import index, moment, number, text
from sync_service.persistence.schema.types import WHOLE, identity, metadata, school

people = Table(
    "people",
    metadata,
    identity(),
    text("login"),
    text("name"),
    text("password"),
    text("totp_secret", null=True),
    number("totp_last", null=True),  # the last accepted interval: a code is good for one use
    Column("has_totp", Boolean(), nullable=False),
    Column("must_change_password", Boolean(), nullable=False),
    Column("disabled", Boolean(), nullable=False),
    moment("created_at"),
    UniqueConstraint("login"),
    sqlite_autoincrement=True,
)

memberships = Table(
    "memberships",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("person_id", WHOLE, ForeignKey("people.id"), primary_key=True, autoincrement=False),
    text("role"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text(), primary_key=True),
    Column("person_id", WHOLE, ForeignKey("people.id"), nullable=False),
    text("csrf"),
    Column("proven", Boolean(), nullable=False),
    text("flash"),
    moment("signed_in_at"),
    moment("seen_at"),
)
index("ix_sessions_person", sessions, "person_id")

login_failures = Table(  # counted by account and by address, forgotten after a success
    "login_failures",
    metadata,
    Column("key", Text(), primary_key=True),
    number("failures"),
    moment("last_at"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    identity(),
    school(),
    text("digest"),
    text("name"),
    text("role"),
    text("created_by"),
    moment("created_at"),
    moment("last_used_at", null=True),
    moment("revoked_at", null=True),
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,
)

uploads = Table(  # a file between its preview and its import; dropped after either, or after an hour
    "uploads",
    metadata,
    Column("token", Text(), primary_key=True),
    school(),
    text("file_name"),
    text("uploaded_by"),
    moment("uploaded_at"),
    Column("content", LargeBinary(), nullable=False),
)

case_notes = Table(
    "case_notes",
    metadata,
    identity(),
    school(),
    text("queue"),  # conflicts, matches, releases, holds, quarantine
    number("case_id"),
    text("author"),
    moment("at"),
    text("note"),
)
index("ix_case_notes_case", case_notes, "case_id", "queue", "school_id")

case_marks = Table(  # what is true of an open case beside its values
    "case_marks",
    metadata,
    Column("school_id", WHOLE, ForeignKey("schools.id"), primary_key=True, autoincrement=False),
    Column("queue", Text(), primary_key=True),
    Column("case_id", WHOLE, primary_key=True, autoincrement=False),
    text("postponed_until", null=True),  # a day in the school's zone
    text("passed_to", null=True),  # a role
    text("passed_by", null=True),  # by name
    moment("passed_at", null=True),
    text("open_by", null=True),  # who looks at it now, by name
    moment("open_at", null=True),
)
