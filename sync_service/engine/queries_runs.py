"""Runs: what happened when, and since when each stream is up to date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_service.domain.links import SchoolId
from sync_service.domain.reports import PullCounts, PushCounts, RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.stores import Database

# A run that ended early may not have reached a stream it names.
_CAME_TO_ITS_END = frozenset({RunStatus.SUCCEEDED, RunStatus.COMPLETED_WITH_ERRORS, RunStatus.HELD})
_LOOK_BACK = (50, 500, 5000)  # runs; a stream that is read once a day is some hundred runs away


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run with its counts over all streams; moments are ISO 8601 in UTC."""

    id: str
    school: str
    status: str
    started_at: str
    finished_at: str | None
    received: int
    applied: int
    queued: int
    acked: int
    conflicts: int
    waiting: int
    held: int
    rejected: int
    errors: int
    error: str | None


def run_rows(db: Database, school: School, *, limit: int = 20) -> list[RunRow]:
    """The latest runs of a school, newest first."""
    return [_row(report) for report in db.runs.latest(school.school_id, limit)]


def last_successes(db: Database, school: SchoolId, streams: Iterable[Stream]) -> dict[Stream, str]:
    """Stream → end of the newest run that went through it without an error; absent when there is none."""
    missing = set(streams)
    found: dict[Stream, str] = {}
    seen = 0
    for limit in _LOOK_BACK:
        reports = db.runs.latest(school, limit)
        for report in reports[seen:]:
            if report.status not in _CAME_TO_ITS_END or report.finished_at is None:
                continue
            for stream, entry in report.streams.items():
                if stream in missing and entry.error is None:
                    found[stream] = report.finished_at
                    missing.discard(stream)
        seen = len(reports)
        if not missing or seen < limit:
            break
    return found


def _row(report: RunReport) -> RunRow:
    pulls = [entry.pull for entry in report.streams.values()]
    pushes = [entry.push for entry in report.streams.values()]
    both: list[PullCounts | PushCounts] = [*pulls, *pushes]
    return RunRow(
        id=report.run_id,
        school=report.school,
        status=report.status.value,
        started_at=report.started_at,
        finished_at=report.finished_at,
        received=sum(pull.received for pull in pulls),
        applied=sum(pull.applied for pull in pulls),
        queued=sum(push.queued for push in pushes),
        acked=sum(push.acked for push in pushes),
        conflicts=sum(counts.conflicts for counts in both),
        waiting=sum(counts.waiting for counts in both),
        held=sum(counts.held for counts in both),
        rejected=sum(counts.rejected for counts in both),
        errors=sum(entry.error is not None for entry in report.streams.values()),
        error=report.error,
    )
