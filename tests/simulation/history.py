"""One seed, one history: random edits on both sides, people's decisions, faults and crashes; then peace.

The history runs on the real engine and database against a region in memory, with a clock that stands still
unless told. The same seed gives the same history. After it the faults stop and cycles run until nothing is
written any more; then the invariants are checked.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sync_service.domain.actions import DELETE_KINDS
from sync_service.domain.conflicts import Choice, Conflict, Side
from sync_service.domain.errors import DecisionError, OutcomeUnknown, RateLimited, SyncError, TransientError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import MatchState
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from sync_service.engine import decide_matches, resolve, undo
from tests.unit.engine.world import POLICIES, Timetable, World, build, furnish, normalise

SURNAMES = ("Иванова", "Петрова", "Сидорова", "Ёлкина", "Кузнецова", "Орлова")
NAMES = ("Анна", "Мария", "Ольга", "Алёна")
MOST_CYCLES = 12


class Crash(BaseException):
    """The process dies here: nothing in the code under test may catch it."""


@dataclass(slots=True)
class History:
    """A running history; ``log`` tells what happened, for the one who replays it."""

    seed: int
    world: World
    timetable: Timetable
    random: random.Random
    log: list[str] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)
    serial: int = 0

    def say(self, text: str) -> None:
        self.log.append(text)

    def number(self) -> int:
        self.serial += 1
        return self.serial

    # edits of the school

    def school_adds_mark(self) -> None:
        students = self.world.rows("students")
        lessons = self.world.rows("lessons")
        if not students or not lessons:
            return
        student, lesson = self.random.choice(students), self.random.choice(lessons)
        taken = [
            row["position"]
            for row in self.world.rows("marks")
            if row["student_id"] == student["id"] and row["lesson_id"] == lesson["id"]
        ]
        row = self.world.insert(
            "marks",
            student_id=student["id"],
            lesson_id=lesson["id"],
            value=self.random.choice("2345"),
            weight=1,
            position=max(taken, default=0) + 1,
        )
        self.say(f"school adds mark {row}")

    def school_edits_mark(self) -> None:
        if rows := self.world.rows("marks"):
            row = self.random.choice(rows)["id"]
            value = self.random.choice("2345")
            self.world.update("marks", row, value=value)
            self.say(f"school sets mark {row} to {value}")

    def school_deletes_mark(self) -> None:
        if rows := self.world.rows("marks"):
            row = self.random.choice(rows)["id"]
            self.world.delete("marks", row)
            self.say(f"school deletes mark {row}")

    def school_edits_student(self) -> None:
        if rows := self.world.rows("students"):
            row = self.random.choice(rows)["id"]
            name, value = self._student_edit()
            self.world.update("students", row, **{name: value})
            self.say(f"school sets {name} of student {row} to {value}")

    def school_marks_absence(self) -> None:
        students, lessons = self.world.rows("students"), self.world.rows("lessons")
        if not students or not lessons:
            return
        student, lesson = self.random.choice(students)["id"], self.random.choice(lessons)["id"]
        for row in self.world.rows("attendance"):
            if row["student_id"] == student and row["lesson_id"] == lesson:
                symbol = self.random.choice(("ОТ", "УП", "Б"))
                self.world.update("attendance", row["id"], symbol=symbol)
                self.say(f"school sets absence {row['id']} to {symbol}")
                return
        row_id = self.world.insert("attendance", student_id=student, lesson_id=lesson, symbol="ОТ")
        self.say(f"school adds absence {row_id}")

    def school_adds_student(self) -> None:
        number = self.number()
        row = self.world.insert(
            "students",
            last_name=self.random.choice(SURNAMES),
            first_name=self.random.choice(NAMES),
            sex="Ж",
            birth_date=f"2012-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            personal_file_no=f"К-{number}",
            incomplete=False,
        )
        kind = self.random.choice(("none", "other_district", "school", None))
        self.world.insert(
            "movements",
            student_id=row,
            kind="arrival",
            date="2026-11-16",
            order_number=f"{number}-у",
            order_date="2026-11-16",
            origin_kind=kind,
        )
        self.say(f"school adds student {row} from {kind}")

    # edits of the region

    def region_adds_mark(self) -> None:
        students = list(self.world.remote.records(Stream.STUDENTS))
        if not students:
            return
        student, lesson = self.random.choice(students), self.random.choice(self.timetable.lessons)
        taken = [
            int(values["position"] or 0)
            for values in self.world.remote.records(Stream.MARKS).values()
            if values["student_id"] == student and values["lesson_id"] == lesson
        ]
        value = self.random.choice("2345")
        made = self.world.remote.create(
            Stream.MARKS,
            {
                "student_id": student,
                "lesson_id": lesson,
                "value": value,
                "weight": 1,
                "position": max(taken, default=0) + 1,
            },
        )
        self.say(f"region adds mark {made}")

    def region_edits_mark(self) -> None:
        if marks := list(self.world.remote.records(Stream.MARKS)):
            mark, value = self.random.choice(marks), self.random.choice("2345")
            self.world.remote.edit(Stream.MARKS, mark, value=value)
            self.say(f"region sets mark {mark} to {value}")

    def region_deletes_mark(self) -> None:
        if marks := list(self.world.remote.records(Stream.MARKS)):
            mark = self.random.choice(marks)
            self.world.remote.delete(Stream.MARKS, mark)
            self.say(f"region deletes mark {mark}")

    def region_edits_student(self) -> None:
        if students := list(self.world.remote.records(Stream.STUDENTS)):
            student = self.random.choice(students)
            name, value = self._student_edit()
            self.world.remote.edit(Stream.STUDENTS, student, **{name: value})
            self.say(f"region sets {name} of student {student} to {value}")

    def region_adds_student(self) -> None:
        number = self.number()
        made = self.world.remote.create(
            Stream.STUDENTS,
            {
                "last_name": self.random.choice(SURNAMES),
                "first_name": self.random.choice(NAMES),
                "sex": "Ж",
                "birth_date": f"2012-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            },
        )
        self.say(f"region adds student {made}")

    def region_bumps(self) -> None:
        self.world.remote.bump(self.random.choice((Stream.MARKS, Stream.STUDENTS)))
        self.say("region bumps versions")

    def _student_edit(self) -> tuple[str, str | None]:
        name = self.random.choice(("address", "phone", "email", "personal_file_no"))
        number = self.random.randrange(4)
        values: dict[str, list[str | None]] = {
            "address": [None, "ул. Ленина, 1", "ул. Ленина, 2", "ул. Мира, 3"],
            "phone": [None, "+79001112233", "+79001112244", "+79001112255"],
            "email": [None, "a@example.ru", "b@example.ru", "c@example.ru"],
            "personal_file_no": ["К-1", "К-2", "К-3", "К-4"],
        }
        return name, values[name][number]

    # people

    def person_resolves(self) -> None:
        with self.world.db.read(self.world.school.school_id) as uow:
            cases = uow.conflicts.cases()
        if cases:
            self.resolve(self.random.choice(cases))

    def resolve(self, case: Conflict, side: Side | None = None) -> None:
        desk = self.world.desk()
        side = side or self.random.choice((Side.LOCAL, Side.GIS))
        try:
            if case.kind in DELETE_KINDS:
                resolve.resolve(desk, case.conflict_id, [Choice(group="*", side=side)], stamp=case.stamp)
            else:
                resolve.resolve(desk, case.conflict_id, resolve.choose_all(case, side), stamp=case.stamp)
            self.say(f"person resolves {case.conflict_id} for {side.value}")
        except DecisionError as error:
            self.say(f"decision refused: {error}")

    def person_undoes(self) -> None:
        with self.world.db.read(self.world.school.school_id) as uow:
            cases = uow.conflicts.cases(state="resolved")
        if cases:
            case = self.random.choice(cases)
            try:
                undo.undo(self.world.desk(), case.conflict_id)
                self.say(f"person undoes {case.conflict_id}")
            except DecisionError as error:
                self.say(f"undo refused: {error}")

    def person_matches(self) -> None:
        with self.world.db.read(self.world.school.school_id) as uow:
            cases = [c for c in uow.matches.cases() if c.state is MatchState.OPEN]
        if cases:
            case = self.random.choice(cases)
            try:
                if self.random.random() < 0.5:
                    decide_matches.confirm(self.world.desk(), case.case_id, case.candidates[0].local_id)
                    self.say(f"person confirms match {case.case_id}")
                else:
                    decide_matches.reject(self.world.desk(), case.case_id)
                    self.say(f"person rejects match {case.case_id}")
            except DecisionError as error:
                self.say(f"decision refused: {error}")

    # the machine room

    def fault(self) -> None:
        kind = self.random.randrange(4)
        remote = self.world.remote
        if kind == 0:
            remote.fail_next(OutcomeUnknown("answer lost"), after_commit=True)
        elif kind == 1:
            remote.fail_next(OutcomeUnknown("not committed"), call="write")
        elif kind == 2:
            remote.fail_next(TransientError("503"), call=self.random.choice(("page", "get", "find", "write")))
        else:
            call = self.random.choice(("change_versions", "page"))
            remote.fail_next(RateLimited("429", retry_after=1.0), call=call)
        self.say(f"fault {kind}")

    def cycle(self) -> None:
        report = self.world.sync()
        self.reports.append(report)
        self.say(f"cycle: {report.status.value} {report.error or ''}")

    def crashing_cycle(self) -> None:
        left = self.random.randrange(25)

        def probe(point: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self.say(f"crash at {point}")
                raise Crash(point)

        try:
            report = self.world.sync(probe=probe)
            self.reports.append(report)
        except Crash:
            pass

    def time_passes(self) -> None:
        self.world.clock.moment += timedelta(minutes=self.random.choice((1, 30, 120)))

    def step(self) -> None:
        actions: list[tuple[int, Callable[[], None]]] = [
            (6, self.school_adds_mark),
            (6, self.school_edits_mark),
            (2, self.school_deletes_mark),
            (6, self.school_edits_student),
            (3, self.school_marks_absence),
            (2, self.school_adds_student),
            (6, self.region_adds_mark),
            (6, self.region_edits_mark),
            (2, self.region_deletes_mark),
            (6, self.region_edits_student),
            (2, self.region_adds_student),
            (1, self.region_bumps),
            (4, self.person_resolves),
            (2, self.person_undoes),
            (2, self.person_matches),
            (4, self.fault),
            (9, self.cycle),
            (5, self.crashing_cycle),
            (2, self.time_passes),
        ]
        weights, steps = zip(*actions, strict=True)
        self.random.choices(steps, weights)[0]()


def begin(seed: int, url: str) -> History:
    world = build(url)
    world.remote.page_size = 3
    timetable = furnish(world.remote, dates=("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19"))
    history = History(seed=seed, world=world, timetable=timetable, random=random.Random(seed))
    for _ in range(3):
        history.region_adds_student()
    history.cycle()
    return history


def settle(history: History) -> int:
    """Let the faults stop and cycles run until two in a row write nothing; returns how many it took."""
    remote = history.world.remote
    remote.faults.clear()
    quiet = 0
    for count in range(1, MOST_CYCLES + 1):
        history.world.clock.moment += timedelta(hours=2)
        before = (remote.region.changes, _staging(history.world))
        report = history.world.sync()
        history.reports.append(report)
        quiet = quiet + 1 if (remote.region.changes, _staging(history.world)) == before else 0
        if quiet == 2:
            return count
    raise AssertionError(f"seed {history.seed}: still writing after {MOST_CYCLES} cycles")


def _staging(world: World) -> dict[str, list[dict[str, Any]]]:
    return {stream.value: world.rows(stream.value) for stream in BOTH_WAYS}


def check(history: History) -> None:
    """The invariants of a history at peace."""
    world = history.world
    problems: list[str] = []
    for report in history.reports:
        for stream, entry in report.streams.items():
            if not entry.pull.balances or not entry.push.balances:
                problems.append(f"{report.run_id} {stream.value}: counts do not balance {entry}")
    last = history.reports[-1]
    if last.status is not RunStatus.SUCCEEDED:
        errors = [(stream.value, entry.error) for stream, entry in last.streams.items() if entry.error]
        problems.append(f"last run {last.status} {last.error} {errors}")
    with world.db.read(world.school.school_id) as uow:
        broken = uow.audit.verify()
        if broken:
            problems.append(f"audit: {broken}")
        for stream in BOTH_WAYS:
            problems.extend(_disagreements(history, uow, stream))
    assert not problems, f"seed {history.seed}\n" + "\n".join([*problems, "--- history", *history.log[-60:]])


def _disagreements(history: History, uow: Any, stream: Stream) -> list[str]:
    world = history.world
    policy, spec = POLICIES[stream], SPECS[stream]
    remote = world.remote.records(stream)
    rows = {LocalId(row["id"]): row for row in world.rows(stream.value)}
    links = uow.links.by_local(stream, list(rows))
    entries = uow.outbox.by_local(stream, list(rows))
    conflicts = uow.conflicts.open_for([link.link_id for link in links.values()])
    releases = uow.releases.by_student(list(rows)) if stream is Stream.STUDENTS else {}
    parked = {p.record.remote_id: p for p in uow.inbox.parked(stream)}
    asked = uow.matches.open_locals(stream)
    linked_remote = {link.remote_id for link in links.values()}
    problems: list[str] = []
    if len(linked_remote) != len(links):
        problems.append(f"{stream.value}: two local rows share a regional record")
    for local_id, row in rows.items():
        link = links.get(local_id)
        if link is None:
            if local_id not in entries and local_id not in releases and local_id not in asked:
                problems.append(f"{stream.value} {local_id}: neither linked nor waiting")
            continue
        there = remote.get(link.remote_id)
        conflict = conflicts.get(link.link_id)
        held = conflict.groups if conflict else frozenset()
        if "*" in held:
            continue
        if there is None:
            if link.remote_id not in parked:
                problems.append(f"{stream.value} {local_id}: linked to {link.remote_id} which is gone")
            continue
        here = normalise(stream, row)
        for name, parent in spec.references.items():
            if (reference := here.get(name)) is not None:
                here[name] = uow.links.remote_ids(parent, [LocalId(int(reference))]).get(LocalId(int(reference)))
        for item in policy.fields:
            if item.group not in held and not item.same(here.get(item.field), there.get(item.field)):
                problems.append(
                    f"{stream.value} {local_id}/{link.remote_id}: {item.field} {here.get(item.field)!r} here, "
                    f"{there.get(item.field)!r} there"
                )
    deleted_here = {c.link_id for c in uow.conflicts.cases() if c.stream is stream and c.kind in DELETE_KINDS}
    every = uow.links.by_remote(stream, list(remote))
    for remote_id in remote:
        link = every.get(RemoteId(remote_id))
        if link is None and remote_id not in parked:
            problems.append(f"{stream.value} {remote_id}: known to the region only")
        if link is not None and link.local_id not in rows and link.link_id not in deleted_here:
            problems.append(f"{stream.value} {remote_id}: linked to a row that is gone")
    return problems


def run(seed: int, url: str, *, steps: int = 50) -> History:
    """Play the history of ``seed`` on a fresh, migrated database to its peaceful end and check it."""
    history = begin(seed, url)
    try:
        for _ in range(steps):
            history.step()
        settle(history)
        check(history)
    except AssertionError:
        raise
    except SyncError as error:
        raise AssertionError(f"seed {seed}: {error!r}\n" + "\n".join(history.log[-60:])) from error
    finally:
        history.world.db.close()
    return history
