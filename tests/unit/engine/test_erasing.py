"""Erasing one pupil: nothing of the person is left, and nothing of it comes back while the region lists the pupil."""

from __future__ import annotations

import pytest

from sync_service.domain.erasures import Reason
from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.erase_subject import Erased, erase_subject, restore_subject
from tests.unit.engine.resyncs import job
from tests.unit.engine.world import PUPIL, World, furnish


def erase(world: World, student_id: int) -> Erased:
    return erase_subject(job(world), LocalId(student_id), Reason.PURPOSE)


def leaver(world: World) -> int:
    """A pupil of the region with a parent and a mark, who has left; everything agrees."""
    timetable = furnish(world.remote)
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    parent = world.remote.create(
        Stream.GUARDIANS, {"last_name": "Ёлкин", "first_name": "Пётр", "phone": "+79120000001"}
    )
    world.remote.create(Stream.GUARDIANSHIPS, {"student_id": pupil, "guardian_id": parent, "relation": "отец"})
    mark = {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "weight": 1, "position": 1}
    world.remote.create(Stream.MARKS, mark)
    order = {"order_number": "1-у", "order_date": "2026-09-01", "class_to_id": timetable.klass}
    world.remote.create(Stream.MOVEMENTS, {"student_id": pupil, "kind": "arrival", "date": "2026-09-01", **order})
    gone = {"order_number": "2-у", "order_date": "2026-11-10", "class_from_id": timetable.klass}
    away = {"destination_name": "Школа № 5"}
    world.remote.create(
        Stream.MOVEMENTS, {"student_id": pupil, "kind": "departure", "date": "2026-11-10", **gone, **away}
    )
    world.sync()
    (row,) = world.rows("students")
    for case in world.rows("releases"):
        world.update("releases", case["id"], state="visible")
    return int(row["id"])


def test_who_is_erased_stays_away(world: World) -> None:
    pupil = leaver(world)
    made = erase(world, pupil)
    assert made.view.parents == ("Ёлкин Пётр",)
    for table in ("students", "guardians", "guardianships", "marks", "movements", "releases"):
        assert world.rows(table) == [], table
    report = world.sync()
    assert report.status.value == "succeeded"
    report = world.reconcile()
    erased = {s.value: r.pull.erased for s, r in report.streams.items() if r.pull.erased}
    assert erased == {"students": 1, "guardians": 1, "guardianships": 1, "movements": 2, "marks": 1}
    assert all(r.pull.balances for r in report.streams.values())
    for table in ("students", "guardians", "guardianships", "marks", "movements", "inbox", "quarantine"):
        assert world.rows(table) == [], table
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None
    assert made.erasure.scrubbed_at is not None
    restore_subject(world.desk(), made.erasure.erasure_id)
    world.sync()
    assert len(world.rows("students")) == len(world.rows("guardians")) == len(world.rows("marks")) == 1
