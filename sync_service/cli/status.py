"""``status``: how fresh each school's data is, what is on its way and what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, chosen_schools, connection_of

if TYPE_CHECKING:
    from sync_service.engine.queries import SchoolStatus

CONNECTIONS = {
    "ok": "связь есть",
    "login_needed": "нужен вход: ecp-sync connection login",
    "unknown": "связь ещё не проверялась",
}
UNWATCHED = "дополните карточки или уберите watch_from"


def status(ctx: typer.Context, school: SchoolCode = None, config: Config = None, as_json: AsJson = False) -> int:
    """Свежесть данных, очередь и что ждёт человека."""
    from sync_service.engine.queries import VERSION, plain, school_status

    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        found = [
            (
                school_status(service.db, one, connection=connection_of(service, one), now=service.clock.now()),
                one.zone,
            )
            for one in chosen_schools(service, school)
        ]

    def render() -> None:
        for view, zone in found:
            _render(view, zone)

    shell.show({"version": VERSION, "schools": plain([view for view, _ in found])}, render)
    return ExitCode.DONE


def _render(view: SchoolStatus, zone: str) -> None:
    from sync_service.engine import queries_words as words

    output.say(f"{view.name} ({view.school}): {CONNECTIONS[view.connection]}.")
    output.print_table(
        ("Поток", "Сверено", "В очереди", "Расхождения", "Ждут", "Карантин", "Задержано", "Следующая сверка"),
        [
            (
                words.STREAMS[name],
                words.moment_of(entry.last_success_at, zone),
                entry.backlog,
                entry.conflicts,
                entry.waiting,
                entry.quarantined,
                entry.held,
                words.moment_of(entry.next_run_at, zone),
            )
            for name, entry in view.streams.items()
        ],
    )
    if view.last_run is not None:
        when = words.moment_of(view.last_run.started_at, zone)
        output.say(f"Последняя сверка {when}: {words.RUN_STATUS[view.last_run.status]}.")
    totals = view.totals
    waiting = [
        f"{what}: {count} ({command})"
        for what, count, command in (
            ("расхождения", totals.conflicts, "ecp-sync conflicts list"),
            ("возможные двойники", totals.matches, "ecp-sync matches list"),
            ("не отчислены прежней школой", totals.releases, "ecp-sync releases list"),
            ("задержано записей", totals.held, "ecp-sync holds list"),
            ("карантин", totals.quarantined, "ecp-sync quarantine list"),
            ("ученики, которых ГИС не знает и которых никто не ждёт", totals.unwatched, UNWATCHED),
        )
        if count
    ]
    output.say("Ждёт человека: " + ("; ".join(waiting) if waiting else "ничего") + ".")
