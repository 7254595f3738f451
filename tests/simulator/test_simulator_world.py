"""The population: realistic, deterministic, independent of our own code; and the simulator as a process."""

from __future__ import annotations

import ast
import http.client
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.ecp import simulator
from connectors.ecp.simulator import World, build_world, start_in_thread
from connectors.ecp.simulator.fields import check_snils
from connectors.ecp.simulator.people import feminine
from connectors.ecp.simulator.shapes import SHAPES
from connectors.ecp.simulator.state_file import load, save
from tests.simulator.client import DAY, School


def _contents(world: World) -> dict[str, list[bytes]]:
    return {
        f"{organization.id} {name}": [entry.body for entry in shelf.entries.values()]
        for organization in world.organizations.values()
        for name, shelf in organization.shelves.items()
    }


def _items(world: World, stream: str) -> list[dict[str, Any]]:
    return [entry.item() for entry in world.first.shelves[stream].entries.values()]


@pytest.fixture(scope="module")
def town() -> World:
    return build_world(seed=5, date=DAY, population="school")


def test_equal_seeds_build_equal_regions() -> None:
    """Every byte of every item and every token follows from seed, date and population."""
    first, second = (build_world(seed=3, date=DAY) for _ in range(2))
    assert _contents(first) == _contents(second)
    assert first.credentials() == second.credentials()
    other = build_world(seed=4, date=DAY)
    assert not set(_contents(first)) & set(_contents(other))


def test_simulator_imports_nothing_of_ours() -> None:
    """Standard library, msgspec and itself: a bug must not be able to stand on both sides."""
    allowed = set(sys.stdlib_module_names) | {"msgspec"}
    modules = sorted(Path(simulator.__file__).parent.glob("**/*.py"))
    assert len(modules) > 20
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            for name in _imported(node):
                own = name.split(".")[:3] == ["connectors", "ecp", "simulator"]
                assert own or name.split(".")[0] in allowed, f"{module.name}: {name}"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0
        return [node.module or ""]
    return []


def test_names_are_drawn_by_popularity(town: World) -> None:
    """The commonest first names are much commoner than the rest; forms fit the sex."""
    students = _items(town, "students")
    names = Counter(student["firstName"] for student in students)
    assert sum(count for _, count in names.most_common(30)) > 0.6 * len(students)
    for student in students:
        patronymic = student["surName"] or ""
        if patronymic.endswith(("вна", "чна", "кызы")):
            assert student["genderCode"] == "2"
        elif patronymic:
            assert student["genderCode"] == "1"
        if student["lastName"].endswith(("ова", "ева", "ина", "ская")):
            assert student["genderCode"] == "2"


def test_feminine_surnames() -> None:
    """-ов, -ев, -ин take -а, -ский becomes -ская, others do not decline."""
    assert [feminine(name) for name in ("Иванов", "Соловьёв", "Ильин", "Островский", "Шевченко", "Ким")] == [
        "Иванова",
        "Соловьёва",
        "Ильина",
        "Островская",
        "Шевченко",
        "Ким",
    ]


def test_documents_are_valid_and_unique(town: World) -> None:
    """СНИЛС have their checksum and belong to one person; a few pupils have none."""
    snils = [person.card["snils"] for person in town.persons]
    given = [one for one in snils if one is not None]
    assert all(check_snils(one) is None for one in given)
    assert len(given) == len(set(given))
    assert 0 < snils.count(None) < 0.1 * len(snils)


def test_siblings_share_their_parents_cards(town: World) -> None:
    """Some guardians stand for several pupils, who then share surname stem and address."""
    students = {student["id"]: student for student in _items(town, "students")}
    children: dict[str, list[str]] = {}
    for link in _items(town, "guardianships"):
        children.setdefault(link["guardianId"], []).append(link["studentId"])
    siblings = [ids for ids in children.values() if len(ids) > 1]
    assert len(siblings) > 10
    for ids in siblings:
        assert len({students[one]["address"] for one in ids}) == 1
        assert len({students[one]["lastName"][:2] for one in ids}) == 1


def test_pupils_fit_their_grade(town: World) -> None:
    """A pupil enters school in the year of the seventh birthday."""
    grades = {item["id"]: item["parallel"] for item in _items(town, "classes")}
    born = {student["id"]: int(student["birthDate"][:4]) for student in _items(town, "students")}
    placed = [move for move in _items(town, "movements") if move["classToId"]]
    assert len(placed) == len(born) == 308
    for move in placed:
        assert born[move["studentId"]] == 2026 - 6 - grades[move["classToId"]]


def test_lessons_stand_on_school_days(town: World) -> None:
    """Monday to Friday from 1 September to a fortnight ahead, without holidays and 4 November."""
    days = sorted({item["lessonDate"] for item in _items(town, "lessons")})
    assert (days[0], days[-1]) == ("2026-09-01", "2026-12-04")
    assert all(date.fromisoformat(day).weekday() < 5 for day in days)
    assert "2026-11-04" not in days
    holidays = [item for item in _items(town, "periods") if item["periodType"] == "HOLIDAY"]
    assert len(holidays) == 4
    for holiday in holidays:
        assert not [day for day in days if holiday["dateBegin"] <= day <= holiday["dateEnd"]]


def test_periods_follow_each_other_without_gaps(town: World) -> None:
    """Quarters and holidays cover the year from September to August, each day once."""
    periods = [item for item in _items(town, "periods") if item["periodType"] != "YEAR"]
    days = Counter(
        ordinal
        for item in periods
        for ordinal in range(
            date.fromisoformat(item["dateBegin"]).toordinal(), date.fromisoformat(item["dateEnd"]).toordinal() + 1
        )
    )
    assert set(days.values()) == {1}
    assert (min(days), max(days)) == (date(2026, 9, 1).toordinal(), date(2027, 8, 31).toordinal())


def test_some_subjects_have_two_lessons_a_day(town: World) -> None:
    """Lessons are numbered through the day of a class, and one subject may come twice."""
    cells = Counter((item["classId"], item["lessonDate"], item["subjectId"]) for item in _items(town, "lessons"))
    assert max(cells.values()) == 2
    numbers: dict[tuple[str, str], list[int]] = {}
    for item in _items(town, "lessons"):
        numbers.setdefault((item["classId"], item["lessonDate"]), []).append(item["lessonNumber"])
    assert all(placed == list(range(1, len(placed) + 1)) for placed in numbers.values())


def test_first_grade_gets_no_marks(town: World) -> None:
    """Marks start in grade 2, on lessons of the pupil's own class that have been given."""
    classes = {move["studentId"]: move["classToId"] for move in _items(town, "movements") if move["classToId"]}
    grades = {item["id"]: item["parallel"] for item in _items(town, "classes")}
    lessons = {item["id"]: item for item in _items(town, "lessons")}
    for mark in _items(town, "marks"):
        lesson = lessons[mark["lessonId"]]
        assert lesson["classId"] == classes[mark["studentId"]]
        assert grades[lesson["classId"]] > 1
        assert lesson["lessonDate"] <= DAY


def test_bench_has_exactly_the_marks_asked_for() -> None:
    """The population of a benchmark is sized by its marks, every cell with its own ordinal."""
    world = build_world(seed=1, date=DAY, population="bench", marks=5_003)
    marks = _items(world, "marks")
    assert len(marks) == 5_003
    assert len({(mark["studentId"], mark["lessonId"], mark["ordinal"]) for mark in marks}) == 5_003
    assert len(_items(world, "students")) == 62
    early = build_world(seed=1, date="2026-09-01", population="small", marks=500)
    assert len(_items(early, "marks")) == 500


def test_empty_school_has_a_timetable_and_nobody() -> None:
    """Classes, subjects and lessons stand ready; pupils and journal are empty; the neighbours are not."""
    world = build_world(seed=1, date=DAY, empty_school=True)
    for stream, shape in SHAPES.items():
        assert bool(_items(world, stream)) == (not shape.writable), stream
    assert any(person.organization_id for person in world.persons)


def test_schools_differ_in_what_the_directory_says() -> None:
    """Some keep movement and some do not, some have a phone and some do not."""
    directory = _items(build_world(seed=1, date=DAY), "organizations")
    assert {item["keepsMovement"] for item in directory} == {True, False}
    assert any(item["phone"] is None and item["keepsMovement"] for item in directory)
    assert len({item["districtName"] for item in directory}) > 2


@pytest.mark.parametrize("day", ["2026-08-20", "2026-09-01", "2027-01-03", "2027-07-15", "2028-02-29"])
def test_any_day_makes_a_region(day: str) -> None:
    """Summer, the first day, the winter holidays and a leap day work like any other."""
    world = build_world(seed=1, date=day)
    year = {item["schoolYear"] for item in _items(world, "classes")}
    assert year == {"2027" if day == "2028-02-29" else "2026"}
    assert world.clock.today().isoformat() == day


def test_state_file_brings_the_whole_region_back(tmp_path: Path) -> None:
    """Items, tombstones, persons, tokens, clock and the sequence of GUIDs survive a restart."""
    world = build_world(seed=1, date=DAY)
    handle = start_in_thread(world)
    school = School(handle, refresh_token=handle.organizations[0]["refreshToken"])
    school.login()
    school.admin("clock", set="2026-11-25", frozen=True)
    school.delete("guardianships", school.dump("guardianships")[0])
    school.admin("compact", streams=["attendance"])
    person = school.new_person("enrolled", organizationId=handle.organizations[1]["id"])
    school.admin("settings", accessTokenRequests=9, idempotency="strict", idempotencySeconds=60)
    save(world, tmp_path / "state")
    state = school.look("state")
    handle.stop()
    again = load(tmp_path / "state")
    assert _contents(again) == _contents(world)
    assert again.guids() == world.guids()
    school.handle = start_in_thread(again)
    assert school.look("state") == state
    school.login()
    tombstones = school.get(f"guardianships?minChangeVersion={state['organizations'][0]['changeVersion'] - 1}").json
    assert [item["deleted"] for item in tombstones["items"]] == [True]
    assert school.admin("release", personId=person["personId"])["personId"] == person["personId"]
    school.close()


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not json", b'{"format": 99}\n'])
def test_foreign_state_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no state of a simulator is an error with a next step."""
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="remove it"):
        load(path)


@contextmanager
def _process(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "connectors.ecp.simulator", "--date", DAY, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_process_says_where_it_listens_and_stops_on_sigterm(tmp_path: Path) -> None:
    """One JSON line when ready; SIGTERM ends with 0 and a saved state that a second start continues."""
    state = tmp_path / "state"
    with _process("--seed", "2", "--state", str(state)) as (process, ready):
        assert set(ready) == {"url", "admin", "organizations"}
        assert set(ready["organizations"][0]) == {"id", "name", "inn", "refreshToken"}
        port = int(ready["url"].rpartition(":")[2])
        first = _Remote(port).admin("POST", "/simulator/persons", {"persons": [{"status": "available"}]})
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    with _process("--state", str(state)) as (process, again):
        assert again["organizations"] == ready["organizations"]
        port = int(again["url"].rpartition(":")[2])
        wanted = first["persons"][0]["personId"]
        found = _Remote(port).admin("GET", f"/simulator/persons?personId={wanted}", None)
        assert found["persons"] == first["persons"]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


class _Remote:
    """Scenario calls to a simulator in another process."""

    def __init__(self, port: int) -> None:
        self._port = port

    def admin(self, method: str, path: str, body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
