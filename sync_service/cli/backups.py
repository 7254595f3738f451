"""``backup``, ``verify-backup`` and ``restore``: copies of a SQLite database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config
from sync_service.cli.shell import Shell

_New = Annotated[Path, typer.Argument(metavar="FILE", help="Куда записать копию; такого файла ещё нет.")]
_Made = Annotated[Path, typer.Argument(metavar="FILE", help="Копия, сделанная ecp-sync backup.")]


def backup(ctx: typer.Context, target: _New, config: Config = None, as_json: AsJson = False) -> int:
    """Сделать копию базы данных; служба может работать."""
    from sync_service.persistence.backups import back_up, examine, file_of

    shell = Shell.of(ctx, config, as_json)
    if target.exists():
        raise typer.BadParameter("такой файл уже есть; назовите другой")
    with shell.service() as service:  # a database of this version that answers
        database = file_of(service.settings.database_url)
        size = back_up(database, target)
    problem = examine(target)

    def render() -> None:
        output.say(f"Копия записана: {target} ({max(1, size // 1024)} КиБ).")
        if problem:
            output.say(f"Она не годится: {problem}. Проверьте базу: ecp-sync doctor.")
        else:
            output.say("Она проверена. Храните её так же, как саму базу: в ней сведения о детях и ключ ГИС.")

    shell.show({"file": str(target), "bytes": size, "ok": problem is None, "problem": problem}, render)
    return ExitCode.DONE if problem is None else ExitCode.FAILED


def verify_backup(ctx: typer.Context, file: _Made, config: Config = None, as_json: AsJson = False) -> int:
    """Проверить, что копия цела и с ней можно продолжить."""
    from sync_service.persistence.backups import examine

    shell = Shell.of(ctx, config, as_json)
    problem = examine(file)
    said = f"{file}: копия цела." if problem is None else f"{file}: копия не годится ({problem})."
    shell.show({"file": str(file), "ok": problem is None, "problem": problem}, lambda: output.say(said))
    return ExitCode.DONE if problem is None else ExitCode.FAILED


def restore(ctx: typer.Context, file: _Made, config: Config = None, as_json: AsJson = False) -> int:
    """Вернуть базу данных из копии; служба должна быть остановлена, прежняя база остаётся рядом."""
    from sync_service.daemon_lock import take_lock
    from sync_service.domain.errors import DecisionError
    from sync_service.persistence.backups import examine, file_of, put_in_place

    shell = Shell.of(ctx, config, as_json)
    url = shell.settings().database_url
    database = file_of(url)
    if problem := examine(file):
        raise DecisionError(f"Копия не годится, ничего не изменено: {problem}. Возьмите другую.")
    lock = take_lock(url)
    try:
        kept = put_in_place(file, database)
    finally:
        lock.release()

    def render() -> None:
        output.say(f"База данных возвращена из {file}.")
        if kept is not None:
            output.say(f"Прежняя лежит рядом: {kept.name}. Удалите её, когда она не нужна: в ней сведения о детях.")
        output.say(
            "Дальше: ecp-sync migrate, ecp-sync doctor, ecp-sync connection login с новым ключом, ecp-sync sync."
        )

    shell.show({"file": str(file), "database": str(database), "former": str(kept) if kept else None}, render)
    return ExitCode.DONE
