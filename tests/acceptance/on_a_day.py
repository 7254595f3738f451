"""``ecp-sync`` on another day: the program as it is, with the clock of the machine moved.

What may be sent depends on the date (regulation 5.4), so a test that leaves the date to chance would say something
else in the holidays. Started as ``python -m tests.acceptance.on_a_day SECONDS ARGUMENTS…``.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from sync_service.cli.app import main
from sync_service.clock import SystemClock


def move_clock(seconds: float) -> None:
    """From here on the program's clock is ahead of the machine's by so much."""
    ahead = timedelta(seconds=seconds)
    setattr(SystemClock, "now", lambda _self: datetime.now(UTC) + ahead)  # noqa: B010 - a method is replaced


if __name__ == "__main__":
    move_clock(float(sys.argv.pop(1)))
    main()
