"""The measured side of a benchmark: a job comes in on standard input, facts go out on standard output.

Standard library only: peers use it from their own environment.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any


def read_job() -> dict[str, Any]:
    """The job of this process."""
    job: dict[str, Any] = json.load(sys.stdin)
    return job


def answer(facts: dict[str, Any]) -> None:
    """Tell the parent what happened; the peak memory of this process is added."""
    print(json.dumps({**facts, "peak_mebibytes": peak_mebibytes()}))


def peak_mebibytes(process: int | str = "self") -> float | None:
    """Peak resident memory of a process, where the system tells it."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)
    return None


class Stopwatch:
    """CPU (all threads, user and system) and wall seconds of a part of the process."""

    def __enter__(self) -> Stopwatch:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
