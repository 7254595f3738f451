"""Runs and their reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, desc, func, insert, select, text, update

from sync_service.domain.links import SchoolId
from sync_service.domain.reports import (
    NO_LAST_WORD,
    PullCounts,
    PushCounts,
    ReleaseCounts,
    RunReport,
    RunStatus,
    Stage,
    StreamReport,
)
from sync_service.domain.streams import Stream
from sync_service.engine.stores import DayCount
from sync_service.persistence.engine import connected
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema.state import leases, runs, stream_days

_ADD = text(
    "INSERT INTO stream_days (school_id, stream, day, done, failed) VALUES (:school, :stream, :day, :done, :failed)"
    " ON CONFLICT (school_id, stream, day) DO UPDATE"
    " SET done = stream_days.done + excluded.done, failed = stream_days.failed + excluded.failed"
)


def report_from_json(document: dict[str, Any]) -> RunReport:
    """The inverse of ``RunReport.to_json``."""
    streams = {
        Stream(name): StreamReport(
            pull=PullCounts(**entry["pull"]),
            push=PushCounts(**entry.get("push", {})),
            waiting=dict(entry["waiting"]),
            near_misses=dict(entry.get("near_misses", {})),
            error=entry["error"],
        )
        for name, entry in document["streams"].items()
    }
    stage, at = document.get("stage"), document.get("at")
    return RunReport(
        stage=None if stage is None else Stage(stage),
        at=None if at is None else Stream(at),
        run_id=document["run_id"],
        school=document["school"],
        status=RunStatus(document["status"]),
        started_at=document["started_at"],
        finished_at=document["finished_at"],
        streams=streams,
        releases=ReleaseCounts(**document["releases"]),
        error=document["error"],
    )


class SqlRuns:
    """Own short transactions: a run is on record even when all of its work is rolled back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, school: SchoolId, report: RunReport, trigger: str) -> None:
        newest = select(func.coalesce(func.max(runs.c.seq), 0) + 1).where(runs.c.school_id == school)
        row = {"run_id": report.run_id, "school_id": school, "trigger": trigger, **_columns(report)}
        with connected(self._engine, writing=True) as connection:
            connection.execute(insert(runs).values(seq=newest.scalar_subquery(), **row))
            connection.commit()

    def finish(self, school: SchoolId, report: RunReport) -> bool:
        with connected(self._engine, writing=True) as connection:
            done = connection.execute(
                update(runs)
                .where(
                    runs.c.run_id == report.run_id,
                    runs.c.school_id == school,
                    runs.c.status == RunStatus.RUNNING.value,
                )
                .values(**_columns(report))
            )
            if done.rowcount:
                _add_up(connection, school, report)
            connection.commit()
        return bool(done.rowcount)

    def progress(self, school: SchoolId, report: RunReport) -> bool:
        """Only the report, and only while the row is «running»: a run that was closed keeps its word."""
        with connected(self._engine, writing=True) as connection:
            done = connection.execute(
                update(runs)
                .where(
                    runs.c.run_id == report.run_id,
                    runs.c.school_id == school,
                    runs.c.status == RunStatus.RUNNING.value,
                )
                .values(report=dump(report.to_json()))
            )
            connection.commit()
        return bool(done.rowcount)

    def recover(self, school: SchoolId) -> int:
        """Runs left «running» by a dead process become «interrupted»; returns how many.

        To be called by who has just taken leases. A run that itself still holds a lease (its id is the lease's
        holder) is alive and stays as it is.
        """
        alive = select(leases.c.holder).where(leases.c.school_id == school, leases.c.holder.is_not(None))
        left = select(runs.c.report).where(
            runs.c.school_id == school, runs.c.status == RunStatus.RUNNING.value, runs.c.run_id.not_in(alive)
        )
        with connected(self._engine, writing=False) as connection:
            if connection.execute(left).first() is None:  # the usual case takes no writer's lock
                return 0
        with connected(self._engine, writing=True) as connection:
            reports = [report_from_json(load(found)) for found in connection.execute(left).scalars()]
            for report in reports:
                closed = replace(report, status=RunStatus.INTERRUPTED, error=NO_LAST_WORD)
                connection.execute(update(runs).where(runs.c.run_id == report.run_id).values(**_columns(closed)))
                _add_up(connection, school, closed)
            connection.commit()
        return len(reports)

    def latest(self, school: SchoolId, limit: int = 20) -> list[RunReport]:
        """Newest first."""
        query = (
            select(runs.c.report)
            .where(runs.c.school_id == school)
            .order_by(desc(runs.c.seq), desc(runs.c.started_at), desc(runs.c.run_id))
            .limit(limit)
        )
        with connected(self._engine, writing=False) as connection:
            found = connection.execute(query).scalars().all()
        return [report_from_json(load(document)) for document in found]

    def since(self, school: SchoolId, moment: datetime, limit: int = 1500) -> list[RunReport]:
        newest = select(func.max(runs.c.seq)).where(runs.c.school_id == school).scalar_subquery()
        query = (  # the index is by order: without its bound every run there ever was would be looked at
            select(runs.c.report)
            .where(runs.c.school_id == school, runs.c.seq > newest - limit, runs.c.started_at >= stamp(moment))
            .order_by(desc(runs.c.seq))
        )
        with connected(self._engine, writing=False) as connection:
            found = connection.execute(query).scalars().all()
        return [report_from_json(load(document)) for document in found]

    def days(self, school: SchoolId, since: date) -> list[DayCount]:
        query = select(stream_days).where(stream_days.c.school_id == school, stream_days.c.day >= since.isoformat())
        with connected(self._engine, writing=False) as connection:
            found = connection.execute(query.order_by(stream_days.c.day, stream_days.c.stream)).all()
        return [
            DayCount(stream=Stream(row.stream), day=date.fromisoformat(row.day), done=row.done, failed=row.failed)
            for row in found
        ]

    def get(self, run_id: str) -> RunReport | None:
        with connected(self._engine, writing=False) as connection:
            document = connection.execute(select(runs.c.report).where(runs.c.run_id == run_id)).scalar()
        return None if document is None else report_from_json(load(document))


def _add_up(connection: Connection, school: SchoolId, report: RunReport) -> None:
    """Add a run to the day it ended on, in the transaction that ends it: it is counted once. In the order of the
    names, because two runs of a school may end at once."""
    day = moment(report.finished_at or report.started_at).astimezone(UTC).date().isoformat()
    counted = [
        {"school": school, "stream": stream.value, "day": day, "done": entry.done, "failed": entry.failed}
        for stream, entry in sorted(report.streams.items())
        if entry.done or entry.failed
    ]
    if counted:
        connection.execute(_ADD, counted)


def _columns(report: RunReport) -> dict[str, Any]:
    finished = None if report.finished_at is None else stamp(moment(report.finished_at))
    return {
        "status": report.status.value,
        "started_at": stamp(moment(report.started_at)),
        "finished_at": finished,
        "report": dump(report.to_json()),
    }
