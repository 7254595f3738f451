"""The state machine of the simulation, a few examples: always the same ones."""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import SyncMachine, profile


def test_any_steps_in_any_order_end_in_agreement() -> None:
    """Edits, decisions, faults, crashes: nothing lost, nothing doubled, both sides agree, writes stop."""
    run_state_machine_as_test(SyncMachine, settings=profile(12))
