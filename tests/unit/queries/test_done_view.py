"""«Сделано сегодня»: what was decided on this day, found by its moment."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import event, text

from sync_service.domain.conflicts import Side
from sync_service.domain.people import Role
from sync_service.engine import decide_holds
from sync_service.engine.queries_done import SHOWN, done_on
from sync_service.engine.queries_today import inbox
from sync_service.engine.resolve import resolve
from tests.choosing import choose_all
from tests.unit.engine.world import World
from tests.unit.guard.crowd import crowd, rows_of
from tests.unit.queries import scenes

TODAY = date(2026, 11, 20)


def decided_clash(world: World, side: Side = Side.LOCAL) -> int:
    """A birth date both sides changed, decided for ``side``; the number of the case."""
    scenes.birth_date_clash(world)
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.conflicts.cases()
    resolve(world.desk("ivanova"), case.conflict_id, choose_all(case, side))
    return case.conflict_id


def test_a_decision_says_what_went_where_and_who_decided(world: World) -> None:
    """It can be taken back; with the next day it is no longer among what was done."""
    case = decided_clash(world)
    (line,) = done_on(world.db, world.school, TODAY).items
    assert (line.queue, line.id, line.side, line.by, line.undo) == ("conflicts", case, "gis", "ivanova", True)
    assert (line.title, line.what) == ("Ёлкина Анна Петровна, 8А", "Дата рождения: значение школы записано")
    assert done_on(world.db, world.school, TODAY + timedelta(days=1)).items == ()


def test_the_day_begins_at_midnight_of_the_school(world: World) -> None:
    """19:30 UTC is half past midnight of the next day in Yekaterinburg."""
    world.clock.moment = world.clock.moment.replace(hour=19, minute=30)
    school = world.school.zone
    today = world.clock.today(school)
    decided_clash(world)
    assert len(done_on(world.db, world.school, today).items) == 1
    assert done_on(world.db, world.school, today + timedelta(days=1)).items == ()


def test_a_hold_waits_in_the_inbox_and_once_decided_is_done(world: World) -> None:
    crowd(world, 60)
    for row in rows_of(world, "marks")[:6]:
        world.delete("marks", row)
    world.sync()
    (item,) = inbox(world.db, world.school, TODAY, Role.SECRETARY)
    assert (item.queue, item.title, item.verb) == ("holds", "6 удалений в отметках", "Проверить")
    assert "Ничего не удалено" in item.detail
    decide_holds.discard(world.desk("petrova"), item.id)
    assert inbox(world.db, world.school, TODAY, Role.SECRETARY) == []
    (line,) = done_on(world.db, world.school, TODAY).items
    assert (line.title, line.what, line.by) == (item.title, "отменено", "petrova")


def test_what_was_decided_before_costs_nothing(world: World) -> None:
    """Forty decisions take as many statements as one, and every look-up by time goes through an index on it."""
    case = decided_clash(world)
    seen: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        seen.append((args[2], args[3]))

    event.listen(world.db.engine, "before_cursor_execute", note)
    done_on(world.db, world.school, TODAY)
    once = len(seen)
    columns = "school_id, stream, link_id, local_id, kind, state, clashes, choices, opened_at, decided_at, decided_by"
    copy = f"INSERT INTO conflicts ({columns}) SELECT {columns} FROM conflicts WHERE id = :id"
    with world.db.engine.begin() as connection:
        connection.execute(text(copy), [{"id": case}] * 40)
    seen.clear()
    done = done_on(world.db, world.school, TODAY)
    assert (len(seen), len(done.items), done.more) == (once, SHOWN, 41 - SHOWN)
    timed = [(sql, params) for sql, params in seen if "_at >= ?" in sql]
    assert len(timed) == 4  # conflicts, doubles, releases, holds
    for sql, params in timed:
        with world.db.engine.connect() as connection:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
        assert "_at>?" in str(steps), steps
