"""A school with its page on a real port: the real engine against a region in memory, the real server, four people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from sync_service.accounts import Accounts, Door, Passwords
from sync_service.bootstrap import Service
from sync_service.config import load_settings
from sync_service.domain.cases import Queue
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import RemoteId
from sync_service.domain.people import Person, Role
from sync_service.domain.reports import Outcome, RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.attend_cases import pass_on, postpone
from sync_service.engine.ports import Contact
from sync_service.engine.ports import Role as Recipient
from sync_service.web.server import PageServer
from tests.unit.engine.world import PUPIL, Timetable, World, build, furnish

PASSWORD = "двенадцать месяцев"
SCHOOL = "school-900"
CONFIG = """
database_url = "{url}"

[[schools]]
code = "school-900"
name = "МБОУ «Школа № 900»"
organization_id = "school-1"
base_url = "http://127.0.0.1:9"
watch_from = 2026-09-01
"""


@dataclass(slots=True)
class Site:
    """The page of one school. ``world`` edits both sides and runs cycles."""

    world: World
    timetable: Timetable
    service: Service
    server: PageServer
    people: dict[Role, Person] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    def at(self, path: str = "") -> str:
        return f"{self.url}/s/{SCHOOL}{path}"

    def sign_in(self, role: Role, *, as_login: str = "") -> httpx.Client:
        """A browser without a screen, signed in. Administrators have their second factor behind them."""
        login = as_login or self.people[role].login
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url}, follow_redirects=False, timeout=30)
        secret, session = self.service.door.sign_in(login, PASSWORD, address="127.0.0.1")
        if not session.proven:
            secret = self.prove(secret)
        client.cookies.set("ecp_session", secret)
        self.clients.append(client)
        return client

    def prove(self, secret: str) -> str:
        from sync_service.accounts import digest_of

        self.world.db.people.change_session(digest_of(secret), proven=True)
        return secret

    def post(self, client: httpx.Client, path: str, fields: Mapping[str, Any] | None = None) -> httpx.Response:
        """Send a form with the session's token."""
        secret = client.cookies["ecp_session"]
        session = self.service.door.session(secret)
        assert session is not None
        return client.post(path, data={"csrf": session.csrf, **(fields or {})})

    def clash(self, **school: str) -> int:
        """A pupil whose phone both sides changed; the number of the conflict."""
        return self.disagree({"phone": "+79120000001"}, {"phone": "+79120000002"}, **school)

    def disagree(self, here: Mapping[str, str], there: Mapping[str, str], **pupil: str) -> int:
        """A pupil on whom both sides wrote something else; the number of the conflict."""
        world = self.world
        remote = world.remote.create(Stream.STUDENTS, {k: v for k, v in PUPIL.items() if v} | pupil)
        world.sync()
        with world.db.read(world.school.school_id) as uow:
            local = uow.links.local_ids(Stream.STUDENTS, [remote])[remote]
        world.update("students", local, **here)
        world.remote.edit(Stream.STUDENTS, remote, **there)
        world.sync()
        with world.db.read(world.school.school_id) as uow:
            return max(case.conflict_id for case in uow.conflicts.cases())


@contextmanager
def site(url: str, folder: Path) -> Iterator[Site]:
    """A furnished region, an agreed school, and its page listening."""
    world = build(url)
    timetable = furnish(world.remote)
    config = folder / "config.toml"
    config.write_text(CONFIG.format(url=url), encoding="utf-8")
    service = Service.open(load_settings(config), clock=world.clock)
    # Hashing as in production would take most of the time of a test.
    quick, now = Passwords(PasswordHasher(1, 8, 1)), world.clock.now
    service.__dict__["accounts"] = Accounts(service.db.people, now, passwords=quick)
    service.__dict__["door"] = Door(service.db.people, now, passwords=quick)
    server = PageServer(service, host="127.0.0.1", port=0)
    made = Site(world, timetable, service, server)
    for role in Role:
        made.people[role], _ = service.accounts.add(
            login=f"{role.value}1",
            name=f"{role.value.title()} А. В.",
            roles={world.school.school_id: role},
            password=PASSWORD,
            must_change=False,
        )
    world.sync()
    server.start()
    try:
        yield made
    finally:
        for client in made.clients:
            client.close()
        server.stop()
        service.close()
        world.db.close()


def furnished(made: Site) -> None:
    """Something of everything that waits for a person: conflicts, one of them passed on and one put off, possible
    doubles of a pupil and of a parent, pupils not released, a run in which a record failed, and whom to tell."""
    world = made.world
    passed = made.disagree(
        {"phone": "+79120000001", "address": "ул. Королёва"}, {"phone": "+79120000002", "address": "ул. Королева"}
    )
    pass_on(world.desk(), Queue.CONFLICTS, passed, Role.ADMIN, name="Петрова А. В.", note="Нет доступа к делу")
    later = made.clash(last_name="Кравец", snils="08765430300")
    postpone(world.desk(), Queue.CONFLICTS, later, world.clock.today(world.school.zone) + timedelta(days=1))
    a_parent_twice(world)
    with world.db.write(world.school.school_id) as uow:
        for role, class_name in ((Recipient.DIRECTOR, None), (Recipient.CLASS_TEACHER, "5А")):
            address = f"{role.value}.{'very-' * 6}long@school-900.example"
            uow.contacts.put(
                Contact(role=role, class_name=class_name, name="Смирнова-Петрова Е. А.", address=address)
            )
        uow.commit()
    arrival = {"kind": "arrival", "date": "2026-11-16", "order_number": "12-у", "order_date": "2026-11-16"}
    for number, (origin, name) in enumerate((("school", "Зайцев"), (None, "Юсупова"), ("other_district", "Панов"))):
        card = world.insert(
            "students",
            last_name=name,
            first_name="Илья",
            sex="М",
            birth_date=f"2013-03-0{number + 1}",
            personal_file_no=f"З-{number}",
            incomplete=False,
        )
        world.insert("movements", student_id=card, origin_kind=origin, **arrival)
    world.insert(
        "students",
        last_name="Ахметов",
        first_name="Руслан",
        sex="М",
        birth_date="2012-01-02",
        personal_file_no="А-1",
        incomplete=False,
    )
    world.remote.create(
        Stream.STUDENTS, {"last_name": "Ахметов", "first_name": "Руслан", "sex": "М", "birth_date": "2012-01-03"}
    )
    world.sync()
    a_run_that_failed(world)


def a_run_that_failed(world: World) -> None:
    """Run «1», in which a mark of the region could not be read."""
    at = world.clock.now().isoformat()
    report = RunReport(run_id="1", school=SCHOOL, started_at=at)
    report.stream(Stream.MARKS).pull.add(Outcome.REJECTED, 1)
    world.db.runs.start(world.school.school_id, report, "manual")
    unread = QuarantineItem(
        stream=Stream.MARKS,
        direction="pull",
        code="unmapped_code",
        signature="marks.value code:marks: unmapped_code",
        reason="поле grade: значения нет в таблице кодов marks",
        remote_id=RemoteId("r-unread"),
        payload='{"id": "r-unread", "grade": "отлично"}',
    )
    with world.db.write(world.school.school_id) as uow:
        uow.quarantine.put([unread])
        uow.commit()
    done = replace(report, status=RunStatus.COMPLETED_WITH_ERRORS, finished_at=at)
    world.db.runs.finish(world.school.school_id, done)


def a_parent_twice(world: World) -> None:
    """A parent of the same name on both sides, with nothing that proves it is the same one."""
    named = {"last_name": "Ёлкина", "first_name": "Ольга", "patronymic": "Игоревна"}
    world.insert("guardians", **named, phone="+79120000031")
    world.remote.create(Stream.GUARDIANS, {**named, "phone": "+79120000032"})
    world.sync()


def errors_on(page: Any) -> list[str]:
    """Errors of the console and requests to anywhere else, collected from now on."""
    found: list[str] = []

    def note_message(message: Any) -> None:
        if message.type == "error":
            found.append(message.text)

    def note_request(request: Any) -> None:
        if not re.match(r"(https?://127\.0\.0\.1:|data:)", request.url):
            found.append(request.url)

    page.on("console", note_message)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", note_request)
    return found
