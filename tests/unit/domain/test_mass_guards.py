"""The mass-change guard and the systemic brake at their exact boundaries (invariants 6, 7)."""

from __future__ import annotations

from datetime import date

import pytest

from sync_service.domain.guards import (
    CREATES,
    DELETES,
    Kind,
    Limit,
    Limits,
    Operation,
    RollOver,
    Standing,
    judge,
    systemic_failure,
)
from sync_service.domain.streams import Stream

PHONE, ADDRESS = Kind(Operation.UPDATE, "phone"), Kind(Operation.UPDATE, "address")
PLAIN = Limits(rollover=None)


def standing(of: int, stream: Stream = Stream.STUDENTS, **facts: object) -> Standing:
    return Standing(stream=stream, of=of, **{"limits": PLAIN, **facts})  # type: ignore[arg-type]  # facts of a test


@pytest.mark.parametrize(
    ("kind", "count", "of", "held"),
    [
        (DELETES, 0, 0, False),
        (DELETES, 5, 5, False),
        (DELETES, 5, 250, False),
        (DELETES, 6, 250, True),
        (DELETES, 5, 251, False),
        (DELETES, 6, 299, True),
        (DELETES, 6, 300, False),
        (DELETES, 20, 1000, False),
        (DELETES, 21, 1000, True),
        (CREATES, 30, 0, False),
        (CREATES, 31, 0, True),
        (CREATES, 31, 309, True),
        (CREATES, 31, 310, False),
        (CREATES, 100, 1000, False),
        (CREATES, 101, 1000, True),
        (PHONE, 4, 4, False),
        (PHONE, 20, 20, False),
        (PHONE, 20, 99, False),
        (PHONE, 21, 104, True),
        (PHONE, 21, 105, False),
        (PHONE, 200, 1000, False),
        (PHONE, 201, 1000, True),
    ],
)
def test_limits_hold_to_the_record(kind: Kind, count: int, of: int, held: bool) -> None:
    """max(5, 2 %) deletions, max(30, 10 %) creates, max(20, 20 %) updates of one field."""
    assert judge({kind: count}, standing(of)) == (frozenset({kind}) if held else frozenset())


def test_only_the_offending_kind_is_held() -> None:
    planned = {DELETES: 6, CREATES: 30, PHONE: 21, ADDRESS: 20}
    assert judge(planned, standing(100)) == {DELETES, PHONE}


def test_what_passed_within_a_day_counts() -> None:
    """The share is that of the stream as it was a day ago: deletions do not lower it, creates do not raise it."""
    assert judge({DELETES: 5}, standing(985, passed={DELETES: 15})) == frozenset()
    assert judge({DELETES: 6}, standing(985, passed={DELETES: 15})) == {DELETES}
    assert judge({CREATES: 1}, standing(1100, passed={CREATES: 100})) == {CREATES}
    assert judge({CREATES: 1}, standing(1100, passed={CREATES: 99})) == frozenset()


def test_what_is_held_counts() -> None:
    """One more of a kind that waits for a person joins it; another kind goes on."""
    facts = standing(100, held={DELETES: 6})
    assert judge({DELETES: 1, PHONE: 1}, facts) == {DELETES}


@pytest.mark.parametrize("stream", Stream)
def test_creates_count_for_pupils_parents_and_orders_alone(stream: Stream) -> None:
    watched = stream in (Stream.STUDENTS, Stream.GUARDIANS, Stream.MOVEMENTS)
    assert bool(judge({CREATES: 500}, standing(0, stream))) is watched
    assert judge({DELETES: 6, PHONE: 21}, standing(10, stream)) == {DELETES, PHONE}


def test_a_seeding_is_exempt_for_creates_alone() -> None:
    facts = standing(0, exempt=frozenset({CREATES}))
    assert judge({CREATES: 5000, DELETES: 6}, facts) == {DELETES}


def test_zero_means_never() -> None:
    none = Limits(deletes=Limit(0, 2), creates=Limit(0, 10), updates=Limit(0, 20))
    assert judge({DELETES: 1, CREATES: 1, PHONE: 1}, standing(1000, limits=none)) == {DELETES, CREATES, PHONE}
    assert judge({DELETES: 0}, standing(1000, limits=none)) == frozenset()


@pytest.mark.parametrize(
    ("day", "wide"),
    [("2026-08-24", False), ("2026-08-25", True), ("2026-09-15", True), ("2026-09-16", False), ("2027-02-01", False)],
)
def test_the_roll_over_widens_creates_and_updates_never_deletions(day: str, wide: bool) -> None:
    limits = Limits().on(date.fromisoformat(day))
    planned = {CREATES: 900, PHONE: 900, DELETES: 19}
    held = {DELETES} if wide else {CREATES, PHONE, DELETES}
    assert judge(planned, standing(900, limits=limits)) == held


def test_a_roll_over_may_span_new_year() -> None:
    weeks = RollOver(first=(12, 20), last=(1, 10))
    assert [weeks.covers(date(2026, month, 1)) for month in (12, 1, 2)] == [False, True, False]
    assert weeks.covers(date(2026, 12, 31))


@pytest.mark.parametrize("of", [0, 4, 100, 1000])
def test_any_mixture_within_the_least_room_passes(of: int) -> None:
    """Pages that hold no more records than this need no look at what is in them."""
    facts = standing(of, passed={PHONE: 7, CREATES: 3}, held={ADDRESS: 2})
    room = int(facts.least_room(("phone", "address"), creates=True))
    assert judge({PHONE: room if of else 0, ADDRESS: room if of else 0, CREATES: room}, facts) == frozenset()
    tight = {kind for kind in (PHONE, ADDRESS, CREATES) if judge({kind: room + 1}, facts)}
    assert tight


@pytest.mark.parametrize(
    ("failures", "of", "stops"),
    [(20, 20, False), (21, 21, True), (21, 419, True), (21, 420, False), (50, 1000, False), (51, 1000, True)],
)
def test_more_than_twenty_and_five_percent_of_one_signature_stop_the_stream(
    failures: int, of: int, stops: bool
) -> None:
    found = systemic_failure(["marks:value:code"] * failures, of=of)
    assert found == ("marks:value:code" if stops else None)


def test_failures_of_different_kinds_do_not_add_up() -> None:
    signatures = [f"marks:{number % 3}" for number in range(60)]
    assert systemic_failure(signatures, of=60) is None
    assert systemic_failure([*signatures, "marks:1"], of=61) == "marks:1"
    assert systemic_failure([], of=0) is None
