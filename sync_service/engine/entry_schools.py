"""Schools as a person chooses them in a form: by a name of the regional directory, else as plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.rules.text import squeeze
from sync_service.domain.streams import Stream
from sync_service.engine.stores import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolChoice:
    """A school of the directory under a label that no other school has."""

    local_id: LocalId
    label: str
    phone: str | None
    keeps_movement: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    choices: tuple[SchoolChoice, ...]
    short_names: Mapping[str, SchoolChoice]

    def find(self, typed: str | None) -> SchoolChoice | None:
        """The school whose label, or unique short name, this is; spelling of case and spaces does not matter."""
        key = _key(typed or "")
        if not key:
            return None
        return next((one for one in self.choices if _key(one.label) == key), self.short_names.get(key))

    def label(self, local_id: int | None) -> str:
        return next((one.label for one in self.choices if one.local_id == local_id), "")


def load_directory(uow: UnitOfWork) -> Directory:
    """Every school of the region, by name; one statement."""
    rows = uow.staging.all_rows(Stream.ORGANIZATIONS)
    names = Counter(_key(str(row["name"])) for row in rows.values())
    choices = {
        local_id: SchoolChoice(
            local_id=local_id,
            label=_label(local_id, row, names),
            phone=str(row["phone"]) if row.get("phone") else None,
            keeps_movement=bool(row["keeps_movement"]),
        )
        for local_id, row in rows.items()
    }
    short = Counter(_key(str(row["short_name"])) for row in rows.values() if row.get("short_name"))
    return Directory(
        choices=tuple(sorted(choices.values(), key=lambda one: one.label)),
        short_names={
            key: choices[local_id]
            for local_id, row in rows.items()
            if row.get("short_name") and short[key := _key(str(row["short_name"]))] == 1
        },
    )


def _label(local_id: LocalId, row: Values, names: Counter[str]) -> str:
    name = squeeze(str(row["name"]))
    if names[_key(name)] == 1:
        return name
    return f"{name}, {row['district']} ({local_id})" if row.get("district") else f"{name} ({local_id})"


def _key(text: str) -> str:
    return squeeze(text).casefold().replace("ё", "е")
