"""``ecp-sync`` on another day: the program as it is, with the clock of the machine moved.

What may be sent depends on the date (regulation 5.4), so a test that leaves the date to chance would say something
else in the holidays. Its arguments are
``SECONDS ARGUMENTS…``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sync_service.cli.app import run
from sync_service.clock import SystemClock


def move_clock(seconds: float) -> None:
    """From here on the program's clock is ahead of the machine's by so much."""
    ahead = timedelta(seconds=seconds)
    setattr(SystemClock, "now", lambda _self: datetime.now(UTC) + ahead)  # noqa: B010 - a method is replaced


def main(arguments: Sequence[str]) -> None:
    seconds, *rest = arguments
    move_clock(float(seconds))
    sys.exit(run(rest))
