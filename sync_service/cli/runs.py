"""``runs``: what was synchronised when, and with which counts."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.shell import Shell
from sync_service.cli.sync import render_report

app = typer.Typer(help="Прошедшие сверки.", no_args_is_help=True)


@command(app, "list", without=("actor",))
def show_list(
    shell: Shell,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Сколько последних показать.")] = 20,
) -> int:
    """Последние сверки, новые сверху."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_runs import run_rows

    with shell.service() as service:
        schools = shell.schools(service)
        zones = {one.code: one.zone for one in schools}
        rows = [row for one in schools for row in run_rows(service.db, one, limit=limit)]
    if len(schools) > 1:  # rows of one school are in the order of their start, even after the clock was set back
        rows = sorted(rows, key=lambda row: row.started_at, reverse=True)[:limit]

    def render() -> None:
        if not rows:
            output.say("Сверок ещё не было. Начать: ecp-sync sync.")
            return
        output.print_table(
            ("Сверка", "Школа", "Начало", "Итог", "Прочитано", "Записано", "Принято ГИС", "Ждут", "Отложено"),
            [
                (
                    row.id,
                    row.school,
                    words.moment_of(row.started_at, zones[row.school]),
                    words.RUN_STATUS[row.status],
                    row.received,
                    row.applied,
                    row.acked,
                    row.waiting,
                    row.rejected,
                )
                for row in rows
            ],
        )

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(
    app,
    "show",
    without=(
        "school",
        "actor",
    ),
)
def show_one(shell: Shell, run_id: Annotated[str, typer.Argument(metavar="ID")]) -> int:
    """Одна сверка по потокам."""
    from sync_service.domain.errors import DecisionError
    from sync_service.engine.queries_runs import run_report

    with shell.service() as service:
        found = (run_report(service.db, one, run_id) for one in service.schools())
        report = next((report for report in found if report is not None), None)
        if report is None:
            raise DecisionError(f"Сверки {run_id} нет. Посмотрите список: ecp-sync runs list.")
    shell.show(report.to_json(), lambda: render_report(report))
    return ExitCode.DONE


@command(app, "retry")
def retry(
    shell: Shell,
    run_id: Annotated[str, typer.Argument(metavar="ID")],
    apply: Annotated[bool, typer.Option("--apply", help="Повторить; без этого только показать.")] = False,
    digest: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--digest", metavar="D", help="Повторить, только если список тот же, что был показан."),
    ] = None,
) -> int:
    """Повторить только то, что не удалось в одной сверке: сначала показать, потом с --apply."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries_retry import retry_groups
    from sync_service.engine.retry_failed import failed_of, retry_failed

    if apply:
        with shell.desk() as desk:
            done = retry_failed(desk, run_id, digest)
        document = {"id": run_id, "asked": done.asked, "read": done.read, "due": done.due}
        shell.show(document, lambda: output.say(f"Прочитано заново: {done.read} из {done.asked}; уйдёт: {done.due}."))
        return ExitCode.DONE
    with shell.service() as service:
        one = shell.one_school(service)
        failed = failed_of(service.db, one, run_id)
        groups = retry_groups(service.db, one, failed, service.field_names)
        shell.seen(service, one, f"runs:retry:{run_id}", (pupil for g in groups for pupil in g.student_ids))

    def render() -> None:
        if not failed.total:
            output.say("Повторять нечего: всё, что не удалось в этой сверке, уже разобрано.")
            return
        output.print_table(
            ("Поток", "Почему", "Записей", "Что будет", "Например"),
            [
                (
                    words.STREAMS[group.stream],
                    ", ".join((*group.titles, group.what)),
                    group.count,
                    "прочитается заново" if group.direction == "pull" else "уйдёт при следующей сверке",
                    "\n".join(sample or words.NOTHING for sample in group.samples),
                )
                for group in groups
            ],
        )
        output.say(f"Повторить: ecp-sync runs retry {run_id} --apply --digest {failed.digest}.")

    lines = [{"stream": g.stream, "direction": g.direction, "what": g.what, "count": g.count} for g in groups]
    shell.show({"id": run_id, "total": failed.total, "digest": failed.digest, "groups": lines}, render)
    return ExitCode.CHANGES if failed.total else ExitCode.DONE
