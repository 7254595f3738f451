"""What the daemon throws away, on both engines: previews that have outlived their use, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from sync_service import housekeeping
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.plans import Plan, PlanAct, PlanItem, PlanKind, PlanState, Scope
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.housekeeping import Housekeeper
from sync_service.persistence.uploads import Uploads
from tests.databases import SchoolDatabase


class _Clock:
    """The database's clock, which also tells how long it has been."""

    def __init__(self, database: SchoolDatabase) -> None:
        self._database = database

    def now(self) -> datetime:
        return self._database.clock.moment

    def monotonic(self) -> float:
        return self.now().timestamp()


def keeper(database: SchoolDatabase) -> Housekeeper:
    clock = _Clock(database)
    uploads = Uploads(database.database.engine, clock.now)
    return Housekeeper(database.database, clock, uploads)  # type: ignore[arg-type]  # a clock of two hands


def school_of(database: SchoolDatabase) -> School:
    return School(school_id=database.school, code="s", name="Школа", organization_id=RemoteId("o"))


def made(database: SchoolDatabase, *, days: int, state: PlanState = PlanState.PLANNED, items: int = 3) -> int:
    """A plan that was made so many days ago."""
    at = database.clock.moment - timedelta(days=days)
    item = PlanItem(
        stream=Stream.STUDENTS,
        acts=(PlanAct.UPDATE_HERE,),
        local_id=None,
        remote_id=None,
        precondition="x",
        position=0,
    )
    plan = Plan(
        plan_id=0,
        kind=PlanKind.COMPARE,
        scope=Scope(streams=tuple(Stream)),
        created_at=at,
        created_by="orlov",
        items=tuple(replace(item, position=n, local_id=LocalId(n)) for n in range(1, items + 1)),
        state=state,
    )
    with database.database.write(database.school) as uow:
        plan_id = uow.plans.add(plan)
        uow.commit()
    return plan_id


def plans(database: SchoolDatabase) -> list[int]:
    return [int(row["id"]) for row in database.sql("SELECT id FROM plans ORDER BY id")]


def test_plans_go_by_their_age_and_whether_they_were_begun(database: SchoolDatabase) -> None:
    """In bites that let others write; the log says how many went, once."""
    made(database, days=8, items=7)
    made(database, days=91, state=PlanState.APPLIED)
    made(database, days=100, state=PlanState.APPLYING)
    kept = [
        made(database, days=6),
        made(database, days=89, state=PlanState.APPLIED),
        made(database, days=8, state=PlanState.APPLYING),
        made(database, days=0, items=0),
    ]
    made(database, days=8, items=0)
    former, housekeeping.ITEMS_AT_ONCE = housekeeping.ITEMS_AT_ONCE, 3
    try:
        with structlog.testing.capture_logs() as logged:
            keeper(database).tidy(school_of(database))
    finally:
        housekeeping.ITEMS_AT_ONCE = former
    assert plans(database) == kept
    assert {int(row["plan_id"]) for row in database.sql("SELECT plan_id FROM plan_items")} == set(kept[:3])
    (line,) = logged
    assert (line["event"], line["plans"], line["uploads"]) == ("old_previews_dropped", 4, 0)


def test_uploads_go_after_an_hour(database: SchoolDatabase) -> None:
    """Also when nobody ever uploads anything again."""
    uploads = Uploads(database.database.engine, lambda: database.clock.moment)
    broom = keeper(database)
    uploads.keep(database.school, b"old", file_name="a.csv", by="petrova")
    database.clock.moment += timedelta(minutes=40)
    uploads.keep(database.school, b"new", file_name="b.csv", by="petrova")
    database.clock.moment += timedelta(minutes=30)
    with structlog.testing.capture_logs() as logged:
        broom.tidy(school_of(database))
    assert [row["file_name"] for row in database.sql("SELECT file_name FROM uploads")] == ["b.csv"]
    assert [line["uploads"] for line in logged] == [1]


def test_the_broom_is_taken_once_an_hour(database: SchoolDatabase) -> None:
    """A round that finds nothing says nothing."""
    broom = keeper(database)
    with structlog.testing.capture_logs() as logged:
        broom.tidy(school_of(database))
        made(database, days=8)
        broom.tidy(school_of(database))
        assert len(plans(database)) == 1
        database.clock.moment += timedelta(hours=1)
        broom.tidy(school_of(database))
    assert plans(database) == []
    assert len(logged) == 1
