"""Tells the story to whoever looks: with colours on a terminal, as plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160


class Narrator:
    """Sentences and small tables in Russian; texts are shown as they are, never read as markup."""

    def __init__(self, stream: TextIO | None = None) -> None:
        out = stream or sys.stdout
        width = None if out.isatty() else PIPE_WIDTH
        self._console = Console(file=out, highlight=False, markup=False, width=width)
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """A numbered heading."""
        self._chapter += 1
        self._console.print()
        self._console.print(Text(f"{self._chapter}. {title}", style="bold cyan"))

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def stress(self, text: str) -> None:
        """A sentence that must not be overlooked."""
        self._console.print(Text(text, style="bold yellow"))

    def command(self, text: str) -> None:
        """A line to copy; never wrapped."""
        self._console.print(Text(f"   {text}", style="green"), soft_wrap=True)

    def figures(self, rows: Mapping[str, int]) -> None:
        """What was counted, those that are zero left out."""
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 3))
        table.add_column()
        table.add_column(justify="right")
        for name, count in rows.items():
            if count:
                table.add_row(Text(name), Text(str(count), style="bold"))
        if table.row_count:
            self._console.print(table)
