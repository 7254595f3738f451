"""What machines do in a history: cycles, crashes, restarts, faults of the region, a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from sync_service.domain.errors import OutcomeUnknown, RateLimited, TransientError
from sync_service.domain.streams import BOTH_WAYS, Stream
from tests.simulation.state import Crash, History

BETWEEN_TRANSACTIONS = (".after_commit", ".before_send", ".after_send", ".read_back")


def fault(history: History) -> None:
    """One coming call fails, or the region turns odd until the next such step."""
    remote, kind = history.world.remote, history.random.randrange(10)
    match kind:
        case 0:
            remote.fail_next(OutcomeUnknown("answer lost"), after_commit=True)
        case 1:
            remote.fail_next(OutcomeUnknown("not committed"), call="write")
        case 2 | 3:
            call = history.random.choice(("page", "get", "find", "write", "find_available"))
            remote.fail_next(TransientError("503"), call=call, skip=history.random.randrange(3))
        case 4:
            call = history.random.choice(("change_versions", "page"))
            remote.fail_next(RateLimited("429", retry_after=1.0), call=call)
        case 5:
            remote.fail_next(OutcomeUnknown("answer lost"), after_commit=True)
            remote.fail_next(TransientError("503"), call="find")
        case 6:
            remote.reorder = not remote.reorder
        case 7:
            remote.repeat = not remote.repeat
        case 8:
            remote.login_needed = not remote.login_needed
        case _:
            stream = history.random.choice(BOTH_WAYS)
            remote.refused ^= {stream}
    history.say(f"fault {kind}")


def heal(history: History) -> None:
    """The region is well again."""
    remote = history.world.remote
    remote.faults.clear()
    remote.refused.clear()
    remote.login_needed = remote.reorder = remote.repeat = False


def cycle(history: History) -> None:
    report = history.world.sync()
    history.reports.append(report)
    history.say(f"cycle: {report.status.value} {report.error or ''}")


def crashing_cycle(history: History) -> None:
    """The process dies at one of the first named points it passes, and is started anew."""
    left = history.random.randrange(25)

    def probe(point: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            history.say(f"crash at {point}")
            raise Crash(point)

    try:
        report = history.world.sync(probe=probe)
        history.reports.append(report)
    except Crash:
        history.reopen()


def busy_cycle(history: History, steps: Sequence[Callable[[History], None]]) -> None:
    """People go on working while the cycle runs: one step at some moment between two of its transactions."""
    left, step = history.random.randrange(8), history.random.choice(steps)

    def probe(point: str) -> None:
        nonlocal left
        if point.endswith(BETWEEN_TRANSACTIONS):
            left -= 1
            if left == -1:
                history.say(f"meanwhile, at {point}:")
                step(history)

    report = history.world.sync(probe=probe)
    history.reports.append(report)
    history.say(f"busy cycle: {report.status.value} {report.error or ''}")


def unread_deletions(history: History, stream: Stream) -> bool:
    """Whether the region has told of a deletion we have not read: a first reading would not hear of it."""
    gone = list(history.world.remote.records(stream, deleted=True))
    with history.world.db.read(history.world.school.school_id) as uow:
        return bool(uow.links.by_remote(stream, gone))


def restarts(history: History) -> None:
    history.reopen()
    history.say("restart")


def time_passes(history: History) -> None:
    """Also backwards: a clock that was set, or a summer time nobody expected."""
    minutes = history.random.choice((1, 30, 120, -60, 24 * 60))
    history.world.clock.moment += timedelta(minutes=minutes)
    history.say(f"{minutes} minutes pass")


def reads_again(history: History) -> None:
    """Every page of a stream is delivered once more, as after an expired position."""
    stream = history.random.choice(BOTH_WAYS)
    if unread_deletions(history, stream):
        return
    with history.world.db.write(history.world.school.school_id) as uow:
        uow.cursors.reset(stream)
        uow.commit()
    history.say(f"{stream.value} is read again")


def region_forgets(history: History) -> None:
    """The region drops its history of a stream: our position there is expired (410). Only while no deletion
    waits to be read: one that nobody told of can be found by a comparison alone."""
    stream = history.random.choice(BOTH_WAYS)
    if not unread_deletions(history, stream):
        history.world.remote.compact(stream)
        history.say(f"region forgets the history of {stream.value}")
