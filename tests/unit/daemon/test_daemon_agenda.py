"""When streams are due: intervals, blackout windows, clocks that jump or stop."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_service.daemon_agenda import Agenda, Blackout, free_from
from sync_service.daemon_calendar import Weekly
from sync_service.domain.streams import Stream
from tests.unit.daemon.hands import HandClock

ZONE = "Asia/Yekaterinburg"
MARKS, CLASSES = Stream.MARKS, Stream.CLASSES
NIGHT = Blackout(starts=time(22), ends=time(6))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def agenda(clock: HandClock, *blackouts: Blackout, marks: float = 300, classes: float = 900) -> Agenda:
    return Agenda({MARKS: marks, CLASSES: classes}, clock=clock, zone=ZONE, blackouts=blackouts)


def test_everything_is_due_once_at_the_start(clock: HandClock) -> None:
    """The first take gives every stream, the second nothing."""
    made = agenda(clock)
    assert made.take_due() == {MARKS, CLASSES}
    assert made.take_due() == frozenset()


def test_streams_run_on_their_own_intervals_and_meet_when_due_together(clock: HandClock) -> None:
    """Every 5 minutes the marks; every 15 the classes, in the same cycle as the marks."""
    made = agenda(clock)
    made.take_due()
    taken = []
    for _ in range(6):
        clock.pass_(300)
        taken.append(made.take_due())
    assert taken == [{MARKS}, {MARKS}, {MARKS, CLASSES}] * 2


def test_a_late_start_does_not_shift_the_grid(clock: HandClock) -> None:
    """A tick that comes 40 seconds late is followed by one on time."""
    made = agenda(clock)
    made.take_due()
    clock.pass_(340)
    made.take_due()
    assert made.next_start(clock.now()) == clock.now() + timedelta(seconds=260)


def test_a_tick_that_comes_a_hair_early_counts_once(clock: HandClock) -> None:
    """The wall clock that woke the scheduler runs 50 ms ahead of the monotonic one."""
    made = agenda(clock)
    made.take_due()
    clock.pass_(299.95)
    assert made.take_due() == {MARKS}
    clock.pass_(0.1)
    assert made.take_due() == frozenset()


def test_missed_intervals_become_one_run(clock: HandClock) -> None:
    """Two hours without a tick leave one cycle to run, not twenty-four."""
    made = agenda(clock)
    made.take_due()
    clock.pass_(7200)
    assert made.take_due() == {MARKS, CLASSES}
    assert made.take_due() == frozenset()


def test_the_next_start_is_the_nearest_grid_point(clock: HandClock) -> None:
    """After 100 seconds the marks are 200 seconds away, whether or not anything was taken."""
    made = agenda(clock)
    clock.pass_(100)
    assert made.next_start(clock.now()) == clock.now() + timedelta(seconds=200)


def test_the_next_start_lies_after_now(clock: HandClock) -> None:
    """APScheduler would loop for ever on a start that is not in the future."""
    made = agenda(clock)
    for _ in range(10):
        assert made.next_start(clock.now()) > clock.now()
        clock.pass_(150)


@pytest.mark.parametrize("seconds", [3600, 86400 * 3])
def test_a_machine_that_slept_catches_up_exactly_once(clock: HandClock, seconds: float) -> None:
    """Monotonic time stands still during sleep; the wall clock's jump makes the streams due once."""
    made = agenda(clock)
    made.take_due()
    clock.suspend(seconds)
    assert made.observe() == seconds
    assert made.observe() is None
    assert made.take_due() == {MARKS, CLASSES}
    assert made.take_due() == frozenset()


def test_a_short_sleep_makes_nothing_due_before_its_time(clock: HandClock) -> None:
    """Four minutes asleep of a five-minute interval leave one minute to wait."""
    made = agenda(clock)
    made.take_due()
    clock.suspend(240)
    assert made.take_due() == frozenset()
    assert made.next_start(clock.now()) == clock.now() + timedelta(seconds=60)


def test_a_clock_set_back_delays_nothing(clock: HandClock) -> None:
    """The wall clock falls back four years; the next run comes when its interval has passed."""
    made = agenda(clock)
    made.take_due()
    clock.suspend(-4 * 365 * 86400)
    assert made.observe() == -4 * 365 * 86400
    assert made.take_due() == frozenset()
    assert made.next_start(clock.now()) == clock.now() + timedelta(seconds=300)
    clock.pass_(300)
    assert made.take_due() == {MARKS}


def test_a_clock_that_stands_still_delays_nothing(clock: HandClock) -> None:
    """The wall shows the same minute for an hour; streams fall due by monotonic time, once per interval."""
    made = agenda(clock)
    made.take_due()
    runs = 0
    for _ in range(3600 // 60):
        clock.freeze(60)
        runs += bool(made.take_due())
    assert runs == 12


def test_small_corrections_of_the_clock_are_no_jump(clock: HandClock) -> None:
    """A time server that corrects a second causes neither an event nor a run."""
    made = agenda(clock)
    made.take_due()
    clock.suspend(1)
    assert made.observe() is None
    assert made.take_due() == frozenset()


def test_overdue_tells_how_long_nobody_has_taken(clock: HandClock) -> None:
    """Zero while all is taken; then the age of the oldest due point."""
    made = agenda(clock)
    made.take_due()
    clock.pass_(299)
    made.observe()
    assert made.overdue() == 0
    clock.pass_(21)
    made.observe()
    assert made.overdue() == pytest.approx(20)
    made.take_due()
    assert made.overdue() == 0


def test_what_was_put_back_is_due_again_after_the_agreed_time(clock: HandClock) -> None:
    """A stream that another run held comes back in ten seconds, and only that one."""
    made = agenda(clock)
    made.take_due()
    made.put_back([CLASSES], seconds=10)
    assert made.next_start(clock.now()) == clock.now() + timedelta(seconds=10)
    assert made.take_due() == frozenset()
    clock.pass_(10)
    assert made.take_due() == {CLASSES}
    assert made.take_due() == frozenset()


def test_the_ordinary_interval_comes_before_a_later_second_try(clock: HandClock) -> None:
    """Putting a stream back never postpones it."""
    made = agenda(clock)
    made.take_due()
    made.put_back([MARKS], seconds=4000)
    clock.pass_(300)
    assert made.take_due() == {MARKS}


def test_streams_without_an_interval_are_not_put_back(clock: HandClock) -> None:
    """A stream that is switched off stays off."""
    made = agenda(clock)
    made.take_due()
    made.put_back([Stream.LESSONS], seconds=0)
    clock.pass_(1)
    assert made.take_due() == frozenset()


# Blackout windows


def at(hour: int, minute: int = 0, *, day: int = 20) -> datetime:
    """A moment of November 2026 in Yekaterinburg (UTC+5)."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=5)


def test_nothing_is_taken_in_a_blackout_and_everything_once_at_its_end() -> None:
    """From 22:00 to 6:00 of the school's clock nothing starts; at 6:00 one run takes all that fell due."""
    clock = HandClock(at(21, 58))
    made = agenda(clock, NIGHT)
    made.take_due()
    clock.pass_(300)
    assert made.take_due() == frozenset()
    assert made.overdue() == 0
    assert made.next_start(clock.now()) == at(6, day=21)
    clock.pass_((at(6, day=21) - clock.now()).total_seconds())
    assert made.take_due() == {MARKS, CLASSES}


def test_a_start_that_would_fall_into_a_blackout_moves_to_its_end() -> None:
    """At 21:58 the next grid point would be 22:03."""
    clock = HandClock(at(21, 58))
    made = agenda(clock, NIGHT)
    made.take_due()
    assert made.next_start(clock.now()) == at(6, day=21)


def test_a_daemon_started_in_a_blackout_waits_for_its_end() -> None:
    """Also the run at the start is not begun inside."""
    clock = HandClock(at(23))
    made = agenda(clock, NIGHT)
    assert made.take_due() == frozenset()
    assert made.next_start(clock.now()) == at(6, day=21)


def test_a_wake_up_inside_a_blackout_starts_nothing() -> None:
    """The machine sleeps from the afternoon into the night: the catch-up waits for the morning."""
    clock = HandClock(at(15))
    made = agenda(clock, NIGHT)
    made.take_due()
    clock.suspend((at(23) - at(15)).total_seconds())
    made.observe()
    assert made.take_due() == frozenset()
    assert made.overdue() == 0


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        (at(21, 59), None),
        (at(22), at(6, day=21)),
        (at(5, 59, day=21), at(6, day=21)),
        (at(6, day=21), None),
    ],
)
def test_the_end_of_a_window_is_outside_it(moment: datetime, ends: datetime | None) -> None:
    """22:00 is inside, 6:00 is not."""
    local = moment.astimezone(ZoneInfo(ZONE))
    assert NIGHT.until(local) == ends


def test_windows_that_touch_count_as_one() -> None:
    """20:00–22:00 and 22:00–6:00 end at 6:00."""
    clock = HandClock(at(20, 30))
    made = agenda(clock, Blackout(starts=time(20), ends=time(22)), NIGHT)
    assert made.next_start(clock.now()) == at(6, day=21)


def test_weekdays_are_those_on_which_a_window_begins() -> None:
    """A window of Fridays reaches into Saturday morning and is absent on Saturday evening."""
    friday = Blackout(starts=time(22), ends=time(6), weekdays=frozenset({4}))
    assert agenda(HandClock(at(23, day=20)), friday).in_blackout()
    assert agenda(HandClock(at(5, day=21)), friday).in_blackout()
    assert not agenda(HandClock(at(23, day=21)), friday).in_blackout()


def test_windows_without_an_end_are_survived() -> None:
    """Windows that cover the whole week start nothing and loop for ever neither."""
    clock = HandClock(at(12))
    made = agenda(clock, Blackout(starts=time(0), ends=time(12)), Blackout(starts=time(12), ends=time(0)))
    assert made.take_due() == frozenset()
    assert made.next_start(clock.now()) > clock.now()


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Asia/Yekaterinburg", "2011-03-27"),  # 2:00 became 3:00, for ever
        ("Asia/Yekaterinburg", "2014-10-26"),  # 2:00 became 1:00, for ever
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Asia/Kamchatka", "2028-02-29"),
        ("Europe/Kaliningrad", "2026-12-31"),
    ],
)
@pytest.mark.parametrize("window", [(time(1, 30), time(2, 30)), (time(2, 15), time(2, 45)), (time(23), time(2))])
def test_every_window_ends_on_every_day(zone: str, day: str, window: tuple[time, time]) -> None:
    """Also on days with an hour too many or too few: minute by minute, the next free moment is not in the past, is
    free itself, and no minute outside the window is put off."""
    blackout = Blackout(starts=window[0], ends=window[1])
    begins = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=14)
    for minute in range(0, 40 * 60, 5):
        moment = begins + timedelta(minutes=minute)
        free = free_from(moment, [blackout], ZoneInfo(zone))
        assert moment <= free <= moment + timedelta(hours=4)
        assert free_from(free, [blackout], ZoneInfo(zone)) == free
        local = moment.astimezone(ZoneInfo(zone)).time()
        starts, ends = window
        inside = starts <= local < ends if starts < ends else local >= starts or local < ends
        assert (free == moment) is not inside


SUNDAYS = Weekly(at=time(3), weekdays=frozenset({6}))


def comparing(clock: HandClock, *blackouts: Blackout, asked: datetime | None = None) -> Agenda:
    return Agenda({}, clock=clock, zone=ZONE, blackouts=blackouts, comparison=SUNDAYS, compared_at=asked)


@pytest.mark.parametrize(
    ("now", "latest"),
    [
        ("2026-11-22T03:00+05:00", "2026-11-22T03:00+05:00"),
        ("2026-11-22T02:59+05:00", "2026-11-15T03:00+05:00"),
        ("2026-11-28T23:59+05:00", "2026-11-22T03:00+05:00"),
    ],
)
def test_the_last_weekly_moment(now: str, latest: str) -> None:
    local = datetime.fromisoformat(now).astimezone(ZoneInfo(ZONE))
    assert SUNDAYS.latest(local) == datetime.fromisoformat(latest)


def test_the_comparison_is_due_once_a_week_on_the_school_s_clock(clock: HandClock) -> None:
    """Three o'clock on Sunday in Yekaterinburg is ten in the evening of Saturday in UTC."""
    made = comparing(clock)
    due = []
    for _ in range(15 * 24):  # from Friday noon, hour by hour
        clock.pass_(3600)
        if made.comparison_due():
            due.append(clock.now())
            made.comparison_asked()
    assert due == [datetime(2026, 11, 21 + 7 * week, 22, tzinfo=UTC) for week in range(2)]


def test_a_comparison_that_was_slept_through_is_made_up_for_once(clock: HandClock) -> None:
    """A daemon that starts, or a machine that wakes, after the moment; not one that never asked before."""
    assert not comparing(clock).comparison_due()
    late = comparing(clock, asked=clock.now() - timedelta(days=30))
    assert late.comparison_due()
    late.comparison_asked()
    assert not late.comparison_due()
    clock.suspend(20 * 86_400)
    assert late.comparison_due()


def test_a_comparison_asked_for_by_a_clock_that_ran_ahead_puts_off_no_other(clock: HandClock) -> None:
    """A machine that woke up in another year, and was set right: the next Sunday counts, also after a restart."""
    made = comparing(clock, asked=clock.now() + timedelta(days=3650))
    assert not made.comparison_due()
    clock.pass_(2 * 86_400)
    assert made.comparison_due()


def test_a_comparison_waits_for_the_end_of_a_blackout(clock: HandClock) -> None:
    made = comparing(clock, NIGHT)
    clock.suspend(timedelta(days=1, hours=16).total_seconds())  # Sunday, four in the night
    assert not made.comparison_due()
    clock.pass_(2 * 3600)
    assert made.comparison_due()


def test_never_is_never(clock: HandClock) -> None:
    made = Agenda({}, clock=clock, zone=ZONE)
    clock.suspend(40 * 86_400)
    assert not made.comparison_due()
