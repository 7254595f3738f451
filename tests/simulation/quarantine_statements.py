"""RELIABILITY.md 17, the engine's side: what arrives broken is in quarantine with a reason, and nothing is lost.

Count-parametrised like the other statements: prints what it counted, raises AssertionError with the seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.unit.engine.mapped_region import Breakage, MappedRemote
from tests.unit.engine.world import PUPIL, World, build, furnish

RECORDS = 400
BROKEN = 40  # of one world, in so many ways that the brake has no reason to stop the stream
JUNK: tuple[Any, ...] = (
    17,
    -1,
    3.5,
    True,
    [],
    {},
    "",
    "мусор",
    "\x00",
    "9" * 400,
    "2026-13-45",
    {"value": "5"},
    [None],
)
FIELDS = ("grade", "weight", "ordinal", "studentId", "lessonId", "comment", "version", "changeVersion", "clientRef")


def broken_records_are_set_aside(new_url: Callable[[], str], *, records: int, first_seed: int = 0) -> Counter[str]:
    """``records`` records arrive broken at random: each is read all the same or in quarantine with a reason; once
    they are whole and the mapping is another one, every record of the region is here."""
    counts: Counter[str] = Counter()
    seed = first_seed
    while counts["broken"] < records:
        counts.update(_world_of(seed, new_url(), min(BROKEN, records - counts["broken"])))
        seed += 1
    print(f"17: {dict(counts)}, seeds {first_seed} to {seed - 1}")  # noqa: T201 - the figure of the statement
    return counts


def _world_of(seed: int, url: str, broken: int) -> Counter[str]:
    chance = random.Random(seed)
    world = build(url)
    try:
        remote = world.remote = MappedRemote.over(world.remote)
        world.fingerprints = dict.fromkeys(Stream, "first")
        marks = _marks(remote)
        spoilt = chance.sample(marks, broken)
        remote.broken.update({mark: _breakage(chance) for mark in spoilt})
        report = world.sync()
        entry = report.streams[Stream.MARKS]
        here, aside = _here(world), world.rows("quarantine")
        assert entry.error is None, f"seed {seed}: {entry.error}"
        rejected = sum(item["tries"] for item in aside)  # nameless records of equal content are one item
        assert entry.pull.balances, f"seed {seed}: {entry.pull}"
        assert entry.pull.rejected == rejected, f"seed {seed}: {entry.pull.rejected} rejected, {rejected} set aside"
        parked = world.count("inbox")
        assert len(here) + rejected + parked == RECORDS, f"seed {seed}: {len(here)} + {rejected} + {parked}"
        assert set(marks) - set(spoilt) <= here, f"seed {seed}: a good record is missing"
        assert all(item["reason"] and item["code"] and item["payload"] for item in aside), f"seed {seed}: no reason"
        green = report.status is RunStatus.SUCCEEDED
        assert green is not bool(aside), f"seed {seed}: {report.status.value} with {len(aside)} set aside"
        remote.mended = True
        world.fingerprints = dict.fromkeys(Stream, "second")
        remote.bump(Stream.MARKS)  # who came without a name cannot be asked for: it is delivered again
        world.sync()
        assert _here(world) == set(marks), f"seed {seed}: {len(set(marks) - _here(world))} records are lost"
        assert len(world.rows("marks")) == RECORDS, f"seed {seed}: a record is doubled"
    finally:
        world.db.close()
    return Counter(broken=broken, set_aside=rejected, waiting=parked, readable=broken - rejected - parked)


def _marks(remote: MappedRemote) -> list[RemoteId]:
    timetable = furnish(remote)
    pupil = remote.create(Stream.STUDENTS, dict(PUPIL))
    return [
        remote.create(
            Stream.MARKS,
            {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "weight": 1, "position": n + 1},
        )
        for n in range(RECORDS)
    ]


def _here(world: World) -> set[RemoteId]:
    """Regional ids of the marks that are linked to a row."""
    return {RemoteId(row["remote_id"]) for row in world.rows("links") if row["stream"] == "marks"}


def _breakage(chance: random.Random) -> Breakage:
    """One of many ways in which a record of a region may be no record."""
    way, field, junk = chance.randrange(5), chance.choice(FIELDS), chance.choice(JUNK)
    if way == 0:
        return lambda item: {name: value for name, value in item.items() if name != field}
    if way == 1:
        return lambda item: {**item, "id": chance.choice((None, "", 5, [], {}))}
    if way == 2:
        return lambda _: junk
    return lambda item: {**item, field: junk}
