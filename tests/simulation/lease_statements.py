"""Statement 16: a dead holder's run is taken over in time, and when it wakes up again it writes nothing.

A run loses its leases one write further on than the one before, until the work is done. What the heir has found
is what there is after the late run has gone on: the rows of all tables, the region, the letters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, text

from sync_service.domain.errors import OutcomeUnknown
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import nothing
from sync_service.engine.cycle import Direction
from sync_service.engine.leased_run import Job, run_leased
from sync_service.engine.stores import Fence
from sync_service.persistence import SqlDatabase
from sync_service.persistence.leases import SqlLeases
from sync_service.persistence.schema import metadata
from tests.simulation.databases import Databases
from tests.unit.engine.test_release_watch import CARD, arrive
from tests.unit.engine.world import POLICIES, PUPIL, World, build, furnish, normalise

PERIOD = 15.0  # the longest heartbeat the settings allow
LONGEST_TAKEOVER = 60.0


def _words(column: str) -> str:
    return f"coalesce(CAST(\"{column}\" AS TEXT), '-') || ' '"


def _is_text(column: Column[Any]) -> bool:
    return not isinstance(column.type, LargeBinary)  # digests: no row has nothing else


EVERYTHING = " UNION ALL ".join(
    f"SELECT '{table.name}', {' || '.join(_words(column.name) for column in table.columns if _is_text(column))}"
    f" FROM {table.name}"
    for table in metadata.sorted_tables
)


def whole(world: World) -> dict[str, list[str]]:
    """Every row of every table."""
    found: dict[str, list[str]] = {name: [] for name in metadata.tables}
    with world.db.engine.connect() as connection:
        for name, row in connection.execute(text(EVERYTHING)):
            found[name].append(row)
    return {name: sorted(rows) for name, rows in found.items()}


class Heir:
    """A process of its own that takes over whatever it believes dead, and looks at what it has inherited."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.leases = SqlLeases(world.db.engine, now=world.clock.now)
        self.fence: Fence | None = None
        self.left: dict[str, list[str]] = {}
        self.sent = self.told = 0
        self.thefts = 0

    def take_over(self) -> None:
        seconds = 0.0

        def pass_(more: float) -> None:
            nonlocal seconds
            seconds += more

        school = self.world.school.school_id
        self.fence = self.leases.acquire(
            school, tuple(Stream), "heir", wait=LONGEST_TAKEOVER, clock=lambda: seconds, sleep=pass_, period=PERIOD
        )
        assert seconds <= LONGEST_TAKEOVER
        assert self.world.db.runs.recover(school) == 1
        self.left = whole(self.world)
        self.sent, self.told = self.world.remote.region.changes, len(self.world.ears.heard)
        self.thefts += 1

    def find_everything_as_it_was_left(self) -> None:
        assert whole(self.world) == self.left
        assert (self.world.remote.region.changes, len(self.world.ears.heard)) == (self.sent, self.told)
        assert self.fence is not None
        self.leases.release(self.world.school.school_id, self.fence)
        self.fence = None


@dataclass
class Interrupted:
    """The database of a run that loses its leases at the first write after ``kept`` commits."""

    db: SqlDatabase
    heir: Heir
    kept: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    @contextmanager
    def write(self, school: Any, **options: Any) -> Iterator[Any]:
        if self.kept <= 0 and self.heir.fence is None:
            self.heir.take_over()
        with self.db.write(school, **options) as uow:
            yield uow
            self.kept -= uow.committed


def run(world: World, db: Any, probe: Callable[[str], None] = nothing) -> RunReport:
    return run_leased(
        Job(
            school=world.school,
            streams=tuple(Stream),
            direction=Direction.BOTH,
            trigger="schedule",
            db=db,
            remote=world.remote,
            policies=POLICIES,
            normalise=normalise,
            clock=world.clock,
            notifier=world.ears,
            period=3600,  # no heartbeat: this process sleeps
            wait=0,
            stop=threading.Event(),
            probe=probe,
        )
    )


def busy(world: World) -> None:
    """Work for every step: pages, parked records, cells without a lesson, edits, deletions, arrivals, letters."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    marks = [
        world.remote.create(Stream.MARKS, {"student_id": pupil, "lesson_id": lesson, "value": "5", "position": 1})
        for lesson in timetable.lessons
    ]
    assert world.sync().status is RunStatus.SUCCEEDED
    rows = {row["lesson_id"]: row["id"] for row in world.rows("marks")}
    lessons = [row["id"] for row in world.rows("lessons")]
    world.update("marks", rows[lessons[0]], value="4")
    world.delete("marks", rows[lessons[1]])
    world.remote.edit(Stream.MARKS, marks[2], value="2")
    world.remote.edit(Stream.STUDENTS, pupil, address="ул. Ленина, 1")
    student = world.rows("students")[0]["id"]
    (klass,), (subject,) = world.rows("classes"), world.rows("subjects")
    world.insert(
        "attendance",
        student_id=student,
        class_id=klass["id"],
        subject_id=subject["id"],
        lesson_date="2026-11-19",
        symbol="Б",
    )
    world.insert("guardians", last_name="Ёлкин", first_name="Пётр")
    newcomer = CARD | {"first_name": "Инна", "snils": "08765430300", "birth_date": "2012-03-04"}
    world.remote.add_person(newcomer)
    arrive(world, pupil=newcomer)
    elsewhere = CARD | {"first_name": "Ольга", "snils": None, "birth_date": "2012-09-09"}
    world.remote.add_person(elsewhere, organization_id=timetable.neighbour)
    arrive(world, pupil=elsewhere, origin_kind="school", origin_organization_id=world.rows("organizations")[0]["id"])
    world.remote.fail_next(OutcomeUnknown("the answer was lost"), after_commit=True)


def late_runs(world: World) -> int:
    """How many runs lost their leases, each at another write; none of them kept anything, nothing is done twice."""
    busy(world)
    heir = Heir(world)
    kept, before = 0, whole(world)
    while True:
        thefts = heir.thefts
        report = run(world, Interrupted(world.db, heir, kept))
        if heir.thefts == thefts:
            break
        assert report.status is RunStatus.INTERRUPTED
        heir.find_everything_as_it_was_left()
        got_on = any(heir.left[name] != before[name] for name in before.keys() - {"leases", "runs"})
        kept, before = 1 if got_on else kept + 1, heir.left
        assert heir.thefts < 60, "no end"
    assert heir.thefts >= 12
    assert report.status is RunStatus.SUCCEEDED
    assert {run.status for run in world.db.runs.latest(world.school.school_id, 100)[1:]} == {RunStatus.INTERRUPTED}
    pupils = world.remote.records(Stream.STUDENTS)
    assert len(pupils) == 2
    assert len(world.remote.records(Stream.ATTENDANCE)) == 1
    assert sorted(str(mark["value"]) for mark in world.remote.records(Stream.MARKS).values()) == ["2", "4"]
    assert len(world.ears.heard) == len({told.key for told in world.ears.heard})
    assert {row["state"] for row in world.rows("outbox")} == {"waiting"}, "of the pupil who is not released"
    return heir.thefts


def statement_16(_count: int, databases: Databases) -> str:
    """Every write of a busy run, on a database of each engine."""
    taken = 0
    with databases.each_engine() as urls:
        for url in urls:
            world = build(url)
            with closing(world.db):
                taken += late_runs(world)
    return (
        f"{taken} takeovers, one at each write on {len(urls)} databases, within {LONGEST_TAKEOVER:.0f} s at a"
        f" heartbeat of {PERIOD:.0f} s; 0 rows, requests or letters of a late holder"
    )
