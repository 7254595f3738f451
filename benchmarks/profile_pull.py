"""Where the time of an initial pull goes: cProfile over one pull of marks, per 1,000 records.

Run: ``python -m benchmarks.profile_pull [--marks N]``. Pages are read without read-ahead, so that one thread does all
the work. cProfile makes small functions look dearer than they are: read it as an order, not as seconds.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT
from benchmarks.options import parse
from benchmarks.region import running
from benchmarks.school_file import job_of, school_without_marks
from benchmarks.tables import Finding

MOST = 25
Line = tuple[str, int, float, float]


def profiled(job: dict[str, Any]) -> list[Line]:
    """(function, calls, own seconds, cumulative seconds) of pulling the marks."""
    from benchmarks.school import installed
    from sync_service.domain.streams import Stream
    from sync_service.engine.cycle import Direction

    profile = cProfile.Profile()
    with installed(job) as ours:
        profile.enable()
        ours.run(Direction.PULL, [Stream.MARKS])
        profile.disable()
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # documented nowhere else
    return [(_name(*key), calls, own, total) for key, (_, calls, own, total, _) in stats.items()]


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    path = Path(file)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) and ".venv" not in path.parts else path.name
    return f"{shown}:{line} {function}"


def finding(lines: list[Line], marks: int, *, by_own: bool) -> Finding:
    """The dearest functions, by own or by cumulative time."""
    ordered = sorted(lines, key=lambda line: line[2] if by_own else line[3], reverse=True)[:MOST]
    thousands = marks / 1000
    return Finding(
        title=f"Dearest functions by {'own' if by_own else 'cumulative'} time",
        columns=("function", "calls per 1,000", "own ms per 1,000", "cumulative ms per 1,000"),
        rows=tuple(
            (name, f"{calls / thousands:.0f}", f"{own / thousands * 1000:.2f}", f"{total / thousands * 1000:.2f}")
            for name, calls, own, total in ordered
        ),
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        file = school_without_marks(region, Path(name))
        lines = profiled({**job_of(region, file), "read_ahead": False})
    for by_own in (True, False):
        print(finding(lines, options.marks, by_own=by_own).markdown())


if __name__ == "__main__":
    main()
