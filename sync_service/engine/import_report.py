"""What an import did, or would do: counts per stream and the places of the file a person should look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sync_service.domain.school_files import RowProblem, Severity
from sync_service.domain.streams import Stream

FileKind = Literal["pupil_list", "class_report"]


@dataclass(slots=True, kw_only=True)
class ImportCounts:
    """Records of one stream that the file speaks of; each is counted once."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def changed(self) -> int:
        return self.added + self.updated


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The outcome of one file. Holds no value of the file, only rows and cells (invariant 15).

    ``rejected`` counts the rows of a list, or the cells of a class report, that did not go in. With
    ``dry_run`` nothing was written and the counts tell what the import would do.
    """

    kind: FileKind
    dry_run: bool
    streams: Mapping[Stream, ImportCounts] = field(default_factory=dict)
    rejected: int = 0
    problems: tuple[RowProblem, ...] = ()

    @property
    def changed(self) -> int:
        """Records added or updated."""
        return sum(counts.changed for counts in self.streams.values())

    @property
    def warnings(self) -> int:
        return sum(problem.severity == "warning" for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``import --json``; the streams stand in the order of travel."""
        return {
            "kind": self.kind,
            "dry_run": self.dry_run,
            "streams": {stream.value: asdict(self.streams[stream]) for stream in Stream if stream in self.streams},
            "rejected": self.rejected,
            "warnings": self.warnings,
            "problems": [asdict(problem) for problem in self.problems],
        }


def in_row(row: int, *, column: str | None, code: str, reason: str, remedy: str, severity: Severity) -> RowProblem:
    """A problem of one row of a pupil list; ``reason`` is a clause in small letters."""
    return RowProblem(
        row=row,
        cell=None,
        column=column,
        code=code,
        reason=f"Строка {row}: {reason}.",
        remedy=remedy,
        severity=severity,
    )


def in_report(
    place: str, *, row: int | None, cell: str | None, code: str, reason: str, remedy: str, severity: Severity
) -> RowProblem:
    """A problem of one pupil, subject or cell of a class report; ``place`` begins the sentence."""
    return RowProblem(
        row=row,
        cell=cell,
        column=None,
        code=code,
        reason=f"{place}: {reason}.",
        remedy=remedy,
        severity=severity,
    )
