"""Read views shared by the command line and the page: the state of a school at a glance.

Views are frozen values of plain JSON types; ``plain`` turns one into what ``--json`` prints. The other views
stand in the modules named ``queries_*``. docs/commands.md documents every shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sync_service.domain.outbox import EntryState
from sync_service.domain.releases import OPEN_STATES, ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_runs import RunRow, last_successes, run_rows
from sync_service.engine.stores import Database, UnitOfWork

VERSION = 1  # of every documented shape; grows when a key changes its meaning or goes away

_NEXT_RUNS = "next_runs"
_AWAITED = (ReleaseState.CLAIMED, ReleaseState.NOT_RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """How one stream stands. ``backlog`` counts changes of the school that the region does not have yet,
    waiting ones included; ``waiting`` records of either side that wait for something; moments are UTC."""

    last_success_at: str | None
    lag_seconds: int | None
    backlog: int
    oldest_backlog_at: str | None
    conflicts: int
    waiting: int
    quarantined: int
    held: int
    next_run_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTotals:
    """Sums over the streams, and what waits for a person. ``unwatched`` counts pupils the region does not know
    and whose release nobody watches."""

    backlog: int
    conflicts: int
    waiting: int
    quarantined: int
    held: int
    matches: int
    releases: int
    unwatched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolStatus:
    """How one school stands. ``connection`` is ok, login_needed or unknown (nobody has logged in)."""

    school: str
    name: str
    connection: str
    streams: dict[str, StreamStatus]
    totals: StatusTotals
    last_run: RunRow | None


def plain(view: Any) -> Any:
    """A view, or a list of them, as JSON values."""
    return [asdict(item) for item in view] if isinstance(view, (list, tuple)) else asdict(view)


def school_status(db: Database, school: School, *, connection: str, now: datetime) -> SchoolStatus:
    """How a school stands at ``now`` (aware)."""
    successes = last_successes(db, school.school_id, Stream, until=now)
    runs = run_rows(db, school, limit=1)
    with db.read(school.school_id) as uow:
        watched, unwatched = _cards(uow)
        streams = _streams(uow, now, successes, cards=watched + unwatched)
        totals = StatusTotals(
            **{
                name: sum(getattr(entry, name) for entry in streams.values())
                for name in ("backlog", "conflicts", "waiting", "quarantined", "held")
            },
            matches=len(uow.matches.cases()),
            releases=_awaited(uow),
            unwatched=unwatched,
        )
    return SchoolStatus(
        school=school.code,
        name=school.name,
        connection=connection,
        streams={stream.value: entry for stream, entry in streams.items()},
        totals=totals,
        last_run=runs[0] if runs else None,
    )


def open_decisions(db: Database, school: School) -> frozenset[tuple[str, int]]:
    """Everything that waits for a person now, as (queue, id): to see what a run has added."""
    with db.read(school.school_id) as uow:
        conflicts = [("conflict", case.conflict_id) for case in uow.conflicts.cases()]
        matches = [("match", case.case_id) for case in uow.matches.cases()]
        releases = [("release", case.release_id) for case in uow.releases.open() if case.state in _AWAITED]
        holds = [("hold", case.hold_id) for case in uow.holds.undecided()]
    return frozenset([*conflicts, *matches, *releases, *holds])


def remember_next_runs(uow: UnitOfWork, moments: Mapping[Stream, datetime]) -> None:
    """Where the daemon writes down when it is going to run each stream; ``status`` shows it."""
    note = {stream.value: at.isoformat() for stream, at in moments.items()}
    uow.cursors.put_note(_NEXT_RUNS, json.dumps(note))


def next_runs(uow: UnitOfWork) -> dict[Stream, str]:
    """Stream → the moment (ISO 8601, UTC) the daemon means to run it; empty when nobody runs the schedule."""
    return {Stream(name): at for name, at in json.loads(uow.cursors.get_note(_NEXT_RUNS) or "{}").items()}


def linked_records(db: Database, school: School) -> int:
    """Records that both sides are known to share: a figure that grows while a first synchronisation works."""
    with db.read(school.school_id) as uow:
        return sum(uow.links.count(stream) for stream in Stream)


def _streams(
    uow: UnitOfWork, now: datetime, successes: Mapping[Stream, str], *, cards: int
) -> dict[Stream, StreamStatus]:
    backlog = dict.fromkeys(Stream, 0)
    waiting = dict.fromkeys(Stream, 0)
    held = dict.fromkeys(Stream, 0)
    for stream, count in uow.journal.pending().items():
        backlog[stream] += count
    for (stream, state, _), count in uow.outbox.counts().items():
        if state is EntryState.REJECTED:  # the quarantine's
            continue
        backlog[stream] += count
        waiting[stream] += count if state is EntryState.WAITING else 0
        held[stream] += count if state is EntryState.HELD else 0
    for (stream, reason), count in uow.inbox.counts().items():
        if reason != "discarded":  # a person does not want it
            (held if reason == "held" else waiting)[stream] += count
    waiting[Stream.STUDENTS] += cards
    quarantined = dict.fromkeys(Stream, 0)
    for (stream, _), count in uow.quarantine.counts().items():
        quarantined[stream] += count
    conflicts, oldest = uow.conflicts.counts(), uow.outbox.oldest()
    planned = next_runs(uow)
    return {
        stream: StreamStatus(
            last_success_at=successes.get(stream),
            lag_seconds=_lag(successes.get(stream), now),
            backlog=backlog[stream],
            oldest_backlog_at=oldest[stream].isoformat() if backlog[stream] and stream in oldest else None,
            conflicts=conflicts.get(stream, 0),
            waiting=waiting[stream],
            quarantined=quarantined[stream],
            held=held[stream],
            next_run_at=_ahead(planned.get(stream), now),
        )
        for stream in Stream
    }


def _cards(uow: UnitOfWork) -> tuple[int, int]:
    """Pupils the region does not know and who are not on their way, as a run counts them: those whose release is
    watched, and those who wait for a person. None before the region's pupils were read for the first time."""
    if uow.cursors.get(Stream.STUDENTS) is None:
        return 0, 0
    cards = uow.staging.unlinked(Stream.STUDENTS)
    under_way = uow.outbox.by_local(Stream.STUDENTS, cards)
    left = [student for student in cards if student not in under_way]
    cases = uow.releases.by_student(left)
    watched = sum(student in cases and cases[student].state in OPEN_STATES for student in left)
    return watched, len(left) - watched


def _awaited(uow: UnitOfWork) -> int:
    counts = uow.releases.counts()
    return sum(counts.get(state.value, 0) for state in _AWAITED)


def _lag(since: str | None, now: datetime) -> int | None:
    return None if since is None else max(0, int((now - datetime.fromisoformat(since)).total_seconds()))


def _ahead(planned: str | None, now: datetime) -> str | None:
    """A moment that has passed says that nobody runs the schedule."""
    return planned if planned is not None and datetime.fromisoformat(planned) >= now else None
