"""The school's own rows: reads and bulk writes by stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream, children_of
from sync_service.persistence.schema import LOCAL_ONLY, LOOK_UP, STAGING
from sync_service.persistence.schema.staging import DATES, FLAGS, NUMBERS
from sync_service.persistence.transactions import Transaction

_ROWS = "SELECT t.id, {columns} FROM {table} AS t WHERE t.school_id = ? {condition} ORDER BY t.id {lock}"
NOBODY = 0
"""What a reference that is no number refers to: no row has this id. SQLite keeps any text where a number belongs."""

_UNLINKED = (
    "AND NOT EXISTS (SELECT 1 FROM links AS l WHERE l.school_id = t.school_id AND l.stream = ?"
    " AND l.local_id = t.id AND l.state = 'live')"
)
_ANY_ROW = "SELECT 1 FROM {table} WHERE school_id = ? LIMIT 1"
_SIZE = "SELECT count(*) FROM {table} WHERE school_id = ?"
_DELETE = "DELETE FROM {table} WHERE school_id = ? AND id {ints}"
_CHILDREN = "SELECT {field} FROM {table} WHERE school_id = ? AND {field} {ints}"


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows of one stream are read and written."""

    table: Table
    columns: tuple[str, ...]
    defaults: tuple[tuple[str, Scalar], ...]
    selection: str
    to_values: Callable[[Sequence[Any]], Values]


@cache
def shape_of(stream: Stream) -> Shape:
    """The shape of a stream; local-only columns come last."""
    record = fields(SPECS[stream].record)
    canonical = tuple(f.name for f in record)
    extra = LOCAL_ONLY.get(stream, ())
    defaults: list[tuple[str, Scalar]] = [(f.name, None if f.default is MISSING else f.default) for f in record]
    defaults += [(name, False if name in FLAGS else None) for name in extra]
    columns = canonical + extra
    return Shape(
        table=STAGING[stream],
        columns=columns,
        defaults=tuple(defaults),
        selection=", ".join(f't."{name}"' for name in columns),
        to_values=_referring(_reader(stream, canonical), columns),
    )


def _referring(read: Callable[[Sequence[Any]], Values], columns: Sequence[str]) -> Callable[[Sequence[Any]], Values]:
    """``read``, where every reference is a number or nothing."""
    references = tuple(name for name in columns if name.endswith("_id") and name != "person_id")
    if not references:
        return read

    def values_of(row: Sequence[Any]) -> Values:
        values = read(row)
        for name in references:
            if type(values.get(name, NOBODY)) is not int and values[name] is not None:
                values[name] = NOBODY
        return values

    return values_of


def _reader(stream: Stream, canonical: tuple[str, ...]) -> Callable[[Sequence[Any]], Values]:
    """From a row (id first) to values; local-only columns come along where they say something."""
    width = len(canonical) + 1
    if stream is Stream.STUDENTS:

        def student(row: Sequence[Any]) -> Values:
            values = dict(zip(canonical, row[1:width], strict=True))
            values["incomplete"] = bool(row[width])
            values["listed_class_id"] = row[width + 1]
            return values

        return student
    if stream in (Stream.MARKS, Stream.ATTENDANCE):
        lesson, day = canonical.index("lesson_id") + 1, width + LOOK_UP.index("lesson_date")

        def cell(row: Sequence[Any]) -> Values:
            values = dict(zip(canonical, row[1:width], strict=True))
            if row[lesson] is None or row[day] is not None:
                values.update(zip(LOOK_UP, row[width:], strict=True))
            return values

        return cell
    flags = tuple(name for name in canonical if name in FLAGS)

    def plain(row: Sequence[Any]) -> Values:
        values: Values = dict(zip(canonical, row[1:], strict=True))
        for name in flags:
            values[name] = bool(values[name])
        return values

    return plain


def membership(field: str) -> str:
    """The word for «is one of these values» of a staging column."""
    if field in DATES:
        return "{dates}"
    if field in NUMBERS or (field.endswith("_id") and field != "person_id"):
        return "{ints}"
    return "{texts}"


class StagingRows:
    """Reads and writes by id, field or absence of a link."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def rows(self, stream: Stream, ids: Iterable[LocalId]) -> dict[LocalId, Values]:
        wanted = list(ids)
        return self._select(stream, "AND t.id {ints}", wanted) if wanted else {}

    def all_rows(self, stream: Stream) -> dict[LocalId, Values]:
        return self._select(stream, "")

    def unlinked(self, stream: Stream, field: str | None = None, values: Iterable[Any] = ()) -> dict[LocalId, Values]:
        if field is None:
            return self._select(stream, _UNLINKED, stream.value)
        wanted = list(values)
        if not wanted:
            return {}
        condition = f"AND t.{_column(stream, field)} {membership(field)} {_UNLINKED}"
        return self._select(stream, condition, wanted, stream.value)

    def where(self, stream: Stream, field: str, values: Iterable[Any]) -> dict[LocalId, Values]:
        wanted = list(values)
        if not wanted:
            return {}
        return self._select(stream, f"AND t.{_column(stream, field)} {membership(field)}", wanted)

    def _select(self, stream: Stream, condition: str, *params: Any) -> dict[LocalId, Values]:
        shape = shape_of(stream)
        found = self._tx.query(
            _ROWS,
            self._tx.school,
            *params,
            table=shape.table.name,
            columns=shape.selection,
            condition=condition,
        )
        to_values = shape.to_values
        return {row[0]: to_values(row) for row in found}

    def insert(self, stream: Stream, rows: Sequence[Values]) -> list[LocalId]:
        if not rows:
            return []
        shape = shape_of(stream)
        self._tx.mute_journal()
        keys = rows[0].keys()
        if len(keys) > 1 and all(row.keys() == keys for row in rows):
            # The usual page: columns that no row names keep the defaults of the table.
            _check_names(shape, rows[:1])
            ids = self._tx.insert_new(shape.table, tuple(keys), map(itemgetter(*keys), rows))
        else:
            _check_names(shape, rows)
            full = ([row.get(name, default) for name, default in shape.defaults] for row in rows)
            ids = self._tx.insert_new(shape.table, shape.columns, full)
        return [LocalId(i) for i in ids]

    def restore(self, stream: Stream, local_id: LocalId, values: Values) -> None:
        """A deleted row back under its own id: what refers to it finds it again."""
        self.restore_all(stream, {local_id: values})

    def restore_all(self, stream: Stream, rows: Mapping[LocalId, Values]) -> None:
        shape = shape_of(stream)
        _check_names(shape, list(rows.values()))
        self._tx.mute_journal()
        full = [
            (local_id, self._tx.school, *(values.get(name, default) for name, default in shape.defaults))
            for local_id, values in rows.items()
        ]
        self._tx.insert(shape.table, ("id", "school_id", *shape.columns), full)

    def is_empty(self, stream: Stream) -> bool:
        return not self._tx.query(_ANY_ROW, self._tx.school, table=shape_of(stream).table.name)

    def size(self, stream: Stream) -> int:
        ((rows,),) = self._tx.query(_SIZE, self._tx.school, table=shape_of(stream).table.name)
        return int(rows)

    def update(self, stream: Stream, changes: Sequence[tuple[LocalId, Values]]) -> None:
        merged: dict[LocalId, Values] = {}
        for local_id, values in changes:
            if values:
                merged[local_id] = merged.get(local_id, {}) | values
        if not merged:
            return
        shape = shape_of(stream)
        touched = _check_names(shape, merged.values())
        self._tx.mute_journal()
        columns = [name for name in shape.columns if name in touched]
        if any(len(values) < len(columns) for values in merged.values()):
            # Rows change different fields: complete each from what it holds, to write all in one statement.
            selection = ", ".join(f't."{name}"' for name in columns)
            held = self._tx.query(
                _ROWS,
                self._tx.school,
                list(merged),
                table=shape.table.name,
                columns=selection,
                condition="AND t.id {ints}",
            )
            merged = {row[0]: dict(zip(columns, row[1:], strict=True)) | merged[row[0]] for row in held}
        rows = [(local_id, *[values[name] for name in columns]) for local_id, values in merged.items()]
        self._tx.update(shape.table, columns, rows)

    def delete(self, stream: Stream, ids: Iterable[LocalId]) -> None:
        wanted = list(ids)
        if wanted:
            self._tx.mute_journal()
            self._tx.run(_DELETE, self._tx.school, wanted, table=STAGING[stream].name)

    def with_children(self, stream: Stream, ids: Iterable[LocalId]) -> set[LocalId]:
        wanted = list(ids)
        references = _references_to(stream)
        if not wanted or not references:
            return set()
        parts = " UNION ".join(
            _CHILDREN.replace("{table}", table).replace("{field}", field) for table, field in references
        )
        params = (self._tx.school, wanted) * len(references)
        return {LocalId(i) for (i,) in self._tx.query(parts, *params)}


@cache
def _references_to(stream: Stream) -> tuple[tuple[str, str], ...]:
    """(table, column) of every column that may name a row of this stream, look-up columns included."""
    found = [(child.value, name) for child, names in children_of(stream).items() for name in names]
    for child, extra in LOCAL_ONLY.items():
        for name in extra:
            named = {"class_id": Stream.CLASSES, "listed_class_id": Stream.CLASSES, "subject_id": Stream.SUBJECTS}
            if named.get(name) is stream:
                found.append((child.value, name))
    return tuple(found)


def _column(stream: Stream, field: str) -> str:
    if field not in STAGING[stream].c:
        raise KeyError(f"{stream.value} has no field {field}")
    return f'"{field}"'


def _check_names(shape: Shape, rows: Iterable[Values]) -> set[str]:
    touched: set[str] = set()
    for row in rows:
        touched |= row.keys()
    unknown = touched.difference(shape.columns)
    if unknown:
        raise KeyError(f"{shape.table.name} has no fields {sorted(unknown)}")
    return touched
