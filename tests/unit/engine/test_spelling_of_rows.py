"""A row in the school's own spelling means what the mapping says it means, in both directions."""

from __future__ import annotations

import pytest

from sync_service.domain.streams import Stream
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.test_conflicts import cases
from tests.unit.engine.world import PUPIL, World, furnish


def test_a_phone_in_another_spelling_is_no_local_edit(world: World) -> None:
    """The region's later phone replaces the agreed one without a question, whatever way the row spells it."""
    pupil, _ = seeded(world)
    row = world.rows("students")[0]["id"]
    world.update("students", row, phone="8 (900) 111-22-33")
    world.sync()
    assert world.remote.records(Stream.STUDENTS)[pupil]["phone"] == "+79001112233"
    world.remote.edit(Stream.STUDENTS, pupil, phone="+79009998877")
    report = world.sync()
    assert cases(world) == []
    assert report.streams[Stream.STUDENTS].pull.conflicts == 0
    assert world.rows("students")[0]["phone"] == "+79009998877"


@pytest.mark.parametrize("snils", ["11223344595", "112-233-445 95"])
def test_snils_links_whatever_way_the_school_writes_it(world: World, snils: str) -> None:
    """A pupil known to both sides by СНИЛС is linked, not doubled, although the surname differs."""
    furnish(world.remote)
    row = world.insert("students", **{**PUPIL, "snils": snils}, incomplete=False)
    card = world.remote.create(Stream.STUDENTS, PUPIL | {"last_name": "Иная"})
    world.sync()
    assert [pupil["id"] for pupil in world.rows("students")] == [row]
    linked = [link for link in world.rows("links") if link["stream"] == "students"]
    assert [(link["local_id"], link["remote_id"]) for link in linked] == [(row, card)]


def test_equal_values_in_two_spellings_meet_without_a_case(world: World) -> None:
    """A first meeting asks about differing values only; a phone written with brackets does not differ."""
    furnish(world.remote)
    world.insert("students", **PUPIL, phone="8 (900) 111-22-33", incomplete=False)
    world.remote.create(Stream.STUDENTS, PUPIL | {"phone": "+79001112233"})
    world.sync()
    assert world.count("students") == 1
    assert cases(world, None) == []


def test_a_row_in_its_own_spelling_goes_with_the_regions_deletion(world: World) -> None:
    """Nobody edited the mark since it was agreed, so a deletion there deletes it here without a question."""
    furnish(world.remote)
    world.remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[0]["id"]
    world.insert("marks", student_id=student, lesson_id=lesson, value=" 5 ", weight=1, position=1)
    world.sync()
    (mark,) = world.remote.records(Stream.MARKS)
    world.remote.delete(Stream.MARKS, mark)
    world.sync()
    assert cases(world) == []
    assert world.rows("marks") == []
