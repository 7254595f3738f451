"""Mail, over a real conversation with a server: what a letter holds, and what a failing server costs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apprise  # noqa: F401  # loaded before the clock runs
import pytest
import structlog

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import run_cycle
from sync_service.engine.ports import Contact, Notification, Role
from sync_service.engine.telling import untold
from sync_service.notify import FIRST_PAUSE, Courier, Route
from sync_service.notify_patience import Patient
from tests.databases import SqliteTemplate
from tests.smtp_server import Mailbox, Mood, mail_server
from tests.unit.engine.world import World, build

PUPIL = "Смирнова Алёна"
SUBJECT = "Ученик не отчислен прежней школой — «Школа № 12»"
ABOUT_PUPIL = Notification(
    key="release:1",
    role=Role.DIRECTOR,
    subject=SUBJECT,
    text=f"{PUPIL}, класс 5А: прежняя школа не оформила выбытие.\nПозвонить: +7 343 371-23-45.",
    severity="warning",
    discreet="Прежняя школа не оформила выбытие прибывшего ученика.",
)
TO_ADMIN = Notification(key="a", role=Role.ADMIN, subject="Нужен вход", text=f"{PUPIL}?", discreet="Обмен стоит.")
ADDRESSES = {Role.DIRECTOR: "orlova@school.example", Role.ADMIN: "orlov@school.example"}


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    made = build(sqlite_template.copy(tmp_path))
    with made.db.write(made.school.school_id) as uow:
        for role, address in ADDRESSES.items():
            uow.contacts.put(Contact(role=role, name="Орлов", address=address))
        uow.commit()
    yield made
    made.db.close()


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as made:
        yield made


def courier(world: World, url: str, *, names: bool = False, quiet: list[bool] | None = None) -> Courier:
    asleep = [False] if quiet is None else quiet
    return Courier(
        world.db,
        lambda: [world.school],
        [Route(to=frozenset({"director", "admin"}), url=url, names=names)],
        clock=world.clock,
        quiet=lambda _: asleep[0],
        timeout=1,
    )


def written(world: World, *notifications: Notification) -> None:
    with world.db.write(world.school.school_id) as uow:
        uow.notifications.add(notifications)
        uow.commit()


def waiting(world: World) -> list[str]:
    return [notification.key for notification, _ in untold(world.db, world.school)]


@pytest.mark.parametrize("names", [False, True])
def test_a_letter_is_russian_and_says_no_more_than_its_reader_may_know(
    world: World, box: Mailbox, names: bool
) -> None:
    """One reader per letter; the administrator reads no name even where names are allowed."""
    written(world, ABOUT_PUPIL, TO_ADMIN)
    assert courier(world, box.url, names=names).deliver(0) == 2
    letters = {recipients[0]: letter for _, recipients, letter in box.letters}
    assert [recipients for _, recipients, _ in box.letters] == [[address] for address in ADDRESSES.values()]
    director, admin = (letters[address] for address in ADDRESSES.values())
    assert (director["Subject"], director["To"]) == (SUBJECT, ADDRESSES[Role.DIRECTOR])
    body = director.get_content()
    assert (PUPIL in body) == names
    assert ("371-23-45" in body) == names
    assert (director.get_content_type(), director.get_content_charset()) == ("text/plain", "utf-8")
    everything = str(admin) + admin.get_content()
    assert PUPIL not in everything
    assert ADDRESSES[Role.DIRECTOR] not in everything
    assert "Обмен стоит." in everything
    assert waiting(world) == []


@pytest.mark.parametrize("mood", [Mood.BUSY, Mood.FULL, Mood.SILENT, Mood.DRIPPING, Mood.RUDE])
def test_a_failing_server_holds_up_nothing_and_is_asked_again(world: World, box: Mailbox, mood: Mood) -> None:
    """The run succeeds meanwhile; after a pause the letter arrives, once. The log says neither text nor address."""
    written(world, ABOUT_PUPIL)
    box.mood = mood
    post = courier(world, box.url, names=True)
    with structlog.testing.capture_logs() as logged:
        assert post.deliver(0) == 0
    cycle = replace(world.cycle(), notifier=post)
    run_cycle(cycle, list(Stream))
    post.close(seconds=30)
    assert cycle.report.status is RunStatus.SUCCEEDED
    assert waiting(world) == ["release:1"]
    (line,) = [one for one in logged if one["event"] == "notification_failed"]
    assert not any(secret in str(line) for secret in (PUPIL, "orlova", "127.0.0.1", SUBJECT))

    box.mood = Mood.WELL
    later = courier(world, box.url, names=True)  # as after a restart
    assert later.deliver(0) == 1
    assert later.deliver(0) == 0
    assert [recipients for _, recipients, _ in box.letters] == [["orlova@school.example"]]
    assert waiting(world) == []


def test_a_server_that_refuses_is_asked_again_after_a_pause(world: World) -> None:
    """Nobody listens, then somebody does; before the pause is over nobody is called."""
    with mail_server() as gone:
        pass
    written(world, ABOUT_PUPIL)
    post = courier(world, gone.url)
    assert post.deliver(0) == 0
    with mail_server(gone.port) as box:
        assert post.deliver(0) == 0
        assert box.calls == 0
        world.clock.moment += timedelta(seconds=FIRST_PAUSE)
        assert post.deliver(0) == 1
        assert len(box.letters) == 1
    assert waiting(world) == []


def test_a_reader_who_cannot_be_reached_keeps_nothing_from_the_others(world: World, box: Mailbox) -> None:
    """A server that takes no recipient is called for three messages at most, then left alone until the next look."""
    written(world, *(replace(TO_ADMIN, key=f"a{number}") for number in range(10)))
    box.mood = Mood.BUSY
    courier(world, box.url).deliver(0)
    assert box.calls == 3


def test_nobody_is_called_in_quiet_hours_but_the_director(world: World, box: Mailbox) -> None:
    quiet = [True]
    written(world, TO_ADMIN)
    post = courier(world, box.url, quiet=quiet)
    assert (post.deliver(0), box.calls) == (0, 0)
    written(world, ABOUT_PUPIL)
    assert (post.deliver(0), box.calls) == (1, 1)
    quiet[0] = False
    assert (post.deliver(0), box.calls) == (1, 2)
    assert waiting(world) == []


def test_conversations_without_end_are_few(box: Mailbox) -> None:
    """Each is left to itself after twice the time; with four of them going nothing more is begun, until one ends."""
    ends, begun = threading.Event(), []

    def without_end(*letter: object) -> bool:
        begun.append(letter[0])
        return ends.wait(30)

    patient = Patient(without_end)
    for number in range(6):
        assert not patient(f"url-{number}", "s", "t", "info", 0.05)
    assert begun == ["url-0", "url-1", "url-2", "url-3"]
    ends.set()
    pause = threading.Event()
    assert any(patient("url-6", "s", "t", "info", 5) or pause.wait(0.05) for _ in range(100))
