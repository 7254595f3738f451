"""The short form of every statement that the simulation proves (RELIABILITY: the full form is make simulate)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.processes import ROOT
from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.__main__ import listed
from tests.simulation.databases import Databases
from tests.simulation.report import NOT_YET, Outcome, write_table
from tests.simulation.statement import Part, Statement
from tests.simulation.statements import STATEMENTS

SPLIT = 20  # seeds of one test: with several workers they are played side by side


def _cases() -> list[tuple[Statement, Part, range]]:
    return [
        (statement, part, range(first, min(first + SPLIT, part.short)))
        for statement in STATEMENTS
        for part in statement.parts
        for first in range(0, part.short if part.by_seed else min(part.short, 1), SPLIT)
    ]


@pytest.fixture(scope="module")
def databases(sqlite_template: SqliteTemplate, postgres_server: PostgresServer) -> Databases:
    return Databases(sqlite_template, postgres_server)


@pytest.mark.parametrize(
    ("statement", "part", "seeds"), _cases(), ids=lambda value: str(getattr(value, "number", "")) or None
)
def test_a_statement_holds(statement: Statement, part: Part, seeds: range, databases: Databases) -> None:
    """With the counts of make test; the proof raises what does not hold."""
    if part.by_seed is not None:
        assert part.by_seed(seeds, databases) == len(seeds)
    else:
        assert part.by_count is not None
        assert part.by_count(part.short, databases)


def test_every_proof_has_a_short_form() -> None:
    """Here or in a test of its own, which exists; not in both."""
    for statement in STATEMENTS:
        for part in statement.parts:
            assert bool(part.short) is not bool(part.tested_by), statement
            assert (part.by_seed is None) is not (part.by_count is None), statement
            if part.tested_by is not None:
                path, _, name = part.tested_by.partition("::")
                assert f"def {name}(" in (ROOT / path).read_text("utf-8"), part.tested_by
            assert listed(statement)


def test_every_statement_is_listed_once() -> None:
    """1 to 51 without a gap; what has no proof is listed too."""
    numbers = [statement.number for statement in STATEMENTS]
    assert numbers == sorted(set(numbers))
    assert set(numbers) == set(range(1, 52))


def test_the_table_keeps_what_was_not_run(tmp_path: Path) -> None:
    """A run of one statement writes its row alone; nothing becomes proven by silence."""
    document = tmp_path / "reliability.md"
    document.write_text(
        "Before.\n<!-- figures: written by make simulate -->\n<!-- end of figures -->\nAfter.\n", "utf-8"
    )
    outcome = Outcome(figure="7 histories", date="2026-11-27", seeds="0 7", command="make simulate")
    write_table(document, {1: outcome})
    write_table(document, {2: outcome})
    text = document.read_text("utf-8")
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert "7 histories | 2026-11-27 | 0 7 | `make simulate`" in rows["| 1"]
    assert "7 histories" in rows["| 2"]
    assert NOT_YET in rows["| 33"]
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
