"""``subjects erase`` at the command line: looked at first, done with --yes, the act in a file of the owner alone."""

from __future__ import annotations

import pytest

from sync_service.cli.subjects import ROOM
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from tests.unit.cli.office import Office


@pytest.fixture
def pupil(office: Office) -> str:
    """The number of a pupil whom both sides know and who has left."""
    remote = office.agreed()
    order: Values = {"student_id": remote, "order_number": "1-у", "order_date": "2026-01-12"}
    office.region.create(Stream.MOVEMENTS, {**order, "kind": "arrival", "date": "2026-01-12"})
    office.region.create(
        Stream.MOVEMENTS, {**order, "kind": "departure", "date": "2026-01-13", "destination_name": "Школа № 5"}
    )
    office.must("sync")
    office.must("sync")
    ((number,),) = office.sql("SELECT id FROM students")
    return str(number)


def test_without_yes_nothing_goes(office: Office, pupil: str) -> None:
    """The kinds of data with their numbers, and who looked is in the journal; --json names nobody."""
    said = office.must("subjects", "erase", pupil, "--as", "petrova")
    assert "Ёлкина Анна Петровна" in said
    assert "движение: прибытие" in said
    shown = office.json("subjects", "erase", pupil)
    assert (shown["rows"]["students"], shown["rows"]["movements"], shown["obstacles"]) == (1, 2, [])
    assert "Ёлкина" not in str(shown)
    assert office.sql("SELECT count(*) FROM students") == [(1,)]
    assert office.run("subjects", "erase", pupil, "--yes") == 2
    assert office.sql("SELECT count(*) FROM students") == [(1,)]


def test_with_yes_the_act_is_in_a_file_and_the_pupil_stays_away(office: Office, pupil: str) -> None:
    act = office.folder / "act.pdf"
    done = office.json("subjects", "erase", pupil, "--yes", "--reason", "consent", "--output", str(act))
    assert (done["act"], done["scrubbed"]) == (1, True)
    content = act.read_bytes()
    assert (content[:5], content.rstrip()[-5:]) == (b"%PDF-", b"%%EOF")
    assert len(content) < ROOM / 2
    assert act.stat().st_mode & 0o077 == 0
    assert "Пропущено записей" in office.must("reconcile")
    assert office.sql("SELECT count(*) FROM students") == [(0,)]
    office.must("audit", "verify")
    (listed,) = office.json("subjects", "acts")
    assert (listed["id"], listed["reason"], listed["lifted_at"]) == (1, "consent", None)
    office.sql("UPDATE erasures SET made_at = '2026-03-01T20:00:00.000000Z'")
    assert "02.03.2026 01:00" in office.must("subjects", "acts"), "the school's day, not that of Greenwich"
    assert "стоит" in office.said
    assert office.json("subjects", "scrub") == {"scrubbed": 0, "left": 0}
    assert "отметка снята" in office.must("subjects", "restore", "1", "--as", "ivanov")
    assert office.run("subjects", "restore", "1") == 1
    office.must("sync")
    assert office.sql("SELECT count(*) FROM students") == [(1,)]


def test_what_is_open_is_said_and_leaves_no_file(office: Office, pupil: str) -> None:
    office.sql("UPDATE students SET phone = '+79120000077'")
    assert office.run("subjects", "erase", pupil) == 3
    assert "Пока нельзя" in office.said
    act = office.folder / "act.pdf"
    assert office.run("subjects", "erase", pupil, "--yes", "--reason", "term", "--output", str(act)) == 1
    assert "не разобраны" in office.told
    assert not act.exists()
    act.write_text("another", "utf-8")
    assert office.run("subjects", "erase", pupil, "--yes", "--reason", "term", "--output", str(act)) == 2
    assert act.read_text("utf-8") == "another"
    assert office.run("subjects", "erase", "4711") == 1
