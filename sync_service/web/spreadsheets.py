"""Tables people open in a spreadsheet: CSV with semicolons, marked as UTF-8, without formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from starlette.responses import Response

from sync_service.domain.rules.text import plain_cell


def csv_answer(name: str, head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Response:
    """A file to keep; every text in it is a plain cell."""
    out = StringIO()
    table = csv.writer(out, delimiter=";")
    table.writerow(head)
    for row in rows:
        table.writerow([plain_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return Response(
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
