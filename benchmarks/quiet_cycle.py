"""A cycle over a school in which nothing has changed on either side: what a daemon does most of the day.

Run: ``python -m benchmarks.quiet_cycle [--marks N]``. Counts the requests the region received per cycle, the
statements and the steps SQLite took, and lists every table or index that a plan reads whole. Once with no pupil on
the way, once with pupils not yet released at their former school, who are looked up in every cycle.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from benchmarks.measuring import Sample, run
from benchmarks.options import Options, parse
from benchmarks.region import Region, running
from benchmarks.school_file import full_school, job_of
from benchmarks.tables import Finding, milliseconds, seconds

CYCLES = 20
ARRIVING = 20
COLUMNS = (
    "",
    "requests per cycle",
    "CPU per cycle",
    "wall per cycle",
    "a cold process, one cycle",
    "statements",
    "steps of SQLite",
    "read whole",
)


class Scenario(Protocol):
    """The levers of a region: another school's id and the scenario calls."""

    neighbour: str

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]: ...


def measure(options: Options, region: Region, folder: Path) -> Finding:
    """Both situations."""
    file = folder / "quiet.sqlite"
    shutil.copyfile(full_school(region, folder), file)
    still = _row("nothing open", region, file)
    await_pupils(region, file, ARRIVING)
    run("benchmarks.work", _job(region, file, cycles=1, watch=False))  # the cycle that opens the cases
    waiting = _row(f"{ARRIVING} pupils not released", region, file)
    return Finding(
        title=f"Cycle over {options.marks:,} marks without a change",
        columns=COLUMNS,
        rows=(still, waiting),
        note=(
            "Goal: one request for all change versions, one more look-up when releases are open; no scan of marks, "
            "attendance or links; at most 100 ms CPU in the daemon. «Read whole» names each table, with the index "
            "where only that is read; those listed should hold work that waits, never records. Costs per cycle are "
            f"medians of {CYCLES} cycles of one process."
        ),
    )


def await_pupils(region: Scenario, file: Path, count: int) -> None:
    """Arrivals entered by the school for pupils who are still enrolled elsewhere."""
    body = {"persons": [{"status": "enrolled", "organizationId": region.neighbour} for _ in range(count)]}
    persons = region.call("/simulator/persons", body)["persons"]
    with closing(sqlite3.connect(file)) as connection, connection:
        ((school,),) = connection.execute("SELECT id FROM schools")
        ((origin,),) = connection.execute(
            "SELECT local_id FROM links WHERE stream = 'organizations' AND remote_id = ?", (region.neighbour,)
        )
        for number, person in enumerate(persons):
            card = connection.execute(
                "INSERT INTO students (school_id, last_name, first_name, patronymic, sex, birth_date, snils)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    school,
                    person["lastName"],
                    person["firstName"],
                    person["surName"],
                    {"1": "М", "2": "Ж"}[person["genderCode"]],
                    person["birthDate"],
                    None if person["snils"] is None else "".join(c for c in person["snils"] if c.isdigit()),
                ),
            )
            connection.execute(
                "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, origin_kind,"
                " origin_organization_id) VALUES (?, ?, 'arrival', '2026-11-19', ?, '2026-11-19', 'school', ?)",
                (school, card.lastrowid, f"З-{number + 1}", origin),
            )


def _job(region: Region, file: Path, *, cycles: int, watch: bool) -> dict[str, Any]:
    return {**job_of(region, file), "task": "quiet", "cycles": cycles, "watch": watch}


def _row(name: str, region: Region, file: Path) -> tuple[str, ...]:
    cold = run("benchmarks.work", _job(region, file, cycles=1, watch=False))
    job = _job(region, file, cycles=CYCLES, watch=True)
    region.reset_counters()
    warm: Sample = run("benchmarks.work", job)
    asked = {what: count / (CYCLES + 1) for what, count in region.requests().items()}
    return (
        name,
        ", ".join(f"{what} {count:g}" for what, count in asked.items()),
        milliseconds(warm.facts["cpu_per_cycle"]),
        milliseconds(warm.facts["wall_per_cycle"]),
        f"{seconds(cold.cpu)} CPU",
        str(warm.facts["statements"]),
        f"{warm.facts['steps']:,}",
        ", ".join(warm.facts["scanned"]) or "nothing",
    )


def main() -> None:
    options = parse(__doc__)
    with tempfile.TemporaryDirectory() as name, running(options.marks) as region:
        print(measure(options, region, Path(name)).markdown())


if __name__ == "__main__":
    main()
