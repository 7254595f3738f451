"""``ecp-sync`` on another day, killed at a commit: right before or right after the N-th one, heartbeats aside.

Every commit point of a program is found this way, named or not. Started as
``python -m tests.acceptance.dying SECONDS before|after|count N ARGUMENTS…``; «count» kills nothing and says on
standard error how many commits there were.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from sync_service.cli.app import main
from tests.acceptance.on_a_day import move_clock


def die_at_commit(when: str, number: int) -> None:
    """From here on commits are counted; heartbeats have a thread of their own and do not count."""
    commits = 0
    commit: Callable[[DefaultDialect, Any], None] = DefaultDialect.do_commit

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        nonlocal commits
        if threading.current_thread().name.startswith("heartbeat"):
            commit(self, connection)
            return
        commits += 1
        if commits == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, connection)
        if commits == number and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(DefaultDialect, "do_commit", do_commit)  # noqa: B010 - a method is replaced
    if when == "count":
        atexit.register(lambda: print(f"commits: {commits}", file=sys.stderr))  # noqa: T201 - read by the sweep


if __name__ == "__main__":
    seconds, when, number = float(sys.argv.pop(1)), sys.argv.pop(1), int(sys.argv.pop(1))
    move_clock(seconds)
    die_at_commit(when, number)
    main()
