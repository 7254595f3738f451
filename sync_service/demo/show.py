"""Puts the demo on stage: region, school, story; then ends, or stays up to be looked at."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from sync_service.clock import SystemClock
from sync_service.demo import casting, installation, lessons
from sync_service.demo.narrator import Narrator
from sync_service.demo.page import PEOPLE, Shown, page_of_demo
from sync_service.demo.region import Region
from sync_service.demo.story import Messages, Story
from sync_service.domain.errors import SyncError
from sync_service.domain.reports import RunReport
from sync_service.engine.ports import Clock
from sync_service.logs import configure_logging

ZONE = "Asia/Yekaterinburg"
FULL_SIZE = "school"  # about 300 pupils; «small» is about 50
INTERVAL = 10.0  # seconds between cycles while the demo stays up


def run_demo(
    *,
    once: bool,
    as_json: bool,
    workdir: Path | None = None,
    clock: Clock | None = None,
    population: str = FULL_SIZE,
    stop: threading.Event | None = None,
) -> int:
    """Tell the story; with ``once`` end there, else keep region and school running until ``stop`` or Ctrl-C.

    Returns 0 when both sides agree in the end, 1 when they do not. With ``as_json`` standard output is the one
    document of DESIGN.md 7 and the story goes to standard error. Raises ConfigError for a folder in use.
    """
    configure_logging("warning")
    narrator = Narrator(sys.stderr if as_json else sys.stdout)
    folder = installation.prepare_folder(workdir)
    with staged(folder, narrator, clock=clock or SystemClock(), population=population) as story:
        _introduce(narrator, story)
        story.tell()
        agreed = story.holds
        if as_json:
            sys.stdout.write(json.dumps(story.document(), ensure_ascii=False, indent=2) + "\n")
            sys.stdout.flush()
        if once:
            _show_around(narrator, story, staying=False)
        else:
            with (
                page_of_demo(story.service, story.school) as page,
                _until_signalled(stop or threading.Event()) as ended,
            ):
                _show_page(narrator, page)
                _show_around(narrator, story, staying=True)
                _stay_up(story, narrator, ended)
    return 0 if agreed else 1


@contextmanager
def staged(folder: Path, narrator: Narrator, *, clock: Clock, population: str) -> Iterator[Story]:
    """A story ready to be told: the region runs, the school has its configuration and an empty database."""
    today = clock.today(ZONE)
    with Region.start(today, population=population) as region:
        cast = casting.gather(region, today)
        chosen = lessons.choose(region, cast.classes, today)
        region.set_clock(clock.now())
        config = installation.write_config(folder, region, zone=ZONE, watch_from=cast.begins)
        messages = Messages()
        with closing(installation.open_service(config, region, clock=clock, notifier=messages)) as service:
            yield Story(
                service=service,
                school=service.school(installation.SCHOOL_CODE),
                region=region,
                folder=folder,
                messages=messages,
                narrator=narrator,
                today=today,
                cast=cast,
                chosen=chosen,
            )


def _introduce(narrator: Narrator, story: Story) -> None:
    narrator.say("Учебная ГИС и учебная школа. Все люди вымышлены.")
    narrator.say(f"ГИС:   {story.region.url}")
    narrator.say(f"Школа: {story.region.name}")
    narrator.say(f"Папка: {story.folder}")


def _show_page(narrator: Narrator, page: Shown) -> None:
    narrator.chapter("Откройте страницу")
    narrator.command(page.url)
    narrator.say(f"Пароль для всех: {page.password}")
    for login, name, _, role in PEOPLE:
        narrator.say(f"  {login:<10} {name}, {role}")


def _show_around(narrator: Narrator, story: Story, *, staying: bool) -> None:
    conflict = next(iter(story.open_conflict_ids()), None)
    narrator.chapter("Осмотритесь")
    program = f"ecp-sync --config {shlex.quote(str(story.folder / installation.CONFIG_NAME))}"
    narrator.command(f"{program} status")
    narrator.command(f"{program} conflicts list")
    if conflict is not None:
        narrator.command(f"{program} conflicts show {conflict}")
    narrator.command(f"{program} releases list")
    if not staying:
        narrator.say("Учебная ГИС остановлена; её можно оставить работать: ecp-sync demo (без --once).")
        narrator.say("Папку можно удалить, когда она больше не нужна.")
        return
    if conflict is not None:
        narrator.say("Решить расхождение в пользу школы:")
        narrator.command(f"{program} conflicts resolve {conflict} --take school")
    narrator.say("Прежняя школа оформляет выбытие второго ученика:")
    person = json.dumps({"personId": story.cast.never_released.person_id})
    narrator.command(
        f"curl -X POST {story.region.url}/simulator/release -H 'Content-Type: application/json' -d '{person}'"
    )
    narrator.say(f"Цикл повторяется каждые {INTERVAL:.0f} секунд; закончить: Ctrl-C.")


@contextmanager
def _until_signalled(stop: threading.Event) -> Iterator[threading.Event]:
    """The event, set by Ctrl-C or SIGTERM as well when this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _stay_up(story: Story, narrator: Narrator, stop: threading.Event) -> None:
    """A cycle every few seconds; a line for every cycle in which something happened."""
    while not stop.wait(INTERVAL):
        try:
            report = story.service.sync(story.school, trigger="demo", stop=stop)
        except SyncError as error:  # a command of the visitor may be at work in the same database
            narrator.say(f"Цикл пропущен: {error}")
            continue
        if line := _headline(report):
            narrator.say(line)


def _headline(report: RunReport) -> str | None:
    """What a cycle did in one line; None when nothing."""
    received = sum(one.pull.received for one in report.streams.values())
    sent = sum(one.push.acked for one in report.streams.values())
    parts = [
        f"получено {received}" if received else "",
        f"отправлено {sent}" if sent else "",
        f"зачислено {report.releases.enrolled}" if report.releases.enrolled else "",
        f"статус {report.status.value}" if report.error else "",
    ]
    told = ", ".join(filter(None, parts))
    return f"Цикл: {told}." if told else None
