"""The base moves to what was really sent and what the region really keeps (invariant 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from sync_service.domain.acknowledging import Acknowledged, AckPage, acknowledged_base, plan_acks
from sync_service.domain.actions import Actions
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.links import EMPTY, Link, LinkState, LocalId, RemoteId, Snapshot
from sync_service.domain.outbox import AttemptItem
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from tests.unit.domain.sketches import POLICIES, by_local, case, linked, open_cases, pupil

MARK: Values = {"student_id": 1, "lesson_id": 2, "value": "4", "weight": 1, "position": 1, "comment": None}
LINK = linked(MARK)


def ack(
    sent: Values,
    *,
    op: str = "update",
    stored: Values | None = None,
    direct: bool = True,
    change_version: int | None = 30,
) -> Acknowledged:
    item = AttemptItem(
        entry_id=50, local_id=LocalId(1), client_ref="ref", op=op, groups=(), values=sent, remote_id=RemoteId("r1")
    )
    return Acknowledged(
        item=item, remote_id=RemoteId("r1"), version=9, change_version=change_version, stored=stored, direct=direct
    )


def planned(
    *acks: Acknowledged,
    row: Values | None = MARK,
    stream: Stream = Stream.MARKS,
    links: Sequence[Link] = (LINK,),
    conflicts: Sequence[Conflict] = (),
) -> Actions:
    return plan_acks(
        AckPage(
            stream=stream,
            policy=POLICIES[stream],
            acks=acks,
            rows={} if row is None else {LocalId(1): row},
            links=by_local(*links),
            conflicts=open_cases(*conflicts),
        )
    )


def base_of(actions: Actions) -> Snapshot:
    (change,) = actions.link_changes
    assert change.base is not None
    assert (change.version, change.change_version) == (9, 30)
    return change.base


def still(actions: Actions) -> bool:
    """Nothing is written here, queued or asked."""
    return not (actions.updates or actions.dirty or actions.conflicts)


# --- updates


def test_an_acknowledged_update_is_agreed() -> None:
    now = {**MARK, "value": "5"}
    actions = planned(ack({"value": "5", "weight": 1}), row=now)
    assert base_of(actions) == Snapshot.agreed(now)
    assert still(actions)
    assert actions.settled_local == {1}
    (item,) = actions.audit
    assert (item.act, item.base_local, item.base_remote) == (Act.ACK, {"value": "5"}, None)


def test_the_base_is_what_was_sent_and_not_todays_row() -> None:
    """The teacher changed the mark once more while it was under way: that is dirty again."""
    actions = planned(ack({"value": "5", "weight": 1}), row={**MARK, "value": "3"})
    assert base_of(actions).local["value"] == "5"
    assert actions.dirty == {1: {"mark"}}


def test_a_normalising_server_is_a_near_miss() -> None:
    """Each side keeps what it has, and nothing is sent or pulled again."""
    sent: Values = {"comment": "К/р  №1"}
    stored = {**MARK, "comment": "К/р №1"}
    row = {**MARK, **sent}
    actions = planned(ack(sent, stored=stored), row=row)
    base = base_of(actions)
    assert (base.local["comment"], base.remote["comment"]) == ("К/р  №1", "К/р №1")
    assert still(actions)
    (item,) = actions.audit
    assert (item.base_local, item.base_remote) == (sent, {"comment": "К/р №1"})


def test_a_difference_that_was_read_back_is_the_regions_edit() -> None:
    """Between the lost answer and the read-back somebody there changed the mark: it comes here."""
    sent: Values = {"value": "5", "weight": 1}
    actions = planned(ack(sent, stored={**MARK, "value": "3"}, direct=False), row={**MARK, "value": "5"})
    assert actions.updates == [(1, {"value": "3"})]
    assert base_of(actions) == Snapshot.agreed({**MARK, "value": "3"})
    assert actions.dirty == {}


def test_other_groups_of_the_answer_are_news() -> None:
    """The region's record came back whole: a comment written there meanwhile is pulled, not overwritten."""
    stored = {**MARK, "value": "5", "comment": "их"}
    actions = planned(ack({"value": "5", "weight": 1}, stored=stored), row={**MARK, "value": "5"})
    assert actions.updates == [(1, {"comment": "их"})]
    assert base_of(actions) == Snapshot.agreed(stored)


def test_both_sides_changed_another_group_meanwhile() -> None:
    stored = {**MARK, "value": "5", "comment": "их"}
    row = {**MARK, "value": "5", "comment": "наше"}
    actions = planned(ack({"value": "5", "weight": 1}, stored=stored), row=row)
    (conflict,) = actions.conflicts
    assert (conflict.kind, conflict.groups) == (ConflictKind.EDIT, frozenset({"comment"}))
    assert base_of(actions).local == {**MARK, "value": "5"}


def test_the_answer_to_a_row_that_is_gone_neither_revives_nor_queues_it() -> None:
    actions = planned(ack({"value": "5", "weight": 1}), row=None)
    assert base_of(actions) == Snapshot.agreed({**MARK, "value": "5"})
    assert still(actions)


def test_an_update_edited_behind_and_deleted_here_before_the_read_back_is_a_question() -> None:
    """The base is what was sent; what the region holds besides is in the case."""
    actions = planned(
        ack({"value": "5", "weight": 1}, stored={**MARK, "value": "5", "comment": "к"}, direct=False), row=None
    )
    assert base_of(actions) == Snapshot.agreed({**MARK, "value": "5"})
    (case,) = actions.conflicts
    assert case.kind is ConflictKind.DELETED_IN_SCHOOL
    assert [(c.field, c.remote) for c in case.clashes[1:]] == [("comment", "к")]
    assert actions.updates == []
    assert actions.dirty == {}


@pytest.mark.parametrize("kind", [ConflictKind.DELETED_IN_SCHOOL, ConflictKind.DELETED_IN_REGION])
def test_an_edit_that_arrived_does_not_answer_a_question_about_a_deletion(kind: ConflictKind) -> None:
    conflict = case(LINK, Stream.MARKS, (), kind=kind)
    actions = planned(ack({"value": "5", "weight": 1}), row={**MARK, "value": "5"}, conflicts=[conflict])
    assert actions.conflicts == []


CLASH = FieldClash(
    field="comment", group="comment", local="наше", remote="их", base_local=None, base_remote=None, has_base=True
)


def test_an_open_case_beside_the_acknowledged_group_stays_as_it_is() -> None:
    conflict = case(LINK, Stream.MARKS, (CLASH,))
    row = {**MARK, "value": "5", "comment": "наше"}
    stored = {**MARK, "value": "5", "comment": "их"}
    actions = planned(ack({"value": "5", "weight": 1}, stored=stored), row=row, conflicts=[conflict])
    assert actions.conflicts == []
    assert base_of(actions).local["comment"] is None


# --- undo

DECIDED = linked({**MARK, "comment": "наше"})


def undone(row_comment: str, *, stored_comment: str = "их", clash: FieldClash = CLASH) -> Actions:
    conflict = case(DECIDED, Stream.MARKS, (clash,), state=ConflictState.UNDOING)
    return planned(
        ack({"comment": "их"}, stored={**MARK, "comment": stored_comment}),
        row={**MARK, "comment": row_comment},
        links=[DECIDED],
        conflicts=[conflict],
    )


def test_a_confirmed_compensation_opens_the_case_as_it_was() -> None:
    """Same values, same base: the decision can be made anew, and nothing is sent before."""
    actions = undone("наше")
    (opened,) = actions.conflicts
    assert (opened.conflict_id, opened.state) == (77, ConflictState.OPEN)
    assert [(c.local, c.remote, c.base_local, c.has_base) for c in opened.clashes] == [("наше", "их", None, True)]
    assert base_of(actions) == Snapshot.agreed(MARK)
    assert (actions.updates, actions.dirty) == ([], {})


def test_an_undone_first_meeting_has_no_base_again() -> None:
    first = FieldClash(field="comment", group="comment", local="наше", remote="их")
    actions = undone("наше", clash=first)
    assert "comment" not in base_of(actions).local
    assert "comment" not in base_of(actions).remote
    assert [c.has_base for c in actions.conflicts[0].clashes] == [False]


def test_an_undone_case_opens_with_todays_values() -> None:
    """The row was edited while the compensation was under way; the region respelt what it got."""
    (opened,) = undone("новое", stored_comment="Их").conflicts
    assert (opened.state, [(c.local, c.remote) for c in opened.clashes]) == (ConflictState.OPEN, [("новое", "Их")])


def test_an_undone_case_whose_sides_agree_by_now_is_closed() -> None:
    actions = undone("их")
    assert [c.state for c in actions.conflicts] == [ConflictState.CONVERGED]
    assert base_of(actions) == Snapshot.agreed({**MARK, "comment": "их"})


# --- creates and deletions


def test_an_acknowledged_create_forms_the_link() -> None:
    actions = planned(ack(MARK, op="create", stored=MARK), links=())
    (link,) = actions.new_links
    assert (link.local_id, link.remote_id, link.evidence) == (1, "r1", "ack")
    assert (link.base, link.version, link.change_version) == (Snapshot.agreed(MARK), 9, 30)
    assert still(actions)


def test_what_the_region_filled_in_by_itself_comes_here() -> None:
    """A new card gets its person; we sent none, hence no base and no clash."""
    sent = pupil(person_id=None)
    actions = planned(
        ack(sent, op="create", stored={**sent, "person_id": "P-7"}), row=sent, stream=Stream.STUDENTS, links=()
    )
    assert actions.updates == [(1, {"person_id": "P-7"})]
    assert actions.new_links[0].base.local["person_id"] == "P-7"
    assert (actions.conflicts, actions.dirty) == ([], {})


def test_an_enrolled_person_is_written_to_the_card() -> None:
    """The watch sent the person although the card did not name one."""
    sent = pupil(person_id="P-7")
    actions = planned(
        ack(sent, op="create", stored=sent), row=pupil(person_id=None), stream=Stream.STUDENTS, links=()
    )
    assert actions.updates == [(1, {"person_id": "P-7"})]
    assert actions.dirty == {}


def test_a_create_changed_while_under_way_is_dirty_again() -> None:
    actions = planned(ack(MARK, op="create", stored=MARK), row={**MARK, "value": "5"}, links=())
    assert actions.dirty == {1: {"mark"}}
    assert actions.new_links[0].base == Snapshot.agreed(MARK)


def test_a_create_that_was_read_back_after_an_edit_there_takes_the_edit() -> None:
    actions = planned(ack(MARK, op="create", stored={**MARK, "value": "5"}, direct=False), links=())
    assert actions.updates == [(1, {"value": "5"})]
    assert actions.dirty == {}


def test_a_create_edited_there_and_deleted_here_before_the_read_back_is_a_question() -> None:
    """Nobody here has seen the edit: the deletion does not travel over it."""
    actions = planned(ack(MARK, op="create", stored={**MARK, "value": "5"}, direct=False), row=None, links=())
    (case,) = actions.conflicts
    assert (case.kind, case.link_id) == (ConflictKind.DELETED_IN_SCHOOL, 0)
    assert [(c.field, c.base_remote, c.remote) for c in case.clashes[1:]] == [("value", "4", "5")]
    assert actions.new_links[0].base == Snapshot.agreed(MARK)
    assert actions.updates == []
    assert actions.dirty == {}


def test_a_create_deleted_here_before_the_read_back_and_untouched_there_is_no_question() -> None:
    actions = planned(ack(MARK, op="create", stored=MARK, direct=False), row=None, links=())
    assert actions.new_links[0].base == Snapshot.agreed(MARK)
    assert still(actions)


def test_a_create_changed_on_both_sides_before_the_read_back_is_a_case() -> None:
    actions = planned(
        ack(MARK, op="create", stored={**MARK, "value": "5"}, direct=False), row={**MARK, "value": "3"}, links=()
    )
    assert [(c.kind, c.groups) for c in actions.conflicts] == [(ConflictKind.EDIT, frozenset({"mark"}))]


def test_a_create_without_a_returned_record_is_agreed_as_sent() -> None:
    actions = planned(ack(MARK, op="create"), links=())
    assert actions.new_links[0].base == Snapshot.agreed(MARK)


def test_an_acknowledged_deletion_closes_the_link_and_keeps_it_as_proof() -> None:
    actions = planned(ack({}, op="delete"), row=None)
    assert [(c.state, c.version, c.base) for c in actions.link_changes] == [(LinkState.TOMBSTONED, 9, None)]
    assert [(item.act, item.student_id) for item in actions.audit] == [(Act.DELETE, 1)]
    assert planned(ack({}, op="delete"), row=None, links=()).link_changes == []


# --- the base of an acknowledged write


@pytest.mark.parametrize(
    ("sent", "stored", "created", "local", "remote"),
    [
        ({"comment": "а"}, {"comment": "а"}, False, {"comment": "а"}, {"comment": "а"}),
        ({"comment": "а"}, {"comment": "А"}, False, {"comment": "а"}, {"comment": "А"}),
        ({"comment": "а"}, {}, False, {"comment": "а"}, {"comment": "а"}),
        ({"comment": None}, {"comment": None}, True, {"comment": None}, {"comment": None}),
        ({"comment": None}, {"comment": "сам"}, True, {}, {}),
        ({"comment": None}, {"comment": "сам"}, False, {"comment": None}, {"comment": "сам"}),
        ({"value": "5", "weight": None}, {"value": "5", "weight": 1}, True, {"value": "5", "weight": None}, None),
    ],
    ids=[
        "as sent",
        "near-miss",
        "not returned",
        "empty as sent",
        "filled by the region",
        "cleared and kept",
        "half a group filled",
    ],
)
def test_the_base_after_a_write(
    sent: Values, stored: Values, created: bool, local: Values, remote: Mapping[str, str] | None
) -> None:
    """Only groups that were sent move; a create that was silent on a group the region fills leaves it open."""
    base = acknowledged_base(POLICIES[Stream.MARKS], EMPTY, sent, stored, created=created)
    assert base == Snapshot(local, stored if remote is None else dict(remote))
