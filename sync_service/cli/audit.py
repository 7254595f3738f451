"""``audit``: the journal of who saw or changed what."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, chosen_schools
from sync_service.domain.audit import JournalHead

app = typer.Typer(help="Журнал: кто что видел и менял.", no_args_is_help=True)
_DAY = "%Y-%m-%d"


@app.callback()
def group() -> None:
    """Журнал: кто что видел и менял."""


Noted = Annotated[
    Optional[str],  # noqa: UP045  # Typer reads it at run time
    typer.Option(
        "--head",
        metavar="HEAD",
        help="Последняя запись, как её показала прежняя проверка; с --school, если школ несколько.",
        show_default=False,
    ),
]


@command(app, "export")
def export(
    shell: Shell,
    first: Annotated[datetime, typer.Option("--from", formats=[_DAY], metavar="YYYY-MM-DD", help="Первый день.")],
    last: Annotated[datetime, typer.Option("--to", formats=[_DAY], metavar="YYYY-MM-DD", help="Последний день.")],
    target: Annotated[Path, typer.Option("--output", metavar="FILE", help="Куда записать: файл .json или .csv.")],
    who: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--who", metavar="USER", help="Только действия этого человека."),
    ] = None,
    student: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--student", metavar="ID", help="Только об этом ученике."),
    ] = None,
    run: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--run", metavar="RUN", help="Только этот запуск."),
    ] = None,
) -> int:
    """Выгрузить журнал за дни для разбора инцидента, с хешами цепочки; в журнале останется, кто это сделал."""
    from sync_service.engine.export_journal import FORMATS, Wanted, export_journal

    kind = target.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise typer.BadParameter("--output: имя файла должно кончаться на .json или .csv")
    if target.exists():
        raise typer.BadParameter("--output: такой файл уже есть; назовите другой")
    with shell.desk() as desk:
        wanted = Wanted(first=first.date(), last=last.date(), actor=who, student=student, run=run)
        made = export_journal(desk, wanted, kind)
    output.write_privately(target, made.content)
    document = {
        "file": str(target),
        "entries": made.entries,
        "first_seq": made.first_seq,
        "last_seq": made.last_seq,
        "problem": made.broken,
    }

    def render() -> None:
        output.say(f"Записано: {target}. Записей журнала: {made.entries}.")
        if made.broken:
            output.say(f"Журнал изменён ({made.broken}). Сообщите ответственному за защиту данных.")

    shell.show(document, render)
    return ExitCode.DONE


@app.command("verify")
def verify(
    ctx: typer.Context,
    school: SchoolCode = None,
    head: Noted = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Проверить, что в журнале ничего не изменено и не удалено."""
    shell = Shell.of(ctx, config, as_json)
    noted = _head(head) if head else None
    rows = []
    with shell.service() as service:
        chosen = chosen_schools(service, school)
        if noted is not None and len(chosen) > 1:
            raise typer.BadParameter("--head: у каждой школы свой журнал; назовите школу: --school")
        for one in chosen:
            with service.db.read(one.school_id) as uow:
                problem, end = uow.audit.verify(noted), uow.audit.head()
            found = {"ok": problem is None, "problem": problem, "head": str(end)}
            rows.append({"id": one.school_id, "school": one.code, **found})

    def render() -> None:
        for row in rows:
            if row["ok"]:
                output.say(f"{row['school']}: журнал цел. Последняя запись: {row['head']}")
            else:
                output.say(f"{row['school']}: журнал изменён. Сообщите ответственному за защиту данных.")
                output.say(f"  ({row['problem']})")

    shell.show(rows, render)
    return ExitCode.DONE if all(row["ok"] for row in rows) else ExitCode.FAILED


def _head(text: str) -> JournalHead:
    try:
        return JournalHead.parse(text)
    except ValueError:
        raise typer.BadParameter("--head: ожидается то, что показала прежняя проверка, например 17:0a1b2c…") from None
