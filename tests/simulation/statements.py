"""The statements of reliability, each with what proves it and how often.

Proofs are functions that return what they have checked and raise AssertionError; what cannot be proven yet stands
here without one and is listed as such. Modules of proofs take a count, or the seeds to play.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.simulation import crash_statements, disk_statements, history_statements, upgrade_statements
from tests.simulation.databases import Databases

BySeed = Callable[[Iterable[int], Databases], int]
ByCount = Callable[[int, Databases], int | str]
Plain = Callable[[int], int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """``figure`` says what ``{count}`` counts, unless the proof itself returns the sentence.

    One of ``by_seed`` (its seeds may be split among processes), ``by_count`` and ``plain`` proves it.
    """

    number: int
    title: str
    figure: str = "{count}"
    full: int = 0
    short: int = 0
    by_seed: BySeed | None = None
    by_count: ByCount | None = None
    plain: Plain | None = None

    @property
    def proven(self) -> bool:
        return any((self.by_seed, self.by_count, self.plain))


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        number=1,
        title="Histories of 50 steps with faults and crashes end in agreement within two clean cycles",
        figure="{count} histories × 50 steps, 0 lost, 0 doubled; every hundredth replayed identically",
        full=10_000,
        short=30,
        by_seed=history_statements.statement_01,
    ),
    Statement(
        number=2,
        title="The second cycle writes nothing",
        figure="{count} random states, 0 writes",
        full=1_000,
        short=10,
        by_seed=history_statements.statement_02,
    ),
    Statement(number=3, title="The whole truth table of local, base and remote; without a base 0 deletes"),
    Statement(
        number=4,
        title="Versions bumped, contents equal: 0 conflicts, 0 writes",
        figure="{count} records",
        full=1_000,
        short=100,
        by_count=history_statements.statement_04,
    ),
    Statement(
        number=5,
        title="All orders of five events: one final state",
        figure="{count} orders, 1 final state",
        full=120,
        short=12,
        by_count=history_statements.statement_05,
    ),
    Statement(
        number=6,
        title="Every page delivered three times: 0 duplicates",
        figure="{count} histories, 0 duplicates",
        full=500,
        short=3,
        by_seed=history_statements.statement_06,
    ),
    Statement(
        number=7,
        title="Records that come and go while pages are read: 0 missed",
        figure="{count} schedules, 0 missed",
        full=1_000,
        short=10,
        by_seed=history_statements.statement_07,
    ),
    Statement(number=8, title="Unknown optional fields: 0 wiped in 1,000 round trips"),
    Statement(
        number=9,
        title="kill -9 right before and right after each commit of sync, import, resolve and migrate",
        full=1_000,
        short=3,
        by_count=crash_statements.statement_09,
    ),
    Statement(
        number=10,
        title="Kills at random moments: 0 lost, 0 doubled",
        figure="{count} kills, 0 lost, 0 doubled",
        full=1_000,
        short=2,
        by_count=crash_statements.statement_10,
    ),
    Statement(
        number=11,
        title="The N-th write fails, for every N, and three kinds of full disk: resumes unaided",
        full=10_000,
        short=5,
        by_count=disk_statements.statement_11,
    ),
    Statement(
        number=12,
        title="Copies of database and log at random instants open clean",
        figure="{count} copies, all open clean",
        full=200,
        short=10,
        by_count=disk_statements.statement_12,
    ),
    Statement(
        number=13,
        title="Random page corruptions: clear refusal, 0 deletes sent",
        full=100,
        short=5,
        by_count=disk_statements.statement_13,
    ),
    Statement(number=14, title="SIGTERM at 100 random moments: exit 0 in at most 30 s, 0 half pages"),
    Statement(number=15, title="100 double starts: one holder, the other exits 11 in less than 1 s"),
    Statement(number=16, title="A dead holder's run is taken over in at most 60 s; a late holder cannot write"),
    Statement(number=17, title="10,000 malformed responses: 0 crashes, 0 rows lost, all quarantined with a reason"),
    Statement(number=18, title="Reset at each byte of a 4 KB answer: 0 partial pages"),
    Statement(number=19, title="20 drip patterns: the total deadline holds ±1 s"),
    Statement(number=20, title="A 50 MB bomb is stopped at 10 MB"),
    Statement(number=21, title="1,000 writes committed with the answer lost: 0 duplicates"),
    Statement(
        number=22, title="429 with Retry-After in seconds, as a date, absent, negative, huge: 0 early requests"
    ),
    Statement(number=23, title="An outage of 8 hours: at most 120 probes, 10,000 changes drained in order"),
    Statement(number=24, title="12 schema drifts: additive passes, breaking pauses that stream only"),
    Statement(number=25, title="An HTML page with status 200 is never data"),
    Statement(number=26, title="Empty, half or truncated list with 200: 0 deletes"),
    Statement(number=27, title="401, 403, 404 for a stream: 0 deletes, never green"),
    Statement(number=28, title="A failed look-up never creates a pupil"),
    Statement(number=29, title="Green exactly when counts balance and 0 errors, in 10,000 runs"),
    Statement(number=30, title="A stale plan or changed record is refused, always"),
    Statement(number=31, title="Local ±24 h, region ±10 min, a jump of −1 h in a run: 0 missed"),
    Statement(number=32, title="12 hours of sleep: exactly one catch-up run"),
    Statement(number=33, title="31.08/01.09, 29.02, year end"),
    Statement(
        number=40,
        title="Upgrade with 10,000 pupils, killed at each statement: completes or rolls back",
        full=10_000,
        short=6,
        by_count=upgrade_statements.statement_40,
    ),
)
