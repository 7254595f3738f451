"""Runs: what happened when, and since when each stream is up to date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_service.domain.links import SchoolId
from sync_service.domain.reports import NO_LAST_WORD, PullCounts, PushCounts, RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.stores import Database

# A run that ended early may not have reached a stream it names.
_CAME_TO_ITS_END = frozenset({RunStatus.SUCCEEDED, RunStatus.COMPLETED_WITH_ERRORS, RunStatus.HELD})
CLOCKS_DIFFER = timedelta(minutes=5)  # of machines that are in order
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
    return [_row(report) for report in seen_now(db, school.school_id, db.runs.latest(school.school_id, limit))]


def running_run(db: Database, school: School) -> str | None:
    """The id of the run that is under way, by its lease; None when none is."""
    alive = db.leases.alive(school.school_id)
    if not alive:
        return None
    reports = db.runs.latest(school.school_id, len(alive) + 5)
    return next((r.run_id for r in reports if r.status is RunStatus.RUNNING and r.run_id in alive), None)


def run_report(db: Database, school: School, run_id: str) -> RunReport | None:
    """One run of the school as it is known now."""
    report = db.runs.get(run_id)
    return None if report is None or report.school != school.code else seen_now(db, school.school_id, [report])[0]


def seen_now(db: Database, school: SchoolId, reports: list[RunReport]) -> list[RunReport]:
    """The same reports; a run whose process gives no sign of life is not shown as running, although nobody has
    closed its row yet. A row may have been closed between the two looks, so it is read again."""
    if not any(report.status is RunStatus.RUNNING for report in reports):
        return reports
    alive = db.leases.alive(school)
    return [
        report if report.status is not RunStatus.RUNNING or report.run_id in alive else _left(db, report)
        for report in reports
    ]


def _left(db: Database, report: RunReport) -> RunReport:
    again = db.runs.get(report.run_id) or report
    if again.status is not RunStatus.RUNNING:
        return again
    return replace(again, status=RunStatus.INTERRUPTED, error=NO_LAST_WORD)


def last_successes(
    db: Database, school: SchoolId, streams: Iterable[Stream], *, until: datetime | None = None
) -> dict[Stream, str]:
    """Stream → end of the newest run that went through it without an error; absent when there is none.

    A run that ended after ``until`` did so by a clock that was ahead: how fresh it left a stream nobody knows.
    """
    latest = None if until is None else until + CLOCKS_DIFFER
    missing = set(streams)
    found: dict[Stream, str] = {}
    seen = 0
    for limit in _LOOK_BACK:
        reports = db.runs.latest(school, limit)
        for report in reports[seen:]:
            if report.status not in _CAME_TO_ITS_END or report.finished_at is None:
                continue
            if latest is not None and datetime.fromisoformat(report.finished_at) > latest:
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
