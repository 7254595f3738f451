"""Erasing one pupil: nothing of the person is left, and nothing of it comes back while the region lists the pupil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.erasures import Reason
from sync_service.domain.errors import AlreadyRunning, DatabaseBusy, DecisionError, NoSuchCase
from sync_service.domain.links import LocalId, NewLink, RemoteId, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import erasure_words as words
from sync_service.engine.erase_subject import Erased, erase_subject, restore_subject, scrub
from sync_service.persistence.holdings import HOLDINGS, Fate
from sync_service.persistence.schema import metadata
from tests.databases import SqliteTemplate
from tests.unit.engine.resyncs import job, plan_one
from tests.unit.engine.world import PUPIL, Timetable, World, build, furnish

GONE = ("students", "guardians", "guardianships", "marks", "movements", "links", "releases", "inbox", "quarantine")


def erase(world: World, student_id: int) -> Erased:
    return erase_subject(job(world), LocalId(student_id), Reason.PURPOSE)


def a_pupil(world: World, timetable: Timetable, *, left: bool = True) -> RemoteId:
    """A pupil of the region with a parent and a mark, who has left."""
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    parent = world.remote.create(
        Stream.GUARDIANS, {"last_name": "Ёлкин", "first_name": "Пётр", "phone": "+79120000001"}
    )
    world.remote.create(Stream.GUARDIANSHIPS, {"student_id": pupil, "guardian_id": parent, "relation": "отец"})
    mark: Values = {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "weight": 1, "position": 1}
    world.remote.create(Stream.MARKS, mark)
    order: Values = {"student_id": pupil, "order_number": "1-у", "order_date": "2026-09-01"}
    world.remote.create(
        Stream.MOVEMENTS, {**order, "kind": "arrival", "date": "2026-09-01", "class_to_id": timetable.klass}
    )
    if left:
        away: Values = {"class_from_id": timetable.klass, "destination_name": "Школа № 5"}
        world.remote.create(Stream.MOVEMENTS, {**order, **away, "kind": "departure", "date": "2026-11-10"})
    return pupil


def leaver(world: World, *, left: bool = True) -> int:
    """Everything about the pupil agrees, and nothing is open."""
    a_pupil(world, furnish(world.remote), left=left)
    world.sync()
    world.sync()
    (row,) = world.rows("students")
    return int(row["id"])


def erased(world: World) -> dict[str, int]:
    """What the next comparison passes by."""
    report = world.reconcile()
    assert all(entry.pull.balances for entry in report.streams.values())
    assert report.status is RunStatus.SUCCEEDED
    return {stream.value: entry.pull.erased for stream, entry in report.streams.items() if entry.pull.erased}


def test_who_is_erased_stays_away(world: World) -> None:
    """Counted by every reading that meets the records, written by none; a person lets the pupil in again."""
    made = erase(world, leaver(world))
    assert (made.view.name, made.view.parents) == ("Ёлкина Анна Петровна", ("Ёлкин Пётр",))
    assert made.erasure.scrubbed_at is not None
    assert world.sync().status is RunStatus.SUCCEEDED
    everything = {"students": 1, "guardians": 1, "guardianships": 1, "movements": 2, "marks": 1}
    assert erased(world) == everything
    world.remote.bump(Stream.STUDENTS)
    assert world.sync().streams[Stream.STUDENTS].pull.to_json()["erased"] == 1
    assert {table: world.rows(table) for table in GONE if table != "links"} == {t: [] for t in GONE if t != "links"}
    assert {row["stream"] for row in world.rows("links")} <= {
        "organizations",
        "periods",
        "classes",
        "subjects",
        "lessons",
    }
    restore_subject(world.desk(), made.erasure.erasure_id)
    with pytest.raises(DecisionError, match="уже снята"):
        restore_subject(world.desk(), made.erasure.erasure_id)
    world.sync()
    assert [len(world.rows(table)) for table in GONE[:5]] == [1, 1, 1, 1, 2]
    assert "erased" not in world.reconcile().to_json()["streams"]["students"]["pull"]


def enrolled_still(world: World, pupil: int) -> None:
    world.delete("movements", max(row["id"] for row in world.rows("movements")))
    world.sync()


def edited(world: World, pupil: int) -> None:
    world.update("students", pupil, phone="+79120000077")


def clashing(world: World, pupil: int) -> None:
    edited(world, pupil)
    (remote,) = world.remote.records(Stream.STUDENTS)
    world.remote.edit(Stream.STUDENTS, remote, phone="+79120000078")
    world.sync()


def held(world: World, pupil: int) -> None:
    (remote,), lesson = world.remote.records(Stream.STUDENTS), next(iter(world.remote.records(Stream.LESSONS)))
    marks = [
        world.remote.create(
            Stream.MARKS,
            {"student_id": remote, "lesson_id": lesson, "value": "4", "weight": 1, "position": n + 2},
        )
        for n in range(8)
    ]
    world.sync()
    for mark in marks:
        world.remote.delete(Stream.MARKS, mark)
    assert world.sync().status is RunStatus.HELD


def unsent(world: World, pupil: int) -> None:
    edited(world, pupil)
    with world.db.write(world.school.school_id) as uow:
        uow.journal.claim(Stream.STUDENTS, 10)
        uow.outbox.enqueue(Stream.STUDENTS, {LocalId(pupil): ("phone",)})
        uow.commit()


def watched(world: World, pupil: int) -> None:
    (case,) = world.rows("releases")
    world.update("releases", case["id"], state="left")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (enrolled_still, "числится в школе"),
        (edited, "не разобраны"),
        (clashing, "открытое расхождение"),
        (held, "задержанные изменения"),
        (unsent, "ждут отправки"),
        (watched, "ещё не закрыто"),
    ],
)
def test_what_is_open_is_to_be_settled_first(world: World, trouble: Callable[[World, int], None], said: str) -> None:
    """Refused in words that say what to do; not a row is gone."""
    pupil = leaver(world)
    trouble(world, pupil)
    before = {table: world.rows(table) for table in GONE}
    with pytest.raises(DecisionError, match=said):
        erase(world, pupil)
    assert {table: world.rows(table) for table in GONE} == before
    assert world.rows("erasures") == []


def test_there_is_nobody_to_erase(world: World) -> None:
    with pytest.raises(NoSuchCase):
        erase(world, 4711)
    with pytest.raises(NoSuchCase):
        restore_subject(world.desk(), 4711)


def test_nothing_is_erased_while_a_run_is_at_work(world: World) -> None:
    pupil = leaver(world)
    clock, leases = world.clock, world.db.leases
    leases.acquire(
        world.school.school_id,
        (Stream.MARKS,),
        "run-77",
        wait=0.0,
        clock=clock.monotonic,
        sleep=clock.sleep,
        period=60.0,
    )
    with pytest.raises(AlreadyRunning):
        erase(world, pupil)
    assert len(world.rows("students")) == 1


def test_a_crash_before_the_commit_keeps_everything(world: World) -> None:
    """All of it goes, or nothing; the next try finds the leases free."""
    pupil = leaver(world)
    before = {table: world.rows(table) for table in GONE}

    def die(point: str) -> None:
        raise KeyboardInterrupt(point)

    with pytest.raises(KeyboardInterrupt):
        erase_subject(job(world, probe=die), LocalId(pupil), Reason.PURPOSE)
    assert {table: world.rows(table) for table in GONE} == before
    erase(world, pupil)
    assert world.rows("students") == []


def test_what_happens_behind_the_commit_costs_nobody_the_act(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names are in it alone: neither a busy database nor a day's work in the journal keeps it back."""

    def busy() -> bool:
        seen = AuditEntry(act=Act.VIEW.value, actor="petrova", cause="page:find")
        with world.db.write(world.school.school_id) as uow:
            uow.audit.append([seen] * 60)
            uow.commit()
        raise DatabaseBusy("nothing was written")

    pupil = leaver(world)
    monkeypatch.setattr(world.db, "scrub", busy)
    made = erase(world, pupil)
    assert (made.view.name, made.entry.cause) == ("Ёлкина Анна Петровна", "erasure:1")
    assert made.erasure.scrubbed_at is None


def test_a_parent_may_come_with_another_child(world: World) -> None:
    """The card went with the only child; a sibling who comes later brings the same card in again."""
    erase(world, leaver(world))
    (parent,) = world.remote.records(Stream.GUARDIANS)
    sibling = world.remote.create(Stream.STUDENTS, {**PUPIL, "first_name": "Ольга", "snils": None, "sex": "Ж"})
    world.remote.create(Stream.GUARDIANSHIPS, {"student_id": sibling, "guardian_id": parent, "relation": "отец"})
    report = world.sync()
    assert all(entry.pull.balances for entry in report.streams.values())
    world.sync()
    assert [row["first_name"] for row in world.rows("students")] == ["Ольга"]
    assert [row["last_name"] for row in world.rows("guardians")] == ["Ёлкин"]
    assert len(world.rows("guardianships")) == 1


def test_a_mark_that_was_moved_to_another_pupil_stays(world: World) -> None:
    """The journal and the base still say that it was the leaver's."""
    pupil = leaver(world)
    other = world.remote.create(Stream.STUDENTS, {**PUPIL, "first_name": "Ольга", "snils": None})
    world.sync()
    (neighbour,) = [row["id"] for row in world.rows("students") if row["id"] != pupil]
    (mark,) = world.rows("marks")
    world.update("marks", mark["id"], student_id=neighbour)
    (remote,) = world.remote.records(Stream.MARKS)
    world.sync()
    world.remote.edit(Stream.MARKS, remote, student_id=other)
    world.sync()
    erase(world, pupil)
    assert [(row["id"], row["student_id"]) for row in world.rows("marks")] == [(mark["id"], neighbour)]
    assert [row["stream"] for row in world.rows("links")].count("marks") == 1


def test_a_link_wins_over_a_mark(world: World) -> None:
    """Who was entered anew by a person is a pupil like any other: what belongs to the pupil comes in."""
    erase(world, leaver(world))
    (remote,) = world.remote.records(Stream.STUDENTS)
    with world.db.write(world.school.school_id) as uow:
        values: Values = {"last_name": PUPIL["last_name"], "first_name": PUPIL["first_name"]}
        (local,) = uow.staging.insert(Stream.STUDENTS, [values])
        uow.links.insert(
            Stream.STUDENTS,
            [
                NewLink(
                    local_id=local,
                    remote_id=remote,
                    base=Snapshot.agreed(values),
                    evidence="ack",
                    version=None,
                    change_version=None,
                )
            ],
        )
        uow.commit()
    world.reconcile()
    assert [len(world.rows(table)) for table in ("students", "marks", "movements")] == [1, 1, 2]


def test_a_plan_of_one_record_passes_by_too(world: World) -> None:
    erase(world, leaver(world))
    (remote,) = world.remote.records(Stream.STUDENTS)
    assert plan_one(world, Stream.STUDENTS, f"gis:{remote}").items == ()


def test_who_reads_keeps_the_file_from_being_written_anew(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """SQLite: the erasure stands; that its bytes are still to be overwritten is on record, and done the next time."""
    world = build(sqlite_template.copy(tmp_path))
    pupil = leaver(world)
    event.listen(world.db.engine, "connect", lambda driver, _: driver.execute("PRAGMA busy_timeout = 50"))
    world.db.engine.dispose()
    with world.db.read(world.school.school_id) as reader:
        assert reader.staging.rows(Stream.STUDENTS, [LocalId(pupil)])
        assert erase(world, pupil).erasure.scrubbed_at is None
    assert world.rows("students") == []
    assert (scrub(job(world)), scrub(job(world))) == (1, 0)
    (row,) = world.rows("erasures")
    assert row["scrubbed_at"] is not None
    world.db.close()


def test_every_column_is_either_personal_or_not() -> None:
    """A column or table that was added since has to be thought of: in holdings.py and in stores/traces.py."""
    found = {table.name: frozenset(column.name for column in table.c) for table in metadata.sorted_tables}
    assert {name: holding.personal | holding.plain for name, holding in HOLDINGS.items()} == found
    for name, holding in HOLDINGS.items():
        assert not holding.personal & holding.plain, name
        assert (holding.fate is Fate.KEPT) <= (not holding.personal), name


def test_the_act_has_a_word_for_every_table_that_loses_something() -> None:
    lost = {name for name, holding in HOLDINGS.items() if holding.fate is not Fate.KEPT}
    assert set(words.CATEGORIES) == lost - {"sessions"}  # a word that waits to be shown once
