"""The statements of RELIABILITY about the edge, each as a function that checks it and returns what it counted.

``python -m tests.simulation.edge_statements [NUMBER…]`` checks the full figures and prints a line for each;
pytest checks the same functions with smaller counts. A failure names the case; seeds are in its text.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from tests.databases import SqliteTemplate
from tests.simulation.edge_answers import statement_17, statement_18, statement_25
from tests.simulation.edge_network import statement_20, statement_48, statement_49
from tests.simulation.edge_outage import NewUrl, statement_21, statement_23, statement_24
from tests.simulation.edge_rows import statement_17_rows
from tests.simulation.edge_time import statement_19, statement_22

# Number → (what the count counts, the full figure).
FULL: dict[int, tuple[str, Callable[[NewUrl], int]]] = {
    17: ("malformed answers refused or read whole", lambda new_url: statement_17() + statement_17_rows(new_url())),
    18: ("cuts of a 4 KB answer, two at each byte", lambda _: statement_18()),
    19: ("drip patterns within a second of the deadline", lambda _: statement_19()),
    20: ("forms of a 50 MB answer stopped at 10 MB", lambda _: statement_20()),
    21: ("lost answers to writes, none doubled", statement_21),
    22: ("requests after a wait, none early", lambda _: statement_22()),
    23: ("requests at most in an outage of 8 hours", statement_23),
    24: ("changes of shape", statement_24),
    25: ("web pages with status 200 refused", lambda _: statement_25()),
    48: ("addresses off the origin never asked", lambda _: statement_48()),
    49: ("certificates that got no byte", lambda _: statement_49()),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.edge_statements", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, choices=[[], *FULL], metavar="NUMBER")
    numbers = parser.parse_args().numbers or list(FULL)
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "copies").mkdir()
        template = SqliteTemplate(folder)
        for number in numbers:
            what, check = FULL[number]
            begun = monotonic()
            try:
                result = f"{check(lambda: template.copy(folder / 'copies'))} {what}"
            except AssertionError as error:
                failed += 1
                result = f"DOES NOT HOLD: {error}"
            print(f"{number}: {result} ({monotonic() - begun:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
