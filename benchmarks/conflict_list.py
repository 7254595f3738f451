"""A page of the list of conflicts when few wait, and when very many do.

Run: ``python -m benchmarks.conflict_list [--rounds N]``. Over HTTP, with the session, the counts of the navigation
and the entry in the journal; both queues in one run, in turn.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.options import Options, parse
from benchmarks.region import Region
from benchmarks.tables import Finding, milliseconds, ratio
from tests.browser.queue import long_queue
from tests.browser.site import site
from tests.databases import SqliteTemplate
from tests.simulation.queue_statements import statements_of_the_list, times_of_the_list

SHORT, LONG = 60, 10_000
ASKED = 60  # requests of a round


def measure(options: Options, _region: Region | None, folder: Path) -> Finding:
    """Wall time of a page, p50 and p95, and its statements."""
    took: dict[int, list[float]] = {SHORT: [], LONG: []}
    statements = {}
    template = SqliteTemplate(folder)
    with ExitStack() as stack:
        queues = {}
        for length in took:
            place = folder / f"queue-{length}"
            place.mkdir()
            queues[length] = stack.enter_context(site(template.copy(place), place))
            long_queue(queues[length], length)
            statements[length] = statements_of_the_list(queues[length], length)
        for _ in range(options.rounds):
            for length, made in queues.items():
                took[length] += times_of_the_list(made, length, ASKED)
    p50 = {length: sorted(times)[len(times) // 2] for length, times in took.items()}
    rows = tuple(
        (
            f"{length:,} conflicts",
            milliseconds(p50[length]),
            milliseconds(sorted(times)[int(len(times) * 0.95)]),
            ratio(p50[length], p50[SHORT]),
            str(statements[length]),
        )
        for length, times in took.items()
    )
    return Finding(
        title="A page of the list of conflicts",
        columns=("", "p50", "p95", "p50 against the short queue", "statements"),
        rows=rows,
        note=f"Goal: p95 under 300 ms with {LONG:,} conflicts, the number of statements does not grow.",
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name:
        print(measure(options, None, Path(name)).markdown())


if __name__ == "__main__":
    main()
