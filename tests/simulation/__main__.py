"""The long form of the simulation: ``python -m tests.simulation FIRST LAST [--steps N] [--workers N]``.

Plays every seed of [FIRST, LAST) on a fresh SQLite database, in parallel; a share of them on PostgreSQL with
``--postgresql``. Prints each failing seed with its history and how to replay it; exits 1 when there was one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.history import run

_template: SqliteTemplate | None = None
_server: PostgresServer | None = None


def _prepare(run_id: str | None) -> None:
    global _template, _server  # one per worker process
    if run_id is not None:
        _server = PostgresServer(run_id)
    else:
        _template = SqliteTemplate(Path(tempfile.mkdtemp(prefix="ecp-sync-simulation-")))


def _play(job: tuple[int, int]) -> tuple[int, str | None]:
    seed, steps = job
    try:
        if _server is not None:
            with _server.copy() as url:
                run(seed, url, steps=steps)
        elif _template is not None:
            with tempfile.TemporaryDirectory() as folder:
                run(seed, _template.copy(Path(folder)), steps=steps)
    except AssertionError as error:
        return seed, str(error)
    return seed, None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("last", type=int, nargs="?", default=10_000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    run_id = uuid4().hex if options.postgresql else None
    seeds = range(options.first, options.last)
    failed = 0
    begun = time.monotonic()
    with multiprocessing.get_context("fork").Pool(options.workers, _prepare, (run_id,)) as pool:
        jobs = ((seed, options.steps) for seed in seeds)
        for done, (seed, problem) in enumerate(pool.imap_unordered(_play, jobs), start=1):
            if problem is not None:
                failed += 1
                where = " --postgresql" if options.postgresql else ""
                print(f"{problem}\nreplay: python -m tests.simulation {seed} {seed + 1}{where}\n")
            if done % 500 == 0:
                print(f"{done} of {len(seeds)} histories, {failed} failed", file=sys.stderr)
    seconds = time.monotonic() - begun
    print(f"{len(seeds)} histories × {options.steps} steps: {failed} failed ({seconds:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
