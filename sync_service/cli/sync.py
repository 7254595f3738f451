"""``sync``: one cycle now. Ctrl-C and SIGTERM stop it at the next page; what was durable stays."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import failures, output
from sync_service.cli.exit_codes import ExitCode, of_report
from sync_service.cli.options import AsJson, Config, SchoolCode, stream_named
from sync_service.cli.shell import Shell, one_school
from sync_service.domain.streams import BOTH_WAYS, Stream

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.domain.reports import RunReport, StreamReport
    from sync_service.engine.context import School

_LOOK_SECONDS = 0.5  # between two looks at how far a run is


class Way(StrEnum):
    """Values of ``--direction``."""

    PULL = "pull"
    PUSH = "push"
    BOTH = "both"


def sync(
    ctx: typer.Context,
    school: SchoolCode = None,
    stream: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--stream", metavar="X", help="Только этот поток (можно несколько раз).", show_default=False),
    ] = None,
    direction: Annotated[
        Way, typer.Option("--direction", help="Читать из ГИС, отправлять в ГИС или оба.")
    ] = Way.BOTH,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Сверить сейчас: прочитать изменения ГИС, отправить изменения школы."""
    return cycle_now(Shell.of(ctx, config, as_json), school, streams_meant(stream or [], direction), direction)


def cycle_now(
    shell: Shell, school: str | None, streams: list[Stream], direction: Way, *, compare: bool = False
) -> int:
    """Run it, show what came of it; ``compare``: these streams are compared as a whole."""
    from sync_service.engine.queries import open_decisions

    with shell.service() as service:
        one = one_school(service, school)
        before = open_decisions(service.db, one)
        if compare:
            service.ask_for_comparison(one, streams)
        report = _run(service, one, streams, direction, quiet=shell.as_json)
        after = open_decisions(service.db, one)
    new = after - before
    shell.show(report.to_json(), lambda: render_report(report))
    busy = [stream.value for stream in streams if stream not in report.streams]
    if busy:
        output.note(f"Заняты другой сверкой и пропущены: {', '.join(busy)}.")
    if not shell.as_json:
        output.note(failures.of_report(report, open_questions=bool(after)))
        if new:
            output.note(f"Новое, что ждёт человека: {len(new)}. Посмотреть: ecp-sync status.")
    return of_report(report, new_decisions=bool(new))


def streams_meant(names: list[str], direction: Way) -> list[Stream]:
    """The streams meant; with ``push`` only those that travel both ways."""
    wanted = list(dict.fromkeys(stream_named(name) for name in names)) or list(Stream)
    if direction is not Way.PUSH:
        return wanted
    sent = [stream for stream in wanted if stream in BOTH_WAYS]
    if not sent:
        raise typer.BadParameter(f"{', '.join(wanted)}: только читается из ГИС, отправлять нечего")
    return sent


def _run(service: Service, school: School, streams: list[Stream], direction: Way, *, quiet: bool) -> RunReport:
    """The run in a thread of its own, so that a signal can ask it to stop while it works."""
    from sync_service.engine.cycle import Direction

    stop = threading.Event()
    done: list[RunReport] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            way = Direction(direction.value)
            done.append(service.sync(school, streams=streams, direction=way, stop=stop, skip_busy=True))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
            failed.append(error)

    thread = threading.Thread(target=work, name="sync")
    with _stopping(stop), _progress(service, school, quiet=quiet) as look:
        thread.start()
        while thread.is_alive():
            thread.join(_LOOK_SECONDS)
            look()
    if failed:
        raise failed[0]
    return done[0]


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM ask the run to stop; a second one ends the process as a power failure would."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(ExitCode.FAILED)
        stop.set()
        output.note("Останавливаемся на ближайшей странице…")

    if threading.current_thread() is not threading.main_thread():  # signals belong to the main thread
        yield
        return
    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _progress(service: Service, school: School, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A moving line on a terminal; elsewhere nothing."""
    console = output.console(beside=True)
    if quiet or not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from sync_service.domain.errors import SyncError
    from sync_service.engine.queries import linked_records

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        line = progress.add_task("Сверка идёт…", total=None)

        def look() -> None:
            with suppress(SyncError):  # a busy database costs one look
                known = linked_records(service.db, school)
                progress.update(line, description=f"Сверка идёт, связано записей: {known}")

        yield look


def render_report(report: RunReport) -> None:
    from sync_service.domain.reports import RunStatus
    from sync_service.engine import queries_words as words

    output.say(f"Сверка {report.run_id}: {words.RUN_STATUS[report.status]}.")
    rows = [(words.STREAMS[stream], *_figures(entry)) for stream, entry in report.streams.items()]
    busy = [row for row in rows if any(row[1:])]
    if busy:
        output.print_table(
            ("Поток", "Прочитано", "Записано", "В ГИС", "Принято", "Расхождения", "Ждут", "Отложено", "Ошибка"), busy
        )
    elif report.status is RunStatus.SUCCEEDED:
        output.say("Ни в школе, ни в ГИС ничего не изменилось.")
    waiting = _waiting(report)
    if waiting:
        reasons = ", ".join(f"{words.WAITING[why]}: {count}" for why, count in sorted(waiting.items()))
        output.say(f"Ещё не согласовано {sum(waiting.values())}. Из них {reasons}.")
    for stream, entry in report.streams.items():
        if entry.near_misses:
            fields = ", ".join(f"{words.FIELDS.get(name, name)}: {n}" for name, n in entry.near_misses.items())
            output.say(f"{words.STREAMS[stream]}: ГИС записала не совсем то, что ей отправили ({fields}).")
    if erased := sum(entry.pull.erased for entry in report.streams.values()):
        output.say(f"Пропущено записей учеников, данные которых уничтожены по акту: {erased}.")
    releases = report.releases
    if releases.not_released or releases.released or releases.enrolled:
        output.say(
            f"Прибывшие: не отчислены {releases.not_released}, можно зачислять {releases.released},"
            f" зачислены {releases.enrolled}."
        )
    if report.error:
        output.say(f"  ({report.error})")


def _waiting(report: RunReport) -> Counter[str]:
    """Reason → records of all streams that wait for it."""
    waiting: Counter[str] = Counter()
    for entry in report.streams.values():
        waiting.update(entry.waiting)
    return waiting


def _figures(entry: StreamReport) -> tuple[object, ...]:
    pull, push = entry.pull, entry.push
    return (
        pull.received,
        pull.applied,
        push.queued,
        push.acked,
        pull.conflicts + push.conflicts,
        pull.waiting + push.waiting,
        pull.rejected + pull.held + push.rejected + push.held + push.retrying + push.unknown,
        entry.error or "",
    )
