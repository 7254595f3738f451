"""Run a job in a fresh process and say what it cost; competitors in turn, medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class BenchmarkFailed(Exception):
    """A measured process did not do its job; figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One process from start to end: CPU (user + system) and wall in seconds, and the facts it told."""

    cpu: float
    wall: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def peak_mebibytes(self) -> float | None:
        found: float | None = self.facts["peak_mebibytes"]
        return found


def run(module: str, job: Mapping[str, Any], *, python: str | Path = sys.executable) -> Sample:
    """``python -m module`` with the job on its standard input."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [python, "-W", "ignore", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as answer:
        with child.stdin as request:
            json.dump(job, request)
        lines = answer.read().splitlines()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or not lines:
        raise BenchmarkFailed(f"{module} ended with {child.returncode}; what it wrote to standard error says why")
    return Sample(cpu=used.ru_utime + used.ru_stime, wall=wall, facts=json.loads(lines[-1]))


def in_turn(rounds: int, competitors: Mapping[str, Callable[[], Sample]]) -> dict[str, list[Sample]]:
    """Samples by competitor. They alternate, so that a slow minute of the machine hits all of them."""
    found: dict[str, list[Sample]] = {name: [] for name in competitors}
    for _ in range(rounds):
        for name, measure in competitors.items():
            found[name].append(measure())
    return found


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def cpu(samples: Sequence[Sample]) -> float:
    """Median CPU seconds."""
    return median([sample.cpu for sample in samples])


def wall(samples: Sequence[Sample]) -> float:
    """Median wall seconds."""
    return median([sample.wall for sample in samples])


def fact(samples: Sequence[Sample], name: str) -> float:
    """Median of a number the processes told."""
    return median([sample.facts[name] for sample in samples])


def peak(samples: Sequence[Sample]) -> float | None:
    """Median peak memory in MiB."""
    known = [sample.peak_mebibytes for sample in samples if sample.peak_mebibytes is not None]
    return median(known) if known else None
