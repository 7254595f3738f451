"""Statement 32: after twelve hours of sleep one catch-up run follows, and the ordinary interval after it."""

from __future__ import annotations

import random
from collections.abc import Iterable

from tests.simulation.databases import Databases
from tests.unit.daemon.scene import PERIOD, Scene

SHORTEST = 300  # seconds between two runs of the scene
ASLEEP = 12 * 3600


def statement_32(seeds: Iterable[int], _databases: Databases) -> int:
    """The machine falls asleep at any moment between two runs, monotonic time counts the sleep or stands still, the
    scheduler ticks late, twice or never, and the ticker looks as often as it likes."""
    played = list(seeds)
    for seed in played:
        chance = random.Random(seed)
        scene = Scene()
        scene.duty.tick("start")
        assert scene.triggers() == ["start"], f"seed {seed}"
        awake = _awake(scene, chance)
        (scene.clock.suspend if chance.random() < 0.5 else scene.clock.pass_)(ASLEEP)
        triggers = []
        for _ in range(chance.randint(1, 8)):
            if chance.random() < 0.5:
                scene.duty.tick()
            scene.duty.look()
            triggers += scene.triggers()
        assert len(triggers) == 1, f"seed {seed}: {triggers} after the sleep"
        left = SHORTEST - awake % SHORTEST  # to the next point of the schedule, which the sleep has not moved
        while left > 2 * PERIOD:
            scene.clock.pass_(PERIOD)
            left -= PERIOD
            scene.duty.tick()
            scene.duty.look()
            assert scene.triggers() == [], f"seed {seed}: another run {left:.0f} s before it is due"
        scene.clock.pass_(left)
        scene.duty.tick()
        assert scene.triggers() == ["schedule"], f"seed {seed}: the ordinary interval is lost"
    return len(played)


def _awake(scene: Scene, chance: random.Random) -> float:
    """Some time of an ordinary day, in seconds."""
    periods = chance.randrange(1000)
    for _ in range(periods):
        scene.clock.pass_(PERIOD)
        scene.duty.tick()
        scene.duty.look()
        scene.go()
    return periods * PERIOD
