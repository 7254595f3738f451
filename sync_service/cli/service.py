"""``run``, ``simulator`` and ``demo``: commands that hand over to a part with a life of its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.failures import Failure
from sync_service.cli.options import AsJson, Config
from sync_service.cli.shell import Shell

# The simulator reads its own options; ours must not interpret them.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def run(ctx: typer.Context, config: Config = None) -> int:
    """Служба: сверяет школы по расписанию, пока её не остановят."""
    from sync_service.daemon import run_daemon
    from sync_service.logs import configure_logging

    settings = Shell.of(ctx, config, as_json=False).settings()
    configure_logging(settings.log_level)
    return run_daemon(settings)


def web(
    ctx: typer.Context,
    host: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--host", help="Адрес, если не тот, что в настройках."),
    ] = None,
    port: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--port", min=0, max=65535, help="Порт; 0 — любой свободный."),
    ] = None,
    config: Config = None,
) -> int:
    """Только страница, без сверок: служба работает отдельно."""
    from sync_service.bootstrap import Service
    from sync_service.logs import configure_logging
    from sync_service.web.server import serve_page

    settings = Shell.of(ctx, config, as_json=False).settings()
    configure_logging(settings.log_level)
    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    with Service.open(settings) as service:
        serve_page(service, settings.web.model_copy(update=chosen), told=lambda url: output.note(f"Страница: {url}"))
    return ExitCode.DONE


def simulator(ctx: typer.Context) -> int:
    """Учебная ГИС: условный договор с состоянием, сценариями и сбоями (параметры: simulator --help)."""
    from connectors.ecp.simulator import serve

    try:
        return serve(ctx.args)
    except OverflowError as error:
        if "port" not in str(error):  # the socket's words; a date near the end of time overflows too
            raise
        raise typer.BadParameter("--port: ожидается число от 0 до 65535") from None
    except OSError as error:
        as_json = Shell.of(ctx, None, as_json=False).as_json
        output.print_failure(_not_serving(error), as_json=as_json)
        return ExitCode.FAILED


def _not_serving(error: OSError) -> Failure:
    messages = {
        errno.EADDRINUSE: "Порт уже занят другой программой. Укажите другой: --port ЧИСЛО (0 — любой свободный).",
        errno.EACCES: "Нет права на этот порт или файл. Укажите порт от 1024 (--port) и доступный файл (--state).",
    }
    return Failure(
        kind=type(error).__name__,
        code=ExitCode.FAILED,
        message=messages.get(
            error.errno or 0, "Учебная ГИС не запустилась. Проверьте --host, --port и --state и повторите."
        ),
        detail=os.strerror(error.errno) if error.errno else "",
    )


def demo(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="До полного согласия сторон, затем выйти.")] = False,
    workdir: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--workdir", metavar="DIR", help="Где работать (по умолчанию временная папка)."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Показать всё на учебной школе и учебной ГИС; ничего настраивать не нужно."""
    from sync_service.demo import run_demo

    return run_demo(once=once, as_json=Shell.of(ctx, None, as_json).as_json, workdir=workdir)
