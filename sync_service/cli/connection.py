"""``connection``: the regional token. It is read from a prompt, a file or standard input, never an argument:
arguments stand in the process list and in the shell's history."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, chosen_schools, connection_of, one_school
from sync_service.cli.status import CONNECTIONS

app = typer.Typer(help="Связь с ГИС: ключ доступа.", no_args_is_help=True)

MOST_SIGNS = 16_384  # of a token


@app.command("login")
def login(
    ctx: typer.Context,
    token_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--token-file", metavar="FILE", help="Файл с ключом; «-» — стандартный ввод."),
    ] = None,
    school: SchoolCode = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Ввести ключ (refresh token), полученный при входе в ГИС, и проверить его."""
    from sync_service.domain.errors import TransientError

    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        one = one_school(service, school)
        token = _token(token_file)
        try:
            service.connections.login(one, token)
        except TransientError:
            output.note("Ключ сохранён, но ещё не проверен: его проверит следующая сверка.")
            raise
        state = connection_of(service, one)
    document = {"id": one.school_id, "school": one.code, "connection": state}
    shell.show(document, lambda: output.say(f"{one.name}: ключ принят, {CONNECTIONS[state]}."))
    return ExitCode.DONE


@app.command("status")
def show_state(ctx: typer.Context, school: SchoolCode = None, config: Config = None, as_json: AsJson = False) -> int:
    """Действует ли ключ (без обращения к ГИС)."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        states = [(one, connection_of(service, one)) for one in chosen_schools(service, school)]

    def render() -> None:
        for one, state in states:
            output.say(f"{one.name} ({one.code}): {CONNECTIONS[state]}.")

    rows = [{"id": one.school_id, "school": one.code, "connection": state} for one, state in states]
    shell.show(rows, render)
    needed = any(state == "login_needed" for _, state in states)
    return ExitCode.LOGIN_NEEDED if needed else ExitCode.DONE


def _token(file: Path | None) -> str:
    """The token entered. BadParameter when it is not one; the message never quotes it."""
    if file is None and sys.stdin.isatty():
        text = getpass.getpass("Ключ ГИС (не отображается): ")
    elif file is None or str(file) == "-":
        text = sys.stdin.read(MOST_SIGNS + 1)
    else:
        try:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(MOST_SIGNS + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "это не текст"
            raise typer.BadParameter(f"файл с ключом не читается: {reason}") from None
    token = text.strip().lstrip("\ufeff")
    if not token or len(token) > MOST_SIGNS or not token.isascii() or not token.isprintable() or " " in token:
        raise typer.BadParameter("это не ключ: ожидается одна строка латинских букв и цифр без пробелов")
    return token
