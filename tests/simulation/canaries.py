"""A pupil whose every value is a canary: a text that stands nowhere else, spread over the database by real runs.

Some come in by the release watch, some by a double that a person confirms. All of them have a parent of their own
and one shared with a sibling; they are asked about, held, set aside, imported, planned, told of, and leave.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from sync_service.domain.cases import Queue
from sync_service.domain.conflicts import Side
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.releases import StepKind
from sync_service.domain.school_files import ParsedClassReport, ParsedPupilList, ReportPupil
from sync_service.domain.streams import Stream
from sync_service.engine import decide_holds, decide_matches, decide_releases
from sync_service.engine.import_files import import_parsed
from sync_service.engine.resolve import resolve
from sync_service.persistence.schema import metadata
from sync_service.persistence.uploads import Uploads
from tests.choosing import choose_all
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.engine.resyncs import carry_out, plan
from tests.unit.engine.test_release_watch import arrive
from tests.unit.engine.world import World, furnish
from tests.unit.importing.office import class_report, final_mark, mark, mother, pupil, pupils

MARKS = 9


@dataclass(slots=True)
class Subject:
    """``told`` are the canaries; ``remote`` the pupil's id in the region, ``ids`` all ids of its records there."""

    world: World
    chance: random.Random
    told: set[str] = field(default_factory=set)
    local: int = 0
    remote: RemoteId = field(default=RemoteId(""))
    ids: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def canary(self, word: str) -> str:
        tail = "".join(self.chance.choice("абвгдежзиклмнопрстуфхц") for _ in range(14))
        return self._keep(word + tail)

    def digits(self, head: str, length: int) -> str:
        return self._keep(head + "".join(self.chance.choice("123456789") for _ in range(length)))

    def snils(self) -> str:
        """Valid, beyond the numbers that are not checked."""
        number = "".join(self.chance.choice("3456789") for _ in range(9))
        rest = sum(int(digit) * (9 - place) for place, digit in enumerate(number)) % 101
        return self._keep(f"{number}{rest % 100:02}")

    def mail(self) -> str:
        tail = "".join(self.chance.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(14))
        return self._keep(f"{tail}@example.org")

    def _keep(self, canary: str) -> str:
        self.told.add(canary)
        return canary

    def card(self) -> dict[str, Any]:
        return {
            **self.names,
            "sex": "Ж",
            "snils": self.snils(),
            "personal_file_no": self.canary("К-"),
            "address": self.canary("ул. "),
            "phone": self.digits("+7912", 7),
            "email": self.mail(),
        }


def spread(world: World, seed: int) -> Subject:
    """Everything a pupil can leave behind, up to the departure; nothing is open any more."""
    remote = world.remote = MappedRemote.over(world.remote)
    world.fingerprints = dict.fromkeys(Stream, "first")
    made = Subject(world=world, chance=random.Random(seed))
    made.names = {
        "last_name": made.canary("Канарейкина"),
        "first_name": made.canary("Анна"),
        "patronymic": made.canary("Петровна"),
        "birth_date": "2012-05-11",
    }
    timetable = furnish(remote)
    sibling = remote.create(Stream.STUDENTS, {"last_name": "Соседова", "first_name": "Ольга", "sex": "Ж"})
    stranger = remote.create(
        Stream.STUDENTS, {"last_name": "Чужой", "first_name": "Пётр", "sex": "М", "birth_date": "2012-05-11"}
    )
    shared = remote.create(Stream.GUARDIANS, {"last_name": "Общий", "first_name": "Пётр", "phone": "+79120000009"})
    remote.create(Stream.GUARDIANSHIPS, {"student_id": sibling, "guardian_id": shared, "relation": "отец"})
    for other in (sibling, stranger):
        _mark(world, other, timetable.lessons[0], "5")
    world.sync()
    (_by_double if seed % 2 else _by_release)(made)
    made.remote = _remote_of(made)
    mother_of: Values = {
        "last_name": made.canary("Мать"),
        "first_name": made.canary("Мария"),
        "phone": made.digits("+7922", 7),
    }
    own = remote.create(Stream.GUARDIANS, mother_of)
    for parent, relation in ((own, "мать"), (shared, "отец")):
        remote.create(Stream.GUARDIANSHIPS, {"student_id": made.remote, "guardian_id": parent, "relation": relation})
    marks = [_mark(world, made.remote, timetable.lessons[0], "4", made.canary("за "), n + 1) for n in range(MARKS)]
    absence: Values = {"student_id": made.remote, "lesson_id": timetable.lessons[1], "symbol": "Б"}
    remote.create(Stream.ATTENDANCE, {**absence, "reason": made.canary("справка ")})
    world.sync()
    _clash(made)
    _own_work(made)
    _import(made)
    _hold(made, marks)
    _plan(made)
    _quarantine(made, timetable.lessons[0])
    _upload(made)
    _leave(made, timetable.klass)
    for stream in Stream:
        made.ids |= {
            str(i)
            for deleted in (False, True)
            for i, values in remote.records(stream, deleted=deleted).items()
            if values.get("student_id") == made.remote or i in (made.remote, own)
        }
    if world.db.engine.dialect.name == "postgresql":
        with world.db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))  # keeps samples of values
    made.ids.add(next(str(row["person_id"]) for row in world.rows("students") if row["id"] == made.local))
    return made


def _mark(
    world: World, pupil_id: RemoteId, lesson: RemoteId, value: str, comment: str | None = None, position: int = 1
) -> RemoteId:
    values: Values = {"student_id": pupil_id, "lesson_id": lesson, "value": value, "weight": 1, "position": position}
    return world.remote.create(Stream.MARKS, {**values, "comment": comment})


def _remote_of(made: Subject) -> RemoteId:
    world = made.world
    with world.db.read(world.school.school_id) as uow:
        return uow.links.remote_ids(Stream.STUDENTS, [LocalId(made.local)])[LocalId(made.local)]


def _by_release(made: Subject) -> None:
    """Case B first (told, called), then released and enrolled."""
    world = made.world
    card = made.card()
    person = world.remote.add_person(
        {name: card[name] for name in (*made.names, "snils", "sex")}, organization_id="school-12"
    )
    organization = world.rows("organizations")[0]["id"]
    made.local = arrive(
        world,
        pupil=card,
        origin_kind="school",
        origin_organization_id=organization,
        order_number=made.canary("приказ "),
    )
    world.sync()
    (case,) = [row["id"] for row in world.rows("releases") if row["student_id"] == made.local]
    decide_releases.log_step(world.desk(), case, StepKind.CALL, made.canary("звонили, обещали "))
    with world.db.write(world.school.school_id) as uow:
        uow.cases.add_note(Queue.RELEASES, case, author="ivanova", text=made.canary("мама просила "))
        uow.commit()
    world.remote.release(person)
    world.sync()


def _by_double(made: Subject) -> None:
    """The region writes another birthday: only a person says that it is the same child."""
    world = made.world
    made.local = arrive(world, pupil=made.card(), origin_kind="other_district", origin_name=made.canary("Школа "))
    there: Values = {**made.names, "sex": "Ж", "birth_date": "2012-05-12", "address": made.canary("пер. ")}
    world.remote.create(Stream.STUDENTS, there)
    world.sync()
    (case,) = [row["id"] for row in world.rows("match_cases")]
    with world.db.write(world.school.school_id) as uow:
        uow.cases.add_note(Queue.MATCHES, case, author="ivanova", text=made.canary("видела паспорт "))
        uow.commit()
    decide_matches.confirm(world.desk(), case, LocalId(made.local))
    world.sync()
    _settle_conflicts(world)
    world.sync()


def _settle_conflicts(world: World) -> None:
    with world.db.read(world.school.school_id) as uow:
        opened = uow.conflicts.cases()
    for case in opened:
        resolve(world.desk(), case.conflict_id, choose_all(case, Side.LOCAL))


def _clash(made: Subject) -> None:
    world = made.world
    world.update("students", made.local, phone=made.digits("+7932", 7))
    world.remote.edit(Stream.STUDENTS, made.remote, phone=made.digits("+7942", 7))
    world.sync()
    (case,) = [row["id"] for row in world.rows("conflicts") if row["state"] == "open"]
    with world.db.write(world.school.school_id) as uow:
        uow.cases.add_note(Queue.CONFLICTS, case, author="ivanova", text=made.canary("уточнить "))
        uow.commit()
    _settle_conflicts(world)
    world.sync()


def _own_work(made: Subject) -> None:
    """Rows of the school that travel, so that sent values stay in the attempts; and one that is deleted again."""
    world = made.world
    (tie, *_) = [row for row in world.rows("guardianships") if row["student_id"] == made.local]
    world.update("guardianships", tie["id"], relation_note=made.canary("крёстная "))
    lessons = [row["id"] for row in world.rows("lessons")]
    common = {"student_id": made.local, "value": "5", "weight": 1}
    world.insert("marks", **common, lesson_id=lessons[1], position=1, comment=made.canary("молодец "))
    short_lived = world.insert("marks", **common, lesson_id=lessons[1], position=2, comment=made.canary("описка "))
    world.sync()
    world.delete("marks", short_lived)
    world.sync()


def a_list(made: Subject) -> ParsedPupilList:
    parent = mother(last_name=made.canary("Бабушкина"), first_name="Зоя", relation="иной", phone=None)
    return pupils(pupil(2, **made.names, class_name="8А", guardians=(parent,)))


def a_report(made: Subject) -> ParsedClassReport:
    names = {name: made.names[name] for name in ("last_name", "first_name", "patronymic")}
    who = ReportPupil(**names)
    return class_report(mark(of=who, date="2026-11-18"), final_mark(of=who), of=(who,))


def bring(made: Subject, parsed: ParsedPupilList | ParsedClassReport) -> list[str]:
    world = made.world
    report = import_parsed(
        world.db, world.school, world.clock, parsed, actor="petrova", file_name=f"{made.names['last_name']}.csv"
    )
    return [problem.code for problem in report.problems]


def _import(made: Subject) -> None:
    bring(made, a_list(made))
    bring(made, a_report(made))
    made.world.sync()


def _hold(made: Subject, marks: list[RemoteId]) -> None:
    """The region deletes too much at once; a person does not want it."""
    world = made.world
    for one in marks[:7]:
        world.remote.delete(Stream.MARKS, one)
    world.sync()
    for hold in [row["id"] for row in world.rows("holds") if row["state"] == "open"]:
        decide_holds.discard(world.desk(), hold)
    world.sync()


def _quarantine(made: Subject, lesson: RemoteId) -> None:
    """A mark, and the card itself, which nobody can read any more."""
    world = made.world
    remote = world.remote
    assert isinstance(remote, MappedRemote)
    broken = _mark(world, made.remote, lesson, "5", made.canary("нечитаемо "), MARKS + 1)
    remote.broken[broken] = lambda item: {**item, "grade": "отлично"}
    remote.broken[made.remote] = lambda item: {**item, "birthDate": "одиннадцатого"}
    remote.edit(Stream.STUDENTS, made.remote, address=made.canary("пр. "))
    world.sync()
    (item, *_) = [row["id"] for row in world.rows("quarantine")]
    with world.db.write(world.school.school_id) as uow:
        uow.cases.add_note(Queue.QUARANTINE, item, author="ivanova", text=made.canary("позвонить "))
        uow.cases.add_note(Queue.HOLDS, 1, author="ivanova", text=" ".join(made.names.values()))
        uow.commit()


def _plan(made: Subject) -> None:
    world = made.world
    world.remote.edit(Stream.STUDENTS, made.remote, email=made.mail())
    carry_out(world, plan(world, Stream.GUARDIANSHIPS, Stream.MARKS, Stream.STUDENTS))


def _upload(made: Subject) -> None:
    world = made.world
    now = datetime.now(UTC)
    Uploads(world.db.engine, lambda: now).keep(
        world.school.school_id,
        made.canary("файл ").encode(),
        file_name=made.canary("список "),
        by="ivanova",
    )


def _leave(made: Subject, klass: RemoteId) -> None:
    world = made.world
    gone = {
        "kind": "departure",
        "date": "2026-11-19",
        "order_number": made.canary("выб "),
        "order_date": "2026-11-19",
    }
    (row,) = [row for row in world.rows("classes") if row["name"] == "8А"]
    world.insert(
        "movements",
        student_id=made.local,
        class_from_id=row["id"],
        destination_name=made.canary("Лицей "),
        **gone,
    )
    world.sync()
    for case in [row for row in world.rows("releases") if row["state"] in ("left", "claimed", "not_released")]:
        decide_releases.close(world.desk(), case["id"], made.canary("забрали документы "))
    world.sync()


def everything(world: World) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, as text."""
    with world.db.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(text(f"SELECT * FROM {table.name}")):
                yield table.name, " ".join(_text(value) for value in row).encode()


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, (bytes, memoryview)) else str(value)


def leave_deleted_bytes(world: World) -> None:
    """Some builds of SQLite overwrite what they delete; what is proven must hold for those that do not."""
    engine = world.db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA secure_delete = OFF"))
        engine.dispose()


def files_of(world: World) -> list[Path]:
    """What the database consists of on the disk."""
    engine = world.db.engine
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        return [one for one in (file, Path(f"{file}-wal"), Path(f"{file}-shm")) if one.exists()]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))  # what VACUUM has written anew, and what it has removed
        data = str(connection.execute(text("SHOW data_directory")).scalar_one())
        database = connection.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar()
    return [one for one in (Path(data) / "base" / str(database)).iterdir() if one.is_file()]
