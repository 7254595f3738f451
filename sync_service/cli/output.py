"""What a command prints: one JSON document, or tables and sentences for people.

With ``--json`` standard output holds exactly one document; everything said beside it goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync_service.cli.failures import Failure

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # columns of a table that nobody looks at on a terminal


def print_json(document: Any) -> None:
    """The one document of this command."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(printable(text) + "\n")


def note(text: str) -> None:
    """A line beside the result: standard error."""
    sys.stderr.write(printable(text) + "\n")


def print_failure(failure: Failure, *, as_json: bool) -> None:
    """The sentence on standard error and, with ``--json``, the document on standard output."""
    note(failure.message)
    for problem in failure.problems:
        note(f"  • {problem}")
    if failure.detail:
        note(f"  ({failure.detail})")
    if as_json:
        print_json(failure.to_json())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table as wide as the terminal; cells are shown as they are, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_lines=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable("" if cell is None else str(cell))) for cell in row))
    console().print(table)


def console(*, beside: bool = False) -> Console:
    """Where tables go; ``beside`` is standard error."""
    from rich.console import Console

    stream = sys.stderr if beside else sys.stdout
    return Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else PIPE_WIDTH)


def printable(text: str) -> str:
    """Without control characters: a regional value must not steer the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "·" for sign in text)


def write_privately(target: Path, content: bytes) -> None:
    """A new file nobody else on this computer may read. Raises FileExistsError."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
