"""The steps of a history as a Hypothesis state machine, which shrinks a failure to the few steps that matter.

The long form: ``python -m tests.simulation.machine EXAMPLES``.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.databases import SqliteTemplate
from tests.simulation.databases import Databases
from tests.simulation.history import DECISIONS, EDITS, EVERYTHING, MACHINES, Step, begin, check, settle

STEPS = 30
NAMES = {step: f"{step.__module__.rsplit('.', 1)[-1]}.{step.__name__}" for _, step in EVERYTHING}


def profile(examples: int) -> settings:
    """The same examples every time."""
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


@cache
def _databases() -> Databases:
    folder = tempfile.TemporaryDirectory(prefix="ecp-sync-machine-")
    atexit.register(folder.cleanup)
    return Databases(SqliteTemplate(Path(folder.name)))


def _strategy(steps: tuple[tuple[int, Step], ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([NAMES[step] for _, step in steps])


_BY_NAME: dict[str, Step] = {name: step for step, name in NAMES.items()}


class SyncMachine(RuleBasedStateMachine):
    """Any steps in any order; ``chance`` is all the luck a step has. In the end there is peace, and it is checked."""

    @initialize(seed=st.integers(0, 3))
    def begins(self, seed: int) -> None:
        self.history = begin(seed, _databases().in_memory())

    @rule(step=_strategy(EDITS), chance=st.integers(0, 999))
    def somebody_edits(self, step: str, chance: int) -> None:
        self._do(step, chance)

    @rule(step=_strategy(DECISIONS), chance=st.integers(0, 999))
    def somebody_decides(self, step: str, chance: int) -> None:
        self._do(step, chance)

    @rule(step=_strategy(MACHINES), chance=st.integers(0, 999))
    def a_machine_works(self, step: str, chance: int) -> None:
        self._do(step, chance)

    def _do(self, step: str, chance: int) -> None:
        act: Callable[..., None] = _BY_NAME[step]
        self.history.random.seed(chance)
        act(self.history)

    def teardown(self) -> None:
        if hasattr(self, "history"):
            settle(self.history)
            check(self.history)
            self.history.world.db.close()


if __name__ == "__main__":
    run_state_machine_as_test(SyncMachine, settings=profile(int(sys.argv[1])))
