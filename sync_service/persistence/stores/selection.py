"""Rows of any table as mappings: what one look through a table finds, and the keys to take it out by.

For work that goes over every table of the schema and has to be right rather than fast; stores of one noun write
their statements for :class:`Transaction`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, any_, cast, false, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from sync_service.persistence.json_text import dump
from sync_service.persistence.transactions import Transaction

Row = Mapping[str, Any]


class Selection:
    """What one transaction finds in the tables of its school."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def rows(self, table: Table, *conditions: ColumnElement[bool]) -> list[Row]:
        return self.select(select(table), table, *conditions)

    def some(
        self, table: Table, column: ColumnElement[Any], values: Iterable[Any], *more: ColumnElement[bool]
    ) -> list[Row]:
        """Rows whose ``column`` is one of ``values``; no statement without a value."""
        listed = list(values)
        return self.rows(table, one_of(self._tx, column, listed), *more) if listed else []

    def naming(
        self, table: Table, columns: Iterable[str], words: Iterable[tuple[str, ...]], *more: ColumnElement[bool]
    ) -> list[Row]:
        """Rows of which one of the columns holds all words of one group."""
        return self.rows(table, contains_words(table, columns, words), *more)

    def select(self, statement: Select[Any], table: Table, *conditions: ColumnElement[bool]) -> list[Row]:
        """Rows of ``statement``, which selects from ``table``, as far as they are the school's."""
        wanted = statement.where(and_(table.c.school_id == self._tx.school, *conditions))
        return [dict(row) for row in self._tx.connection.execute(wanted).mappings()]


def one_of(tx: Transaction, column: ColumnElement[Any], values: list[Any]) -> ColumnElement[bool]:
    """Membership in a list that is one parameter, however long: one look through a table, not several."""
    if tx.dialect.name == "sqlite":
        return column.in_(select(func.json_each(dump(values)).table_valued("value").c.value))
    return column == any_(cast(values, ARRAY(column.type)))


def contains_words(table: Table, columns: Iterable[str], words: Iterable[tuple[str, ...]]) -> ColumnElement[bool]:
    """Whether one of the columns holds all words of one group."""
    listed = list(words)
    return or_(
        false(),
        *(and_(*(table.c[c].contains(word, autoescape=True) for word in group)) for c in columns for group in listed),
    )


def key_of(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)
