"""``import``: a school list or class report into the school's own records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Actor, AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, actor_named, one_school

if TYPE_CHECKING:
    from sync_service.engine.import_report import ImportReport

KINDS = {"pupil_list": "список учеников", "class_report": "отчёт класса"}


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV или XLSX.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Показать, что изменится, ничего не записывая.")] = False,
    school: SchoolCode = None,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Загрузить список учеников или отчёт класса."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        one = one_school(service, school)
        report = service.files.bring_in(one, file, actor=actor_named(actor), dry_run=dry_run)
    shell.show(report.to_json(), lambda: _render(report))
    return ExitCode.OPEN_DECISIONS if report.rejected else ExitCode.DONE


def _render(report: ImportReport) -> None:
    from sync_service.engine import queries_words as words

    would = " (проба, ничего не записано)" if report.dry_run else ""
    output.say(f"Прочитан {KINDS[report.kind]}{would}.")
    output.print_table(
        ("Что", "Новых", "Изменено", "Без изменений"),
        [
            (words.STREAMS[stream], counts.added, counts.updated, counts.unchanged)
            for stream, counts in report.streams.items()
        ],
    )
    if report.problems:
        output.print_table(
            ("Где", "Что не так", "Что сделать", "Загружено"),
            [
                (
                    problem.cell or problem.row or "файл",
                    problem.reason,
                    problem.remedy,
                    "нет" if problem.severity == "rejected" else "да",
                )
                for problem in report.problems
            ],
        )
    if report.rejected:
        output.say(f"Не загружено строк или клеток: {report.rejected}. Исправьте их в файле и загрузите его снова.")
    elif report.dry_run:
        output.say("Загрузить: та же команда без --dry-run.")
    elif report.changed:
        output.say("Изменения уйдут в ГИС при следующей сверке (сейчас: ecp-sync sync).")
    else:
        output.say("Всё это уже есть, изменений нет.")
