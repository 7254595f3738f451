"""Short names for the columns and indexes the tables of synchronisation are made of."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from sync_service.persistence.schema.types import MOMENT, WHOLE, partial


def text(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text(), nullable=null, server_default=default)


def number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, WHOLE, nullable=null)


def moment(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, MOMENT, nullable=null)


def index(name: str, table: Table, *columns: str, unique: bool = False, where: str | None = None) -> None:
    Index(name, *(table.c[c] for c in columns), unique=unique, **partial(where))
