"""Our side of every comparison, each task in a process of its own; see :mod:`benchmarks.child`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from typing import Any

from benchmarks.child import Stopwatch, answer, read_job
from benchmarks.measuring import ROOT, median
from benchmarks.school import Installation, installed
from benchmarks.statements import scans, watched
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.cycle import Direction
from sync_service.engine.due import ask_for_comparison

SAMPLES = ("pupils_cp1251.csv", "netschool_class_report.xlsx")


def pull(job: Mapping[str, Any]) -> dict[str, Any]:
    """Pull the named streams; the region's records arrive in an empty table."""
    with installed(job) as ours:
        started = time.process_time()
        report = ours.run(Direction.PULL, [Stream(name) for name in job["streams"]])
    return {
        "cpu_of_work": time.process_time() - started,
        "received": sum(stream.pull.received for stream in report.streams.values()),
        "applied": sum(stream.pull.applied for stream in report.streams.values()),
    }


def quiet(job: Mapping[str, Any]) -> dict[str, Any]:
    """Cycles in which nothing has changed: their cost one by one, then one more under watch."""
    with installed(job) as ours:
        costs: list[Stopwatch] = []
        for _ in range(job["cycles"]):
            with Stopwatch() as cost:
                ours.run(Direction.BOTH)
            costs.append(cost)
        facts: dict[str, Any] = {
            "cpu_per_cycle": median([cost.cpu for cost in costs]),
            "wall_per_cycle": median([cost.wall for cost in costs]),
            "first_cycle_cpu": costs[0].cpu,
        }
        if job["watch"]:
            with watched(ours.db.engine) as watch:
                ours.run(Direction.BOTH)
            facts |= {
                "statements": watch.executed,
                "steps": watch.steps,
                "scanned": sorted({f"{scan.table} {scan.index or ''}".strip() for scan in scans(ours.file, watch)}),
            }
    return facts


def push(job: Mapping[str, Any]) -> dict[str, Any]:
    """From another program's UPDATE of marks to the moment when the region has acknowledged all of them."""
    with installed(job) as ours, Stopwatch() as cost:
        _edit(ours, job["marks"])
        report = ours.run(Direction.PUSH, [Stream.MARKS])
    return {"cpu": cost.cpu, "wall": cost.wall, "acked": report.stream(Stream.MARKS).push.acked}


def _edit(ours: Installation, count: int) -> None:
    with closing(sqlite3.connect(ours.file, isolation_level=None)) as connection:
        changed = connection.execute(
            "UPDATE marks SET value = CASE value WHEN '5' THEN '4' ELSE '5' END"
            " WHERE id IN (SELECT id FROM marks ORDER BY id LIMIT ?)",
            (count,),
        )
        assert changed.rowcount == count


def compare(job: Mapping[str, Any]) -> dict[str, Any]:
    """A full comparison of the marks, of which ``drifted`` differ without anybody having noted it."""
    with installed(job) as ours:
        _drift(ours, job["drifted"])
        with Stopwatch() as rows, ours.db.read(ours.school.school_id) as uow:
            assert not uow.journal.edited(Stream.MARKS, after=LocalId(0), limit=1)
        ask_for_comparison(ours.db, ours.school.school_id, [Stream.MARKS], ours.clock.now())
        started = time.process_time()
        report = ours.run(Direction.PULL, [Stream.MARKS])
        spent = time.process_time() - started
    counts = report.stream(Stream.MARKS).pull
    return {
        "cpu_of_work": spent,
        "cpu_of_rows": rows.cpu,
        "received": counts.received,
        "applied": counts.applied,
    }


def _drift(ours: Installation, count: int) -> None:
    """The region has changed these marks and no change version tells: ours are one version behind."""
    with closing(sqlite3.connect(ours.file)) as connection, connection:
        connection.execute("INSERT INTO own_writes (id) VALUES (1)")
        behind = f"(SELECT local_id FROM links WHERE stream = 'marks' ORDER BY id LIMIT {count})"
        connection.execute(f"UPDATE marks SET comment = 'было' WHERE id IN {behind}")
        connection.execute(
            "UPDATE links SET version = version - 1, base_local = json_set(base_local, '$.comment', 'было')"
            f" WHERE stream = 'marks' AND local_id IN {behind}"
        )
        connection.execute("DELETE FROM own_writes")


def reread(job: Mapping[str, Any]) -> dict[str, Any]:
    """Every mark read again, as after a position was forgotten; nothing differs."""
    with installed(job) as ours:
        with ours.db.write(ours.school.school_id) as uow:
            uow.cursors.reset(Stream.MARKS)
            uow.commit()
        started = time.process_time()
        report = ours.run(Direction.PULL, [Stream.MARKS])
        spent = time.process_time() - started
    counts = report.stream(Stream.MARKS).pull
    return {"cpu_of_work": spent, "received": counts.received, "applied": counts.applied}


def import_files(job: Mapping[str, Any]) -> dict[str, Any]:
    """Read the sample pupil list and class report, import each, and each again, which changes nothing."""
    from connectors.files.school_file import read_school_file
    from sync_service.engine.import_files import import_parsed

    facts: dict[str, Any] = {}
    with installed(job) as ours:
        for name in SAMPLES:
            content = (ROOT / "tests" / "data" / name).read_bytes()
            with Stopwatch() as reading:
                parsed = read_school_file(content, file_name=name, today=date.fromisoformat(job["date"]))
            facts[f"read {name}"] = reading.wall
            for turn in ("import", "import again"):
                with Stopwatch() as importing:
                    report = import_parsed(
                        ours.db, ours.school, ours.clock, parsed, actor="benchmark", file_name=name
                    )
                counts = report.streams.values()
                facts[f"{turn} {name}"] = importing.wall
                facts[f"{turn} {name} records"] = sum(c.changed + c.unchanged for c in counts)
                facts[f"{turn} {name} changed"] = report.changed
    return facts


TASKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "pull": pull,
    "quiet": quiet,
    "push": push,
    "compare": compare,
    "reread": reread,
    "import_files": import_files,
}


def main() -> None:
    job = read_job()
    answer(TASKS[job["task"]](job))


if __name__ == "__main__":
    main()
