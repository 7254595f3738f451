"""Classes, subjects, periods and schools as a file names them, found in staging or added to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules import class_names
from sync_service.domain.rules.names import comparison_key
from sync_service.domain.rules.outcome import Accepted
from sync_service.domain.streams import Stream
from sync_service.engine.import_changes import Changes
from sync_service.engine.stores import UnitOfWork

REPORT_PERIOD: Final = "report"  # kind of a period known from a class report only
NO_TERM: Final = frozenset({"holiday"})


@dataclass(frozen=True, slots=True)
class SeveralRows:
    """Several rows of the directory bear the name, and none bears it exactly."""


SEVERAL = SeveralRows()
Found = LocalId | SeveralRows | None


class Directory:
    """Rows of one directory by name: an exact name goes before one that compares equal."""

    def __init__(self, key_of: Mapping[LocalId, str], names: Mapping[LocalId, str]) -> None:
        self._by_name = _grouped(names)
        self._by_key = _grouped(key_of)

    def find(self, name: str, key: str) -> Found:
        """The only row of that name; None when there is none."""
        ids = self._by_name.get(name) or self._by_key.get(key) or []
        if not ids:
            return None
        return ids[0] if len(ids) == 1 else SEVERAL


def _grouped(texts: Mapping[LocalId, str]) -> dict[str, list[LocalId]]:
    groups: dict[str, list[LocalId]] = defaultdict(list)
    for local_id, text in texts.items():
        groups[text].append(local_id)
    return groups


def class_key(name: str) -> str:
    """Equal for spellings of one class («8 а», «8А»); a group within a class is another class."""
    read = class_names.normalise(name)
    if not isinstance(read, Accepted):
        return comparison_key(name)
    return f"{comparison_key(read.value.name)}/{comparison_key(read.value.group)}"


def class_row(name: str, school_year: int) -> Values:
    """A class as a file names it; the grade is read from the name."""
    read = class_names.normalise(name)
    return {
        "school_year": school_year,
        "name": name,
        "grade": read.value.grade if isinstance(read, Accepted) else None,
    }


def find_classes(uow: UnitOfWork, names: Iterable[str], school_year: int) -> dict[str, Found]:
    """Each name's class in that school year; one statement."""
    rows = {i: row for i, row in uow.staging.all_rows(Stream.CLASSES).items() if row["school_year"] == school_year}
    kept = {i: str(row["name"]) for i, row in rows.items()}
    directory = Directory({i: class_key(name) for i, name in kept.items()}, kept)
    return {name: directory.find(name, class_key(name)) for name in dict.fromkeys(names)}


def add_classes(
    changes: Changes, found: Mapping[str, Found], wanted: Iterable[str], school_year: int
) -> dict[str, LocalId]:
    """The class of every wanted name that is not ambiguous; those not found are added, one per comparison key."""
    names = list(dict.fromkeys(wanted))
    _count_found(changes, Stream.CLASSES, (found[name] for name in names))
    missing = {class_key(name): name for name in reversed(names) if found[name] is None}
    rows = [class_row(name, school_year) for name in missing.values()]
    added = dict(zip(missing, changes.insert(Stream.CLASSES, rows), strict=True))
    return {name: local_id for name in names if (local_id := _either(found[name], added.get(class_key(name))))}


def find_or_add_subjects(uow: UnitOfWork, changes: Changes, names: Iterable[str]) -> dict[str, Found]:
    """Each name's subject, added where there is none; at most three statements."""
    wanted = list(dict.fromkeys(names))
    kept = {i: str(row["name"]) for i, row in uow.staging.all_rows(Stream.SUBJECTS).items()}
    directory = Directory({i: comparison_key(name) for i, name in kept.items()}, kept)
    found = {name: directory.find(name, comparison_key(name)) for name in wanted}
    _count_found(changes, Stream.SUBJECTS, found.values())
    missing = {comparison_key(name): name for name in reversed(wanted) if found[name] is None}
    added = dict(
        zip(missing, changes.insert(Stream.SUBJECTS, [{"name": name} for name in missing.values()]), strict=True)
    )
    return {name: added.get(comparison_key(name)) if found[name] is None else found[name] for name in wanted}


def find_or_add_period(uow: UnitOfWork, changes: Changes, school_year: int, first: str, last: str) -> Found:
    """The period of exactly these days; else a new one that waits for its regional counterpart."""
    wanted: tuple[Scalar, ...] = (school_year, first, last)
    same = [
        local_id
        for local_id, row in uow.staging.all_rows(Stream.PERIODS).items()
        if (row["school_year"], row["starts_on"], row["ends_on"]) == wanted and row["kind"] not in NO_TERM
    ]
    if same:
        _count_found(changes, Stream.PERIODS, same[:1])
        return same[0] if len(same) == 1 else SEVERAL
    row: Values = {
        "school_year": school_year,
        "name": f"с {_russian(first)} по {_russian(last)}",
        "kind": REPORT_PERIOD,
        "starts_on": first,
        "ends_on": last,
    }
    return changes.insert(Stream.PERIODS, [row])[0]


def find_organizations(uow: UnitOfWork, names: Iterable[str]) -> dict[str, LocalId]:
    """Names that are the name or the short name of exactly one school of the directory; at most one statement."""
    wanted = set(names)
    if not wanted:
        return {}
    bearers: dict[str, set[LocalId]] = defaultdict(set)
    for local_id, row in uow.staging.all_rows(Stream.ORGANIZATIONS).items():
        for field in ("name", "short_name"):
            if row[field] in wanted:
                bearers[str(row[field])].add(local_id)
    return {name: next(iter(ids)) for name, ids in bearers.items() if len(ids) == 1}


def _count_found(changes: Changes, stream: Stream, found: Iterable[Found]) -> None:
    changes.update(stream, (), unchanged=len({one for one in found if isinstance(one, int)}))


def _either(found: Found, added: LocalId | None) -> LocalId | None:
    return added if isinstance(found, SeveralRows) or found is None else found


def _russian(day: str) -> str:
    year, month, date = day.split("-")
    return f"{date}.{month}.{year}"
