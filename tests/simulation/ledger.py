"""Every edit of a history, so that in the end each can be found again: in the final state, or decided about.

An edit names the side, the record, the field, the value and what stood there before: whoever replaces a value
that was in sight has superseded it; whoever did not see it has made a conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sync_service.domain.streams import Stream

LOCAL, GIS = "local", "gis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """``step`` orders all edits of a history. ``blank``: a field was emptied of a record that had no counterpart just
    then. When the two meet nobody can tell it from a field that never said anything, and it is filled."""

    step: int
    value: Any
    before: Any
    blank: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    step: int
    before: Mapping[str, Any]


Key = tuple[str, Stream, str]  # side, stream, id of the record on that side


@dataclass(slots=True)
class Ledger:
    """What people and other programs did on either side; what the engine wrote is not in it."""

    edits: dict[Key, dict[str, list[Edit]]] = field(default_factory=dict)
    made: set[Key] = field(default_factory=set)
    removed: dict[Key, Removal] = field(default_factory=dict)
    former: dict[Key, str] = field(default_factory=dict)  # of a row: the record it stood for before it began anew
    # Stream, row, field → what either side holds since a person said that both keep it (a discarded update).
    apart: dict[tuple[Stream, str, str], tuple[Any, Any]] = field(default_factory=dict)
    # Regional records → the steps after which an answer about them was lost.
    unheard: dict[tuple[Stream, str], list[int]] = field(default_factory=dict)
    steps: int = 0

    def create(self, side: str, stream: Stream, record: object, values: Mapping[str, Any]) -> None:
        """An empty field says nothing: the other side may fill it."""
        key = side, stream, str(record)
        self.made.add(key)
        self.change(side, stream, record, {n: v for n, v in values.items() if v is not None}, {})

    def change(
        self,
        side: str,
        stream: Stream,
        record: object,
        values: Mapping[str, Any],
        before: Mapping[str, Any],
        *,
        alone: bool = False,
    ) -> None:
        """``alone``: the record has no counterpart on the other side now."""
        self.steps += 1
        fields = self.edits.setdefault((side, stream, str(record)), {})
        for name, value in values.items():
            if name not in before or before[name] != value:
                edit = Edit(step=self.steps, value=value, before=before.get(name), blank=alone and value is None)
                fields.setdefault(name, []).append(edit)

    def begin_anew(self, side: str, stream: Stream, record: object, copy: object, other: object) -> None:
        """``copy`` stands for what ``record`` was until now, the counterpart of ``other``; the edits up to here
        belong to both. What the other side replaced in ``other``, it had in sight."""
        key, to = (side, stream, str(record)), (side, stream, str(copy))
        self.edits[to] = {name: list(edits) for name, edits in self.edits.get(key, {}).items()}
        if key in self.made:
            self.made.add(to)
        self.former[key] = str(other)

    def remove(self, side: str, stream: Stream, record: object, before: Mapping[str, Any]) -> None:
        self.steps += 1
        self.removed[side, stream, str(record)] = Removal(step=self.steps, before=dict(before))

    def last(self, side: str, stream: Stream, records: set[str]) -> dict[str, Edit]:
        """Field → the last edit of this side, over all records that stand for one thing."""
        found: dict[str, Edit] = {}
        for record in records:
            for name, edits in self.edits.get((side, stream, record), {}).items():
                if name not in found or edits[-1].step > found[name].step:
                    found[name] = edits[-1]
        return found

    def all(self, side: str, stream: Stream, records: set[str], name: str) -> list[Edit]:
        return [edit for record in records for edit in self.edits.get((side, stream, record), {}).get(name, ())]

    def saw(self, side: str, stream: Stream, records: set[str], name: str, edit: Edit) -> list[Any]:
        """The values of a field that this side replaced after ``edit``: those it had in sight."""
        every = (self.edits.get((side, stream, record), {}).get(name, ()) for record in records)
        return [later.before for edits in every for later in edits if later.step > edit.step]

    def returned(self, side: str, stream: Stream, records: set[str], name: str, edit: Edit) -> bool:
        """Whether ``edit`` gave the field a value back that this side had replaced before."""
        return any(
            earlier.before == edit.value
            for record in records
            for earlier in self.edits.get((side, stream, record), {}).get(name, ())
            if earlier.step < edit.step
        )

    def kept_apart(self, stream: Stream, rows: set[str], name: str, value: Any) -> bool:
        """Whether a person, asked about too many changes, left this value on its side."""
        return any(value in self.apart.get((stream, row, name), ()) for row in rows)

    def lose_answer(self, stream: Stream, record: str) -> None:
        self.unheard.setdefault((stream, record), []).append(self.steps)

    def unheard_between(self, stream: Stream, records: set[str], first: int, last: int) -> bool:
        """Whether the answer to a write to one of these records was lost between two edits."""
        return any(first <= step <= last for record in records for step in self.unheard.get((stream, record), ()))

    def removals(self, side: str, stream: Stream, records: set[str]) -> list[Removal]:
        keys = ((side, stream, record) for record in records)
        return [self.removed[key] for key in keys if key in self.removed]
