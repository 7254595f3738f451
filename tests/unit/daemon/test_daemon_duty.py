"""The daemon's work for one school: when it asks for a run, what it does with what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

import pytest
from structlog.testing import capture_logs

from sync_service.daemon_agenda import Agenda, Blackout
from sync_service.daemon_calendar import Weekly
from sync_service.daemon_duty import GRACE_SECONDS, Duty
from sync_service.domain.errors import AlreadyRunning, StopRequested, TransientError
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.unit.daemon.scene import CLASSES, MARKS, PERIOD, SCHOOL, Scene


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.duty.tick("start")
    return made


def test_one_run_at_the_start_in_the_order_of_travel(scene: Scene) -> None:
    """Everything goes in the first cycle, parents first."""
    assert scene.triggers() == ["start"]
    assert scene.office.runs == [(CLASSES, MARKS)]


def test_a_tick_with_nothing_due_asks_for_nothing(scene: Scene) -> None:
    """Ticks that come too often cost nothing."""
    scene.go()
    scene.duty.tick()
    assert scene.triggers() == []


def test_the_ticker_leaves_the_scheduler_its_grace(scene: Scene) -> None:
    """A scheduler that is a little late is not overtaken."""
    scene.go()
    scene.clock.pass_(300 + GRACE_SECONDS - 1)
    assert not scene.duty.look()
    assert scene.triggers() == []


def test_a_scheduler_that_does_not_tick_is_replaced_once(scene: Scene) -> None:
    """The ticker starts the run; when the scheduler ticks after all, nothing is left to start."""
    scene.go()
    scene.clock.pass_(300 + GRACE_SECONDS + 1)
    assert scene.duty.look()
    scene.duty.tick()
    assert not scene.duty.look()
    assert scene.triggers() == ["catch_up"]


@pytest.mark.parametrize("monotonic", ["stands still", "runs on"])
@pytest.mark.parametrize("ticks", [0, 1, 3])
def test_twelve_hours_of_sleep_are_one_catch_up(scene: Scene, monotonic: str, ticks: int) -> None:
    """Whether monotonic time counts the sleep or not, and however often an oversleeping scheduler ticks late, one
    run follows at once; the ordinary interval after it (RELIABILITY 32)."""
    scene.go()
    (scene.clock.suspend if monotonic == "stands still" else scene.clock.pass_)(12 * 3600)
    assert scene.duty.look()
    for _ in range(ticks):
        scene.duty.tick()
        assert not scene.duty.look()
    assert scene.triggers() == ["catch_up"]
    scene.clock.pass_(299)
    scene.duty.tick()
    assert not scene.duty.look()
    scene.clock.pass_(1)
    scene.duty.tick()
    assert scene.triggers() == ["schedule"]


def test_waking_up_is_told_once(scene: Scene) -> None:
    """One event about the jump, one about the run."""
    scene.go()
    scene.clock.suspend(8 * 3600)
    with capture_logs() as logs:
        assert scene.duty.look()
        assert not scene.duty.look()
    assert [entry["event"] for entry in logs] == ["clock_jumped", "catching_up"]


@pytest.mark.parametrize("jump", [24 * 3600, -24 * 3600, -3600])
def test_a_jump_in_the_middle_of_a_run_doubles_no_run(scene: Scene, jump: float) -> None:
    """The clock is set while the run works: it is asked for again at its interval, at most once more for the time
    that seems to have passed (RELIABILITY 31)."""
    scene.office.during = lambda _: scene.clock.suspend(jump)
    scene.go()
    scene.office.during = None
    triggers = []
    for _ in range(300 // 2):
        scene.clock.pass_(2)
        scene.duty.look()
        scene.duty.tick()
        triggers += scene.triggers()
    assert len(triggers) == (2 if jump > 0 else 1)


def test_a_run_of_a_dead_process_is_closed_by_the_ticker(scene: Scene) -> None:
    """One event tells of it; nothing else follows."""
    scene.go()
    scene.office.dead = 1
    with capture_logs() as logs:
        for _ in range(2):
            scene.duty.look()
    assert [(entry["event"], entry.get("count")) for entry in logs] == [("dead_runs_closed", 1)]


def test_a_run_is_told_when_a_blackout_begins_and_goes_on_at_its_end(scene: Scene) -> None:
    """Inside the window nothing is asked for; at its end one run takes up what was left."""
    window = Blackout(starts=time(12, 30), ends=time(13, 0))  # it is noon
    scene.agenda = scene.duty.agenda = Agenda(
        {MARKS: 300, CLASSES: 900}, clock=scene.clock, zone=SCHOOL.zone, blackouts=[window]
    )
    scene.duty.tick()
    seen: list[bool] = []

    def work(blackout: Callable[[], bool]) -> None:
        for minutes in (10, 25):
            scene.clock.pass_(minutes * 60)
            seen.append(blackout())

    scene.office.during, scene.office.status = work, RunStatus.INTERRUPTED
    scene.go()
    assert seen == [False, True]
    scene.office.during, scene.office.status = None, RunStatus.SUCCEEDED
    for _ in range(12):
        scene.clock.pass_(120)
        scene.duty.look()
        scene.duty.tick()
    assert scene.go() == []
    scene.clock.pass_(60)
    scene.duty.tick()
    assert scene.go()[0].streams == {MARKS, CLASSES}


def test_a_request_that_waited_into_a_blackout_is_not_begun(scene: Scene) -> None:
    """Other schools kept the runner busy; the streams go at the end of the window."""
    night = Blackout(starts=time(12, 1), ends=time(13, 0))
    agenda = Agenda({MARKS: 300}, clock=scene.clock, zone=SCHOOL.zone, blackouts=[night])
    duty = Duty(scene.office, SCHOOL, agenda, scene.requested, period=PERIOD, stop=scene.stop)
    scene.requested.requests.clear()
    duty.tick()
    scene.clock.pass_(60)
    duty.execute(scene.requested.requests.pop())
    assert scene.office.runs == []
    scene.clock.pass_(59 * 60)
    duty.tick()
    duty.execute(scene.requested.requests.pop())
    assert scene.office.runs == [(MARKS,)]


def test_a_clock_set_back_makes_the_scheduler_think_again(scene: Scene) -> None:
    """Nothing is due, but the scheduler's next start lies years ahead on the corrected clock."""
    scene.go()
    scene.clock.suspend(-4 * 365 * 86400)
    assert scene.duty.look()
    assert scene.triggers() == []


def test_a_stopped_clock_gives_one_run_per_interval(scene: Scene) -> None:
    """The scheduler waits for a wall clock that does not move; the ticker keeps the intervals."""
    scene.go()
    triggers = []
    for _ in range(3 * 300 // 2):
        scene.clock.freeze(2)
        scene.duty.look()
        triggers += scene.triggers()
    assert triggers == ["catch_up"] * 2  # the third is due and within the scheduler's grace


def test_busy_streams_are_tried_again_soon(scene: Scene) -> None:
    """A sync at the command line holds the marks: they come back in one heartbeat, the classes do not."""
    scene.office.skipped = frozenset({MARKS})
    scene.go()
    scene.office.skipped = frozenset()
    scene.clock.pass_(PERIOD)
    scene.duty.tick()
    scene.go()
    assert scene.office.runs[1:] == [(MARKS,)]


def test_a_school_that_is_busy_altogether_is_tried_again_soon(scene: Scene) -> None:
    """No error, no lost interval."""
    scene.office.error = AlreadyRunning("streams in use")
    scene.go()
    scene.office.error = None
    scene.clock.pass_(PERIOD)
    scene.duty.tick()
    scene.go()
    assert scene.office.runs[1:] == [(CLASSES, MARKS)]


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.INTERRUPTED])
def test_a_failed_run_is_repeated_after_the_shortest_interval(scene: Scene, status: RunStatus) -> None:
    """Streams with a long interval do not wait it out because the region was away for a minute."""
    scene.office.status = status
    scene.go()
    scene.office.status = RunStatus.SUCCEEDED
    scene.clock.pass_(299)
    scene.duty.tick()
    assert scene.go() == []
    scene.clock.pass_(1)
    scene.duty.tick()
    scene.go()
    assert scene.office.runs[1:] == [(CLASSES, MARKS)]


def test_a_failed_stream_is_repeated_after_the_shortest_interval(scene: Scene) -> None:
    """Only the stream that failed comes back early."""
    scene.office.status, scene.office.failing = RunStatus.COMPLETED_WITH_ERRORS, frozenset({CLASSES})
    scene.go()
    scene.clock.pass_(300)
    scene.duty.tick()
    scene.office.failing = frozenset()
    scene.go()
    scene.clock.pass_(300)
    scene.duty.tick()
    scene.go()
    assert scene.office.runs[1:] == [(CLASSES, MARKS), (MARKS,)]


def test_an_error_of_the_database_puts_the_streams_back(scene: Scene) -> None:
    """The runner hears of the error; the streams are due after the shortest interval."""
    scene.office.error = TransientError("the database is busy")
    with pytest.raises(TransientError):
        scene.go()
    scene.office.error = None
    scene.clock.pass_(300)
    scene.duty.tick()
    scene.go()
    assert scene.office.runs[1:] == [(CLASSES, MARKS)]


def test_a_stop_before_the_run_began_is_no_error(scene: Scene) -> None:
    """The process ends while the run waits for its leases."""
    scene.office.error = StopRequested("stop")
    assert scene.triggers() == ["start"]


def test_without_a_login_nothing_is_asked_of_the_region(scene: Scene) -> None:
    """Cycles are skipped for hours, with one event; the token's arrival starts one run of everything at once."""
    scene.office.login_needed = True
    with capture_logs() as logs:
        scene.go()
        for _ in range(12):
            scene.clock.pass_(300)
            scene.duty.tick()
            scene.go()
            assert not scene.duty.look()
    assert scene.office.runs == []
    assert [entry["event"] for entry in logs] == ["login_needed"]
    scene.office.login_needed = False
    assert scene.duty.look()
    assert scene.triggers() == ["login"]
    assert scene.office.runs == [(CLASSES, MARKS)]
    assert not scene.duty.look()


def test_a_login_lost_during_a_run_stops_further_runs(scene: Scene) -> None:
    """The run finds the token rejected; the next cycles are skipped until a new one is there."""
    scene.office.status = RunStatus.LOGIN_NEEDED
    scene.go()
    scene.office.login_needed = True
    scene.clock.pass_(300)
    scene.duty.tick()
    scene.go()
    assert len(scene.office.runs) == 1
    scene.office.login_needed, scene.office.status = False, RunStatus.SUCCEEDED
    assert scene.duty.look()
    scene.go()
    assert scene.office.runs[1:] == [(CLASSES, MARKS)]


def test_a_run_leaves_one_event_with_counts(scene: Scene) -> None:
    """Status, trigger and numbers; no names."""
    with capture_logs() as logs:
        scene.go()
    assert [(entry["event"], entry["status"], entry["trigger"]) for entry in logs] == [
        ("run_finished", "succeeded", "start")
    ]


def test_the_next_runs_are_promised_after_a_run_and_withdrawn_at_the_end(scene: Scene) -> None:
    """``status`` shows when each stream goes next, and nothing once nobody keeps the schedule."""
    scene.go()
    now = scene.clock.now()
    assert scene.office.promised == {MARKS: now + timedelta(seconds=300), CLASSES: now + timedelta(seconds=900)}
    scene.duty.end()
    assert scene.office.promised == {}


def test_the_weekly_comparison_is_a_run_of_everything(scene: Scene) -> None:
    """Noted for the runs to come, asked for once; a busy database leaves it due for the next look."""
    scene.go()
    agenda = Agenda({MARKS: 300}, clock=scene.clock, zone=SCHOOL.zone, comparison=Weekly(at=time(3)))
    agenda.take_due()
    duty = Duty(scene.office, SCHOOL, agenda, scene.requested, period=PERIOD, stop=scene.stop)
    duty.look()
    assert (scene.office.comparisons, scene.requested.requests) == (0, [])
    scene.clock.pass_(24 * 3600)
    scene.office.error = TransientError("the database is busy")
    with pytest.raises(TransientError):
        duty.look()
    scene.office.error = None
    duty.look()
    duty.look()
    assert scene.office.comparisons == 1
    request = scene.requested.requests[0]
    assert (request.trigger, request.streams) == ("reconcile", frozenset(Stream))
