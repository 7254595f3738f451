"""A due entry becomes a change planned from today's row, or the reason why it must wait (invariants 5, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.actions import DELETION
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.errors import RecordError
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.matching_cells import NoLesson, WhichLesson
from sync_service.domain.outbox import AttemptItem, Entry, EntryState
from sync_service.domain.pushing import Departure, Enrolment, PushPage, Windows, plan_push, to_remote_references
from sync_service.domain.records import Values
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import SPECS, Stream
from tests.unit.domain.sketches import POLICIES, by_local, case, linked, open_cases, pupil

TODAY = date(2026, 11, 23)
ZONE = ZoneInfo("Asia/Yekaterinburg")
MARK: Values = {"student_id": 1, "lesson_id": 2, "value": "4", "weight": 1, "position": 1, "comment": None}
LINK = linked(MARK)
PARENTS = {
    stream: {LocalId(number): RemoteId(f"{stream.value}-{number}") for number in range(1, 10)} for stream in Stream
}


def windows(
    *, lesson: str = "2026-11-20", late: str | None = None, period_end: str = "2026-11-25", class_id: int = 8
) -> Windows:
    return Windows(
        today=TODAY,
        zone=ZONE,
        lessons={2: (lesson, class_id)},
        late_entry={class_id: late},
        periods={3: period_end},
        classes={1: class_id},
    )


def entry(*groups: str, stream: Stream = Stream.MARKS) -> Entry:
    return Entry(entry_id=50, stream=stream, local_id=LocalId(1), client_ref="ref", groups=groups, tries=2)


def pushed(
    row: Values | RecordError | None,
    *,
    stream: Stream = Stream.MARKS,
    link: Link | None = None,
    conflict: Conflict | None = None,
    due: Entry | None = None,
    at: Windows | None = None,
    parents: Mapping[Stream, Mapping[LocalId, RemoteId]] = PARENTS,
    enrolments: Mapping[LocalId, Enrolment] | None = None,
    with_linked_child: frozenset[LocalId] = frozenset(),
    doubts: Mapping[LocalId, NoLesson | WhichLesson] | None = None,
) -> Departure:
    return plan_push(
        PushPage(
            spec=SPECS[stream],
            policy=POLICIES[stream],
            entries=[due or entry(stream=stream)],
            rows={} if row is None else {LocalId(1): row},
            links={} if link is None else by_local(link),
            parents=parents,
            windows=at or windows(),
            conflicts={} if conflict is None else open_cases(conflict),
            enrolments=enrolments or {},
            with_linked_child=with_linked_child,
            doubts=doubts or {},
        )
    )


def leaving(departure: Departure) -> AttemptItem:
    (item,) = departure.items
    assert (departure.changed, departure.done, departure.quarantine) == ([], [], [])
    return item


def waiting(departure: Departure) -> Entry:
    (found,) = departure.changed
    assert found.state is EntryState.WAITING
    assert (departure.items, departure.done) == ([], [])
    return found


def refused(departure: Departure) -> str:
    (item,) = departure.quarantine
    (found,) = departure.changed
    assert (found.state, found.code) == (EntryState.REJECTED, item.code)
    assert departure.counts == {"rejected": 1}
    assert (departure.items, departure.done) == ([], [])
    return item.code


# --- updates and creates


def test_an_update_carries_the_changed_groups_whole() -> None:
    item = leaving(pushed({**MARK, "value": "5"}, link=LINK))
    assert (item.op, item.groups, item.values) == ("update", ("mark",), {"value": "5", "weight": 1})
    assert (item.remote_id, item.version, item.entry_id, item.client_ref) == ("r1", 3, 50, "ref")


def test_what_leaves_is_todays_row_not_what_was_dirty_then() -> None:
    """The entry says «mark», the row has come back to the base and got a comment since."""
    item = leaving(pushed({**MARK, "comment": "к/р"}, link=LINK, due=entry("mark")))
    assert item.values == {"comment": "к/р"}


def test_an_entry_with_nothing_to_say_any_more_is_done() -> None:
    departure = pushed(MARK, link=LINK, due=entry("mark"))
    assert (departure.done, departure.counts, departure.items) == ([50], {"unchanged": 1}, [])


def test_a_clearing_travels_as_null() -> None:
    known = linked({**MARK, "comment": "к/р"})
    assert leaving(pushed(MARK, link=known)).values == {"comment": None}


def test_a_create_carries_every_field_but_the_regions_own() -> None:
    item = leaving(pushed(MARK))
    assert (item.op, item.remote_id, item.version) == ("create", None, None)
    assert item.values == MARK
    assert set(item.groups) == set(POLICIES[Stream.MARKS].groups)


def test_a_row_that_cannot_be_read_is_refused_alone() -> None:
    assert refused(pushed(RecordError("marks 1: непонятная отметка", code="invalid"), link=LINK)) == "invalid"


def test_a_row_that_was_never_sent_and_is_gone_has_nothing_to_say() -> None:
    assert pushed(None).counts == {"unchanged": 1}


# --- cases

CLASH = FieldClash(field="comment", group="comment", local="наше", remote="их", has_base=True)


def test_a_group_in_dispute_stays_and_the_rest_leaves() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    item = leaving(pushed({**MARK, "comment": "наше", "value": "5"}, link=LINK, conflict=conflict))
    assert item.groups == ("mark",)
    only = pushed({**MARK, "comment": "наше"}, link=LINK, conflict=conflict)
    assert (only.items, only.done, only.counts) == ([], [50], {"conflicts": 1})


def test_undoing_gives_the_region_back_what_it_held() -> None:
    """A compensating change with a version check, together with whatever else is due."""
    decided = linked({**MARK, "comment": "наше"})
    conflict = case(decided, Stream.MARKS, (CLASH,), state=ConflictState.UNDOING)
    item = leaving(pushed({**MARK, "comment": "наше", "value": "5"}, link=decided, conflict=conflict))
    assert item.groups == ("mark", "comment")
    assert item.values == {"value": "5", "weight": 1, "comment": "их"}
    assert item.version == decided.version


# --- deletions


def test_a_captured_deletion_leaves_under_a_version_check() -> None:
    item = leaving(pushed(None, link=LINK, due=entry(DELETION)))
    assert (item.op, item.values, item.groups, item.version) == ("delete", {}, (DELETION,), 3)


def test_a_row_that_vanished_after_the_capture_is_not_deleted_there_yet() -> None:
    """The guard has not counted it: the journal tells of the deletion in the next cycle."""
    departure = pushed(None, link=LINK, due=entry("mark"))
    assert (departure.items, departure.done, departure.counts) == ([], [50], {"unchanged": 1})


def test_a_pupil_is_never_deleted_in_the_region() -> None:
    known = linked(pupil())
    for groups, outcome in ((("address",), "unchanged"), ((DELETION,), "rejected")):
        departure = pushed(None, stream=Stream.STUDENTS, link=known, due=entry(*groups, stream=Stream.STUDENTS))
        assert departure.items == []
        assert departure.counts == {outcome: 1}


@pytest.mark.parametrize("row", [None, MARK])
@pytest.mark.parametrize("kind", [ConflictKind.DELETED_IN_SCHOOL, ConflictKind.DELETED_IN_REGION])
def test_a_disputed_deletion_waits_for_the_decision(kind: ConflictKind, row: Values | None) -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=kind)
    found = waiting(pushed(row, link=LINK, conflict=conflict, due=entry(DELETION)))
    assert (found.waiting, found.waits_for) == (WaitingFor.DECISION, f"conflicts:{LINK.link_id}")


# --- parents


def test_a_child_waits_for_its_parent_and_names_it() -> None:
    parents = {**PARENTS, Stream.STUDENTS: {}}
    found = waiting(pushed(MARK, parents=parents))
    assert (found.waiting, found.waits_for, found.not_before) == (WaitingFor.PARENT, "students:1", None)


def test_an_update_needs_only_the_parents_it_names() -> None:
    """The record is in the region: its pupil is no question any more."""
    parents = {**PARENTS, Stream.STUDENTS: {}}
    assert leaving(pushed({**MARK, "value": "5"}, link=LINK, parents=parents)).op == "update"


def test_a_missing_required_parent_is_refused_and_an_optional_one_is_not() -> None:
    assert refused(pushed({**MARK, "student_id": None})) == "required"
    assert leaving(pushed(ARRIVAL, stream=Stream.MOVEMENTS)).values["class_from_id"] is None


@pytest.mark.parametrize(
    ("doubt", "expected"),
    [(None, "lessons"), (NoLesson(), "lessons"), (WhichLesson(2), "which_lesson")],
)
def test_a_cell_without_a_lesson_waits_for_the_timetable_or_asks_which(
    doubt: NoLesson | WhichLesson | None, expected: str
) -> None:
    departure = pushed({**MARK, "lesson_id": None}, doubts={} if doubt is None else {LocalId(1): doubt})
    if isinstance(doubt, WhichLesson):
        assert refused(departure) == expected
    else:
        assert (waiting(departure).waiting, waiting(departure).waits_for) == (WaitingFor.PARENT, expected)


MOTHER: Values = {"last_name": "Семёнова", "first_name": "Ольга", "patronymic": None, "phone": None}


def test_a_parents_card_waits_for_a_child_in_the_region() -> None:
    found = waiting(pushed(MOTHER, stream=Stream.GUARDIANS))
    assert (found.waiting, found.waits_for) == (WaitingFor.PARENT, "guardians:1")
    item = leaving(pushed(MOTHER, stream=Stream.GUARDIANS, with_linked_child=frozenset({LocalId(1)})))
    assert item.op == "create"
    known = linked({**MOTHER, "home_phone": None, "email": None})
    assert leaving(pushed({**MOTHER, "phone": "+79990000000"}, stream=Stream.GUARDIANS, link=known)).op == "update"


def test_a_pupil_waits_for_the_release() -> None:
    found = waiting(pushed(pupil(), stream=Stream.STUDENTS))
    assert (found.waiting, found.waits_for) == (WaitingFor.RELEASE, "releases:1")


@pytest.mark.parametrize("person_id", ["P-7", None])
def test_a_released_pupil_leaves_with_the_person_the_watch_has_found(person_id: str | None) -> None:
    """Never with the one typed into the card: the region owns it. None is a new card."""
    card = pupil(person_id="typed")
    item = leaving(pushed(card, stream=Stream.STUDENTS, enrolments={LocalId(1): Enrolment(person_id=person_id)}))
    assert item.values["person_id"] == person_id
    assert item.values["last_name"] == "Семёнов"


# --- movements

ARRIVAL: Values = {
    "student_id": 1,
    "kind": "arrival",
    "date": "2026-11-20",
    "order_number": "15-К",
    "order_date": "2026-11-19",
    "class_from_id": None,
    "class_to_id": 8,
    "origin_kind": "school",
    "origin_organization_id": 4,
    "origin_name": None,
    "destination_organization_id": None,
    "destination_name": None,
}
DEPARTURE: Values = {**ARRIVAL, "kind": "departure", "class_from_id": 8, "class_to_id": None}


@pytest.mark.parametrize(
    "row",
    [
        {**ARRIVAL, "order_number": None},
        {**ARRIVAL, "order_number": " "},
        {**ARRIVAL, "order_date": None},
        DEPARTURE,
    ],
    ids=["no order number", "a blank one", "no order date", "a departure to nowhere"],
)
@pytest.mark.parametrize("known", [False, True])
def test_an_incomplete_movement_does_not_leave(row: Values, known: bool) -> None:
    """Neither as a new record nor as an edit that would clear what the order says."""
    link = linked({**ARRIVAL, "date": "2026-11-21"}) if known else None
    assert refused(pushed(row, stream=Stream.MOVEMENTS, link=link)) == "movement_incomplete"


@pytest.mark.parametrize("where", [{"destination_organization_id": 4}, {"destination_name": "гимназия № 1, Пермь"}])
def test_a_departure_leaves_with_either_kind_of_destination(where: Values) -> None:
    assert leaving(pushed({**DEPARTURE, **where}, stream=Stream.MOVEMENTS)).op == "create"


# --- edit windows


@pytest.mark.parametrize(
    ("lesson", "late", "expected"),
    [
        ("2026-11-09", None, None),  # day 14
        ("2026-11-08", None, WaitingFor.PERMIT),  # day 15
        ("2026-11-08", "2026-11-23", None),  # the journal is open for late entry, today included
        ("2026-11-08", "2026-11-22", WaitingFor.PERMIT),
        ("2026-12-06", None, None),  # 13 days ahead
        ("2026-12-07", "2026-12-31", WaitingFor.PERMIT),  # 14 days ahead: late entry does not shorten that
    ],
)
@pytest.mark.parametrize("stream", [Stream.MARKS, Stream.ATTENDANCE])
@pytest.mark.parametrize("op", ["create", "update", "delete"])
def test_current_cells_leave_within_their_window(
    stream: Stream, op: str, lesson: str, late: str | None, expected: WaitingFor | None
) -> None:
    base: Values = (
        MARK if stream is Stream.MARKS else {"student_id": 1, "lesson_id": 2, "symbol": "Б", "reason": None}
    )
    changed: Values = {**base, "value": "5"} if stream is Stream.MARKS else {**base, "symbol": "УП"}
    departure = pushed(
        None if op == "delete" else changed,
        stream=stream,
        link=None if op == "create" else linked(base),
        due=entry(*((DELETION,) if op == "delete" else ()), stream=stream),
        at=windows(lesson=lesson, late=late),
    )
    if expected is None:
        assert leaving(departure).op == op
    else:
        found = waiting(departure)
        assert (found.waiting, found.waits_for) == (expected, "classes:8")


def test_what_is_too_early_is_due_on_the_morning_of_its_day_in_the_schools_zone() -> None:
    """14 days before the lesson the ban ends at midnight of the school, five hours before midnight in UTC; a quarter
    of an hour is for the region's clock."""
    found = waiting(pushed(MARK, at=windows(lesson="2026-12-10")))
    assert found.not_before == datetime(2026, 11, 26, 19, 15, tzinfo=UTC)
    assert found.not_before.astimezone(ZONE) == datetime(2026, 11, 27, 0, 15, tzinfo=ZONE)


def test_what_is_late_waits_for_a_person_not_for_a_day() -> None:
    assert waiting(pushed(MARK, at=windows(lesson="2026-11-01"))).not_before is None


FINAL: Values = {"student_id": 1, "subject_id": 5, "period_id": 3, "kind": "period", "value": "4"}


@pytest.mark.parametrize(
    ("period_end", "late", "expected"),
    [
        ("2026-11-30", None, None),  # the last week has begun
        ("2026-12-01", None, datetime(2026, 11, 23, 19, 15, tzinfo=UTC)),  # tomorrow, in the school's zone
        ("2026-12-01", "2026-11-23", None),
        ("2026-11-16", None, None),  # day 7 after the end
        ("2026-11-15", None, "permit"),
        ("2026-11-15", "2026-11-23", None),
    ],
)
def test_final_marks_leave_within_their_window(
    period_end: str, late: str | None, expected: datetime | str | None
) -> None:
    departure = pushed(FINAL, stream=Stream.FINAL_MARKS, at=windows(period_end=period_end, late=late))
    if expected is None:
        assert leaving(departure).op == "create"
    else:
        found = waiting(departure)
        assert (found.waiting, found.waits_for) == (WaitingFor.PERMIT, "classes:8")
        assert found.not_before == (expected if isinstance(expected, datetime) else None)


def test_a_window_that_cannot_be_computed_yet_waits_for_the_directory() -> None:
    assert waiting(pushed({**MARK, "lesson_id": 9})).waits_for == "lessons"
    assert waiting(pushed({**FINAL, "period_id": 9}, stream=Stream.FINAL_MARKS)).waits_for == "periods:9"


def test_other_streams_know_no_window() -> None:
    item = leaving(pushed({**ARRIVAL, "date": "2020-09-01"}, stream=Stream.MOVEMENTS))
    assert item.values["date"] == "2020-09-01"


def test_every_entry_is_decided_once() -> None:
    """One that leaves, one that waits, one refused and one done, on one page."""
    rows: dict[LocalId, Values | RecordError] = {
        LocalId(1): {**MARK, "value": "5"},
        LocalId(2): {**MARK, "student_id": 99},
        LocalId(3): RecordError("marks 3: непонятная отметка", code="invalid"),
    }
    entries = [
        Entry(entry_id=50 + number, stream=Stream.MARKS, local_id=LocalId(number), client_ref=f"ref{number}")
        for number in range(1, 5)
    ]
    departure = plan_push(
        PushPage(
            spec=SPECS[Stream.MARKS],
            policy=POLICIES[Stream.MARKS],
            entries=entries,
            rows=rows,
            links=by_local(LINK),
            parents=PARENTS,
            windows=windows(),
        )
    )
    assert [item.entry_id for item in departure.items] == [51]
    assert [(e.entry_id, e.state) for e in departure.changed] == [(52, EntryState.WAITING), (53, EntryState.REJECTED)]
    assert departure.done == [54]


def test_references_leave_as_regional_ids() -> None:
    spec = SPECS[Stream.MARKS]
    assert to_remote_references(spec, {"student_id": 1, "lesson_id": 2, "value": "5"}, PARENTS) == {
        "student_id": "students-1",
        "lesson_id": "lessons-2",
        "value": "5",
    }
    cleared = to_remote_references(SPECS[Stream.MOVEMENTS], {"class_from_id": None}, PARENTS)
    assert cleared == {"class_from_id": None}
