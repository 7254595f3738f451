"""An ordinary day on which everything happens at once, and what the region should hold when it is over.

Both sides change different things: cards, marks, absences, deletions, a departure, newcomers with parents, files
not imported yet. Nothing contradicts, so both sides must agree in the end, whatever went wrong on the way.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.ecp.simulator.people import People
from tests.acceptance.agreement import Portrait, differences, disagreements, portrait
from tests.acceptance.office import Item, Office, office, region
from tests.acceptance.paperwork import draw_pupil, release_into_region, write_list, write_reports

DAYS = (date(2026, 11, 12), date(2026, 11, 18))
PAGE_SIZE = 100  # several pages of lessons and marks


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the secretary will import today."""

    pupils: Path
    reports: tuple[Path, ...]


def agreed_database(folder: Path) -> Path:
    """A SQLite file of a school that has read everything from the small region."""
    read_everything(folder, f"sqlite:///{folder / 'school.sqlite'}")
    return folder / "school.sqlite"


def read_everything(folder: Path, url: str) -> None:
    """Bring a new database to agreement with the small region. Every region of the same seed is the same, so one
    reading serves all tests: each begins with a copy."""
    with region() as door, office(door, folder, url=url, page_size=PAGE_SIZE) as made:
        made.settle()
        assert disagreements(made) == []


def copied(database: Path, folder: Path) -> str:
    """The URL of a copy of a database that nobody uses."""
    shutil.copyfile(database, folder / "school.sqlite")
    return f"sqlite:///{folder / 'school.sqlite'}"


def write_files(made: Office) -> Files:
    """The list and the reports of today's newcomers, who have been released by their school."""
    last_school = made.region.organizations[1]
    people = People(29)
    newcomers = [draw_pupil(people, name, origin=last_school) for name in ("5А", "8А", "8А")]
    release_into_region(made, newcomers, last_school=last_school["id"])
    beginner = draw_pupil(people, "1А", origin_kind="none")
    journal = write_reports(made, newcomers, DAYS)
    return Files(pupils=write_list(made.folder, [*newcomers, beginner]), reports=tuple(journal.paths))


def import_files(made: Office, files: Files) -> None:
    for path in (files.pupils, *files.reports):
        made.service.files.bring_in(made.school(), path, actor="secretary")


def edit_both_sides(made: Office) -> None:
    """The work of teachers and secretaries, here and at the region."""
    recent = {lesson["id"] for lesson in made.dump("lessons") if lesson["lessonDate"] >= "2026-11-09"}
    graded = [item for item in made.dump("marks") if item["lessonId"] in recent]
    absent = [item for item in made.dump("attendance") if item["lessonId"] in recent]
    cards = made.dump("students")
    _edit_region(made, graded, absent, cards)
    _edit_school(made, graded, absent, cards)


def _edit_region(made: Office, graded: list[Item], absent: list[Item], cards: list[Item]) -> None:
    def edit(stream: str, *items: tuple[Item, Item]) -> None:
        edited = [{"id": item["id"], "changes": changes} for item, changes in items]
        made.region.admin("POST", "edit", {"stream": stream, "items": edited})

    edit("students", *((card, {"address": f"ул. Новая, д. {n}"}) for n, card in enumerate(cards[:4])))
    edit(
        "guardians", *((parent, {"email": f"g{n}@example.ru"}) for n, parent in enumerate(made.dump("guardians")[:3]))
    )
    edit("marks", (graded[0], {"grade": "2"}), (graded[1], {"comment": "контрольная"}))
    made.region.admin("POST", "delete", {"stream": "marks", "ids": [graded[2]["id"]]})
    made.region.admin("POST", "delete", {"stream": "attendance", "ids": [absent[0]["id"]]})
    ours = made.organization()
    person = {"status": "enrolled", "organizationId": ours, "lastName": "Юдина", "firstName": "Яна"}
    added = made.region.admin("POST", "persons", {"persons": [person]})["persons"][0]
    (mother,) = made.region.admin(
        "POST",
        "create",
        {"stream": "guardians", "items": [{"lastName": "Юдина", "firstName": "Инна", "mobilePhone": "+79120000009"}]},
    )["items"]
    tie = {"studentId": added["studentId"], "guardianId": mother["id"], "relationCode": "MOTHER"}
    made.region.admin("POST", "create", {"stream": "guardianships", "items": [tie]})


def _edit_school(made: Office, graded: list[Item], absent: list[Item], cards: list[Item]) -> None:
    def row(stream: str, item: Item) -> int:
        return made.local_id(stream, item["id"])

    for number, card in enumerate(cards[:3]):
        email = f"pupil{number}@example.ru"
        made.sql("UPDATE students SET email = :email WHERE id = :id", email=email, id=row("students", card))
    for item, value in zip(graded[3:6], "543", strict=True):
        made.sql("UPDATE marks SET value = :value WHERE id = :id", value=value, id=row("marks", item))
    made.sql("DELETE FROM marks WHERE id = :id", id=row("marks", graded[6]))
    made.sql(
        "UPDATE attendance SET symbol = 'УП', reason = 'справка' WHERE id = :id", id=row("attendance", absent[1])
    )
    for item in graded[7:10]:
        made.sql(
            "INSERT INTO marks (school_id, student_id, lesson_id, value, position, comment)"
            " SELECT school_id, student_id, lesson_id, '4', 7, 'вторая' FROM marks WHERE id = :id",
            id=row("marks", item),
        )
    made.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, destination_name)"
        " SELECT school_id, id, 'departure', '2026-11-20', '88-в', '2026-11-19', 'Лицей № 9' FROM students"
        " WHERE id = :id",
        id=row("students", cards[7]),
    )


def undisturbed(database: Path, folder: Path) -> Portrait:
    """What the region holds after the day when nothing goes wrong."""
    with region() as door, office(door, folder, url=copied(database, folder), page_size=PAGE_SIZE) as made:
        files = write_files(made)
        edit_both_sides(made)
        import_files(made, files)
        made.settle()
        expected = portrait(made)
        assert_everything_arrived(made, expected)
    return expected


def assert_everything_arrived(made: Office, expected: Portrait) -> None:
    """Both sides agree, the region holds what it holds without any mishap, nothing is under way."""
    assert disagreements(made) == []
    assert differences(expected, portrait(made)) == []
    assert made.sql("SELECT stream, state, waiting FROM outbox") == []
    assert made.sql("SELECT id FROM changes") == []
    assert made.sql("SELECT stream, reason FROM inbox") == []
    assert made.sql("SELECT stream, reason FROM quarantine") == []
    assert made.sql("SELECT state FROM conflicts WHERE state <> 'decided'") == []
