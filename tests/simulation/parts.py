"""Proofs written for one database or world, in the form in which the list of statements calls them.

Every function takes how often it checks, or seeds, and the databases; it returns its count, or the sentence that
stands in the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from statistics import median

from tests.contract.paging_schedules import STRUCK, play
from tests.contract.worlds import EcpWorld
from tests.simulation import (
    decision_statements,
    edge_answers,
    edge_network,
    edge_outage,
    edge_rows,
    edge_time,
    guard_statements,
    process_statements,
    quarantine_statements,
    reconcile_statements,
    resync_statements,
    run_statements,
)
from tests.simulation.databases import Databases
from tests.unit.engine.world import World, build

Found = int | str


@contextmanager
def _world(url: str) -> Iterator[World]:
    world = build(url)
    with closing(world.db):
        yield world


def _on_each_engine(databases: Databases, check: Callable[[World], int]) -> int:
    """The sum over a new database of each engine."""
    found = 0
    with databases.each_engine() as urls:
        for url in urls:
            with _world(url) as world:
                found += check(world)
    return found


# --- what both sides hold ----------------------------------------------------------------------------------------


def truth_table(_count: int, databases: Databases) -> int:
    def check(world: World) -> int:
        rows, deleted = guard_statements.truth_table(world)
        assert deleted == 0, f"{deleted} rows deleted without a base"
        return rows

    return _on_each_engine(databases, check)


def bumped_marks(count: int, databases: Databases) -> int:
    with databases.file() as url:
        return reconcile_statements.statement_04(count, url)


def pages_thrice(count: int, databases: Databases) -> int:
    with databases.file() as url:
        return reconcile_statements.statement_06(count, url)


def readings(seeds: Iterable[int], _databases: Databases) -> int:
    return sum(reconcile_statements.statement_07(1, seed) for seed in seeds)


def paging_schedules(seeds: Iterable[int], _databases: Databases) -> int:
    """Over the real connector; people must have worked in the meantime."""
    played = 0
    with closing(EcpWorld()) as world:
        for seed in seeds:
            touched, wrong = play(world, seed)
            assert not wrong, f"schedule {seed}: {wrong} are wrong in the end"
            assert touched >= STRUCK // 2, f"schedule {seed}: only {touched} records were touched"
            played += 1
    return played


def round_trips(seeds: Iterable[int], _databases: Databases) -> int:
    return sum(reconcile_statements.statement_08(1, seed) for seed in seeds)


# --- the edge ----------------------------------------------------------------------------------------------------


def malformed_answers(count: int, _databases: Databases) -> int:
    return edge_answers.statement_17(count)


def malformed_rows(count: int, databases: Databases) -> int:
    with databases.each_engine() as urls:
        return sum(edge_rows.statement_17_rows(url, count) for url in urls)


def broken_records(count: int, databases: Databases) -> str:
    with databases.files() as new_url:
        found = quarantine_statements.broken_records_are_set_aside(new_url, records=count)
    return f"{found['broken']:,} broken records, {found['set_aside']:,} set aside with a reason, 0 lost"


def cuts(_count: int, _databases: Databases) -> int:
    return edge_answers.statement_18()


def drips(_count: int, _databases: Databases) -> int:
    return edge_time.statement_19()


def bombs(_count: int, _databases: Databases) -> int:
    return edge_network.statement_20()


def lost_answers(count: int, databases: Databases) -> int:
    with databases.files() as new_url:
        return edge_outage.statement_21(new_url, count)


def waits(_count: int, _databases: Databases) -> int:
    return edge_time.statement_22()


def outages(count: int, databases: Databases) -> str:
    with databases.files() as new_url:
        most = edge_outage.statement_23(new_url, count)
    return f"{len(edge_outage.OUTAGES)} kinds of outage, at most {most} requests; {count:,} changes drained in order"


def drifts(_count: int, databases: Databases) -> int:
    with databases.files() as new_url:
        return edge_outage.statement_24(new_url)


def web_pages(_count: int, _databases: Databases) -> int:
    return edge_answers.statement_25()


def addresses(_count: int, _databases: Databases) -> int:
    return edge_network.statement_48()


def certificates(_count: int, _databases: Databases) -> int:
    return edge_network.statement_49()


# --- mass damage -------------------------------------------------------------------------------------------------


def lying_lists(count: int, databases: Databases) -> int:
    """Windows and whole readings by a cycle."""
    with databases.file() as url, _world(url) as world:
        found = guard_statements.lying_lists(world, count)
    assert found.pop("deleted") == 0, "something was deleted"
    return sum(found.values())


def lying_comparisons(count: int, databases: Databases) -> int:
    with databases.file() as url:
        return reconcile_statements.statement_26(count, url)


def small_runs(_count: int, databases: Databases) -> str:
    for way in ("pull", "push"):
        with databases.file() as url, _world(url) as world:
            found = guard_statements.small_runs(world, 10, each=5, way=way)
            assert found.passed == 5, f"{way}: {found}"
    return "of 50 deletions in ten small runs 5 pass, either way"


def refusals(count: int, databases: Databases) -> int:
    with databases.file() as url, _world(url) as world:
        runs, wrong = guard_statements.refusals(world, count)
    assert wrong == 0, f"{wrong} of {runs} runs were green, or deleted something"
    return runs


def failed_look_ups(count: int, databases: Databases) -> int:
    with databases.file() as url, _world(url) as world:
        failed, created = guard_statements.failed_look_ups(world, count)
    assert created == 0, f"{created} pupils were created"
    return failed


def stale_plans(count: int, databases: Databases) -> int:
    with databases.files() as new_url:
        return resync_statements.stale_plans_are_refused(count, new_url)


def plans_as_written(count: int, databases: Databases) -> str:
    with databases.files() as new_url:
        items = resync_statements.plan_equals_apply(count, new_url)
    return f"{count:,} plans with {items:,} items, each written exactly as planned"


def stale_releases(count: int, databases: Databases) -> str:
    with databases.file() as url, _world(url) as world:
        changed, covered = guard_statements.changed_after_release(world, count)
    assert covered == 0, f"{covered} changed records were covered by a release"
    return f"{count:,} releases of holds, {changed:,} records changed since, 0 covered"


# --- runs, time and people ---------------------------------------------------------------------------------------


def sigterms(count: int, databases: Databases) -> str:
    with databases.folder() as folder:
        found = process_statements.sigterm_moments(count, folder)
    assert found.endings["interrupted"] >= count // 3, f"hardly ever in the middle of a run: {found.endings}"
    ended = ", ".join(f"{ending} {number}" for ending, number in sorted(found.endings.items()))
    return f"{count:,} moments ({ended}), exit 0 in {max(found.seconds):.1f} s at most, 0 half pages"


def double_starts(count: int, databases: Databases) -> str:
    with databases.folder() as folder:
        found = process_statements.double_starts(count, folder)
    assert found.holders == found.refused == count
    assert max(found.processor) < 1, f"the refusal took the processor {max(found.processor):.2f} s"
    load = os.getloadavg()[1]
    quick = sum(seconds < 1 for seconds in found.seconds)
    return (
        f"{count:,} double starts, one holder each; exit 11 after {median(found.processor):.2f} s of the processor"
        f" (median), {max(found.processor):.2f} s at most, the start of the interpreter included; by the clock on the"
        f" wall after {median(found.seconds):.2f} s (median), {max(found.seconds):.2f} s at most, {quick:,} of them"
        f" in less than 1 s, under a load of {load:.0f} on {os.cpu_count()} cores"
    )


def clock_jumps(seeds: Iterable[int], databases: Databases) -> int:
    return sum(run_statements.clock_jumps(seed, 1, databases.in_memory).histories for seed in seeds)


def decisions_at_once(count: int, databases: Databases) -> str:
    with databases.each_engine() as urls:
        for url in urls:
            decision_statements.one_winner(url, people=count)
    return f"{count:,} at once on {len(urls)} databases, 1 winner, {count - 1:,} told who and when"


def undone_decisions(count: int, databases: Databases) -> str:
    with databases.files() as new_url:
        found = decision_statements.undo_never_overwrites(new_url, scenarios=count)
    return f"{count:,} decisions: {found['undone']:,} undone, {found['refused']:,} refused, 0 newer overwritten"


def days(count: int, databases: Databases) -> str:
    with databases.folder() as folder:
        found = run_statements.simulated_days(count, folder)
    return f"{count:,} cycles, memory {found.growth:+.1%}, {found.end.files} open files and threads constant"
