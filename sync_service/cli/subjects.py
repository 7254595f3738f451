"""``subjects``: what is stored about one pupil, for the parents who ask for it (152-ФЗ)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.shell import Shell
from sync_service.domain.links import LocalId

app = typer.Typer(help="Данные одного ученика: выгрузить всё, что хранится.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Данные одного ученика: выгрузить всё, что хранится."""


@command(app, "export")
def export(
    shell: Shell,
    student_id: Annotated[int, typer.Argument(metavar="ID", help="Номер ученика в базе школы.")],
    target: Annotated[Path, typer.Option("--output", metavar="FILE", help="Куда записать ZIP.")],
) -> int:
    """Записать в ZIP всё, что хранится об ученике; в журнале останется, кто это сделал."""
    from sync_service.engine.export_subject import export_subject

    if target.exists():
        raise typer.BadParameter("--output: такой файл уже есть; назовите другой")
    with shell.desk() as desk:
        content = export_subject(desk, LocalId(student_id))
    output.write_privately(target, content)
    shell.show({"id": student_id, "file": str(target)}, lambda: output.say(f"Записано: {target}"))
    return ExitCode.DONE
