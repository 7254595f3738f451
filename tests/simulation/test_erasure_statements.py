"""The short form of statement 50: one subject of each way in, and one on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.simulation.erasure_statements import erased_for_good
from tests.unit.engine.conftest import world as world_of_each_engine
from tests.unit.engine.world import World

world = world_of_each_engine


@pytest.mark.parametrize(("world", "seed"), [("sqlite", 0), ("sqlite", 1), ("postgresql", 1)], indirect=["world"])
def test_an_erased_subject_leaves_no_canary(world: World, seed: int) -> None:
    assert erased_for_good(world, seed)["canaries"] > 30
