"""Statement 29: a run is green exactly when its counts balance and nothing went wrong, judged from outside.

Short histories on a region whose records may arrive broken and whose calls may fail. Of every run an observer notes
what the region delivered and refused and what lies in the tables afterwards; the report must say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sync_service.domain.errors import SyncError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Page, Stream, StreamVersions
from tests.simulation import machine_steps as machine
from tests.simulation.databases import Databases
from tests.simulation.history import DECISIONS, EDITS, begin
from tests.simulation.state import History
from tests.unit.engine.mapped_region import MappedRemote

RUNS = 20  # of one history
BREAKABLE = (Stream.STUDENTS, Stream.MARKS, Stream.ATTENDANCE, Stream.GUARDIANS)
READING = ("change_versions", "pages", "page")  # a refusal here cannot be made up for within the run
UNDONE = ("retrying", "unknown", "held", "rejected")
REFUSED = ("held", "rejected")
Breakage = Callable[[dict[str, Any]], Any]
WAYS: tuple[Breakage, ...] = (
    lambda item: {**item, "grade": "мусор"},
    lambda item: {**item, "birthDate": "2026-13-45"},
    lambda item: {name: value for name, value in item.items() if name != "version"},
    lambda item: {**item, "lessonId": []},
    lambda _: "no record at all",
)


def statement_29(count: int, databases: Databases) -> str:
    """At least ``count`` runs with faults, broken records and people at work; says how they ended."""
    endings: Counter[str] = Counter()
    seed = 0
    while endings.total() < count:
        endings.update(_play(seed, databases))
        seed += 1
    green = endings[RunStatus.SUCCEEDED.value]
    assert count / 10 < green < count * 9 / 10, f"hardly a choice: {endings}"
    told = ", ".join(f"{ending} {number:,}" for ending, number in sorted(endings.items()))
    return f"{endings.total():,} runs ({told}), green exactly when nothing was wrong"


def _play(seed: int, databases: Databases) -> Iterator[str]:
    history = begin(seed, databases.in_memory())
    watched = _Watched.over(history.world.remote)
    assert isinstance(watched, _Watched)
    watched.rewrite = history.world.remote.rewrite
    history.world.remote = watched
    weights, steps = zip(*EDITS, *DECISIONS, strict=True)
    try:
        for number in range(RUNS):
            for _ in range(history.random.randrange(5)):
                history.random.choices(steps, weights)[0](history)
            _upset(history, watched)
            watched.begin()
            machine.cycle(history)
            report = history.reports[-1]
            problems = [*_problems(watched, report)]
            assert not problems, "\n".join([f"seed {seed}, run {number}: {report}", *problems, *history.log[-30:]])
            yield report.status.value
    finally:
        history.world.db.close()


def _upset(history: History, watched: _Watched) -> None:
    """Half of the runs meet something, and what was wrong does not stay for ever."""
    match history.random.randrange(10):
        case 0 | 1 | 2:
            machine.fault(history)
        case 3 | 4 | 5:
            stream = history.random.choice(BREAKABLE)
            if (record := history.item(stream)) is not None:
                watched.broken[record] = history.random.choice(WAYS)
                watched.bump(stream)
        case 6 | 7:
            machine.heal(history)
            watched.broken.clear()
            history.world.clock.sleep(7200)
        case _:
            pass


@dataclass(slots=True)
class _Seen:
    """What the region has delivered and refused during one run."""

    delivered: Counter[Stream] = field(default_factory=Counter)
    unreadable: Counter[Stream] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


class _Watched(MappedRemote):
    """Notes what it answers."""

    seen = _Seen()

    def begin(self) -> None:
        self.seen = _Seen()

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        for page in super().pages(stream, cursor, versions):
            self.seen.delivered[stream] += len(page.records) + len(page.rejects)
            self.seen.unreadable[stream] += len(page.rejects)
            yield page

    def _meet(self, call: str, stream: Stream | None = None) -> SyncError | None:
        try:
            return super()._meet(call, stream)
        except SyncError as error:
            if call in READING:
                self.seen.refused.append(f"{call}: {error!r}")
            raise


def _problems(watched: _Watched, report: RunReport) -> Iterator[str]:
    """Where the report and what was seen from outside differ."""
    entries = report.streams.values()
    balanced = all(entry.pull.balances and entry.push.balances for entry in entries)
    wrong = [*watched.seen.refused, *([report.error] if report.error else [])]
    for stream, entry in report.streams.items():
        wrong += [entry.error] if entry.error else []
        wrong += [f"{stream.value}: {kind}" for kind in UNDONE if getattr(entry.push, kind)]
        wrong += [f"{stream.value}: {kind}" for kind in REFUSED if getattr(entry.pull, kind)]
        if entry.pull.rejected < watched.seen.unreadable[stream] and entry.error is None:
            yield f"{stream.value}: {watched.seen.unreadable[stream]} unreadable, {entry.pull.rejected} reported"
        # More may be reported: what waited here, or was asked for by its id, is looked at again.
        if entry.error is None and report.error is None and entry.pull.received < watched.seen.delivered[stream]:
            yield f"{stream.value}: {watched.seen.delivered[stream]} delivered, {entry.pull.received} reported"
    if not balanced:
        yield "the counts do not balance"
    if (report.status is RunStatus.SUCCEEDED) is not (balanced and not wrong):
        yield f"{report.status.value} with {wrong}"
