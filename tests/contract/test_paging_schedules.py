"""A short form of the thousand schedules of ``paging_schedules``."""

from __future__ import annotations

from tests.contract.paging_schedules import STRUCK, play
from tests.contract.worlds import EcpWorld

SEEDS = range(30)


def test_nothing_is_missed_while_people_work() -> None:
    """Thirty schedules of inserts, edits, deletions and bumps: the reader ends with what the region holds."""
    world = EcpWorld()
    try:
        played = {seed: play(world, seed) for seed in SEEDS}
        again = play(world, SEEDS[3])
    finally:
        world.close()
    assert {seed: wrong for seed, (_, wrong) in played.items() if wrong} == {}
    assert min(touched for touched, _ in played.values()) >= STRUCK // 2
    assert again == played[SEEDS[3]], "a seed plays the same schedule wherever it is played"
