"""Options that many commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from sync_service.domain.streams import Stream

# Typer reads these at run time.
Config = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--config",
        metavar="FILE",
        help="Файл настроек (по умолчанию config.toml или ECP_SYNC_CONFIG).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Один документ JSON вместо текста.")]
SchoolCode = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--school", metavar="CODE", help="Код школы, если их несколько.", show_default=False),
]
Actor = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--as", metavar="USER", help="Кто решает (по умолчанию имя входа в систему).", show_default=False),
]
Everything = Annotated[bool, typer.Option("--all", help="Показать и решённые.")]


def stream_named(text: str) -> Stream:
    """A stream by its name, written with «_» or «-»; BadParameter lists the names."""
    try:
        return Stream(text.replace("-", "_"))
    except ValueError:
        names = ", ".join(stream.value for stream in Stream)
        raise typer.BadParameter(f"нет потока «{text}»; есть: {names}") from None
