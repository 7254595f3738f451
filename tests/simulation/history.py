"""One seed, one history: random edits on both sides, people's decisions, faults and crashes; then peace.

The history runs on the real engine and database against a region in memory, with a clock that stands still
unless told. The same seed gives the same history. After it the faults stop and cycles run: within two of them
everything outside open decisions must agree, the next writes nothing, and the invariants hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sync_service.domain.errors import SyncError
from sync_service.domain.guards import Limit, Limits
from sync_service.domain.streams import BOTH_WAYS, Stream
from tests.simulation import hold_steps as holds
from tests.simulation import machine_steps as machine
from tests.simulation import office_steps as office
from tests.simulation import people_steps as people
from tests.simulation import region_steps as region
from tests.simulation import resync_steps as resync
from tests.simulation import school_steps as school
from tests.simulation.databases import Place
from tests.simulation.invariants import distrusts, problems_of
from tests.simulation.ledger import Ledger
from tests.simulation.listening import ListeningRemote
from tests.simulation.state import History
from tests.unit.engine.world import FixedClock, World, furnish, world_on

STEPS = 50
CLEAN_CYCLES = 2
ROUNDS = 8  # of people's decisions about holds, each of which may let the next ones be seen
# In a school of five pupils the limits of an installation are never met.
NARROW = Limits(deletes=Limit(1, 2.0), creates=Limit(2, 10.0), updates=Limit(2, 20.0))
DATES = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19")
SHOWN = 90  # entries of the log that a failure shows

Step = Callable[[History], None]

EDITS: tuple[tuple[int, Step], ...] = (
    (6, school.adds_mark),
    (6, school.edits_mark),
    (2, school.deletes_mark),
    (6, school.edits_student),
    (3, school.marks_absence),
    (3, school.adds_student),
    (2, school.moves_student),
    (1, school.edits_movement),
    (1, school.deletes_movement),
    (2, school.adds_guardian),
    (2, school.edits_guardian),
    (1, school.deletes_guardianship),
    (2, school.final_mark),
    (1, school.imports),
    (6, region.adds_mark),
    (6, region.edits_mark),
    (2, region.deletes_mark),
    (6, region.edits_student),
    (2, region.adds_student),
    (2, region.changes_absence),
    (2, region.adds_guardian),
    (2, region.edits_guardian),
    (1, region.moves_student),
    (1, region.changes_movement),
    (1, region.changes_final_mark),
    (2, region.releases),
    (1, region.bumps),
    (2, school.deletes_many),
    (2, school.edits_many),
    (2, region.deletes_many),
    (2, region.edits_many),
    (2, office.enters_arrival),
    (1, office.enters_departure),
    (2, office.imports_list),
    (2, office.imports_report),
)
DECISIONS: tuple[tuple[int, Step], ...] = (
    (5, people.resolves),
    (2, people.undoes),
    (3, people.matches),
    (2, people.works_on_releases),
    (2, people.works_on_quarantine),
    (5, holds.decides_hold),
    (2, holds.takes_hold_back),
)


def _busy(history: History) -> None:
    machine.busy_cycle(history, [step for _, step in (*EDITS, *DECISIONS)])


MACHINES: tuple[tuple[int, Step], ...] = (
    (5, machine.fault),
    (3, machine.heal),
    (10, machine.cycle),
    (6, machine.crashing_cycle),
    (5, _busy),
    (1, machine.restarts),
    (2, machine.time_passes),
    (1, machine.reads_again),
    (1, machine.region_forgets),
    (1, machine.compares),
    (1, machine.deaf_journal),
    (1, resync.plans),
    (2, resync.applies),
)
EVERYTHING = (*EDITS, *DECISIONS, *MACHINES)
_WEIGHTS = [weight for weight, _ in EVERYTHING]
_STEPS = [step for _, step in EVERYTHING]


def begin(seed: int, place: Place) -> History:
    """The region has a timetable and three pupils, and the school has read them; ``place`` holds a fresh, migrated
    database."""
    clock = FixedClock()
    world = world_on(place.open(clock.now), clock)

    def reopen() -> None:
        world.db = place.reopen(world.db, clock.now)

    chance, ledger = random.Random(seed), Ledger()
    remote = ListeningRemote(clock, ledger, page_size=3)
    world.remote = remote
    world.fingerprints = dict.fromkeys(Stream, "the first table")
    timetable = furnish(remote, dates=DATES)
    history = History(
        seed=seed, world=world, remote=remote, timetable=timetable, random=chance, reopen=reopen, ledger=ledger
    )
    history.normalising = seed % 4 == 3
    history.attended = chance.random() < 0.3
    if chance.random() < 0.5:
        world.limits = NARROW
    if history.normalising:
        world.remote.rewrite = history.stored
    for _ in range(3):
        region.adds_student(history)
    machine.cycle(history)
    return history


def step(history: History) -> None:
    history.random.choices(_STEPS, _WEIGHTS)[0](history)


def settle(history: History) -> None:
    """The faults stop and two clean cycles run; the third must write nothing on either side. What the guard holds in
    them is decided by people, and two clean cycles run from there."""
    machine.heal(history)
    for _ in range(ROUNDS):
        if history.unnoticed:  # once more after decisions: a comparison leaves held records to their own path
            machine.compares_everything(history)
        _clean_cycles(history)
        if not holds.undecided(history):
            break
        holds.decide_all(history)
    else:
        raise AssertionError(_told(history, [f"still holding after {ROUNDS} rounds of decisions"]))
    before = _both_sides(history.world)
    _clean_cycle(history)
    assert _both_sides(history.world) == before, _told(history, [f"still writing after {CLEAN_CYCLES} clean cycles"])


def _clean_cycles(history: History) -> None:
    """A cycle to which the region lists next to nothing of what is shared is not clean (pull.py, reconcile.py):
    it concludes nothing, but what it sends may be all that the next one needs to believe the list."""
    clean = 0
    for _ in range(2 * CLEAN_CYCLES):
        _clean_cycle(history)
        clean += not distrusts(history.reports[-1])
        if clean == CLEAN_CYCLES:
            return


def _clean_cycle(history: History) -> None:
    """Two hours later, so that every retry is due."""
    history.world.clock.moment += timedelta(hours=2)
    machine.cycle(history)


def _both_sides(world: World) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    return world.remote.region.changes, {stream.value: world.rows(stream.value) for stream in BOTH_WAYS}


def check(history: History) -> None:
    """The invariants of a history at peace."""
    problems = problems_of(history)
    assert not problems, _told(history, problems)


def _told(history: History, problems: list[str]) -> str:
    return "\n".join([f"seed {history.seed}", *problems, "--- history", *history.log[-SHOWN:]])


def run(seed: int, place: Place, *, steps: int = STEPS) -> History:
    """Play the history of ``seed`` to its peaceful end and check it."""
    history = begin(seed, place)
    try:
        for _ in range(steps):
            step(history)
        settle(history)
        check(history)
    except SyncError as error:
        raise AssertionError(_told(history, [repr(error)])) from error
    finally:
        history.world.db.close()
    return history
