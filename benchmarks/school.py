"""Our side of a benchmark: one school's database and connector, joined as the service joins them.

Durable SQLite, leases with heartbeat, a row per run, tokens in the database: what a scheduled cycle does.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors import CONNECTORS
from mappings import Mappings, load_mappings
from sync_service.clock import SystemClock
from sync_service.domain.guards import Limit, Limits
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.cycle import Direction
from sync_service.engine.leased_run import Job, run_leased
from sync_service.engine.ports import RemoteSystem
from sync_service.notify import LogNotifier
from sync_service.persistence import SqlDatabase, open_database
from sync_service.region import StoredTokens

ZONE = "Asia/Yekaterinburg"
HEARTBEAT = 5.0


class RegionClock(SystemClock):
    """Runs on from ten o'clock of a chosen day, as the simulator's clock does."""

    def __init__(self, date: str) -> None:
        super().__init__()
        morning = datetime.fromisoformat(f"{date}T10:00:00").replace(tzinfo=ZoneInfo(ZONE))
        self._start, self._since = morning.astimezone(ZoneInfo("UTC")), self.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic() - self._since)


# A benchmark edits a share of the marks that the guard would hold; it counts them all the same.
UNGUARDED = Limits(updates=Limit(10**9, 100.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A school whose database and connector are open."""

    db: SqlDatabase
    school: School
    remote: RemoteSystem
    mappings: Mappings
    clock: RegionClock
    file: Path

    def run(self, direction: Direction, streams: Collection[Stream] = tuple(Stream)) -> RunReport:
        """One cycle under leases. AssertionError unless it is green."""
        report = run_leased(
            Job(
                school=self.school,
                streams=tuple(streams),
                direction=direction,
                trigger="benchmark",
                db=self.db,
                remote=self.remote,
                policies={stream: mapping.policy for stream, mapping in self.mappings.items()},
                normalise=lambda stream, values: self.mappings[stream].normalise_local(values),
                clock=self.clock,
                notifier=LogNotifier(),
                period=HEARTBEAT,
                wait=0.0,
                stop=threading.Event(),
                limits=UNGUARDED,
            )
        )
        assert report.status is RunStatus.SUCCEEDED, report
        return report


@contextmanager
def installed(job: Mapping[str, Any]) -> Iterator[Installation]:
    """The installation of a job: ``file``, ``date``, and of the region ``url``, ``organization``, ``tokens``.

    The database is made unless it exists.
    """
    file, clock = Path(job["file"]), RegionClock(job["date"])
    db = open_database(f"sqlite:///{file}", create=not file.exists(), now=clock.now)
    try:
        organization = RemoteId(job["organization"])
        school_id = db.schools.ensure("bench", name="Школа", organization_id=organization, zone=ZONE)
        store = db.connection(school_id)
        if "tokens" in job:
            store.save(job["tokens"]["access"], job["tokens"]["refresh"])
        mappings = load_mappings()
        remote = CONNECTORS["ecp"](
            {
                "base_url": job["url"],
                "organization_id": organization,
                "read_ahead": job.get("read_ahead", True),
            },
            tokens=StoredTokens(store),
            mappings=mappings,
            clock=clock,
        )
        school = School(school_id=school_id, code="bench", name="Школа", organization_id=organization, zone=ZONE)
        try:
            yield Installation(db=db, school=school, remote=remote, mappings=mappings, clock=clock, file=file)
        finally:
            remote.close()
    finally:
        db.close()
