"""The table of docs/reliability.md: rows of statements that were proven now replace the former ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.statements import STATEMENTS

BEGIN, END = "<!-- figures: written by make simulate -->", "<!-- end of figures -->"
HEAD = "| | statement | figure | date | seeds | command |\n|---|---|---|---|---|---|"
NOT_YET = "not proven yet"
_ROW = re.compile(r"^\| (\d+) \| ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has found of one statement; ``date`` is ISO, ``seeds`` «from to» or empty."""

    figure: str
    date: str
    seeds: str
    command: str


def write_table(document: Path, outcomes: Mapping[int, Outcome]) -> None:
    """Bring the rows of these statements up to date; all others stay as they are."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    former = {int(row[1]): table[row.start() :].split("\n", 1)[0] for row in _ROW.finditer(table)}
    rows = [_row(s.number, s.title, outcomes.get(s.number), former.get(s.number)) for s in STATEMENTS]
    content = "\n".join(["", HEAD, *rows, ""])
    document.write_text(f"{before}{BEGIN}{content}{END}{after}", encoding="utf-8")


def _row(number: int, title: str, outcome: Outcome | None, former: str | None) -> str:
    if outcome is not None:
        found = [outcome.figure, outcome.date, outcome.seeds or "–", f"`{outcome.command}`"]
    elif former is not None:
        found = former.strip("| ").split(" | ")[2:]
    else:
        found = [NOT_YET, "–", "–", "–"]
    return "| " + " | ".join((str(number), title, *found)) + " |"
