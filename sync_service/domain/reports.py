"""Run reports: counts that must balance before a run may call itself green (invariant 11)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from sync_service.domain.streams import BOTH_WAYS, Stream


class Outcome(StrEnum):
    """What became of a received record; exactly one, the first that fits in this order."""

    ERASED = "erased"  # of a person whose data was destroyed here: looked at no further
    REJECTED = "rejected"
    HELD = "held"
    CONFLICTS = "conflicts"
    WAITING = "waiting"
    APPLIED = "applied"
    UNCHANGED = "unchanged"


class WaitingFor(StrEnum):
    """Why a record waits."""

    PARENT = "parent"
    PERMIT = "permit"
    RELEASE = "release"
    LOGIN = "login"
    BLACKOUT = "blackout"
    DECISION = "decision"


# Why a run was interrupted, as its report says it.
TAKEN_OVER = "another run has taken over the streams of this one; what was durable stays, the other run goes on"
NO_LAST_WORD = "the process of this run ended without a word; what was durable stays, the next run goes on from there"


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    HELD = "held"
    LOGIN_NEEDED = "login_needed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Stage(StrEnum):
    """What a run is doing, in this order."""

    READING = "reading"
    COMPARING = "comparing"
    SENDING = "sending"


@dataclass(slots=True, kw_only=True)
class PullCounts:
    received: int = 0
    applied: int = 0
    unchanged: int = 0
    conflicts: int = 0
    waiting: int = 0
    held: int = 0
    rejected: int = 0
    erased: int = 0

    def add(self, outcome: Outcome, count: int = 1) -> None:
        """Count ``count`` received records under one outcome."""
        self.received += count
        setattr(self, outcome.value, getattr(self, outcome.value) + count)

    @property
    def outcomes(self) -> int:
        done = self.applied + self.unchanged + self.conflicts + self.waiting
        return done + self.held + self.rejected + self.erased

    @property
    def balances(self) -> bool:
        return self.received == self.outcomes

    def to_json(self) -> dict[str, int]:
        """``erased`` stands in it only where somebody's data was destroyed."""
        return {name: count for name, count in asdict(self).items() if name != "erased" or count}


@dataclass(slots=True, kw_only=True)
class PushCounts:
    queued: int = 0
    acked: int = 0
    unchanged: int = 0
    conflicts: int = 0
    waiting: int = 0
    retrying: int = 0
    unknown: int = 0
    held: int = 0
    rejected: int = 0

    def add(self, outcome: str, count: int = 1) -> None:
        self.queued += count
        setattr(self, outcome, getattr(self, outcome) + count)

    @property
    def outcomes(self) -> int:
        done = self.acked + self.unchanged + self.conflicts + self.waiting
        return done + self.retrying + self.unknown + self.held + self.rejected

    @property
    def balances(self) -> bool:
        return self.queued == self.outcomes


@dataclass(slots=True, kw_only=True)
class StreamReport:
    pull: PullCounts = field(default_factory=PullCounts)
    push: PushCounts = field(default_factory=PushCounts)
    waiting: dict[str, int] = field(default_factory=dict)  # reason -> entries, both directions
    near_misses: dict[str, int] = field(default_factory=dict)  # field -> records the region stored otherwise
    error: str | None = None

    @property
    def done(self) -> int:
        """Records both sides agree on since this run: what waits or is asked about is not among them."""
        return self.pull.applied + self.pull.unchanged + self.push.acked + self.push.unchanged

    @property
    def failed(self) -> int:
        """Records that were refused; a reading that broke off counts as one."""
        return max(self.pull.rejected + self.push.rejected, int(self.error is not None))


@dataclass(slots=True, kw_only=True)
class ReleaseCounts:
    not_released: int = 0
    released: int = 0
    enrolled: int = 0


@dataclass(slots=True, kw_only=True)
class RunReport:
    """The outcome of one cycle of one school; ``started_at`` and ``finished_at`` are ISO 8601 in UTC."""

    run_id: str
    school: str
    status: RunStatus = RunStatus.RUNNING
    started_at: str = ""
    finished_at: str | None = None
    streams: dict[Stream, StreamReport] = field(default_factory=dict)
    releases: ReleaseCounts = field(default_factory=ReleaseCounts)
    error: str | None = None
    stage: Stage | None = field(default=None, compare=False)  # what is going on, while it is
    at: Stream | None = field(default=None, compare=False)

    def stream(self, stream: Stream) -> StreamReport:
        return self.streams.setdefault(stream, StreamReport())

    def conclude(self) -> RunStatus:
        """The honest status of a run that came to its end: green only when everything balances."""
        reports = self.streams.values()
        if any(r.pull.held or r.push.held for r in reports):
            return RunStatus.HELD
        clean = all(
            r.error is None
            and r.pull.balances
            and r.push.balances
            and not (r.pull.rejected or r.push.rejected or r.push.retrying or r.push.unknown)
            for r in reports
        )
        if clean and self.error is None:
            return RunStatus.SUCCEEDED
        return RunStatus.COMPLETED_WITH_ERRORS

    def so_far(self) -> RunReport:
        """A copy that balances, of a report another thread is counting on: the received are what has an outcome.

        Raises RuntimeError when the other thread adds a key in the middle; the caller tries again later.
        """
        streams: dict[Stream, StreamReport] = {}
        for name, entry in self.streams.items():
            pull, push = replace(entry.pull), replace(entry.push)
            pull.received, push.queued = pull.outcomes, push.outcomes
            streams[name] = replace(
                entry, pull=pull, push=push, waiting=dict(entry.waiting), near_misses=dict(entry.near_misses)
            )
        return replace(
            self,
            status=RunStatus.RUNNING,
            finished_at=None,
            error=None,
            streams=streams,
            releases=replace(self.releases),
        )

    def to_json(self) -> dict[str, Any]:
        """The documented RunReport (DESIGN.md 7), version 1; ``stage`` and ``at`` stand in it while it runs."""
        streams: dict[str, Any] = {}
        for name, report in self.streams.items():
            entry: dict[str, Any] = {"pull": report.pull.to_json()}
            if name in BOTH_WAYS:
                entry["push"] = asdict(report.push)
            entry["waiting"] = dict(report.waiting)
            entry["error"] = report.error
            if report.near_misses:
                entry["near_misses"] = dict(report.near_misses)
            streams[name.value] = entry
        doing = {"stage": self.stage, "at": self.at} if self.status is RunStatus.RUNNING and self.stage else {}
        return {
            **{name: value and value.value for name, value in doing.items()},
            "run_id": self.run_id,
            "school": self.school,
            "status": self.status.value,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "streams": streams,
            "releases": asdict(self.releases),
            "error": self.error,
        }
