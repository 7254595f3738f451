"""Column names of real school files, read from the tables beside this module; also from a wheel or zip.

A new layout is a new table, not code: a column says which canonical field it fills, whether the layout is
recognised without it, and under which headers it is known.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

PUPIL_LIST_LAYOUTS = ("parents_in_columns", "parent_per_row", "pupils_only")
"""In the order of trying: the layout with more required columns first."""

_EDGES = " .:;,*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One known column. `replaces` names fields that need no column of their own where this one stands."""

    field: str
    headers: frozenset[str]
    required: bool = False
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PupilListLayout:
    """Known columns of one kind of pupil list; headers are folded by `fold_header`."""

    name: str
    columns: tuple[Column, ...]

    def field_of(self, header: str) -> str | None:
        """The canonical field of a header as typed, None when the layout does not know it."""
        folded = fold_header(header)
        return next((column.field for column in self.columns if folded in column.headers), None)

    def missing(self, fields: set[str]) -> tuple[str, ...]:
        """Required fields that none of the found ones fills."""
        replaced = {name for column in self.columns if column.field in fields for name in column.replaces}
        required = (column.field for column in self.columns if column.required)
        return tuple(name for name in required if name not in fields and name not in replaced)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReportLayout:
    """Known titles, lines and headers of a class report; all folded by `fold_header`."""

    titles: frozenset[str]
    lines: dict[str, frozenset[str]]
    headers: dict[str, frozenset[str]]

    def line_of(self, label: str) -> str | None:
        """Which line («school_year», «class_name», «period», «pupil») the label before the colon names."""
        return _key_of(self.lines, label)

    def is_title(self, text: str) -> bool:
        """Whether the text is the report's title."""
        return fold_header(text) in self.titles

    def header_of(self, header: str) -> str | None:
        """Which column («subject», «average», «weighted_average», «final_mark») the header names."""
        return _key_of(self.headers, header)


def fold_header(text: str) -> str:
    """Equal for headers that differ in case, ё, spaces, line breaks, hyphenation or punctuation at the ends."""
    plain = unicodedata.normalize("NFC", text).replace("\u00ad", "").casefold().replace("ё", "е")
    plain = re.sub("[\u2010-\u2015\u2212]", "-", plain)
    plain = re.sub(r"\s*([/()№:.])\s*", r"\1", plain)
    return " ".join(plain.split()).strip(_EDGES)


@cache
def pupil_list_layouts() -> tuple[PupilListLayout, ...]:
    """Every known layout of pupil lists, in the order of trying."""
    return tuple(_pupil_list(_table(name)) for name in PUPIL_LIST_LAYOUTS)


@cache
def class_report_layout() -> ClassReportLayout:
    """The known layout of class reports."""
    table = _table("class_report")
    return ClassReportLayout(
        titles=_folded(table["title"]),
        lines={key: _folded(labels) for key, labels in table["lines"].items()},
        headers={key: _folded(labels) for key, labels in table["headers"].items()},
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _pupil_list(table: dict[str, Any]) -> PupilListLayout:
    columns = [_column(entry) for entry in table["columns"]]
    groups = table.get("groups", {})
    for number in range(1, groups.get("largest", 0) + 1):
        prefixes = [prefix.replace("{n}", str(number)) for prefix in groups["prefixes"]]
        for entry in groups["columns"]:
            # Only the first parent's columns make the layout; a list without a second parent is still one.
            columns.append(
                Column(
                    field=entry["field"].replace("{n}", str(number)),
                    required=entry.get("required", False) and number == 1,
                    headers=_folded(_grouped(prefixes, entry["headers"])),
                )
            )
    return PupilListLayout(name=table["layout"], columns=tuple(columns))


def _grouped(prefixes: list[str], headers: list[str]) -> list[str]:
    forms = ("{p} {h}", "{p}: {h}", "{p}. {h}", "{p}, {h}", "{p} ({h})", "{h} {p}")
    return [
        form.format(p=prefix, h=header) if header else prefix
        for prefix in prefixes
        for header in headers
        for form in forms
    ]


def _column(entry: dict[str, Any]) -> Column:
    return Column(
        field=entry["field"],
        headers=_folded(entry["headers"]),
        required=entry.get("required", False),
        replaces=tuple(entry.get("replaces", ())),
    )


def _folded(texts: list[str]) -> frozenset[str]:
    return frozenset(fold_header(text) for text in texts)


def _key_of(table: dict[str, frozenset[str]], text: str) -> str | None:
    folded = fold_header(text)
    return next((key for key, labels in table.items() if folded in labels), None)
