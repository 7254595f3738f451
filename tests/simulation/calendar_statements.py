"""Statement 33: the edges of the calendar. 31 August and 1 September, leap days, the ends of months and years.

The fourteen days of a mark end at midnight of the school, whatever the zone; thirty pupils change classes and
school years, and nobody is doubled or lost.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.school_files import ParsedPupil, ParsedPupilList
from sync_service.domain.streams import Stream
from sync_service.engine.import_files import import_parsed
from tests.simulation.databases import Databases
from tests.unit.engine.world import PUPIL, FixedClock, World, build, furnish, world_on

DAYS = timedelta(days=15)  # a mark of this day is late on that midnight
LESSONS = tuple(
    date.fromisoformat(first) + timedelta(days=number)
    for first, days in (
        ("2026-12-15", 4),
        ("2026-12-29", 4),
        ("2028-02-13", 4),
        ("2028-02-27", 4),
        ("2027-02-12", 4),
        ("2027-02-26", 4),
        ("2026-08-30", 3),
        ("2027-03-30", 3),
    )
    for number in range(days)
)
ZONES = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
)


def deadlines(count: int, databases: Databases) -> int:
    """``count`` pairs of a lesson and a zone, spread evenly: a minute before midnight a mark still leaves, from
    midnight on it waits for a permit."""
    pairs = [(lesson, zone) for lesson in LESSONS for zone in ZONES]
    chosen = pairs[:: max(1, len(pairs) // count)]
    for lesson, zone in chosen:
        clock = FixedClock()
        world = world_on(databases.in_memory().open(clock.now), clock)
        with closing(world.db):
            _until_midnight(world, lesson, zone)
    return len(chosen)


def _until_midnight(world: World, lesson: date, zone: str) -> None:
    where = f"lesson of {lesson}, {zone}"
    world.clock.moment = midnight(lesson.isoformat(), zone) + timedelta(hours=12)
    mark = with_mark(world, lesson.isoformat(), zone=zone)
    world.clock.moment = midnight((lesson + DAYS).isoformat(), zone) - timedelta(minutes=1)
    edited(world, "4")
    assert there(world, mark) == "4", f"{where}: late too early"
    world.clock.moment += timedelta(minutes=1)
    assert edited(world, "3").streams[Stream.MARKS].waiting == {"permit": 1}, f"{where}: not late"
    assert there(world, mark) == "4", f"{where}: sent without a permit"


def with_mark(world: World, lesson: str, *, zone: str = "Asia/Yekaterinburg") -> RemoteId:
    """A pupil with one mark for a lesson of this day, known to both sides."""
    world.school = replace(world.school, zone=zone)
    world.remote.zone = zone
    timetable = furnish(world.remote, dates=(lesson,))
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    mark = world.remote.create(
        Stream.MARKS, {"student_id": pupil, "lesson_id": timetable.lessons[0], "value": "5", "position": 1}
    )
    assert world.sync().status is RunStatus.SUCCEEDED
    return mark


def there(world: World, mark: RemoteId) -> object:
    return world.remote.records(Stream.MARKS)[mark]["value"]


def edited(world: World, value: str) -> RunReport:
    """The school changes its mark; one cycle."""
    world.update("marks", world.rows("marks")[0]["id"], value=value)
    return world.sync()


def midnight(day: str, zone: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- 31 August and 1 September -----------------------------------------------------------------------------------

LAST_DAY = datetime(2026, 8, 31, 7, 0, tzinfo=UTC)
OLD, NEW = 2025, 2026
ORDER = {"order_number": "114-у", "order_date": "2026-08-28", "date": "2026-09-01"}


@dataclass(frozen=True, slots=True)
class School:
    """What the region knows on the last day of the old year: 8А and 9А with fifteen pupils each."""

    eighth: RemoteId
    ninth: RemoteId
    pupils: tuple[tuple[RemoteId, ...], tuple[RemoteId, ...]]
    mark: RemoteId


def name_of(number: int) -> str:
    return f"Иван{'абвгдеж'[number % 7]}{'клмнопр'[number // 7]}"


def card(number: int) -> dict[str, Any]:
    birth_date = f"2011-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    return {"last_name": "Петров", "first_name": name_of(number), "sex": "М", "birth_date": birth_date}


def old_year(world: World) -> School:
    remote = world.remote
    eighth, ninth = (
        remote.create(Stream.CLASSES, {"school_year": OLD, "name": f"{grade}А", "grade": grade}) for grade in (8, 9)
    )
    subject = remote.create(Stream.SUBJECTS, {"name": "Алгебра"})
    remote.create(
        Stream.PERIODS,
        {
            "school_year": OLD,
            "name": "4 четверть",
            "kind": "quarter",
            "starts_on": "2026-04-01",
            "ends_on": "2026-05-26",
        },
    )
    lesson = remote.create(
        Stream.LESSONS, {"class_id": eighth, "subject_id": subject, "date": "2026-05-20", "number": 2}
    )
    pupils: list[tuple[RemoteId, ...]] = []
    for group, klass in enumerate((eighth, ninth)):
        ids = [remote.create(Stream.STUDENTS, card(15 * group + number)) for number in range(15)]
        for pupil in ids:
            facts = {"order_number": "1-у", "order_date": "2025-08-29", "date": "2025-09-01", "class_to_id": klass}
            remote.create(Stream.MOVEMENTS, {"student_id": pupil, "kind": "arrival", **facts})
        pupils.append(tuple(ids))
    mark = remote.create(Stream.MARKS, {"student_id": pupils[0][0], "lesson_id": lesson, "value": "4", "position": 1})
    return School(eighth, ninth, (pupils[0], pupils[1]), mark)


def quiet(world: World) -> None:
    """Another cycle writes nothing on either side."""
    before = world.remote.region.changes, {stream: world.rows(stream.value) for stream in Stream}
    assert world.sync().status is RunStatus.SUCCEEDED
    assert (world.remote.region.changes, {stream: world.rows(stream.value) for stream in Stream}) == before


def agreed(report: RunReport) -> None:
    assert report.status is RunStatus.SUCCEEDED, {s: e.error for s, e in report.streams.items() if e.error}


def current(world: World) -> dict[str, str]:
    """First name → current class with its school year, for those who have one."""
    with world.db.read(world.school.school_id) as uow:
        classes = {row["id"]: f"{row['name']} {row['school_year']}" for row in world.rows("classes")}
        students = {row["id"]: row["first_name"] for row in world.rows("students")}
        found = uow.staging.current_class([LocalId(student) for student in students])
    return {students[student]: classes[klass] for student, klass in found.items()}


def first_of_september(_count: int, databases: Databases) -> int:
    """On a database of each engine; returns the pupils."""
    pupils = 0
    with databases.each_engine() as urls:
        for url in urls:
            world = build(url)
            with closing(world.db):
                pupils += new_year(world)
    return pupils


def new_year(world: World) -> int:
    """The region promotes one class, the school the other half, repeats and graduates: movements travel both ways,
    the current class follows from them, classes of one name are told apart by their year, and a new pupil list with
    the new classes doubles nobody."""
    world.clock.moment = LAST_DAY
    made = old_year(world)
    agreed(world.sync())
    quiet(world)
    assert set(current(world).values()) == {"8А 2025", "9А 2025"}

    world.clock.moment = LAST_DAY + timedelta(days=1)
    ninth = world.remote.create(Stream.CLASSES, {"school_year": NEW, "name": "9А", "grade": 9})
    world.remote.create(
        Stream.PERIODS,
        {
            "school_year": NEW,
            "name": "1 четверть",
            "kind": "quarter",
            "starts_on": "2026-09-01",
            "ends_on": "2026-10-25",
        },
    )
    for pupil in made.pupils[0][:7]:
        facts = {"class_from_id": made.eighth, "class_to_id": ninth}
        world.remote.create(Stream.MOVEMENTS, {"student_id": pupil, "kind": "promotion", **facts, **ORDER})
    agreed(world.sync())
    classes = {(row["name"], row["school_year"]): row["id"] for row in world.rows("classes")}
    assert len(classes) == len(world.rows("classes")) == 3
    assert [row["school_year"] for row in world.rows("periods")] == [OLD, NEW]

    students = {row["first_name"]: row["id"] for row in world.rows("students")}
    for number in range(7, 30):
        eighth = number < 15
        kind = "promotion" if eighth else ("repeat" if number < 17 else "graduation")
        world.insert(
            "movements",
            student_id=students[name_of(number)],
            kind=kind,
            class_from_id=classes["8А" if eighth else "9А", OLD],
            class_to_id=None if kind == "graduation" else classes["9А", NEW],
            **ORDER,
        )
    report = world.sync()
    agreed(report)
    assert report.streams[Stream.MOVEMENTS].push.acked == 23
    quiet(world)
    assert len(world.remote.records(Stream.MOVEMENTS)) == len(world.rows("movements")) == 60
    assert current(world) == {name_of(number): "9А 2026" for number in range(17)}, "graduates are in no class"

    pupils = tuple(
        ParsedPupil(rows=(number + 2,), patronymic=None, class_name="9А", **(card(number) | {"sex": None}))
        for number in range(17)
    )
    imported = import_parsed(
        world.db,
        world.school,
        world.clock,
        ParsedPupilList(school_year=None, pupils=pupils, problems=()),
        actor="petrova",
        file_name="9А.csv",
    )
    assert imported.problems == ()
    agreed(world.sync())
    quiet(world)
    assert len(world.remote.records(Stream.STUDENTS)) == len(world.rows("students")) == 30
    assert len(world.rows("classes")) == 3
    assert len(world.rows("movements")) == 60
    return len(world.rows("students"))
