"""Statements about runs and time, each a function of a count: short in ``make test``, full in ``make simulate``.

    clock_jumps(0, 1000, …)      31  clocks that jump and differ: nothing missed, nothing doubled
    simulated_days(672, …)       41  seven days of cycles: memory, files and threads stay as they were

The ones about processes stand in :mod:`tests.simulation.process_statements`. Every function raises AssertionError
when its statement does not hold, and returns what it has counted.
"""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from sync_service import connections
from sync_service.bootstrap import Service
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Clock
from tests.simulation.databases import Place
from tests.simulation.history import begin, check, settle, step
from tests.simulation.state import History
from tests.unit.bootstrap.region_in_memory import Regions, logged_in, settings
from tests.unit.daemon.hands import HandClock
from tests.unit.engine.world import PUPIL, furnish

JUMPS = tuple(timedelta(hours=hours) for hours in (24, -24, -1, 1))
STEPS = 25
MOST_GROWTH = 0.05


class RegionalClock:
    """The region's clock: a little off, and not moved when ours jumps."""

    def __init__(self, ours: Clock, off: timedelta) -> None:
        self._ours = ours
        self.off = off

    def now(self) -> datetime:
        return self._ours.now() + self.off

    def today(self, zone: str) -> date:
        return self.now().astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return self._ours.monotonic()

    def sleep(self, seconds: float) -> None:
        self._ours.sleep(seconds)


@dataclass(slots=True)
class Jumped:
    """What :func:`clock_jumps` has counted."""

    histories: int = 0
    cycles: int = 0
    jumps: int = 0
    in_mid_run: int = 0


@dataclass(slots=True)
class _Jumping:
    """A history whose clock is set wrong and right again while it plays; never by more than a day altogether, so
    that no lesson leaves its fourteen days."""

    history: History
    region: RegionalClock
    counted: Jumped
    wrong_by: timedelta = timedelta()

    def jump(self) -> None:
        by = -self.wrong_by if self.wrong_by else self.history.random.choice(JUMPS)
        self.history.world.clock.moment += by
        self.region.off -= by
        self.wrong_by += by
        self.counted.jumps += 1
        self.history.say(f"our clock jumps by {by}")

    def cycle_with_a_jump(self) -> None:
        left = self.history.random.randrange(8)

        def probe(_point: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self.jump()
                self.counted.in_mid_run += 1

        report = self.history.world.sync(probe=probe)
        self.history.reports.append(report)

    def step(self) -> None:
        match self.history.random.randrange(6):
            case 0:
                self.jump()
            case 1:
                self.cycle_with_a_jump()
            case _:
                step(self.history)


def clock_jumps(first: int, count: int, fresh: Callable[[], Place]) -> Jumped:
    """RELIABILITY 31, seeds ``first`` to ``first + count``: the histories of the simulation with a clock of ours
    that jumps by a day or an hour, between cycles and in the middle of them, and one of the region's that is up to
    ten minutes off. Each ends in the agreement that :func:`tests.simulation.history.check` asks for.

    ``fresh`` gives the place of a migrated database.
    """
    counted = Jumped()
    for seed in range(first, first + count):
        history = begin(seed, fresh())
        off = timedelta(minutes=random.Random(seed).choice((-10, 0, 10)))
        region = RegionalClock(history.world.clock, off)
        history.world.remote.clock = region
        jumping = _Jumping(history, region, counted)
        try:
            for _ in range(STEPS):
                jumping.step()
            if jumping.wrong_by:
                jumping.jump()
            settle(history)
            check(history)
        finally:
            history.world.db.close()
        counted.histories += 1
        counted.cycles += len(history.reports)
    return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a process holds: resident bytes, open files, threads."""

    memory: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What :func:`simulated_days` has measured, after a third of the cycles and at the end."""

    cycles: int
    warm: Footprint
    end: Footprint

    @property
    def growth(self) -> float:
        return self.end.memory / self.warm.memory - 1


def footprint() -> Footprint:
    """Of this process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Footprint(
        memory=pages * 4096,
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=threading.active_count(),
    )


def simulated_days(cycles: int, folder: Path, *, minutes: int = 15) -> Days:
    """RELIABILITY 41: a service runs ``cycles`` cycles, ``minutes`` of its clock apart, with an edit on either side
    before each: memory grows by less than 5 % after the warm-up, the number of open files and threads by nothing.

    672 cycles of 15 minutes are seven days.
    """
    clock = HandClock()
    regions = Regions(clock)
    with patch.object(connections, "connect", regions.connect):
        service = logged_in(Service.open(settings(folder), create=True, clock=clock))
        with service:
            warm = None
            days = _Days(service, regions, clock)
            for number in range(cycles):
                days.cycle(number, timedelta(minutes=minutes))
                if number == cycles // 3:
                    warm = footprint()
            end = footprint()
    assert warm is not None
    found = Days(cycles=cycles, warm=warm, end=end)
    assert found.growth < MOST_GROWTH, f"memory grew by {found.growth:.1%}: {found}"
    assert (end.files, end.threads) == (warm.files, warm.threads), found
    return found


def _news(number: int) -> dict[str, str]:
    """One field after the other: too many changes of one in a day are what the guard asks about."""
    fields = {
        "address": f"ул. Ленина, {number}",
        "phone": f"+7900{number:07d}",
        "email": f"anna{number}@example.ru",
        "personal_file_no": f"Е-{number}",
        "admitted_on": f"2020-09-{number % 28 + 1:02d}",
        "patronymic": ("Петровна", "Ильинична", "Львовна")[number % 3],
    }
    name = list(fields)[number % len(fields)]
    return {name: fields[name]}


class _Days:
    """A school at work, day after day."""

    def __init__(self, service: Service, regions: Regions, clock: HandClock) -> None:
        self._service = service
        self._school = service.school(None)
        service.remote(self._school)
        self._remote = regions.by_code[self._school.code]
        self._clock = clock
        today = clock.today(self._school.zone)
        timetable = furnish(self._remote, dates=(today.isoformat(),))
        self._pupils = [
            self._remote.create(Stream.STUDENTS, PUPIL | {"first_name": f"Анна{'абвгд'[n]}", "snils": None})
            for n in range(5)
        ]
        self._marks = [
            self._remote.create(
                Stream.MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": 1}
            )
            for pupil in self._pupils
        ]

    def cycle(self, number: int, apart: timedelta) -> None:
        if number:
            self._remote.edit(Stream.STUDENTS, self._pupils[number % 5], **_news(number))
            table, name, value = self._work(number)
            self._write(f"UPDATE {table} SET {name} = :value WHERE id = :id", value=value, id=(number + 1) % 5 + 1)
        report = self._service.sync(self._school, trigger="schedule")
        assert report.status is RunStatus.SUCCEEDED, report.to_json()
        self._clock.pass_(apart.total_seconds())

    def _work(self, number: int) -> tuple[str, str, str]:
        """What the school edits: of another pupil than the region, and not the same field all day either."""
        match number % 6:
            case 0:
                return "marks", "value", "2345"[number // 6 % 4]
            case 1:
                return "marks", "comment", f"работа {number}"
            case _:
                ((name, value),) = _news(number % 6 - 2 + 6 * number).items()
                return "students", name, value

    def _write(self, statement: str, **values: Any) -> None:
        from sqlalchemy import text

        with self._service.db.engine.begin() as connection:
            connection.execute(text(statement), values)
