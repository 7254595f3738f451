"""What machines do in a history: cycles, crashes, restarts, faults of the region, a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from sync_service.domain.errors import OutcomeUnknown, RateLimited, TransientError
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine.due import ask_for_comparison
from tests.simulation.school_steps import card_edit
from tests.simulation.state import Crash, History
from tests.unit.engine.drift import without_triggers

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
    report = history.world.sync(probe=history.remote.passes, attended=history.attended)
    history.reports.append(report)
    history.say(f"cycle: {report.status.value} {report.error or ''}")


def crashing_cycle(history: History) -> None:
    """The process dies at one of the first named points it passes, and is started anew."""
    left = history.random.randrange(25)

    def probe(point: str) -> None:
        nonlocal left
        history.remote.passes(point)
        left -= 1
        if left < 0:
            history.say(f"crash at {point}")
            raise Crash(point)

    try:
        report = history.world.sync(probe=probe, attended=history.attended)
        history.reports.append(report)
    except Crash:
        history.dies()


def busy_cycle(history: History, steps: Sequence[Callable[[History], None]]) -> None:
    """People go on working while the cycle runs: one step at some moment between two of its transactions."""
    left, step = history.random.randrange(8), history.random.choice(steps)

    def probe(point: str) -> None:
        nonlocal left
        history.remote.passes(point)
        if point.endswith(BETWEEN_TRANSACTIONS):
            left -= 1
            if left == -1:
                history.say(f"meanwhile, at {point}:")
                step(history)

    report = history.world.sync(probe=probe, attended=history.attended)
    history.reports.append(report)
    history.say(f"busy cycle: {report.status.value} {report.error or ''}")


def restarts(history: History) -> None:
    history.reopen()
    history.say("restart")


def time_passes(history: History) -> None:
    """Also backwards: a clock that was set, or a summer time nobody expected."""
    minutes = history.random.choice((1, 30, 120, -60, 24 * 60))
    history.world.clock.moment += timedelta(minutes=minutes)
    history.say(f"{minutes} minutes pass")


def reads_again(history: History) -> None:
    """Another mapping table: every page of a stream is delivered once more, and nothing deleted in that run."""
    stream = history.random.choice(BOTH_WAYS)
    history.world.fingerprints[stream] = f"table {history.number()}"
    history.say(f"{stream.value} is read again under another mapping")


def region_forgets(history: History) -> None:
    """The region drops its history of a stream: our position there is expired (410), its tombstones are gone."""
    stream = history.random.choice(BOTH_WAYS)
    history.world.remote.compact(stream)
    history.say(f"region forgets the history of {stream.value}")


def compares(history: History) -> None:
    """A full comparison is due, as once a week, or because a person wants it."""
    streams = history.random.sample(BOTH_WAYS, history.random.randint(1, len(BOTH_WAYS)))
    world = history.world
    ask_for_comparison(world.db, world.school.school_id, streams, world.clock.now())
    history.say(f"comparison of {', '.join(stream.value for stream in streams)} is due")


def compares_everything(history: History) -> None:
    world = history.world
    ask_for_comparison(world.db, world.school.school_id, BOTH_WAYS, world.clock.now())
    history.say("comparison of everything is due")


def deaf_journal(history: History) -> None:
    """A trigger was missing while somebody wrote: only a full comparison can find the change."""
    stream = history.random.choice((Stream.MARKS, Stream.ATTENDANCE, Stream.STUDENTS, Stream.FINAL_MARKS))
    row = history.row(stream)
    if row is None:
        return
    history.unnoticed = True
    if stream is Stream.STUDENTS:
        change: dict[str, Any] = card_edit(history)
    elif stream is Stream.ATTENDANCE:
        change = {"symbol": history.random.choice(("ОТ", "УП", "Б"))}
    else:
        change = {"value": history.random.choice("345")}
    gone = stream is not Stream.STUDENTS and history.random.random() < 0.3
    history.say("no trigger sees:")
    with without_triggers(history.world) as connection:
        if gone:
            connection.execute(text(f"DELETE FROM {stream.value} WHERE id = :id"), {"id": row["id"]})
        else:
            sets = ", ".join(f"{name} = :{name}" for name in change)
            connection.execute(text(f"UPDATE {stream.value} SET {sets} WHERE id = :id"), change | {"id": row["id"]})
    if gone:
        history.deleted(stream, row)
    else:
        history.updated(stream, row, change)
