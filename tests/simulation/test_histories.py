"""Random histories end in agreement (RELIABILITY.md, statement 1, short form)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.history import run


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_histories_with_crashes_and_faults_end_in_agreement(first: int, tmp_path: Path) -> None:
    """Ten seeds each: nothing lost, nothing doubled, writes stop, counts balance, the journal's chain holds."""
    for seed in range(first, first + 10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        run(seed, folder)


def test_a_seed_gives_one_history(tmp_path: Path) -> None:
    """The same seed replays identically, or a failing one could not be looked at."""
    logs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        logs.append(run(4711, folder).log)
    assert logs[0] == logs[1]
