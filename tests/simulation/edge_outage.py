"""A school and a region that is away, loses answers or changes its shape (RELIABILITY statements 21, 23 and 24).

The real engine on a database, the real connector, the simulator behind real HTTP; clocks stand still until moved.
Each function checks one statement and returns how many cases it checked; AssertionError names the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import text

from connectors.ecp.connector import EcpConnector
from connectors.ecp.settings import EcpSettings
from connectors.ecp.simulator.idempotency import MODES
from connectors.endpoints import Endpoints
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction, run_cycle
from tests.contract.worlds import MAPPINGS, EcpWorld
from tests.unit.engine.world import World, build

NewUrl = Callable[[], str]
"""The address of a fresh, migrated database."""

PUPILS_AT_MOST = 200
DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")


class FarSchool(EcpWorld):
    """A school whose region is a simulator; both are on one clock, which only moves when told to."""

    def __init__(self, url: str, *, pupils: int, lessons: int, batch_limit: int = 500) -> None:
        super().__init__()
        self.here: World = build(url)
        self.clock_of_school = self.here.clock
        self.endpoints = Endpoints(self.here.clock)
        settings = EcpSettings(
            base_url=self._handle.url, organization_id=self._here, page_size=1000, batch_limit=batch_limit
        )
        self.connector = EcpConnector(
            settings,
            tokens=self.tokens,
            mappings=MAPPINGS,
            clock=self.here.clock,
            uniform=lambda low, high: low,
            endpoints=self.endpoints,
        )
        self.here.remote = self.connector  # type: ignore[assignment]  # the engine takes any RemoteSystem
        self._more_pupils(pupils)
        self._more_lessons(lessons)
        report = self.here.sync()
        assert report.status is RunStatus.SUCCEEDED, report.to_json()

    def _more_pupils(self, many: int) -> None:
        born = [(year, month, day) for year in (2011, 2012) for month in range(1, 13) for day in range(1, 29)]
        items = [
            MAPPINGS[Stream.STUDENTS].to_remote(
                {
                    "last_name": f"Петров{'аеиоуыэюя'[n % 9]}{'бвгджз'[n // 9 % 6]}{'клмн'[n // 54]}",
                    "first_name": "Иван",
                    "patronymic": None,
                    "birth_date": "{}-{:02}-{:02}".format(*born[n]),
                }
            )
            for n in range(many)
        ]
        self.admin("create", {**self._at(Stream.STUDENTS), "items": items})

    def _more_lessons(self, many: int) -> None:
        lesson = {"class_id": self.class_id, "subject_id": self.subject_id}
        items = [
            MAPPINGS[Stream.LESSONS].to_remote({**lesson, "date": DAYS[n % 3], "number": 3 + n // 3})
            for n in range(many)
        ]
        self.admin("create", {**self._at(Stream.LESSONS), "items": items})

    def mark_absent(self, many: int) -> None:
        """Another program writes ``many`` new absences, those of one pupil far apart from each other."""
        known = {(row["student_id"], row["lesson_id"]) for row in self.here.rows("attendance")}
        pupils = [row["id"] for row in self.here.rows("students")]
        lessons = [row["id"] for row in self.here.rows("lessons") if row["date"] in DAYS]
        free = [(pupil, lesson) for lesson in lessons for pupil in pupils if (pupil, lesson) not in known]
        assert len(free) >= many, "there are too few cells"
        with self.here.db.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO attendance (school_id, student_id, lesson_id, symbol)"
                    " VALUES (:school, :student, :lesson, 'Б')"
                ),
                [
                    {"school": self.here.school.school_id, "student": pupil, "lesson": lesson}
                    for pupil, lesson in free[:many]
                ],
            )

    def stored(self) -> list[dict[str, Any]]:
        """The region's absences in the order in which it got them."""
        items = self._handle.admin("GET", "/simulator/dump", {**self._at(Stream.ATTENDANCE), "deleted": "false"})
        return sorted(items["items"], key=lambda item: int(item["changeVersion"]))

    def requests(self) -> int:
        counted = self._handle.admin("GET", "/simulator/counters", {})["requests"]
        return sum(counted.values())

    def run(self, streams: Sequence[Stream] = tuple(Stream), direction: Direction = Direction.BOTH) -> RunReport:
        cycle = self.here.cycle()
        run_cycle(cycle, list(streams), direction)
        return cycle.report

    def pass_time(self, minutes: float) -> None:
        self.here.clock.moment += timedelta(minutes=minutes)

    def close(self) -> None:
        self.connector.close()
        self.here.db.close()
        super().close()


@contextmanager
def _school(url: str, **sizes: int) -> Iterator[FarSchool]:
    made = FarSchool(url, **sizes)
    try:
        yield made
    finally:
        made.close()


def _sizes(changes: int) -> dict[str, int]:
    pupils = min(PUPILS_AT_MOST, max(4, changes // 10))
    return {"pupils": pupils, "lessons": -(-changes // pupils)}


# --- 21: lost answers ---------------------------------------------------------------------------------------------


def statement_21(new_url: NewUrl, count: int = 1000) -> int:
    """``count`` writes whose answers are lost, for every way a region treats its keys: nothing is doubled or lost."""
    with _school(new_url(), batch_limit=max(2, count // 50), **_sizes(count * len(MODES))) as school:
        for done, mode in enumerate(MODES, start=1):
            where = f"statement 21, keys «{mode}»"
            school.settings(idempotency=mode)
            school.mark_absent(count)
            school.faults(
                {"kind": "rate_limited", "match": {"route": "batch"}, "times": 1, "params": {"retryAfter": 2}},
                {"kind": "truncated_body", "match": {"route": "batch"}, "times": 2, "skip": 1},
                {"kind": "commit_then_drop", "match": {"route": "batch"}},
            )
            for _ in range(3):
                school.run()
                school.pass_time(2)
            cells = [(item["studentId"], item["lessonId"]) for item in school.stored()]
            assert len(cells) == len(set(cells)), f"{where}: {len(cells) - len(set(cells))} doubled"
            assert len(cells) == count * done, f"{where}: {count * done - len(cells)} lost"
            assert school.here.count("outbox") == 0, f"{where}: something is still to be sent"
            school.faults()
            before = school.stored()
            assert school.run().status is RunStatus.SUCCEEDED, f"{where}: the next run is not green"
            assert school.stored() == before, f"{where}: the next run wrote again"
    return count * len(MODES)


# --- 23: an outage of eight hours ---------------------------------------------------------------------------------

OUTAGES = ("unavailable", "html_ok", "server_error", "reset_before_commit")
HOURS = 8
MOST_PROBES = 120  # in eight hours


def statement_23(new_url: NewUrl, changes: int = 10_000, outages: Sequence[str] = OUTAGES, hours: int = HOURS) -> int:
    """Eight hours away: at most 120 requests, no try burnt, and everything drained in order within 15 minutes.

    Returns the most requests of an outage.
    """
    return max(_outage(new_url(), changes, kind, hours) for kind in outages)


def _outage(url: str, changes: int, kind: str, hours: int) -> int:
    where = f"statement 23, {kind}"
    with _school(url, **_sizes(changes)) as school:
        school.mark_absent(changes)
        school.run(direction=Direction.PULL)
        school.faults({"kind": kind})
        asked, attempts = school.requests(), school.here.count("attempts")
        for minute in range(hours * 60):
            if minute % 3 == 0:
                assert school.run().status is RunStatus.FAILED, f"{where}: a run of an outage was green"
            if minute % 5 == 0:
                school.run([Stream.MARKS, Stream.ATTENDANCE], Direction.PUSH)
            school.pass_time(1)
        probes = school.requests() - asked
        assert probes <= MOST_PROBES * hours / HOURS, f"{where}: {probes} requests"
        tries = max((row["tries"] for row in school.here.rows("outbox")), default=0)
        most = 0 if kind == "unavailable" else 1  # of the others nobody knows at first whether the batch was done
        assert tries <= most, f"{where}: an entry has spent {tries} tries"
        assert school.here.count("attempts") - attempts <= probes, f"{where}: attempts pile up"
        assert school.stored() == [], f"{where}: something arrived"
        school.faults()
        minutes = 0
        while school.here.count("outbox") or minutes == 0:
            assert minutes <= 15, f"{where}: not drained in 15 minutes"
            school.pass_time(3)
            minutes += 3
            school.run()
        assert school.run().status is RunStatus.SUCCEEDED, f"{where}: not green afterwards"
        _in_order(school, changes, where)
        return probes


def _in_order(school: FarSchool, changes: int, where: str) -> None:
    """The region got the absences of each pupil in the order in which they were written here."""
    of_remote = {
        (row["stream"], row["remote_id"]): row["local_id"] for row in school.here.rows("links") if row["remote_id"]
    }
    got: dict[str, list[int]] = {}
    for item in school.stored():
        got.setdefault(item["studentId"], []).append(of_remote["attendance", item["id"]])
    assert sum(map(len, got.values())) == changes, f"{where}: {sum(map(len, got.values()))} of {changes} arrived"
    for ids in got.values():
        assert all(one < other for one, other in pairwise(ids)), f"{where}: out of order"


# --- 24: the region changes its shape -----------------------------------------------------------------------------

Item = dict[str, Any]


def _items(change: Callable[[Item], Item]) -> Callable[[Any], Any]:
    return lambda answer: {**answer, "items": [change(item) for item in answer["items"]]}


def _without(name: str) -> Callable[[Item], Item]:
    return lambda item: {key: value for key, value in item.items() if key != name}


def _renamed(name: str, new: str) -> Callable[[Item], Item]:
    return lambda item: {(new if key == name else key): value for key, value in item.items()}


ADDITIVE: dict[str, Callable[[Any], Any]] = {
    "a new field": _items(lambda item: {**item, "mood": "good"}),
    "a new object": _items(lambda item: {**item, "portfolio": {"works": [{"id": 1}]}}),
    "a new list around the items": lambda answer: {**answer, "warnings": [{"code": "soon"}]},
    "an optional field no longer sent": _items(_without("surName")),
    "another order of the keys": _items(lambda item: dict(reversed(item.items()))),
    "an optional field renamed": _items(_renamed("surName", "middleName")),
}
BREAKING: dict[str, Callable[[Any], Any]] = {
    "a required field renamed": _items(_renamed("lastName", "familyName")),
    "ids become numbers": _items(lambda item: {**item, "id": 17}),
    "dates in another form": _items(lambda item: {**item, "birthDate": "11/05/2012"}),
    "items under another name": lambda answer: {**_without("items")(answer), "data": answer["items"]},
    "counts become text": lambda answer: {**answer, "totalCount": str(answer["totalCount"])},
    "items become a map": lambda answer: {**answer, "items": {item["id"]: item for item in answer["items"]}},
}


def statement_24(new_url: NewUrl) -> int:
    """An additive change of shape wipes nothing; a breaking one stops its stream only, says why, and is made up."""
    with _school(new_url(), pupils=40, lessons=3) as school:
        for name, drift in (ADDITIVE | BREAKING).items():
            _drifts(school, f"statement 24, {name}", drift, breaking=name in BREAKING)
    return len(ADDITIVE) + len(BREAKING)


def _drifts(school: FarSchool, where: str, drift: Callable[[Any], Any], *, breaking: bool) -> None:
    pupils, lessons = school.here.rows("students"), school.here.rows("lessons")
    school.bump(Stream.STUDENTS)
    school.edit(Stream.SUBJECTS, school.subject_id, {"name": f"Алгебра, {where[-1]}"})
    with _drifting(school, drift):
        report = school.run()
    students = report.streams[Stream.STUDENTS]
    others = {stream: entry.error for stream, entry in report.streams.items() if stream is not Stream.STUDENTS}
    assert set(others.values()) == {None}, f"{where}: other streams stopped: {others}"
    assert school.here.rows("students") == pupils, f"{where}: fields were changed or wiped"
    assert school.here.rows("lessons") == lessons, f"{where}: another stream was touched"
    assert school.here.rows("subjects")[0]["name"].endswith(where[-1]), f"{where}: another stream was not read"
    if breaking:
        assert students.error is not None, f"{where}: passed for data"
        assert len(students.error) > 40, f"{where}: no reason given"
        assert report.status is not RunStatus.SUCCEEDED, f"{where}: a stream that stopped is green"
    else:
        assert report.status is RunStatus.SUCCEEDED, f"{where}: {report.to_json()}"
    after = school.run()
    assert after.status is RunStatus.SUCCEEDED, f"{where}: not made up for afterwards: {after.to_json()}"
    if breaking:
        assert after.streams[Stream.STUDENTS].pull.received >= 40, f"{where}: what was missed is not read again"
    assert school.here.rows("students") == pupils, f"{where}: fields were changed afterwards"


@contextmanager
def _drifting(school: FarSchool, drift: Callable[[Any], Any]) -> Iterator[None]:
    """The region answers pages of pupils in another shape."""
    call = school.connector._http.call

    def drifted(method: str, path: str, what: str, **rest: Any) -> Any:
        answer = call(method, path, what, **rest)
        return drift(answer) if what.startswith("students page") else answer

    school.connector._http.call = drifted  # type: ignore[method-assign]  # where the answer has been read
    try:
        yield
    finally:
        school.connector._http.call = call  # type: ignore[method-assign]
