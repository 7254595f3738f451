"""What somebody changed in the school's database becomes dirty groups, cases or questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from sync_service.domain.actions import DELETION
from sync_service.domain.capturing import Captured, CapturePage, last_seen, plan_capture
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.errors import RecordError
from sync_service.domain.links import Link, LinkState, LocalId, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from tests.unit.domain.sketches import POLICIES, by_local, case, linked, open_cases, pupil

MARK: Values = {"student_id": 1, "lesson_id": 2, "value": "4", "weight": 1, "position": 1, "comment": None}
LINK = linked(MARK)
CLASH = FieldClash(
    field="comment", group="comment", local="наше", remote="их", base_local=None, base_remote=None, has_base=True
)


def captured(
    rows: Mapping[int, Values | RecordError | None],
    *,
    stream: Stream = Stream.MARKS,
    links: Sequence[Link] = (LINK,),
    conflicts: Sequence[Conflict] = (),
) -> Captured:
    """Judge the changed ``rows``; None for a row that is gone."""
    return plan_capture(
        CapturePage(
            stream=stream,
            policy=POLICIES[stream],
            changed=[LocalId(i) for i in rows],
            rows={LocalId(i): row for i, row in rows.items() if row is not None},
            links=by_local(*links),
            conflicts=open_cases(*conflicts),
        )
    )


def test_a_new_row_is_dirty_in_every_group() -> None:
    found = captured({5: MARK}, links=())
    assert found.actions.dirty == {5: set(POLICIES[Stream.MARKS].groups)}
    assert not found.counts


def test_a_new_pupil_is_left_to_the_release_watch() -> None:
    found = captured({5: pupil()}, stream=Stream.STUDENTS, links=())
    assert (found.actions.dirty, found.counts) == ({}, {})


def test_a_row_that_was_never_sent_and_is_gone_is_forgotten() -> None:
    found = captured({5: None}, links=())
    assert found.gone == [5]
    assert found.actions.dirty == {}


def test_only_the_changed_group_is_dirty() -> None:
    assert captured({1: {**MARK, "value": "5"}}).actions.dirty == {1: {"mark"}}
    assert captured({1: {**MARK, "value": "5", "comment": "к/р"}}).actions.dirty == {1: {"mark", "comment"}}


def test_a_touched_row_that_says_the_same_is_unchanged() -> None:
    found = captured({1: MARK})
    assert found.actions.dirty == {}
    assert found.counts == {"unchanged": 1}


def test_the_echo_of_a_near_miss_is_unchanged() -> None:
    """The region keeps another spelling of what we sent; our row is as it was sent."""
    near = linked({**MARK, "comment": "К/р №1"}, there={**MARK, "comment": "К/р 1"})
    found = captured({1: {**MARK, "comment": "К/р №1"}}, links=[near])
    assert (found.actions.dirty, found.counts) == ({}, {"unchanged": 1})


def test_an_edit_of_a_field_the_region_owns_is_put_back() -> None:
    known = linked(pupil(person_id="P-1"))
    found = captured({1: pupil(person_id="P-2")}, stream=Stream.STUDENTS, links=[known])
    assert found.actions.updates == [(1, {"person_id": "P-1"})]
    assert found.actions.dirty == {}


def test_a_row_that_cannot_be_read_is_set_aside_alone() -> None:
    error = RecordError("marks 1: непонятная отметка", code="invalid")
    found = captured({1: error, 5: MARK})
    (item,) = found.actions.quarantine
    assert (item.local_id, item.direction, item.code, item.signature) == (1, "push", "invalid", "marks:invalid")
    assert found.counts == {"rejected": 1}
    assert set(found.actions.dirty) == {5}


def test_a_group_that_never_had_a_base_can_become_a_case_here() -> None:
    """Only half of the group was ever agreed, and that half was changed together with the other."""
    halfway = linked({**{name: value for name, value in MARK.items() if name != "value"}, "weight": 2})
    found = captured({1: MARK}, links=[halfway])
    assert [c.kind for c in found.actions.conflicts] == [ConflictKind.FIRST_MEETING]
    assert found.counts == {"conflicts": 1}


# --- open cases


def test_an_edit_inside_an_open_case_refreshes_it_and_is_not_queued() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    found = captured({1: {**MARK, "comment": "новое"}}, conflicts=[conflict])
    (asked,) = found.actions.conflicts
    assert [(c.local, c.remote) for c in asked.clashes] == [("новое", "их")]
    assert (found.actions.dirty, found.counts) == ({}, {"conflicts": 1})


def test_an_edit_beside_an_open_case_travels() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    found = captured({1: {**MARK, "comment": "наше", "value": "5"}}, conflicts=[conflict])
    assert found.actions.dirty == {1: {"mark"}}
    assert found.actions.conflicts == []


def test_typing_the_regions_value_closes_the_case() -> None:
    """The region's value is what the case has seen, not the base."""
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    found = captured({1: {**MARK, "comment": "их"}}, conflicts=[conflict])
    assert [c.state for c in found.actions.conflicts] == [ConflictState.CONVERGED]
    assert [change.base for change in found.actions.link_changes] == [Snapshot.agreed({**MARK, "comment": "их"})]


def test_going_back_to_the_base_takes_the_regions_value() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    found = captured({1: MARK}, conflicts=[conflict])
    assert found.actions.updates == [(1, {"comment": "их"})]
    assert [c.state for c in found.actions.conflicts] == [ConflictState.CONVERGED]


def test_a_decision_that_is_being_undone_is_left_alone() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,), state=ConflictState.UNDOING)
    found = captured({1: {**MARK, "comment": "наше"}}, conflicts=[conflict])
    assert (found.actions.dirty, found.actions.conflicts, found.counts) == ({}, [], {"conflicts": 1})


# --- deletions


def test_a_deleted_row_is_queued_as_a_deletion() -> None:
    found = captured({1: None})
    assert found.actions.dirty == {1: {DELETION}}
    assert found.actions.conflicts == []


def test_a_deleted_pupil_is_a_case_and_never_queued() -> None:
    found = captured({1: None}, stream=Stream.STUDENTS, links=[linked(pupil())])
    assert [c.kind for c in found.actions.conflicts] == [ConflictKind.DELETED_IN_SCHOOL]
    assert (found.actions.dirty, found.counts) == ({}, {"conflicts": 1})


@pytest.mark.parametrize("state", [ConflictState.OPEN, ConflictState.UNDOING])
def test_deleting_a_row_in_dispute_turns_its_case(state: ConflictState) -> None:
    """The case keeps what the region was seen to hold and can be decided, also where an undo was under way."""
    conflict = case(LINK, Stream.MARKS, (CLASH,), state=state)
    found = captured({1: None}, conflicts=[conflict])
    (turned,) = found.actions.conflicts
    assert (turned.conflict_id, turned.kind, turned.state) == (77, ConflictKind.DELETED_IN_SCHOOL, ConflictState.OPEN)
    assert {c.field: c.remote for c in turned.clashes} == {DELETION: "kept", "comment": "их"}
    assert found.actions.dirty == {}


def test_a_deletion_that_was_asked_about_is_not_asked_again() -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=ConflictKind.DELETED_IN_SCHOOL)
    found = captured({1: None}, conflicts=[conflict])
    assert (found.actions.conflicts, found.actions.dirty, found.counts) == ([], {}, {"conflicts": 1})


def test_a_row_deleted_on_both_sides_is_gone() -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=ConflictKind.DELETED_IN_REGION)
    found = captured({1: None}, conflicts=[conflict])
    assert [c.state for c in found.actions.conflicts] == [ConflictState.CONVERGED]
    assert [change.state for change in found.actions.link_changes] == [LinkState.TOMBSTONED]


def test_editing_a_row_the_region_deleted_refreshes_the_question() -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=ConflictKind.DELETED_IN_REGION)
    found = captured({1: {**MARK, "value": "5"}}, conflicts=[conflict])
    (asked,) = found.actions.conflicts
    assert (asked.conflict_id, asked.kind) == (77, ConflictKind.DELETED_IN_REGION)
    assert {c.field: c.local for c in asked.clashes} == {DELETION: "kept", "value": "5"}
    assert found.actions.dirty == {}


def test_a_deleted_row_that_is_put_back_closes_its_case_and_takes_what_the_region_changed() -> None:
    """Somebody restored the row under its id: both sides have the record, and the region's news is not lost."""
    news = FieldClash(field="value", group=DELETION, local=None, remote="5", has_base=True)
    gone = FieldClash(field=DELETION, group=DELETION, local="deleted", remote="kept", has_base=True)
    conflict = case(LINK, Stream.MARKS, (gone, news), kind=ConflictKind.DELETED_IN_SCHOOL)
    found = captured({1: {**MARK, "comment": "к/р"}}, conflicts=[conflict])
    assert [(c.conflict_id, c.state) for c in found.actions.conflicts] == [(77, ConflictState.CONVERGED)]
    assert found.actions.updates == [(1, {"value": "5"})]
    assert found.actions.dirty == {1: {"comment"}}


def test_what_the_region_was_last_seen_to_hold() -> None:
    """The base, and what an open case has seen since; a deletion seen there adds nothing."""
    near = linked(MARK, there={**MARK, "comment": "-"})
    assert last_seen(Stream.MARKS, near, None).values == {**MARK, "comment": "-"}
    seen_since = last_seen(Stream.MARKS, LINK, case(LINK, Stream.MARKS, (CLASH,)))
    assert seen_since.values == {**MARK, "comment": "их"}
    assert (seen_since.record.version, seen_since.record.change_version) == (3, 10)
    deleted = case(LINK, Stream.MARKS, (CLASH,), kind=ConflictKind.DELETED_IN_REGION)
    assert last_seen(Stream.MARKS, LINK, deleted).values == MARK
