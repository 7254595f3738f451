"""«Состояние»: how every stream stands in one word, why, who acts, and what two weeks looked like.

A constant number of statements over figures, none over records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.judging import Cause, Word, failing, judge, target_of
from sync_service.engine.queries import school_status
from sync_service.engine.queries_run_page import RunView, view_of
from sync_service.engine.queries_runs import seen_now
from sync_service.engine.stores import Database, DayCount, SignatureCount

DAYS = 14
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Records of one UTC day: agreed on, and refused."""

    day: date
    done: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """One stream. ``target`` is how old, in seconds, its data may be; moments are ISO 8601 in UTC; ``days`` ends
    with today. ``done`` and ``failed`` count the last 24 hours."""

    stream: str
    title: str
    both_ways: bool
    word: Word
    cause: Cause | None
    fresh_at: str | None
    late: bool
    target: int
    backlog: int
    waiting: int
    oldest_at: str | None
    done: int
    failed: int
    next_run_at: str | None
    days: tuple[Day, ...]

    @property
    def error_percent(self) -> int:
        """Of the last 24 hours, rounded down: 0 with ``failed`` is less than one."""
        return 100 * self.failed // (self.done + self.failed) if self.failed else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolState:
    """``streams``: trouble first. ``agreeing`` of ``pupils`` are linked and have nothing open. ``erased`` pupils'
    data was destroyed, and they are kept out."""

    streams: tuple[StreamState, ...]
    words: dict[Word, int]
    needs_login: bool
    agreeing: int
    pupils: int
    backlog: int
    oldest_at: str | None
    done: int
    failed: int
    next_run_at: str | None
    every: int
    running: str | None
    last: RunView | None
    erased: int

    @property
    def shared(self) -> Cause | None:
        """The cause every stream has in common: said once."""
        causes = [one.cause for one in self.streams if one.cause]
        same = len(causes) == len(self.streams) and len({cause.words for cause in causes}) == 1
        return causes[0] if same else None


def school_state(
    db: Database, school: School, *, needs_login: bool, intervals: Mapping[Stream, float], now: datetime
) -> SchoolState:
    """How a school stands at ``now`` (aware). ``intervals`` are those of the schedule, in seconds."""
    status = school_status(db, school, connection="login_needed" if needs_login else "ok", now=now)
    reports = seen_now(db, school.school_id, db.runs.since(school.school_id, now - DAY))
    days = _by_stream(db.runs.days(school.school_id, now.astimezone(UTC).date() - DAY * (DAYS - 1)), now)
    with db.read(school.school_id) as uow:
        refused: dict[Stream, SignatureCount] = {}
        for group in uow.quarantine.signatures():
            refused.setdefault(group.stream, group)
        erased = sum(one.lifted_at is None for one in uow.erasures.cases())
        agreeing, pupils = uow.links.agreeing(Stream.STUDENTS), uow.staging.size(Stream.STUDENTS)
    scheduled = any(entry.next_run_at for entry in status.streams.values())
    found = []
    for stream in Stream:
        entry = status.streams[stream.value]
        target = target_of(intervals[stream])
        verdict = judge(
            entry,
            target=target,
            interval=intervals[stream],
            now=now,
            needs_login=needs_login,
            scheduled=scheduled,
            trouble=failing(reports, stream),
            refused=refused.get(stream),
        )
        counted = [r.streams[stream] for r in reports if stream in r.streams and r.status is not RunStatus.RUNNING]
        found.append(
            StreamState(
                stream=stream.value,
                title=words.STREAMS[stream],
                both_ways=stream in BOTH_WAYS,
                word=verdict.word,
                cause=verdict.cause,
                fresh_at=entry.last_success_at,
                late=verdict.late,
                target=int(target),
                backlog=entry.backlog,
                waiting=entry.waiting,
                oldest_at=entry.oldest_backlog_at,
                done=sum(one.done for one in counted),
                failed=sum(one.failed for one in counted),
                next_run_at=entry.next_run_at,
                days=days[stream],
            )
        )
    urgency = list(Word)
    found.sort(key=lambda one: (urgency.index(one.word), one.cause is None))
    last = db.runs.latest(school.school_id, 1)
    return SchoolState(
        streams=tuple(found),
        words=dict(Counter(one.word for one in found)),
        needs_login=needs_login,
        agreeing=agreeing,
        pupils=pupils,
        backlog=status.totals.backlog,
        oldest_at=min((one.oldest_at for one in found if one.oldest_at), default=None),
        done=sum(one.done for one in found),
        failed=sum(one.failed for one in found),
        next_run_at=min((one.next_run_at for one in found if one.next_run_at), default=None),
        every=int(min(intervals.values())),
        running=next((report.run_id for report in reports if report.status is RunStatus.RUNNING), None),
        last=view_of(seen_now(db, school.school_id, last)[0]) if last else None,
        erased=erased,
    )


def _by_stream(counts: list[DayCount], now: datetime) -> dict[Stream, tuple[Day, ...]]:
    known = {(one.stream, one.day): one for one in counts}
    today = now.astimezone(UTC).date()
    found: dict[Stream, tuple[Day, ...]] = {}
    for stream in Stream:
        row = []
        for back in reversed(range(DAYS)):
            day = today - DAY * back
            one = known.get((stream, day))
            row.append(Day(day=day, done=one.done if one else 0, failed=one.failed if one else 0))
        found[stream] = tuple(row)
    return found
