"""A small demo on any day: the real region, service and files, told to nobody."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sync_service.clock import SystemClock
from sync_service.demo import installation
from sync_service.demo.narrator import Narrator
from sync_service.demo.region import Region
from sync_service.demo.show import staged
from sync_service.demo.story import Story

MORNING = timedelta(hours=5)  # in UTC; ten o'clock in Yekaterinburg


class Today(SystemClock):
    """A clock that goes as fast as the machine's and shows the morning of another day."""

    def __init__(self, day: date) -> None:
        super().__init__()
        began = datetime.now(UTC)
        self._ahead = datetime(day.year, day.month, day.day, tzinfo=UTC) + MORNING - began

    def now(self) -> datetime:
        return super().now() + self._ahead


@contextmanager
def small_story(folder: Path, day: date) -> Iterator[Story]:
    """A story of about fifty pupils, ready to be told."""
    prepared = installation.prepare_folder(folder / "demo")
    with staged(prepared, Narrator(io.StringIO()), clock=Today(day), population="small") as story:
        yield story


@contextmanager
def small_region(day: date) -> Iterator[Region]:
    with Region.start(day, population="small") as region:
        region.set_clock(Today(day).now())
        yield region
