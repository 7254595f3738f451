"""What a benchmark found, as text a person reads: tables with a sentence on how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One benchmark's result; ``rows`` have as many cells as ``columns``."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", _row(self.columns), _row(["---"] * len(self.columns))]
        lines += [_row(row) for row in self.rows]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def milliseconds(value: float) -> str:
    """Of a value in seconds."""
    return f"{value * 1000:.1f} ms"


def mebibytes(value: float | None) -> str:
    return "unknown here" if value is None else f"{value:.0f} MiB"


def ratio(theirs: float, ours: float) -> str:
    """How many times as much they need as we do."""
    return f"{theirs / ours:.1f}×"
