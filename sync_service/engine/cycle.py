"""One cycle of one school: read what the region changed, capture what the school changed, send, report.

    changeVersion → pull parents first → compare what is due → place cells of class reports → capture
    → release watch → push → report

A stream that fails does not stop the others, except where nobody can go on: no login, lost lease, a damaged
database, a request to stop. Whatever was durable before stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import ParamSpec

from sync_service.domain.errors import (
    BlackoutBegan,
    DatabaseDamaged,
    LeaseLost,
    LoginNeeded,
    StopRequested,
    SyncError,
)
from sync_service.domain.outbox import EntryState
from sync_service.domain.releases import OPEN_STATES
from sync_service.domain.reports import Outcome, RunReport, RunStatus, Stage, WaitingFor
from sync_service.domain.streams import BOTH_WAYS, Stream, StreamVersions
from sync_service.engine.capture import CELL_STREAMS, capture, place_cells
from sync_service.engine.clock_watch import mind_the_clock
from sync_service.engine.context import Cycle
from sync_service.engine.due import compare_later, compared, due_for_comparison
from sync_service.engine.erased import welcome_parents
from sync_service.engine.guarding import tidy_holds
from sync_service.engine.pull import (
    pull_stream,
    retry_parked,
    settle_guardians,
    settle_students,
)
from sync_service.engine.push import push_stream
from sync_service.engine.readback import read_back
from sync_service.engine.reconcile import reconcile_stream
from sync_service.engine.release_watch import close_enrolled, watch_releases
from sync_service.engine.requeue import quarantine_due, read_again, send_again
from sync_service.engine.scopes import end_pull_seeding, unread_under_scope
from sync_service.engine.settle_deletions import settle_deletions
from sync_service.engine.settle_guarded import settle_guarded
from sync_service.engine.stores import UnitOfWork
from sync_service.engine.telling import tell_people

P = ParamSpec("P")

# Reasons that end the whole cycle; anything else ends its stream only.
FATAL = (LoginNeeded, LeaseLost, StopRequested, DatabaseDamaged)


class Direction(StrEnum):
    PULL = "pull"
    PUSH = "push"
    BOTH = "both"


def run_cycle(cycle: Cycle, streams: Collection[Stream], direction: Direction = Direction.BOTH) -> None:
    """Run one cycle over ``streams``, parents first; everything that happened is in ``cycle.report``.

    Never raises for what a run may meet; the caller starts and finishes the run's row.
    """
    report = cycle.report
    wanted = [stream for stream in Stream if stream in streams]
    for stream in wanted:
        report.stream(stream)
    ended: RunStatus | None = None
    stuck: WaitingFor | None = None
    try:
        if direction is not Direction.PUSH:
            _pull(cycle, wanted)
            _compare(cycle, wanted)
        if direction is not Direction.PULL:
            _push(cycle, wanted)
            tell_people(cycle)
        tidy_holds(cycle)
    except LoginNeeded as error:
        ended, report.error, stuck = RunStatus.LOGIN_NEEDED, str(error), WaitingFor.LOGIN
    except StopRequested as error:
        ended, report.error = RunStatus.INTERRUPTED, str(error)
        stuck = WaitingFor.BLACKOUT if isinstance(error, BlackoutBegan) else None
    except SyncError as error:
        ended, report.error = RunStatus.FAILED, f"{type(error).__name__}: {error}"
    with cycle.read() as uow:
        _count_backlog(uow, cycle, stuck)
    report.status = ended or report.conclude()
    report.finished_at = cycle.clock.now().isoformat()


def _guarded(cycle: Cycle, stream: Stream, step: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
    """Run one step of one stream; its error is the stream's, and the rest goes on. True when it succeeded."""
    cycle.check_stop()
    cycle.report.at = stream
    try:
        step(*args, **kwargs)
    except FATAL:
        raise
    except SyncError as error:
        entry = cycle.report.stream(stream)
        entry.error = entry.error or f"{type(error).__name__}: {error}"
        return False
    return True


# --- pull --------------------------------------------------------------------------------------------------------


def _pull(cycle: Cycle, streams: list[Stream]) -> None:
    cycle.report.stage = Stage.READING
    versions: Mapping[Stream, StreamVersions] = cycle.remote.change_versions().streams
    streams = _answered(cycle, streams)
    for stream, items in quarantine_due(cycle, "pull", streams):
        _guarded(cycle, stream, read_again, cycle, stream, items)
    with cycle.read() as uow:
        cursors = {s: uow.cursors.get(s) for s in streams}
        parked = {stream for stream, _ in uow.inbox.counts()}
        unread = unread_under_scope(cycle, uow, streams)
    changed = [s for s, cursor in cursors.items() if s in unread or _behind(cycle, cursor, versions.get(s))]
    whole = {s for s in streams if s not in changed}
    for stream in streams:
        if stream in CELL_STREAMS:
            _place(cycle, [stream], changed)
        if stream in changed and _guarded(cycle, stream, pull_stream, cycle, stream, versions.get(stream)):
            whole.add(stream)
            parked.add(stream)
        _settle(cycle, stream, whole, parked)
    if Stream.GUARDIANSHIPS in whole and Stream.GUARDIANSHIPS in parked:
        _guarded(cycle, Stream.GUARDIANSHIPS, welcome_parents, cycle)
    end_pull_seeding(cycle, whole)


def _answered(cycle: Cycle, streams: list[Stream]) -> list[Stream]:
    """The streams of which we know what has arrived. A row that may stand in the region already looks, to whoever
    reads it there, like a record of somebody else; and another record that looks like the row would be taken for it.
    So what nobody saw the answer of is read back first, and a stream where that fails is not read in this run."""
    with cycle.read() as uow:
        open_ended = {attempt.stream for attempt in uow.attempts.unanswered()}
    return [s for s in streams if s not in open_ended or _guarded(cycle, s, read_back, cycle, s)]


def _behind(cycle: Cycle, cursor: str | None, versions: StreamVersions | None) -> bool:
    """Whether the region has something we have not read; without a version nobody can tell but a reading."""
    return cursor is None or versions is None or versions.newest != cycle.remote.position(cursor)


def _settle(cycle: Cycle, stream: Stream, whole: set[Stream], parked: set[Stream]) -> None:
    """What can only be decided once the inventory is complete, and what waited for a parent."""
    if stream is Stream.STUDENTS and stream in whole and stream in parked:
        _guarded(cycle, stream, settle_students, cycle)
    if stream is Stream.GUARDIANSHIPS and {Stream.GUARDIANS, stream} <= whole and Stream.GUARDIANS in parked:
        _guarded(cycle, Stream.GUARDIANS, settle_guardians, cycle)
        parked.add(stream)
    if stream in parked:
        _guarded(cycle, stream, retry_parked, cycle, stream)
        if stream in whole:
            _guarded(cycle, stream, settle_guarded, cycle, stream)
        _guarded(cycle, stream, settle_deletions, cycle, stream)


def _compare(cycle: Cycle, streams: list[Stream]) -> None:
    """Compare the streams that are due with the region as a whole; one that could not be read waits."""
    with cycle.read() as uow:
        due = due_for_comparison(uow, cycle.clock.now())
        parked = {stream for stream, _ in uow.inbox.counts()} if due else set()
    whole: set[Stream] = set()
    for stream in streams if due.intersection(streams) else ():
        cycle.report.stage = Stage.COMPARING
        if stream in due and cycle.report.stream(stream).error is None:
            begun = cycle.clock.now()
            done = _guarded(cycle, stream, reconcile_stream, cycle, stream)
            whole.update([stream] if done else ())
            parked.add(stream)
            with cycle.write() as uow:
                if done:
                    compared(uow, stream, begun=begun)
                else:
                    compare_later(uow, stream, cycle.clock.now())
                uow.commit()
        _settle(cycle, stream, whole, parked)


def _place(cycle: Cycle, streams: list[Stream], changed: list[Stream]) -> None:
    """Cells of class reports look for their lesson before the region's marks come in, else both would stand."""
    with cycle.read() as uow:
        pending = uow.journal.pending()
    for stream in streams:
        if Stream.LESSONS in changed or pending.get(stream):
            _guarded(cycle, stream, place_cells, cycle, (stream,))


# --- push --------------------------------------------------------------------------------------------------------


def _push(cycle: Cycle, streams: list[Stream]) -> None:
    cycle.report.stage = Stage.SENDING
    both = [stream for stream in streams if stream in BOTH_WAYS]
    mind_the_clock(cycle)
    _place(cycle, [stream for stream in both if stream in CELL_STREAMS], [])
    for stream in both:
        _guarded(cycle, stream, capture, cycle, [stream])
    if Stream.STUDENTS in both:
        _guarded(cycle, Stream.STUDENTS, watch_releases, cycle)
    for stream, items in quarantine_due(cycle, "push", both):
        _guarded(cycle, stream, send_again, cycle, stream, items)
    with cycle.read() as uow:
        due = uow.outbox.due(cycle.clock.now()) | {attempt.stream for attempt in uow.attempts.unanswered()}
    for stream in both:
        if stream in due or _woken(cycle, stream):
            _guarded(cycle, stream, push_stream, cycle, stream)
        if stream is Stream.STUDENTS:
            cycle.report.releases.enrolled += close_enrolled(cycle)


def _woken(cycle: Cycle, stream: Stream) -> bool:
    """Whether what was sent before this stream has made entries of it due."""
    with cycle.read() as uow:
        return stream in uow.outbox.due(cycle.clock.now())


# --- the report --------------------------------------------------------------------------------------------------

_OUTCOMES = {
    EntryState.WAITING: "waiting",
    EntryState.RETRY: "retrying",
    EntryState.PENDING: "retrying",
    EntryState.LEASED: "unknown",
    EntryState.UNKNOWN: "unknown",
    EntryState.HELD: "held",
}


def _count_backlog(uow: UnitOfWork, cycle: Cycle, stuck: WaitingFor | None) -> None:
    """What is still in the outbox counts under the reason why it is there; rejected ones are the quarantine's.
    ``stuck`` is what kept the run from sending what was ready to go."""
    report = cycle.report
    for (stream, state, reason), count in uow.outbox.counts().items():
        if stream not in report.streams or state not in _OUTCOMES:
            continue
        entry = report.stream(stream)
        ready = state in (EntryState.PENDING, EntryState.RETRY)
        entry.push.add("waiting" if stuck and ready else _OUTCOMES[state], count)
        why = stuck if stuck and ready else reason
        if why is not None:
            entry.waiting[why.value] = entry.waiting.get(why.value, 0) + count
    for (stream, reason_parked), count in uow.inbox.counts().items():
        if stream in report.streams and reason_parked == "held":
            counts = report.stream(stream).pull
            counts.add(Outcome.HELD, max(0, count - counts.held))
        if stream in report.streams and reason_parked in ("parent", "decision"):
            waiting = report.stream(stream).waiting
            waiting[reason_parked] = waiting.get(reason_parked, 0) + count
    if Stream.STUDENTS in report.streams:
        _count_cards(uow, report)


def _count_cards(uow: UnitOfWork, report: RunReport) -> None:
    """Pupils the region does not know and who are not in the outbox: nobody of them is left out of the report.
    They wait for a release, or for a person: to complete the card, to tell a namesake apart, to watch them."""
    cards = uow.staging.unlinked(Stream.STUDENTS)
    under_way = uow.outbox.by_local(Stream.STUDENTS, cards)
    cases = uow.releases.by_student(cards)
    entry = report.stream(Stream.STUDENTS)
    for student_id in cards:
        if student_id in under_way:
            continue
        case = cases.get(student_id)
        watched = case is not None and case.state in OPEN_STATES
        why = (WaitingFor.RELEASE if watched else WaitingFor.DECISION).value
        entry.push.add("waiting")
        entry.waiting[why] = entry.waiting.get(why, 0) + 1
    counts = uow.releases.counts()
    report.releases.not_released = counts.get("not_released", 0)
    report.releases.released = counts.get("released", 0)
