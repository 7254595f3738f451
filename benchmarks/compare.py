"""A full comparison of a school's marks with the region, beside a plain reading of every body again.

Run: ``python -m benchmarks.compare [--marks N] [--rounds N]``. Both start from a database that agrees with the
region; in one of the comparisons 100 marks have drifted apart unnoticed. The comparison looks at both sides: the
region's list of ids and versions, and every row of the school against its base. Costs are of whole processes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import BenchmarkFailed, Sample, cpu, fact, in_turn, peak, run, wall
from benchmarks.options import Options, parse
from benchmarks.region import Region, running
from benchmarks.school_file import full_school, job_of
from benchmarks.tables import Finding, mebibytes, ratio, seconds

DRIFTED = 100


def measure(options: Options, region: Region, folder: Path) -> Finding:
    """The comparison of equal sides, of sides that differ in 100 marks, and the plain reading."""
    full = full_school(region, folder)

    def task(name: str, *, drifted: int = 0) -> Callable[[], Sample]:
        def measured() -> Sample:
            file = folder / "compare.sqlite"
            shutil.copyfile(full, file)
            sample = run("benchmarks.work", {**job_of(region, file), "task": name, "drifted": drifted})
            file.unlink()
            if (sample.facts["received"], sample.facts["applied"]) != (options.marks, drifted):
                raise BenchmarkFailed(f"{name}: {sample.facts['received']} marks, {sample.facts['applied']} repaired")
            return sample

        return measured

    found = in_turn(
        options.rounds,
        {
            "comparison, nothing differs": task("compare"),
            f"comparison, {DRIFTED} differ": task("compare", drifted=DRIFTED),
            "every body read again": task("reread"),
        },
    )
    plain = found["every body read again"]
    return Finding(
        title=f"Full comparison of {options.marks:,} marks",
        columns=(
            "",
            "CPU",
            "without start-up",
            "wall",
            "peak memory",
            "of it the school's rows",
            "CPU of the reading",
            "wall of the reading",
        ),
        rows=tuple(
            (
                name,
                seconds(cpu(samples)),
                seconds(fact(samples, "cpu_of_work")),
                seconds(wall(samples)),
                mebibytes(peak(samples)),
                seconds(fact(samples, "cpu_of_rows")) if samples is not plain else "",
                ratio(cpu(plain), cpu(samples)),
                ratio(wall(plain), wall(samples)),
            )
            for name, samples in found.items()
        ),
        note=(
            "The last two columns say how many times as much the plain reading needs. It compares the region's side "
            "alone and finds no deletion; the comparison looks at both sides, its share for the school's rows is "
            "given. No peer yet."
        ),
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        print(measure(options, region, Path(name)).markdown())


if __name__ == "__main__":
    main()
