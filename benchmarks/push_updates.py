"""Marks another program has changed, from its ``UPDATE`` to the region's acknowledgement of the last of them.

Run: ``python -m benchmarks.push_updates [--marks N] [--rounds N]``. Change journal, outbox, attempts stored before
they are sent, batches of 500, bases moved on each acknowledgement, audit: everything durable as always.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.measuring import BenchmarkFailed, Sample, fact, in_turn, peak, run
from benchmarks.options import Options, parse
from benchmarks.region import Region, running
from benchmarks.school_file import full_school, job_of
from benchmarks.tables import Finding, mebibytes, milliseconds

MOST = 10_000


def measure(options: Options, region: Region, folder: Path) -> Finding:
    """Milliseconds per 1,000 marks. Each round sends new values of the same marks."""
    count = min(MOST, options.marks // 10)
    file = folder / "push.sqlite"
    shutil.copyfile(full_school(region, folder), file)

    def ours() -> Sample:
        sample = run("benchmarks.work", {**job_of(region, file), "task": "push", "marks": count})
        if sample.facts["acked"] != count:
            raise BenchmarkFailed(f"{sample.facts['acked']} of {count} marks were acknowledged")
        return sample

    samples = in_turn(options.rounds, {"ours": ours})["ours"]
    thousands = count / 1000
    return Finding(
        title=f"Push of {count:,} changed marks in batches of 500",
        columns=("", "CPU per 1,000", "wall per 1,000", "peak memory"),
        rows=(
            (
                "ours, from UPDATE to acknowledged",
                milliseconds(fact(samples, "cpu") / thousands),
                milliseconds(fact(samples, "wall") / thousands),
                mebibytes(peak(samples)),
            ),
        ),
        note="No peer yet. The wall time holds the region's work on the batches and every fsync.",
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        print(measure(options, region, Path(name)).markdown())


if __name__ == "__main__":
    main()
