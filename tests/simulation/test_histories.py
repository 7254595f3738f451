"""Random histories end in agreement (RELIABILITY.md, statement 1, short form)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.history import run


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_histories_with_crashes_and_faults_end_in_agreement(
    first: int, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    """Ten seeds each: nothing lost, nothing doubled, writes stop, counts balance, the journal's chain holds."""
    for seed in range(first, first + 10):
        run(seed, sqlite_template.copy(tmp_path))


@pytest.mark.parametrize("seed", range(100, 104))
def test_histories_end_in_agreement_on_postgresql(seed: int, postgres_server: PostgresServer) -> None:
    with postgres_server.copy() as url:
        run(seed, url)


def test_a_seed_gives_one_history(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """The same seed replays identically, or a failing one could not be looked at."""
    logs = [run(4711, sqlite_template.copy(tmp_path)).log for _ in range(2)]
    assert logs[0] == logs[1]
