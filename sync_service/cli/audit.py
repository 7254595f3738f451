"""``audit``: the journal of who saw or changed what."""

from __future__ import annotations

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, chosen_schools

app = typer.Typer(help="Журнал: кто что видел и менял.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Журнал: кто что видел и менял."""


@app.command("verify")
def verify(ctx: typer.Context, school: SchoolCode = None, config: Config = None, as_json: AsJson = False) -> int:
    """Проверить, что в журнале ничего не изменено и не удалено."""
    shell = Shell.of(ctx, config, as_json)
    rows = []
    with shell.service() as service:
        for one in chosen_schools(service, school):
            with service.db.read(one.school_id) as uow:
                problem = uow.audit.verify()
            rows.append({"id": one.school_id, "school": one.code, "ok": problem is None, "problem": problem})

    def render() -> None:
        for row in rows:
            if row["ok"]:
                output.say(f"{row['school']}: журнал цел.")
            else:
                output.say(f"{row['school']}: журнал изменён. Сообщите ответственному за защиту данных.")
                output.say(f"  ({row['problem']})")

    shell.show(rows, render)
    return ExitCode.DONE if all(row["ok"] for row in rows) else ExitCode.FAILED
