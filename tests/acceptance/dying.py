"""``ecp-sync`` on another day, killed: right before or right after its N-th commit (heartbeats aside), or in between.

Every commit point of a program is found this way, named or not. Its arguments are
``AHEAD before|after|count|timer N ARGUMENTS…``; «count» kills nothing and says on standard error how many commits
there were, «timer» kills after N seconds of processor time.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.engine.default import DefaultDialect

from sync_service.cli.app import run
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


def die_after(seconds: float) -> None:
    """After so much processor time the kernel ends the process, wherever it is: no handler, no last word. Unlike a
    delay it means the same moment of the work on a machine that has other things to do as well; 0 is never."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def main(arguments: Sequence[str]) -> None:
    ahead, when, number, *rest = arguments
    move_clock(float(ahead))
    if when == "timer":
        die_after(float(number))
    else:
        die_at_commit(when, int(number))
    code = run(rest)
    print(f"processor: {time.process_time()}", file=sys.stderr)  # noqa: T201 - read by the soak
    sys.exit(code)
