"""``reconcile``: one cycle now that compares everything with the region, not only what has changed."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell
from sync_service.cli.sync import Way, cycle_now, streams_meant


def reconcile(
    ctx: typer.Context,
    school: SchoolCode = None,
    stream: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--stream", metavar="X", help="Только этот поток (можно несколько раз).", show_default=False),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Сверить всё: сличить с ГИС каждую запись и исправить то, что разошлось незаметно."""
    shell = Shell.of(ctx, config, as_json)
    return cycle_now(shell, school, streams_meant(stream or [], Way.BOTH), Way.BOTH, compare=True)
