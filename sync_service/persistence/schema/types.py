"""Column types that mean the same on both engines.

Dates and moments are text on SQLite and native on PostgreSQL; in Python a date is always ISO text and a moment
an aware datetime in UTC (:mod:`sync_service.persistence.moments`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import DATE, TIMESTAMP

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ISO_DATE = Text().with_variant(DATE(), "postgresql")
MOMENT = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
WHOLE = BigInteger().with_variant(Integer(), "sqlite")


def partial(where: str | None) -> dict[str, Any]:
    """Options of an index that holds only the rows meeting ``where``."""
    return {} if where is None else {"sqlite_where": text(where), "postgresql_where": text(where)}


def identity() -> Column[int]:
    """The primary key ``id``, given by the database."""
    return Column("id", WHOLE, Identity(), primary_key=True)


def school() -> Column[int]:
    """The owner of the row (invariant 16)."""
    return Column("school_id", WHOLE, ForeignKey("schools.id"), nullable=False)
