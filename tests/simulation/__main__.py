"""The full form of every statement: ``python -m tests.simulation [FIRST LAST] [--statements 1,9] [--write FILE]``.

FIRST and LAST are the seeds of statement 1; a run goes on where another one stopped by its seeds. Prints each
failure with how to replay it, writes the figures into the table of FILE, and exits 1 when anything failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.databases import Databases
from tests.simulation.report import Outcome, write_table
from tests.simulation.statements import STATEMENTS, Statement

CHUNK = 20  # seeds that one process plays before it takes the next ones

_databases: Databases | None = None  # set before the processes are forked: they inherit it


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one statement."""

    figure: str
    failed: bool
    seeds: str = ""


@contextmanager
def databases() -> Iterator[Databases]:
    global _databases
    server = PostgresServer(uuid4().hex)
    with tempfile.TemporaryDirectory(prefix="ecp-sync-simulation-") as folder:
        _databases = Databases(SqliteTemplate(Path(folder)), server)
        try:
            yield _databases
        finally:
            server.stop()


def prove(statement: Statement, count: int, seeds: range, workers: int) -> Proof:
    """Check the statement; never raises for what it finds."""
    assert _databases is not None
    if statement.by_seed is not None:
        return _by_seed(statement, seeds, workers)
    try:
        if statement.by_count is not None:
            found = statement.by_count(count, _databases)
        else:
            assert statement.plain is not None
            found = statement.plain(count)
    except AssertionError as error:
        print(f"{statement.number}: {error}\nreplay: python -m tests.simulation --statements {statement.number}\n")
        return Proof(figure="does not hold", failed=True)
    return Proof(
        figure=found if isinstance(found, str) else statement.figure.format(count=f"{found:,}"), failed=False
    )


def _by_seed(statement: Statement, seeds: range, workers: int) -> Proof:
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    failed: list[int] = []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        played = pool.imap_unordered(_play, ((statement.number, chunk) for chunk in chunks))
        for done, problems in enumerate(played, start=1):
            for seed, problem in problems:
                failed.append(seed)
                here = f"{seed} {seed + 1} --statements {statement.number}"
                print(f"{problem}\nreplay: python -m tests.simulation {here}\n")
            if done % 25 == 0:
                print(f"{statement.number}: {done * CHUNK} of {len(seeds)}, {len(failed)} failed", file=sys.stderr)
    where = f"{seeds.start} {seeds.stop}"
    if failed:
        listed = ", ".join(map(str, sorted(failed)[:10]))
        figure = f"does not hold: {len(failed):,} of {len(seeds):,} failed, seeds {listed}"
        return Proof(figure=figure, failed=True, seeds=where)
    return Proof(figure=statement.figure.format(count=f"{len(seeds):,}"), failed=False, seeds=where)


def _play(job: tuple[int, Sequence[int]]) -> list[tuple[int, str]]:
    number, seeds = job
    statement = next(s for s in STATEMENTS if s.number == number)
    assert statement.by_seed is not None
    assert _databases is not None
    problems = []
    for seed in seeds:
        try:
            statement.by_seed([seed], _databases)
        except AssertionError as error:
            problems.append((seed, str(error)))
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=0, help="first seed")
    parser.add_argument("last", type=int, nargs="?", help="the seed behind the last one")
    parser.add_argument("--statements", help="numbers, as in 1,9; all that have a proof when left out")
    parser.add_argument("--short", action="store_true", help="the counts of make test")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is brought up to date")
    options = parser.parse_args()
    wanted = {int(number) for number in options.statements.split(",")} if options.statements else None
    outcomes: dict[int, Outcome] = {}
    failed = False
    with databases():
        for statement in STATEMENTS:
            if not statement.proven or (wanted is not None and statement.number not in wanted):
                continue
            count = statement.short if options.short else statement.full
            named = options.last is not None and (statement.number == 1 or wanted == {statement.number})
            seeds = range(options.first, options.last) if named else range(options.first, options.first + count)
            begun = time.monotonic()
            proof = prove(statement, count, seeds, options.workers)
            failed |= proof.failed
            print(
                f"{statement.number}. {statement.title}: {proof.figure} ({time.monotonic() - begun:.0f} s)",
                flush=True,
            )
            outcomes[statement.number] = Outcome(
                figure=proof.figure,
                date=datetime.now(UTC).date().isoformat(),
                seeds=proof.seeds,
                command=_command(statement.number, proof.seeds),
            )
            if options.write:
                write_table(options.write, outcomes)
    return 1 if failed else 0


def _command(number: int, seeds: str) -> str:
    return f"make simulate STATEMENTS={number}" + (f' SEEDS="{seeds}"' if seeds else "")


if __name__ == "__main__":
    sys.exit(main())
