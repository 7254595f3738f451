"""From the school's files to the region and back to rest: import, sync, a journal opened late, nothing left to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.ecp.simulator.people import People
from tests.acceptance.agreement import disagreements
from tests.acceptance.office import DAY, Office, office
from tests.acceptance.paperwork import (
    absences_held,
    as_person,
    draw_pupil,
    marks_held,
    release_into_region,
    write_list,
    write_reports,
)
from tests.acceptance.processes import simulator

CLASSES = ("1А", "5А", "8А")
PUPILS_PER_CLASS = 7
IN_TIME = (date(2026, 11, 6), date(2026, 11, 13), date(2026, 11, 19))  # 6 November: day 14, still allowed
LATE = (date(2026, 10, 20), date(2026, 11, 3), date(2026, 11, 5))
CARD = ("lastName", "firstName", "surName", "birthDate", "snils", "genderCode", "docSeries", "docNumber", "address")


@pytest.fixture(params=["sqlite", "postgresql"])
def school(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """An installation beside a simulator process in which nobody is enrolled at our school."""
    with simulator("--population", "small", "--empty-school") as running:
        if request.param == "sqlite":
            with office(running, tmp_path) as made:
                yield made
        else:
            with (
                request.getfixturevalue("postgres_server").copy() as url,
                office(running, tmp_path, url=url) as made,
            ):
                yield made


def waiting(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {name: entry["waiting"] for name, entry in report["streams"].items() if entry["waiting"]}


def test_files_reach_the_region_exactly(school: Office) -> None:
    """Every pupil and every cell in time, nobody and nothing else; late cells wait for a permit and go when the
    region opens the journal; after that a sync applies nothing and writes nothing."""
    people = People(71)
    last_school = school.region.organizations[1]
    pupils = [draw_pupil(people, name, origin=last_school) for name in CLASSES for _ in range(PUPILS_PER_CLASS)]
    persons = release_into_region(school, pupils, last_school=last_school["id"])
    journal = write_reports(school, [one for one in pupils if one.class_name != "1А"], IN_TIME + LATE)
    assert len(journal.in_time(journal.marks)) > 50
    assert len(journal.in_time(journal.absences)) > 5

    imported = school.must("import", str(write_list(school.folder, pupils)), "--json").json()
    assert imported["streams"]["students"]["added"] == len(pupils)
    for path in journal.paths:
        school.must("import", str(path))
    first = school.must("sync", "--json").json()

    cards = school.dump("students")
    assert sorted(card["personId"] for card in cards) == sorted(person["personId"] for person in persons)
    assert {tuple(card[name] for name in CARD) for card in cards} == {
        tuple(as_person(one)[name] for name in CARD) for one in pupils
    }
    assert first["releases"]["enrolled"] == len(pupils)
    assert marks_held(school) == journal.in_time(journal.marks)
    assert absences_held(school) == journal.in_time(journal.absences)
    late_marks = journal.marks.total() - journal.in_time(journal.marks).total()
    late_absences = journal.absences.total() - journal.in_time(journal.absences).total()
    assert min(late_marks, late_absences) > 0
    assert waiting(first) == {"marks": {"permit": late_marks}, "attendance": {"permit": late_absences}}
    (left,) = school.sql(
        "SELECT count(*) AS n FROM attempt_items i JOIN attempts a ON a.id = i.attempt_id WHERE a.stream = 'marks'"
    )
    assert left["n"] == journal.in_time(journal.marks).total(), "what is late is not even tried"
    parents = {(one.last_name, one.first_name, one.phone) for pupil in pupils for one in pupil.guardians}
    assert {(one["lastName"], one["firstName"], one["mobilePhone"]) for one in school.dump("guardians")} == parents
    assert len(school.dump("guardians")) == len(parents), "a parent's card is one for all siblings"
    assert len(school.dump("guardianships")) == sum(len(pupil.guardians) for pupil in pupils)
    assert len(school.dump("movements")) == len(pupils)
    assert all(line.endswith("only in the school") for line in disagreements(school))
    assert len(disagreements(school)) == late_marks + late_absences

    school.region.admin("POST", "late-entry", {"classIds": "all", "until": DAY.isoformat()})
    opened = school.must("sync", "--json").json()
    assert waiting(opened) == {}
    assert marks_held(school) == journal.marks
    assert absences_held(school) == journal.absences
    assert disagreements(school) == []

    school.region.admin("POST", "reset-counters")
    quiet = school.must("sync", "--json").json()
    assert {entry["pull"]["applied"] for entry in quiet["streams"].values()} == {0}
    assert {entry["push"]["queued"] for entry in quiet["streams"].values() if "push" in entry} == {0}
    assert school.counted("POST batch") == 0
    assert school.region.admin("GET", "counters")["writesApplied"] == {}
