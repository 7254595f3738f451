"""The sample files of a school: reading them, importing them, and importing them again.

Run: ``python -m benchmarks.import_samples [--rounds N]``. Into an empty school and, when run with all benchmarks,
beside the marks that are there.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.measuring import Sample, fact, in_turn, run
from benchmarks.options import Options, parse
from benchmarks.region import Region, running
from benchmarks.school_file import full_school, job_of
from benchmarks.tables import Finding, milliseconds

SAMPLES = {"pupil list": "pupils_cp1251.csv", "class report": "netschool_class_report.xlsx"}


def measure(options: Options, region: Region, folder: Path) -> Finding:
    """Wall time of each step, for an empty school and for one full of marks."""
    full = full_school(region, folder)

    def ours(template: Path | None) -> Sample:
        file = folder / "import.sqlite"
        file.unlink(missing_ok=True)
        if template is not None:
            shutil.copyfile(template, file)
        return run("benchmarks.work", {**job_of(region, file), "task": "import_files"})

    found = in_turn(
        options.rounds,
        {"empty school": lambda: ours(None), f"beside {options.marks:,} marks": lambda: ours(full)},
    )
    rows = tuple(
        (
            f"{label}, {school}",
            f"{fact(samples, f'import {name} records'):,.0f}",
            milliseconds(fact(samples, f"read {name}")),
            milliseconds(fact(samples, f"import {name}")),
            milliseconds(fact(samples, f"import again {name}")),
            f"{fact(samples, f'import again {name} changed'):.0f}",
        )
        for school, samples in found.items()
        for label, name in SAMPLES.items()
    )
    return Finding(
        title="Import of the sample files",
        columns=("", "records", "reading", "import", "import again", "changed by the second import"),
        rows=rows,
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        print(measure(options, region, Path(name)).markdown())


if __name__ == "__main__":
    main()
