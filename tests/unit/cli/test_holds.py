"""``holds`` at the command line: the set and why, two people for a deletion, exit code 4 until it is decided."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.streams import Stream
from tests.unit.cli.office import Office
from tests.unit.cli.test_deciding import actors


@pytest.fixture
def held(office: Office) -> dict[str, Any]:
    """Seven of eight marks were deleted here; the row of the hold."""
    pupil = office.agreed()
    (lesson,) = office.region.records(Stream.LESSONS)
    for position in range(1, 9):
        office.region.create(
            Stream.MARKS, {"student_id": pupil, "lesson_id": lesson, "value": "4", "weight": 1, "position": position}
        )
    office.must("sync")
    office.sql("DELETE FROM marks WHERE position <= 7")
    assert office.run("sync") == 4
    assert "ecp-sync holds list" in office.told
    (row,) = office.json("holds", "list")
    return dict(row)


def test_the_list_says_why(office: Office, held: dict[str, Any]) -> None:
    assert (held["stream"], held["direction"], held["operation"], held["records"]) == ("marks", "push", "delete", 7)
    said = office.must("holds", "list")
    assert "Удаление в ГИС: 7 из 8" in said
    assert office.json("status")["schools"][0]["totals"]["held"] == 7


def test_the_records_are_shown_and_who_looked_is_written_down(office: Office, held: dict[str, Any]) -> None:
    """Names, what would happen, and what each decision does."""
    number = str(held["id"])
    said = office.must("holds", "show", number, "--as", "petrova")
    assert "Ёлкина Анна Петровна" in said
    assert "будет удалена" in said
    assert f"ecp-sync holds release {number} --digest {held['digest']}" in said
    assert "вернутся в базу школы" in said
    assert ("petrova", f"holds:show:{number}") in actors(office, "view")


def test_two_people_release_a_deletion(office: Office, held: dict[str, Any]) -> None:
    """The first word leaves it open (3), the same person again is refused (1), another hash too; then it goes."""
    number = str(held["id"])
    first = office.json("holds", "release", number, "--as", "ivanova", code=3)
    assert first == {"id": held["id"], "state": "seconding"}
    assert office.run("holds", "release", number, "--as", "ivanova") == 1
    assert office.run("holds", "release", number, "--as", "petrova", "--digest", "other") == 1
    assert office.run("sync") == 4
    office.must("holds", "release", number, "--as", "petrova", "--digest", held["digest"])
    office.must("sync")
    assert len(office.region.records(Stream.MARKS)) == 1
    assert office.json("holds", "list") == []
    (row,) = office.json("holds", "list", "--all")
    assert (row["state"], row["first_by"], row["decided_by"]) == ("applied", "ivanova", "petrova")


def test_discard_brings_the_rows_back(office: Office, held: dict[str, Any]) -> None:
    assert office.json("holds", "discard", str(held["id"])) == {"id": held["id"], "state": "discarded"}
    office.must("sync")
    assert office.sql("SELECT count(*) FROM marks") == [(8,)]
    assert office.run("holds", "undo", str(held["id"])) == 1


def test_recheck_and_undo(office: Office, held: dict[str, Any]) -> None:
    """Read again, the same seven are held anew; a first word is taken back."""
    assert office.json("holds", "recheck", str(held["id"]))["state"] == "superseded"
    assert office.run("sync") == 4
    (again,) = office.json("holds", "list")
    assert (again["id"] != held["id"], again["digest"]) == (True, held["digest"])
    office.json("holds", "release", str(again["id"]), "--as", "ivanova", code=3)
    assert office.json("holds", "undo", str(again["id"]), "--as", "ivanova")["state"] == "open"
    assert office.run("holds", "show", "99") == 1
