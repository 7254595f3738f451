"""The full form of every statement: ``python -m tests.simulation [FIRST LAST] [--statements 1,9] [--write FILE]``.

FIRST and LAST are the seeds of what has seeds (statement 1, unless others are named); a run goes on where another
one stopped. Prints each failure with how to replay it, writes the figures into the table of FILE, and exits 1 when
anything failed.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import structlog

from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.databases import Databases
from tests.simulation.report import Outcome, write_table
from tests.simulation.statement import Part, Statement
from tests.simulation.statements import STATEMENTS

CHUNK = 20  # seeds that one process plays before it takes the next ones

_databases: Databases | None = None  # set before the processes are forked: they inherit it


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one part of a statement."""

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


def prove(statement: Statement, part: Part, count: int, seeds: range, workers: int) -> Proof:
    """Check one part of the statement; never raises for what it finds."""
    assert _databases is not None
    if part.by_seed is not None:
        return _by_seed(statement, part, seeds, workers)
    assert part.by_count is not None
    try:
        found = part.by_count(count, _databases)
    except Exception as error:  # noqa: BLE001 - whatever it is, the statement does not hold, and the next one runs
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        print(f"{statement.number}: {error}\nreplay: python -m tests.simulation --statements {statement.number}\n")
        return Proof(figure="does not hold", failed=True)
    return Proof(figure=found if isinstance(found, str) else part.figure.format(count=f"{found:,}"), failed=False)


def _by_seed(statement: Statement, part: Part, seeds: range, workers: int) -> Proof:
    number = statement.parts.index(part)
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    failed: list[int] = []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        played = pool.imap_unordered(_play, ((statement.number, number, chunk) for chunk in chunks))
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
    return Proof(figure=part.figure.format(count=f"{len(seeds):,}"), failed=False, seeds=where)


def _play(job: tuple[int, int, Sequence[int]]) -> list[tuple[int, str]]:
    number, part, seeds = job
    by_seed = next(s for s in STATEMENTS if s.number == number).parts[part].by_seed
    assert by_seed is not None
    assert _databases is not None
    problems = []
    for seed in seeds:
        try:
            by_seed([seed], _databases)
        except Exception as error:  # noqa: BLE001 - the seeds that are left are played all the same
            problems.append((seed, str(error) if isinstance(error, AssertionError) else traceback.format_exc()))
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("first", type=int, nargs="?", default=0, help="first seed")
    parser.add_argument(
        "last", type=int, nargs="?", help="the seed behind the last one; only what has seeds is played"
    )
    parser.add_argument("--statements", help="numbers, as in 1,9, in this order; all that have a proof when left out")
    parser.add_argument("--count", type=int, help="at most so often, instead of the full count")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the document whose table is brought up to date")
    parser.add_argument("--list", action="store_true", help="the statements and what proves them; nothing is run")
    options = parser.parse_args()
    if options.list:
        print("\n".join(map(listed, STATEMENTS)))
        return 0
    of_number = {statement.number: statement for statement in STATEMENTS if statement.proven}
    wanted = [int(number) for number in options.statements.split(",")] if options.statements else list(of_number)
    named = options.last is not None
    if named and not options.statements:
        wanted = [1]
    failed = False
    # What the program logs in thousands of runs is not what a reader of figures looks for.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with databases():
        for statement in (of_number[number] for number in wanted):
            begun = time.monotonic()
            proofs = []
            for part in statement.parts:
                if named and part.by_seed is None:
                    continue
                count = min(part.full, options.count or part.full)
                seeds = range(options.first, options.last if named else options.first + count)
                proofs.append(prove(statement, part, count, seeds, options.workers))
            failed |= any(proof.failed for proof in proofs)
            figure = "; ".join(proof.figure for proof in proofs)
            print(f"{statement.number}. {statement.title}: {figure} ({time.monotonic() - begun:.0f} s)", flush=True)
            if options.write:
                ranges = ", ".join(dict.fromkeys(proof.seeds for proof in proofs if proof.seeds))
                outcome = Outcome(
                    figure=figure,
                    date=datetime.now(UTC).date().isoformat(),
                    seeds=ranges,
                    command=_command(statement.number, ranges if named else "", options.count),
                )
                write_table(options.write, {statement.number: outcome})
    return 1 if failed else 0


def listed(statement: Statement) -> str:
    """A line for the statement, and one for each part of its proof."""
    lines = [f"{statement.number}. {statement.title}"]
    for part in statement.parts:
        proof = part.by_seed or part.by_count
        assert proof is not None
        short = f"{part.short:,} in make test" if part.short else f"short: {part.tested_by}"
        lines.append(f"     {proof.__module__}.{proof.__name__}: {part.full:,} in full; {short}")
    return "\n".join(lines if statement.proven else [*lines, "     not proven yet"])


def _command(number: int, seeds: str, count: int | None) -> str:
    parts = [f"make simulate STATEMENTS={number}"]
    parts += [f'SEEDS="{seeds}"'] if seeds else []
    parts += [f"COUNT={count}"] if count else []
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
