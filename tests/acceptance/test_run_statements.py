"""Short forms of the statements about runs as processes, and about a process that lives for days."""

from __future__ import annotations

from pathlib import Path

from tests.simulation.process_statements import double_starts, sigterm_moments
from tests.simulation.run_statements import simulated_days


def test_sigterm_at_random_moments_leaves_no_half_page(tmp_path: Path) -> None:
    """Exit 0 in good time, wherever it comes (RELIABILITY 14; 4 moments)."""
    found = sigterm_moments(4, tmp_path, seed=2)
    assert found.endings.total() == 4
    assert found.endings["interrupted"] >= 2, "in the middle of a run"


def test_of_two_daemons_started_at_once_one_works(tmp_path: Path) -> None:
    """The other exits with 11 (RELIABILITY 15; 2 double starts)."""
    found = double_starts(2, tmp_path)
    assert (found.holders, found.refused) == (2, 2)


def test_a_day_of_cycles_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """Memory, open files and threads (RELIABILITY 41; 45 cycles)."""
    assert simulated_days(45, tmp_path).cycles == 45
