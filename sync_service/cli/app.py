"""The program ``ecp-sync``: the tree of commands and the one place where errors become exit codes.

``--help`` loads neither the database nor HTTP: every command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from sync_service.cli import (
    audit,
    backups,
    conflicts,
    connection,
    contacts,
    failures,
    holds,
    imports,
    matches,
    output,
    quarantine,
    reconcile,
    releases,
    resync,
    runs,
    schools,
    service,
    setup,
    status,
    subjects,
    sync,
    users,
)
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson
from sync_service.cli.shell import Shell, config_from_environment
from sync_service.cli.usage import UsageError, usage_failure
from sync_service.domain.errors import SyncError

PROGRAM = "ecp-sync"
INTERRUPTED_BY_TYPER = 130  # what Typer makes of Ctrl-C

app = typer.Typer(
    help="Сверяет школу с ГИС СО «ЕЦП» в обе стороны.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.say(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback()
def program(
    ctx: typer.Context,
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--config", metavar="FILE", help="Файл настроек (ECP_SYNC_CONFIG).", show_default=False),
    ] = None,
    as_json: AsJson = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Показать версию.")
    ] = False,
) -> None:
    """Сверяет школу с ГИС СО «ЕЦП» в обе стороны."""
    ctx.obj = Shell(config=config or config_from_environment(), as_json=as_json)


_COMMANDS: dict[str, Callable[..., Any]] = {
    "init": setup.init,
    "check-config": setup.check_config,
    "doctor": setup.doctor,
    "migrate": setup.migrate,
    "backup": backups.backup,
    "verify-backup": backups.verify_backup,
    "restore": backups.restore,
    "run": service.run,
    "web": service.web,
    "sync": sync.sync,
    "reconcile": reconcile.reconcile,
    "status": status.status,
    "import": imports.import_file,
    "demo": service.demo,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
app.command("simulator", context_settings=service.PASS_THROUGH)(service.simulator)
for _noun in (
    runs,
    resync,
    conflicts,
    matches,
    releases,
    holds,
    quarantine,
    connection,
    schools,
    users,
    contacts,
    subjects,
    audit,
):
    app.add_typer(_noun.app, name=_noun.__name__.rpartition(".")[2])


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code. Never raises for what a command may meet."""
    as_json = "--json" in arguments
    try:
        code = app(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except UsageError as error:
        failure = usage_failure(error)
    except SyncError as error:
        failure = failures.of_sync_error(error)
    except (KeyboardInterrupt, typer.Abort):
        failure = failures.INTERRUPTED
    except SystemExit as end:  # the simulator's argument parser, a closed pipe
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the last door: a traceback may quote records
        failure = failures.of_unexpected(error)
    else:
        if code != INTERRUPTED_BY_TYPER:
            return int(code or 0)
        failure = failures.INTERRUPTED
    output.print_failure(failure, as_json=as_json)
    return failure.code


def main() -> None:
    """Entry point of ``ecp-sync``."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # Russian also under LANG=C and on Windows
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
