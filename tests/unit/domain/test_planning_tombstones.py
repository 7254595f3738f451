"""Missing is not deleted, and deleted is not always gone: tombstones in every combination (invariant 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from sync_service.domain.actions import DELETION, Actions, Incoming
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.deletions import plan_deletion
from sync_service.domain.links import Link, LinkChange, LinkState, LocalId, Snapshot
from sync_service.domain.planning import PullPage, plan_page
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import SPECS, Stream
from tests.unit.domain.sketches import POLICIES, by_remote, case, linked, open_cases, pupil, remote, seen

MARK: Values = {"student_id": 1, "lesson_id": 2, "value": "4", "weight": 1, "position": 1, "comment": None}
LINK = linked(MARK)
EDIT = FieldClash(field="comment", group="comment", local="а", remote="б", has_base=True)


def tombstone(*, stream: Stream = Stream.MARKS, change_version: int | None = 20) -> Incoming:
    return seen(stream, {"student_id": 1, "lesson_id": 2}, deleted=True, change_version=change_version)


def planned(
    *incoming: Incoming,
    stream: Stream = Stream.MARKS,
    links: Sequence[Link] = (LINK,),
    rows: Mapping[int, Values] | None = None,
    conflicts: Sequence[Conflict] = (),
) -> Actions:
    return plan_page(
        PullPage(
            spec=SPECS[stream],
            policy=POLICIES[stream],
            incoming=incoming,
            links=by_remote(*links),
            rows={LocalId(i): row for i, row in (rows or {}).items()},
            conflicts=open_cases(*conflicts),
        )
    )


def closed(actions: Actions) -> bool:
    return [change.state for change in actions.link_changes] == [LinkState.TOMBSTONED]


def test_a_tombstone_of_an_unknown_record_is_nothing_new() -> None:
    """It leaves the waiting room, whatever it waited for."""
    actions = planned(tombstone(), links=())
    assert (actions.deletes, actions.park, actions.link_changes) == ([], [], [])
    assert actions.unpark == {"r1"}
    assert actions.settled == {"r1": Outcome.UNCHANGED}


def test_an_untouched_row_is_a_candidate_for_deletion_and_nothing_more() -> None:
    """The guard decides when the stream's total is known; the outcome is counted then."""
    actions = planned(tombstone(), rows={1: MARK})
    assert [(p.record.remote_id, p.reason) for p in actions.park] == [("r1", "deletion")]
    assert (actions.deletes, actions.conflicts, actions.outcomes) == ([], [], {})
    assert not closed(actions)


def test_a_row_edited_here_is_a_case() -> None:
    """«Deleted there, changed here»: it shows what was changed since the sides agreed."""
    actions = planned(tombstone(), rows={1: {**MARK, "value": "5"}})
    (conflict,) = actions.conflicts
    assert conflict.kind is ConflictKind.DELETED_IN_REGION
    assert conflict.groups == {DELETION}
    assert {c.field: (c.local, c.remote) for c in conflict.clashes} == {
        DELETION: ("kept", "deleted"),
        "value": ("5", None),
    }
    assert actions.settled == {"r1": Outcome.CONFLICTS}
    assert not actions.park


def test_without_a_trusted_base_nothing_is_deleted() -> None:
    """A field on which the sides never agreed may be the school's own word."""
    halfway = linked({name: value for name, value in MARK.items() if name != "value"})
    actions = planned(tombstone(), links=[halfway], rows={1: MARK})
    assert [c.kind for c in actions.conflicts] == [ConflictKind.DELETED_IN_REGION]
    assert not actions.park


def test_a_field_that_is_empty_here_needs_no_base() -> None:
    halfway = linked({name: value for name, value in MARK.items() if name != "comment"})
    assert [p.reason for p in planned(tombstone(), links=[halfway], rows={1: MARK}).park] == ["deletion"]


def test_a_near_miss_is_no_edit() -> None:
    near = linked({**MARK, "comment": "К/р №1"}, there={**MARK, "comment": "К/р 1"})
    actions = planned(tombstone(), links=[near], rows={1: {**MARK, "comment": "К/р №1"}})
    assert [p.reason for p in actions.park] == ["deletion"]


def test_a_row_gone_here_too_closes_the_link() -> None:
    actions = planned(tombstone())
    assert closed(actions)
    assert [(change.version, change.change_version) for change in actions.link_changes] == [(4, 20)]
    assert [item.act for item in actions.audit] == [Act.DELETE]
    assert actions.settled == {"r1": Outcome.APPLIED}


@pytest.mark.parametrize("kind", [ConflictKind.EDIT, ConflictKind.DELETED_IN_SCHOOL, ConflictKind.DELETED_IN_REGION])
def test_a_row_gone_here_too_closes_its_open_case(kind: ConflictKind) -> None:
    actions = planned(tombstone(), conflicts=[case(LINK, Stream.MARKS, (EDIT,), kind=kind)])
    assert [c.state for c in actions.conflicts] == [ConflictState.CONVERGED]
    assert closed(actions)


def test_a_pupil_is_never_deleted() -> None:
    """Pupils leave by a movement; an untouched card is a case, too."""
    actions = planned(
        seen(Stream.STUDENTS, {"last_name": "Семёнов"}, deleted=True),
        stream=Stream.STUDENTS,
        links=[linked(pupil())],
        rows={1: pupil()},
    )
    assert [c.kind for c in actions.conflicts] == [ConflictKind.DELETED_IN_REGION]
    assert (actions.park, actions.deletes) == ([], [])


@pytest.mark.parametrize("state", [ConflictState.OPEN, ConflictState.UNDOING])
@pytest.mark.parametrize("row", [MARK, {**MARK, "comment": "а"}])
def test_an_open_case_becomes_a_delete_case(state: ConflictState, row: Values) -> None:
    """One case per record: the same one now asks about the deletion and can be decided, whatever it was."""
    conflict = case(LINK, Stream.MARKS, (EDIT,), state=state)
    actions = planned(tombstone(), rows={1: row}, conflicts=[conflict])
    (turned,) = actions.conflicts
    assert (turned.conflict_id, turned.kind, turned.state) == (77, ConflictKind.DELETED_IN_REGION, ConflictState.OPEN)
    assert actions.settled == {"r1": Outcome.CONFLICTS}


def test_a_repeated_tombstone_does_not_ask_twice() -> None:
    row = {**MARK, "value": "5"}
    (asked,) = planned(tombstone(), rows={1: row}).conflicts
    conflict = case(LINK, Stream.MARKS, asked.clashes, kind=asked.kind)
    again = planned(tombstone(), rows={1: row}, conflicts=[conflict])
    assert again.conflicts == []
    assert again.settled == {"r1": Outcome.CONFLICTS}
    moved = planned(tombstone(), rows={1: {**row, "value": "3"}}, conflicts=[conflict])
    assert [c.conflict_id for c in moved.conflicts] == [77]


@pytest.mark.parametrize("row", [MARK, {**MARK, "value": "5"}, None])
def test_a_tombstone_older_than_what_we_know_deletes_nothing(row: Values | None) -> None:
    """The record has been alive since: a page read before it is no news."""
    actions = planned(tombstone(change_version=9), rows={} if row is None else {1: row})
    assert (actions.park, actions.conflicts, actions.link_changes) == ([], [], [])
    assert actions.settled == {"r1": Outcome.UNCHANGED}


@pytest.mark.parametrize("row", [MARK, {**MARK, "value": "5"}])
def test_a_page_read_before_the_deletion_does_not_bring_the_record_back(row: Values) -> None:
    """The tombstone's version is remembered although the deletion is not carried out yet."""
    actions = planned(tombstone(change_version=20), rows={1: row})
    assert actions.link_changes == [LinkChange(link_id=LINK.link_id, version=4, change_version=20)]
    known = linked(MARK, change_version=20)
    late = planned(seen(Stream.MARKS, {**MARK, "value": "2"}, change_version=15), links=[known], rows={1: row})
    assert (late.updates, late.unpark, late.settled) == ([], set(), {"r1": Outcome.UNCHANGED})


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_record_and_its_tombstone_on_one_page_the_newer_one_stands(order: int) -> None:
    alive = seen(Stream.MARKS, {**MARK, "value": "5"}, change_version=25)
    actions = planned(*[tombstone(change_version=20), alive][::order], rows={1: MARK})
    assert actions.updates == [(1, {"value": "5"})]
    assert actions.park == []
    assert actions.outcomes == {Outcome.UNCHANGED: 1, Outcome.APPLIED: 1}


def test_a_deletion_the_guard_lets_pass_removes_the_row_and_keeps_the_proof() -> None:
    actions = Actions(stream=Stream.MARKS)
    plan_deletion(actions, LINK, MARK, tombstone().record)
    assert actions.deletes == [1]
    assert closed(actions)
    assert [(item.act, item.before, item.student_id) for item in actions.audit] == [(Act.DELETE, MARK, 1)]
    assert actions.unpark == {"r1"}
    assert actions.settled == {"r1": Outcome.APPLIED}


# --- deleted here, and the region sent the record again -------------------------------------------------------


def test_a_record_deleted_here_and_unchanged_there_goes_on_leaving() -> None:
    actions = planned(seen(Stream.MARKS, MARK))
    assert (actions.creates, actions.conflicts) == ([], [])
    assert actions.settled == {"r1": Outcome.UNCHANGED}


def test_a_record_deleted_here_and_changed_there_is_a_case() -> None:
    actions = planned(seen(Stream.MARKS, {**MARK, "value": "5"}))
    (conflict,) = actions.conflicts
    assert conflict.kind is ConflictKind.DELETED_IN_SCHOOL
    assert {c.field: (c.local, c.remote) for c in conflict.clashes} == {
        DELETION: ("deleted", "kept"),
        "value": (None, "5"),
    }
    assert [(change.version, change.base) for change in actions.link_changes] == [(4, None)]
    assert actions.settled == {"r1": Outcome.CONFLICTS}


def test_a_near_miss_deleted_here_and_unchanged_there_goes_on_leaving() -> None:
    near = linked(MARK, there={**MARK, "comment": "-"})
    actions = planned(seen(Stream.MARKS, {**MARK, "comment": "-"}), links=[near])
    assert (actions.conflicts, actions.settled) == ([], {"r1": Outcome.UNCHANGED})


def test_an_edit_case_whose_row_is_deleted_becomes_a_delete_case() -> None:
    conflict = case(LINK, Stream.MARKS, (EDIT,))
    actions = planned(seen(Stream.MARKS, {**MARK, "comment": "б"}), conflicts=[conflict])
    (turned,) = actions.conflicts
    assert (turned.conflict_id, turned.kind) == (77, ConflictKind.DELETED_IN_SCHOOL)


def test_a_case_deleted_there_becomes_deleted_here_when_the_region_has_it_again() -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=ConflictKind.DELETED_IN_REGION)
    actions = planned(seen(Stream.MARKS, {**MARK, "value": "5"}), conflicts=[conflict])
    assert [c.kind for c in actions.conflicts] == [ConflictKind.DELETED_IN_SCHOOL]


def test_a_link_without_any_base_is_never_deleted_by_a_tombstone() -> None:
    bare = Link(link_id=LINK.link_id, local_id=LINK.local_id, remote_id=remote("r1"), base=Snapshot({}, {}))
    for stream in (Stream.MARKS, Stream.CLASSES):
        row: Values = MARK if stream is Stream.MARKS else {"school_year": 2026, "name": "8А", "grade": 8}
        actions = planned(tombstone(stream=stream), stream=stream, links=[bare], rows={1: row})
        assert [c.kind for c in actions.conflicts] == [ConflictKind.DELETED_IN_REGION]
        assert (actions.park, actions.deletes) == ([], [])
