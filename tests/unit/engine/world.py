"""A school and a region in miniature: the real engine on SQLite against a region in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from connectors.memory import MemoryRemote
from mappings import load_mappings
from sync_service.domain.guards import Limits
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.reports import RunReport
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle, School, Tally, nothing
from sync_service.engine.cycle import Direction, run_cycle
from sync_service.engine.decisions import Desk
from sync_service.engine.due import ask_for_comparison
from sync_service.engine.ports import Notification
from sync_service.persistence import SqlDatabase, open_database

MAPPINGS = load_mappings()
POLICIES = {stream: mapping.policy for stream, mapping in MAPPINGS.items()}


def normalise(stream: Stream, values: Values) -> Values:
    return MAPPINGS[stream].normalise_local(values)


class FixedClock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def today(self, zone: str) -> date:
        return self.moment.astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Ears:
    """A notifier that remembers."""

    def __init__(self) -> None:
        self.heard: list[Notification] = []

    def tell(self, school_code: str, notification: Notification, contacts: Any) -> bool:
        self.heard.append(notification)
        return True


@dataclass(slots=True)
class World:
    """One school with its database, its region and everything needed to run cycles."""

    db: SqlDatabase
    school: School
    remote: MemoryRemote
    clock: FixedClock = field(default_factory=FixedClock)
    ears: Ears = field(default_factory=Ears)
    runs: int = 0
    fingerprints: dict[Stream, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def cycle(self, probe: Callable[[str], None] = nothing, *, attended: bool = False) -> Cycle:
        self.runs += 1
        report = RunReport(run_id=f"run-{self.runs}", school=self.school.code)
        return Cycle(
            school=self.school,
            db=self.db,
            remote=self.remote,
            policies=POLICIES,
            normalise=normalise,
            clock=self.clock,
            notifier=self.ears,
            report=report,
            tally=Tally(report=report),
            attended=attended,
            fingerprints=self.fingerprints,
            limits=self.limits,
            stop=threading.Event(),
            probe=probe,
        )

    def sync(
        self,
        direction: Direction = Direction.BOTH,
        probe: Callable[[str], None] = nothing,
        *,
        attended: bool = False,
    ) -> RunReport:
        cycle = self.cycle(probe, attended=attended)
        run_cycle(cycle, list(Stream), direction)
        return cycle.report

    def reconcile(self, *streams: Stream, probe: Callable[[str], None] = nothing) -> RunReport:
        """A run with a full comparison of these streams (none: of all)."""
        ask_for_comparison(self.db, self.school.school_id, streams or tuple(Stream), self.clock.now())
        return self.sync(probe=probe)

    def desk(self, actor: str = "ivanova") -> Desk:
        return Desk(
            school=self.school,
            db=self.db,
            policies=POLICIES,
            normalise=normalise,
            clock=self.clock,
            actor=actor,
            remote=self.remote,
            fingerprints=self.fingerprints,
        )

    # another program that writes SQL

    def insert(self, table: str, **values: Any) -> int:
        values = {"school_id": self.school.school_id, **values}
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        with self.db.engine.begin() as connection:
            statement = text(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id")
            return int(connection.execute(statement, values).scalar_one())

    def update(self, table: str, row: int, **values: Any) -> None:
        sets = ", ".join(f"{name} = :{name}" for name in values)
        with self.db.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET {sets} WHERE id = :id"), {**values, "id": row})

    def delete(self, table: str, row: int) -> None:
        with self.db.engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": row})

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.db.engine.connect() as connection:
            found = connection.execute(text(f"SELECT * FROM {table} ORDER BY id"))
            return [dict(row) for row in found.mappings()]

    def count(self, table: str) -> int:
        with self.db.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


def build(url: str, *, create: bool = False) -> World:
    """A world on the migrated database at ``url``; ``create`` migrates an empty one first."""
    clock = FixedClock()
    return world_on(open_database(url, create=create, durable=False, now=clock.now), clock)


def world_on(db: SqlDatabase, clock: FixedClock | None = None) -> World:
    """A world on an open database."""
    clock = clock or FixedClock()
    school_id = db.schools.ensure("school-900", name="Школа № 900", organization_id="school-1")
    school = School(school_id=school_id, code="school-900", name="Школа № 900", organization_id=RemoteId("school-1"))
    remote = MemoryRemote(clock, organization_id="school-1", page_size=50)
    return World(db=db, school=school, remote=remote, clock=clock)


@dataclass(frozen=True, slots=True)
class Timetable:
    """What a region knows before anybody arrives."""

    klass: RemoteId
    subject: RemoteId
    lessons: tuple[RemoteId, ...]
    period: RemoteId
    neighbour: RemoteId


def furnish(
    remote: MemoryRemote, *, dates: tuple[str, ...] = ("2026-11-18", "2026-11-19", "2026-10-01")
) -> Timetable:
    neighbour = remote.create(
        Stream.ORGANIZATIONS,
        {"name": "Школа № 12", "phone": "+73431234567", "keeps_movement": True},
        remote_id="school-12",
    )
    klass = remote.create(Stream.CLASSES, {"school_year": 2026, "name": "8А", "grade": 8})
    subject = remote.create(Stream.SUBJECTS, {"name": "Алгебра"})
    lessons = tuple(
        remote.create(Stream.LESSONS, {"class_id": klass, "subject_id": subject, "date": day, "number": 2})
        for day in dates
    )
    period = remote.create(
        Stream.PERIODS,
        {
            "school_year": 2026,
            "name": "2 четверть",
            "kind": "quarter",
            "starts_on": "2026-11-02",
            "ends_on": "2026-12-30",
        },
    )
    return Timetable(klass, subject, lessons, period, neighbour)


PUPIL: dict[str, Any] = {
    "last_name": "Ёлкина",
    "first_name": "Анна",
    "patronymic": "Петровна",
    "sex": "Ж",
    "birth_date": "2012-05-11",
    "snils": "11223344595",
    "personal_file_no": "Е-12",
}
