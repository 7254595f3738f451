"""``schools``: the schools of this installation."""

from __future__ import annotations

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config
from sync_service.cli.shell import Shell, connection_of
from sync_service.cli.status import CONNECTIONS

app = typer.Typer(help="Школы этой установки.", no_args_is_help=True)


@app.command("list")
def show_list(ctx: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """Школы из файла настроек."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        rows = [
            {
                "id": school.school_id,
                "code": school.code,
                "name": school.name,
                "organization_id": school.organization_id,
                "zone": school.zone,
                "connection": connection_of(service, school),
            }
            for school in service.schools()
        ]

    def render() -> None:
        output.print_table(
            ("Код", "Название", "Организация в ГИС", "Часовой пояс", "Связь"),
            [
                (row["code"], row["name"], row["organization_id"], row["zone"], CONNECTIONS[str(row["connection"])])
                for row in rows
            ],
        )

    shell.show(rows, render)
    return ExitCode.DONE
