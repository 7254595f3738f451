"""A way to die at a named point, for tests that kill a real process: ``ECP_SYNC_CRASH_AT="point[:n]"``."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping

from sync_service.domain.errors import ConfigError

VARIABLE = "ECP_SYNC_CRASH_AT"


def crash_probe(environment: Mapping[str, str]) -> Callable[[str], None] | None:
    """A probe that kills this process, as a power failure would, at the n-th passing of the named point.

    None when the variable is not set. Raises ConfigError when it is malformed.
    """
    wanted = environment.get(VARIABLE)
    if not wanted:
        return None
    point, _, number = wanted.partition(":")
    if not point or (number and not (number.isdecimal() and int(number) > 0)):
        raise ConfigError([f"{VARIABLE}: expected a point and perhaps a number, as in push.after_send:2"])
    left = int(number or 1)
    lock = threading.Lock()

    def probe(passed: str) -> None:
        nonlocal left
        if passed != point:
            return
        with lock:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe
