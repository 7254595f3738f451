"""Channels: who is told what, when, and that a channel which fails costs nothing but its own message."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sync_service.config import BlackoutWindow, Settings, load_settings
from sync_service.domain.errors import ConfigError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.alerts import watch_state
from sync_service.engine.cycle import run_cycle
from sync_service.engine.ports import Notification, Role
from sync_service.engine.telling import untold
from sync_service.notify import FIRST_PAUSE, Courier, Route, apprise_send
from tests.databases import SqliteTemplate
from tests.unit.engine.world import World, build

PUPIL = "Смирнова Алёна"
ABOUT_PUPIL = Notification(
    key="release:1",
    role=Role.DIRECTOR,
    subject="Ученик не отчислен",
    text=f"{PUPIL}: позвонить в прежнюю школу.",
    severity="warning",
    discreet="Ученик не отчислен: кто, видно на странице.",
)


@dataclass(slots=True)
class Sink:
    """What channels were given. Addresses in ``deaf`` take nothing."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)

    def send(self, url: str, subject: str, body: str, severity: str, seconds: float) -> bool:
        if url in self.deaf:
            return False
        self.sent.append((url, body))
        return True


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    made = build(sqlite_template.copy(tmp_path))
    with made.db.engine.begin() as connection:
        for role, class_name, address in (
            ("director", None, "director@school.example"),
            ("class_teacher", "5А", "teacher@school.example"),
            ("admin", None, "admin@elsewhere.example"),
        ):
            connection.execute(
                text(
                    "INSERT INTO contacts (school_id, role, class_name, name, address) VALUES (:s, :r, :c, 'n', :a)"
                ),
                {"s": made.school.school_id, "r": role, "c": class_name, "a": address},
            )
    yield made
    made.db.close()


def written(world: World, *notifications: Notification) -> None:
    with world.db.write(world.school.school_id) as uow:
        uow.notifications.add(notifications)
        uow.commit()


def courier(world: World, sink: Sink, *routes: Route, **rules: Any) -> Courier:
    return Courier(world.db, lambda: [world.school], routes, clock=world.clock, send=sink.send, **rules)


def waiting(world: World) -> list[str]:
    return [notification.key for notification, _ in untold(world.db, world.school)]


MAIL = Route(to=frozenset({"director"}), url="mail:{address}", names=True)
CHAT = Route(to=frozenset({"director", "admin"}), url="chat:group")


def test_only_a_channel_that_may_name_pupils_names_them(world: World) -> None:
    """The same message goes by mail with the name and to the chat without; an administrator never reads one."""
    sink = Sink()
    written(world, ABOUT_PUPIL, Notification(key="a", role=Role.ADMIN, subject="s", text=PUPIL, discreet="без имени"))
    named = Route(to=frozenset({"*@elsewhere.example"}), url="mail:{address}", names=True)
    post = courier(world, sink, MAIL, CHAT, named)
    for number in range(3):
        post.deliver(number)
    assert [url for url, body in sink.sent if PUPIL in body] == ["mail:director%40school.example"]
    assert {url for url, _ in sink.sent} == {
        "mail:director%40school.example",
        "chat:group",
        "mail:admin%40elsewhere.example",
    }
    assert waiting(world) == []


def test_a_failing_channel_holds_up_nothing_and_is_tried_again(world: World) -> None:
    """The other channel has its message at once, once; the table says untold until the last one has it."""
    sink = Sink(deaf={"chat:group"})
    written(world, ABOUT_PUPIL)
    post = courier(world, sink, MAIL, CHAT)
    assert (post.deliver(0), post.deliver(1)) == (1, 0)
    assert waiting(world) == ["release:1"]
    sink.deaf.clear()
    assert (post.deliver(0), post.deliver(1)) == (0, 0)  # too early
    world.clock.moment += timedelta(seconds=FIRST_PAUSE)
    assert (post.deliver(0), post.deliver(1)) == (0, 1)
    assert waiting(world) == []


def test_a_run_does_not_wait_for_a_channel(world: World) -> None:
    """A channel that hangs keeps its own thread; the run goes on and the message stays untold."""
    hanging, released = threading.Event(), threading.Event()

    def hang(*_: object) -> bool:
        hanging.set()
        return released.wait(30)

    post = Courier(world.db, lambda: [world.school], [CHAT], clock=world.clock, send=hang)
    written(world, ABOUT_PUPIL)
    cycle = replace(world.cycle(), notifier=post)
    run_cycle(cycle, list(Stream))
    assert cycle.report.status is RunStatus.SUCCEEDED
    assert hanging.wait(30)
    assert waiting(world) == ["release:1"]
    released.set()
    post.close(seconds=30)


def test_in_quiet_hours_only_the_director_is_told(world: World) -> None:
    """The rest goes when they end; the setting lets the director sleep too."""
    asleep = [True]
    sink = Sink()
    written(world, ABOUT_PUPIL, Notification(key="a", role=Role.ADMIN, subject="s", text="t"))
    rules = {"quiet": lambda _: asleep[0]}
    courier(world, sink, CHAT, director_at_once=False, **rules).deliver(0)
    assert sink.sent == []
    post = courier(world, sink, CHAT, **rules)
    post.deliver(0)
    assert waiting(world) == ["a"]
    asleep.clear()
    asleep.append(False)
    post.deliver(0)
    assert waiting(world) == []


@pytest.mark.parametrize(
    ("hour", "quiet"), [(19, False), (20, True), (23, True), (0, True), (6, True), (7, False), (12, False)]
)
def test_a_window_goes_beyond_midnight(hour: int, quiet: bool) -> None:
    window = BlackoutWindow(starts=time(20), ends=time(7))
    assert window.covers(datetime(2026, 11, 20, hour, tzinfo=UTC)) == quiet


def run_of(world: World, number: int, at: datetime, error: str | None = None) -> None:
    report = RunReport(run_id=f"r{number}", school=world.school.code)
    report.started_at = at.isoformat()
    world.db.runs.start(world.school.school_id, report, "schedule")
    for stream in Stream:
        report.stream(stream)
    report.stream(Stream.MARKS).error = error
    report.status = RunStatus.COMPLETED_WITH_ERRORS if error else RunStatus.SUCCEEDED
    report.finished_at = at.isoformat()
    world.db.runs.finish(world.school.school_id, report)


def test_the_administrator_is_told_once_until_it_has_recovered(world: World) -> None:
    """Login, brake and silence: each begins, is told, stays silent, ends, and is told when it begins again."""
    now = world.clock.now()

    def look(**state: Any) -> list[str]:
        return watch_state(
            world.db,
            world.school,
            **{"login_needed": False, "silence": 24, "now": world.clock.now(), **state},
        )

    assert look() == []
    run_of(world, 1, now)
    assert look(login_needed=True) == ["login"]
    assert look(login_needed=True) == []
    assert look() == []
    run_of(world, 2, now, "SystemicFailure: marks: 30 of 30 …")
    assert look() == ["brake:marks"]
    world.clock.moment += timedelta(hours=25)
    assert look() == ["silence"]
    assert look() == []
    run_of(world, 3, world.clock.now())
    assert look() == []
    assert look(login_needed=True) == ["login"]
    found = untold(world.db, world.school)
    assert len(found) == 4
    assert {n.role for n, _ in found} == {Role.ADMIN}


@contextmanager
def http_sink(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_apprise_carries_the_message_and_says_when_it_did_not() -> None:
    """Over a real socket; what the library does not know or cannot reach is «not arrived», never an error."""
    with http_sink() as (url, got):
        assert apprise_send(url, "Тема", "Текст\nдве строки", "warning", 5)
    assert (got[0]["title"], got[0]["message"], got[0]["type"]) == ("Тема", "Текст\nдве строки", "warning")
    with http_sink(500) as (url, _):
        assert not apprise_send(url, "Тема", "Текст", "info", 5)
    assert not apprise_send(url, "Тема", "Текст", "info", 1)  # nobody listens there any more
    assert not apprise_send("nosuch://x", "Тема", "Текст", "info", 1)


SCHOOL = '[[schools]]\ncode = "s"\nname = "s"\norganization_id = "o"\nbase_url = "https://ecp.example.ru"\n'


def test_a_channels_address_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[[channels]]\nto = ["admin"]\nurl = "env:CHAT"\n{SCHOOL}', encoding="utf-8")
    settings: Settings = load_settings(config, {"CHAT": "tgram://secret-token/1"})
    assert settings.channels[0].url.get_secret_value() == "tgram://secret-token/1"
    assert "secret-token" not in repr(settings)
    with pytest.raises(ConfigError, match=r"channels\.0\.url: .*variable"):
        load_settings(config, {})
    config.write_text(f'[[channels]]\nto = ["boss"]\nurl = "json://x"\n{SCHOOL}', encoding="utf-8")
    with pytest.raises(ConfigError, match="neither a role"):
        load_settings(config, {})
