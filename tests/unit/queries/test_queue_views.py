"""What the queues show: plain values, the same in words, and how a record is called."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import event

from sync_service.domain.conflicts import Side
from sync_service.domain.errors import DecisionError
from sync_service.domain.releases import StepKind
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches, decide_releases
from sync_service.engine.queries_board import release_board
from sync_service.engine.queries_conflicts import conflict_rows, conflict_view
from sync_service.engine.queries_matches import match_rows, match_view
from sync_service.engine.queries_quarantine import quarantine_rows, quarantine_view
from sync_service.engine.queries_releases import release_rows, release_view
from sync_service.engine.queries_seen import record_seen
from sync_service.engine.resolve import resolve
from tests.choosing import choose_all
from tests.unit.engine.world import PUPIL, World, furnish
from tests.unit.queries import scenes

TODAY = date(2026, 11, 20)


def test_a_conflict_is_named_by_pupil_and_class(world: World) -> None:
    """The list says who, what and since when; the stamp is the one a decision names."""
    scene = scenes.birth_date_clash(world)
    (row,) = conflict_rows(world.db, world.school)
    assert row.caption == "Ёлкина Анна Петровна, 8А"
    assert (row.stream, row.remote_id, row.student_id) == ("students", scene.pupil, scene.row)
    assert (row.kind, row.state, row.fields) == ("edit", "open", ("birth_date",))
    assert row.stamp == conflict_view(world.db, world.school, row.id).stamp


def test_a_conflict_shows_agreed_school_and_region_side_by_side(world: World) -> None:
    """Values as stored, and dates as people write them."""
    scenes.birth_date_clash(world)
    (row,) = conflict_rows(world.db, world.school)
    (clash,) = conflict_view(world.db, world.school, row.id).clashes
    assert (clash.agreed, clash.school, clash.gis) == ("2012-05-11", "2012-06-11", "2012-07-11")
    assert (clash.title, clash.agreed_text, clash.school_text, clash.gis_text) == (
        "Дата рождения",
        "11.05.2012",
        "11.06.2012",
        "11.07.2012",
    )


def test_a_clash_of_marks_names_pupil_lesson_and_day(world: World) -> None:
    scenes.mark_clash(world)
    (row,) = conflict_rows(world.db, world.school)
    assert row.caption == "Ёлкина Анна Петровна, 8А: Алгебра, 18.11.2026, 2-й урок"
    assert row.student_id == world.rows("students")[0]["id"]


def test_a_record_deleted_here_is_still_named(world: World) -> None:
    """Its last agreed values tell who it was."""
    scene = scenes.agreed(world)
    world.delete("marks", world.rows("marks")[0]["id"])
    world.remote.edit(Stream.MARKS, scene.mark, value="3")
    world.sync()
    (row,) = conflict_rows(world.db, world.school)
    assert (row.kind, row.caption) == ("deleted_in_school", "Ёлкина Анна Петровна, 8А: Алгебра, 18.11.2026, 2-й урок")
    whole, *_ = conflict_view(world.db, world.school, row.id).clashes
    assert (whole.title, whole.school_text, whole.gis_text) == ("Запись целиком", "удалена", "есть")


def test_a_class_in_a_clash_is_shown_by_name(world: World) -> None:
    """A reference is a number to programs and a name to people."""
    scene = scenes.agreed(world)
    other = world.remote.create(Stream.CLASSES, {"school_year": 2026, "name": "8Б", "grade": 8})
    third = world.insert("classes", school_year=2026, name="8В", grade=8)
    (movement,) = world.remote.records(Stream.MOVEMENTS)
    world.update("movements", world.rows("movements")[0]["id"], class_to_id=third)
    world.remote.edit(Stream.MOVEMENTS, movement, class_to_id=other)
    world.sync()
    (row,) = conflict_rows(world.db, world.school)
    clash = next(c for c in conflict_view(world.db, world.school, row.id).clashes if c.field == "class_to_id")
    assert clash.school == third
    assert (clash.agreed_text, clash.school_text, clash.gis_text) == (
        "8А (2026/2027)",
        "8В (2026/2027)",
        "8Б (2026/2027)",
    )
    assert row.student_id == scene.row


def test_decided_conflicts_are_listed_when_asked_for(world: World) -> None:
    """Who decided, when and what."""
    scenes.birth_date_clash(world)
    (row,) = conflict_rows(world.db, world.school)
    with world.db.read(world.school.school_id) as uow:
        (case,) = uow.conflicts.cases()
    resolve(world.desk("petrova"), row.id, choose_all(case, Side.GIS))
    assert conflict_rows(world.db, world.school) == []
    (decided,) = conflict_rows(world.db, world.school, state=None)
    assert (decided.state, decided.decided_by) == ("resolved", "petrova")
    (choice,) = conflict_view(world.db, world.school, row.id).choices
    assert (choice.group, choice.side) == ("birth_date", "gis")


def counted_statements(world: World) -> tuple[int, int]:
    """Rows of the list, statements it took."""
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(world.db.engine, "before_cursor_execute", count)
    rows = conflict_rows(world.db, world.school)
    event.remove(world.db.engine, "before_cursor_execute", count)
    return len(rows), len(statements)


def test_a_list_of_conflicts_costs_the_same_number_of_statements(world: World) -> None:
    """One pupil or twenty: names are loaded in batches."""
    furnish(world.remote)
    pupils = [
        world.remote.create(Stream.STUDENTS, PUPIL | {"snils": None, "last_name": f"Ёлкина-{letter}"})
        for letter in "АБВГДЕЖЗИКЛМНОПРСТУФ"
    ]
    world.sync()
    counted = []
    for some in (pupils[:1], pupils[1:]):
        for row in world.rows("students")[pupils.index(some[0]) : pupils.index(some[-1]) + 1]:
            world.update("students", row["id"], address="ул. Мира, 1")
        for pupil in some:
            world.remote.edit(Stream.STUDENTS, pupil, address="ул. Мира, 2")
        world.sync()
        counted.append(counted_statements(world))
    assert [rows for rows, _ in counted] == [1, 20]
    assert counted[0][1] == counted[1][1]


def test_a_possible_double_shows_evidence_in_words(world: World) -> None:
    """The regional record, each card and what speaks for and against."""
    pupil, row = scenes.possible_double(world)
    (case,) = match_rows(world.db, world.school)
    assert (case.about, case.remote_id, case.caption) == ("record", pupil, "Ёлкина Аня Петровна")
    (candidate,) = case.candidates
    assert (candidate.local_id, candidate.caption) == (row, "Ёлкина Анна Петровна")
    assert "имя: отличается" in candidate.why
    assert "дата рождения: совпадает" in candidate.why


def test_a_possible_double_is_compared_field_by_field(world: World) -> None:
    scenes.possible_double(world)
    (case,) = match_rows(world.db, world.school)
    compared = {line.field: line for line in match_view(world.db, world.school, case.id).compared}
    assert (compared["first_name"].gis, compared["first_name"].cards) == ("Аня", ("Анна",))
    assert compared["birth_date"].gis == "11.05.2012"
    assert "snils" not in compared


def test_a_decided_double_keeps_the_regional_values(world: World) -> None:
    """After «тот же» the record is no longer set aside: its link tells what the region holds."""
    _, row = scenes.possible_double(world)
    (case,) = match_rows(world.db, world.school)
    decide_matches.confirm(world.desk(), case.id, row)  # type: ignore[arg-type]
    (decided,) = match_rows(world.db, world.school, state=None)
    assert (decided.state, decided.chosen, decided.decided_by) == ("confirmed", row, "ivanova")
    assert match_rows(world.db, world.school) == []


def test_the_release_board_says_whom_to_phone(world: World) -> None:
    """Pupil, class, order, previous school with its phone, and how long it has lasted."""
    student = scenes.not_released(world)
    (row,) = release_rows(world.db, world.school, date(2026, 11, 23))
    assert (row.student_id, row.caption, row.class_name) == (student, "Ёлкина Анна Петровна", "8А")
    assert (row.case, row.state, row.order_number) == ("B", "not_released", "77-у")
    assert (row.previous_school, row.previous_phone) == ("Школа № 12", "+73431234567")
    assert row.days_waiting == 3


def test_a_logged_call_stands_on_the_board(world: World) -> None:
    scenes.not_released(world)
    (row,) = release_rows(world.db, world.school, TODAY)
    decide_releases.log_step(
        world.desk("petrova"), row.id, StepKind.CALL, "Обещали завтра", next_call_on="2026-11-23"
    )
    (row,) = release_rows(world.db, world.school, TODAY)
    assert (row.last_outcome, row.next_call_on) == ("Обещали завтра", "2026-11-23")
    step = release_view(world.db, world.school, TODAY, row.id).steps[-1]
    assert (step.kind, step.kind_text, step.actor) == ("call", "Звонок", "petrova")


def test_the_board_costs_the_same_for_one_case_and_for_many(world: World) -> None:
    """The list, all cases and the board of the page, by the number of statements."""
    student = scenes.not_released(world)
    (few,) = world.rows("releases")
    one = _cost_of_board(world)
    for number in range(5):
        card = {**PUPIL, "last_name": f"Зайцев{number}", "snils": None, "personal_file_no": f"З-{number}"}
        other = world.insert("students", **card, incomplete=False)
        (arrival,) = (row for row in world.rows("movements") if row["student_id"] == student)
        world.insert("movements", **{**arrival, "id": None, "student_id": other})
    world.sync()
    assert len(world.rows("releases")) == 6
    decide_releases.log_step(world.desk(), few["id"], StepKind.CALL, "Обещали")
    assert _cost_of_board(world) == one


def _cost_of_board(world: World) -> int:
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(world.db.engine, "before_cursor_execute", note)
    try:
        release_rows(world.db, world.school, TODAY)
        release_rows(world.db, world.school, TODAY, state=None)
        release_board(world.db, world.school, TODAY)
    finally:
        event.remove(world.db.engine, "before_cursor_execute", note)
    return len(seen)


def test_a_closed_case_waits_no_longer(world: World) -> None:
    """It leaves the board, its days stand still and nobody is to be phoned."""
    scenes.not_released(world)
    (row,) = release_rows(world.db, world.school, TODAY)
    decide_releases.log_step(world.desk(), row.id, StepKind.CALL, "Позже", next_call_on="2026-11-30")
    decide_releases.close(world.desk(), row.id)
    assert release_rows(world.db, world.school, date(2026, 12, 30)) == []
    (closed,) = release_rows(world.db, world.school, date(2026, 12, 30), state=None)
    assert (closed.state, closed.closed_by, closed.days_waiting) == ("withdrawn", "ivanova", 0)
    assert closed.next_call_on is None


def test_quarantine_names_the_record_and_the_reason(world: World) -> None:
    """The list holds no values of the record; the single view holds its content."""
    row = scenes.impossible_mark(world)
    (item,) = quarantine_rows(world.db, world.school)
    assert (item.stream, item.direction, item.local_id) == ("marks", "push", row)
    assert item.caption == "Ёлкина Анна Петровна, 8А: Алгебра, 19.11.2026, 2-й урок"
    assert item.reason
    view = quarantine_view(world.db, world.school, item.id)
    assert view.signature
    assert quarantine_rows(world.db, world.school, stream=Stream.STUDENTS) == []


def test_an_unknown_number_is_refused_with_the_next_step(world: World) -> None:
    for look in (
        lambda: conflict_view(world.db, world.school, 99),
        lambda: match_view(world.db, world.school, 99),
        lambda: release_view(world.db, world.school, TODAY, 99),
        lambda: quarantine_view(world.db, world.school, 99),
    ):
        with pytest.raises(DecisionError, match="Обновите список"):
            look()


def test_looking_leaves_one_entry_per_view(world: World) -> None:
    """Who, when and which pupils; an empty list leaves nothing, and the chain holds."""
    scene = scenes.agreed(world)
    before = world.count("audit")
    for students in ([scene.row, None, scene.row], [None], []):
        record_seen(world.db, world.school, actor="petrova", cause="conflicts:list", students=students)
    pupils, nobody = world.rows("audit")[before:]
    assert (pupils["actor"], pupils["act"], pupils["cause"]) == ("petrova", "view", "conflicts:list")
    seen = [(row["entry_id"], row["student_id"]) for row in world.rows("audit_items") if row["act"] == "view"]
    assert seen == [(pupils["id"], scene.row)]
    assert nobody["act"] == "view"
    with world.db.read(world.school.school_id) as uow:
        assert uow.audit.verify() is None
