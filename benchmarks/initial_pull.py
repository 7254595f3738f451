"""The first pull of a school's marks into SQLite, beside dlt's merge load of the same pages.

Run: ``python -m benchmarks.initial_pull [--marks N] [--rounds N]``. Ours starts from a database that has everything
but the marks (a mark needs its pupil and lesson) and pulls the marks: validated, matched, linked, with their agreed
base and an audit entry, page by page durable. dlt starts from an empty folder. Costs are of whole processes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import BenchmarkFailed, Sample, cpu, fact, in_turn, peak, run, wall
from benchmarks.options import Options, parse
from benchmarks.peers.environment import peers_python
from benchmarks.region import Region, running
from benchmarks.school_file import job_of, school_without_marks
from benchmarks.tables import Finding, mebibytes, ratio, seconds

COLUMNS = ("", "CPU", "without start-up", "wall", "peak memory", "CPU against ours", "wall against ours")
GOAL = 2.0
PAGES = (20, 100, 200)


def measure(options: Options, region: Region, folder: Path) -> Finding:
    """Ours against dlt, once as its documentation shows and once at its fastest."""
    python = peers_python()
    empty = school_without_marks(region, folder)

    def ours() -> Sample:
        return _counted(pull_marks(region, empty, folder), options.marks)

    def dlt(*, arrow: bool) -> Callable[[], Sample]:
        return lambda: _counted(_dlt(region, folder, python, arrow=arrow), options.marks)

    found = in_turn(options.rounds, {"ours": ours, "dlt": dlt(arrow=False), "dlt with Arrow tables": dlt(arrow=True)})
    mine = found["ours"]
    rows = tuple(
        (
            name,
            seconds(cpu(samples)),
            seconds(fact(samples, "cpu_of_work")),
            seconds(wall(samples)),
            mebibytes(peak(samples)),
            ratio(cpu(samples), cpu(mine)),
            ratio(wall(samples), wall(mine)),
        )
        for name, samples in found.items()
    )
    reached = [cost(found["dlt"]) / cost(mine) >= GOAL for cost in (cpu, wall)]
    verdict = "reached" if all(reached) else "not reached"
    return Finding(
        title=f"Initial pull of {options.marks:,} marks",
        columns=COLUMNS,
        rows=rows,
        note=(
            f"Goal: dlt needs at least {GOAL:g} times our CPU and wall time: {verdict}. dlt stores the rows; ours "
            "also validates, links and journals each of them. «With Arrow tables» hands dlt each page as an Arrow "
            "table, so that it skips its normalisation of rows."
        ),
    )


def memory(folder: Path) -> Finding:
    """Peak memory by the number of pages: the same work on schools of different size."""
    rows = []
    for pages in PAGES:
        inside = folder / f"pages-{pages}"
        inside.mkdir()
        with running(pages * 1000) as region:
            sample = _counted(pull_marks(region, school_without_marks(region, inside), inside), pages * 1000)
        rows.append((f"{pages}", mebibytes(sample.peak_mebibytes), seconds(sample.cpu)))
    return Finding(
        title="Memory by number of pages",
        columns=("pages of 1,000 marks", "peak memory", "CPU"),
        rows=tuple(rows),
        note="SQLite keeps a cache of up to 32 MiB; until it is full, memory grows with it.",
    )


def pull_marks(region: Region, template: Path, folder: Path) -> Sample:
    """One pull of all marks into a copy of the template."""
    file = folder / "ours.sqlite"
    shutil.copyfile(template, file)
    sample = run("benchmarks.work", {**job_of(region, file), "task": "pull", "streams": ["marks"]})
    file.unlink()
    return sample


def _dlt(region: Region, folder: Path, python: Path, *, arrow: bool) -> Sample:
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        job: dict[str, Any] = {**job_of(region, folder / "unused"), "folder": inside, "arrow": arrow}
        return run("benchmarks.peers.dlt_pull", job, python=python)


def _counted(sample: Sample, marks: int) -> Sample:
    if sample.facts["received"] != marks:
        raise BenchmarkFailed(f"{sample.facts['received']} of {marks} marks arrived")
    return sample


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        print(measure(options, region, Path(name)).markdown())
    with tempfile.TemporaryDirectory() as name:
        print(memory(Path(name)).markdown())


if __name__ == "__main__":
    main()
