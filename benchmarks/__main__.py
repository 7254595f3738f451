"""Run every benchmark, print what was found and write it to ``benchmarks/results.md``."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path

from benchmarks import compare, conflict_list, import_samples, initial_pull, push_updates, quiet_cycle
from benchmarks.measuring import ROOT
from benchmarks.options import parse
from benchmarks.region import running
from benchmarks.tables import Finding

RESULTS = ROOT / "benchmarks" / "results.md"


def machine() -> str:
    """What the figures depend on; the load average says how busy others kept the machine before the start."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, loopback without TLS, "
        f"load average before the start {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    options, machine_then = parse(__doc__), machine()
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        for benchmark in (initial_pull, quiet_cycle, compare, push_updates, import_samples, conflict_list):
            findings.append(benchmark.measure(options, region, Path(name)))
            print(findings[-1].markdown(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        findings.insert(1, initial_pull.memory(Path(name)))
        print(findings[1].markdown(), flush=True)
    head = (
        "# Benchmark results\n\n"
        f"Written by `python -m benchmarks --marks {options.marks} --rounds {options.rounds}` on {machine_then}. "
        "Medians of alternating runs; compare ratios within one table only.\n"
    )
    RESULTS.write_text("\n".join([head, *(finding.markdown() for finding in findings)]), encoding="utf-8")
    print(f"written to {RESULTS.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
