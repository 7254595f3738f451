"""One side is right: what follows for a linked record, by owner and group, whatever was agreed before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_service.domain.accepting import plan_accept
from sync_service.domain.actions import Actions, Incoming
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash, Side
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId, Snapshot
from sync_service.domain.policies import FieldPolicy, Owner, StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream

POLICY = StreamPolicy(
    stream=Stream.MARKS,
    fields=(
        FieldPolicy(field="value", group="mark"),
        FieldPolicy(field="weight", group="mark"),
        FieldPolicy(field="comment", fold=True),
        FieldPolicy(field="theirs", owner=Owner.GIS),
        FieldPolicy(field="ours", owner=Owner.LOCAL),
    ),
)
AT = datetime(2026, 11, 20, tzinfo=UTC)
SCHOOL: Values = {"value": "4", "weight": 1, "comment": "ёж", "theirs": "a", "ours": "a"}
REGION: Values = {"value": "5", "weight": 1, "comment": "Еж", "theirs": "b", "ours": "b"}


def accepted(side: Side, row: Values, remote: Values, conflict: Conflict | None = None) -> Actions:
    """Both sides were agreed on today's school before, so that the base says «only the region changed»."""
    link = Link(link_id=LinkId(7), local_id=LocalId(1), remote_id=RemoteId("r"), base=Snapshot.agreed(dict(SCHOOL)))
    record = RemoteRecord(stream=Stream.MARKS, remote_id=RemoteId("r"), values=remote, version=3, change_version=9)
    actions = Actions(stream=Stream.MARKS)
    plan_accept(actions, POLICY, link, row, Incoming(record, remote), conflict, side, actor="petrova", at=AT)
    return actions


def case(kind: ConflictKind = ConflictKind.EDIT, *groups: str, state: ConflictState = ConflictState.OPEN) -> Conflict:
    clashes = tuple(FieldClash(field=name, group=name, local="old", remote="old") for name in groups)
    return Conflict(
        conflict_id=5,
        stream=Stream.MARKS,
        link_id=LinkId(7),
        local_id=LocalId(1),
        kind=kind,
        clashes=clashes,
        state=state,
    )


def test_the_region_is_right() -> None:
    """Differing groups come here whole, except the school's own; a difference of spelling is none."""
    actions = accepted(Side.GIS, SCHOOL, REGION)
    assert actions.updates == [(1, {"value": "5", "theirs": "b"})]
    assert actions.dirty == {}
    (change,) = actions.link_changes
    assert change.base is not None
    assert (change.version, change.base.local) == (3, {**SCHOOL, "value": "5", "theirs": "b"})
    assert change.base.remote == change.base.local


def test_the_school_is_right() -> None:
    """The regional value becomes the base its own is sent against; the region's fields are left alone."""
    actions = accepted(Side.LOCAL, SCHOOL, REGION)
    assert (actions.updates, actions.dirty) == ([], {1: {"mark", "ours"}})
    base = actions.link_changes[0].base
    assert base is not None
    assert base.local == base.remote == {**SCHOOL, "value": "5", "ours": "b"}


def test_what_the_region_does_not_say_is_not_cleared() -> None:
    """A field that is not sent counts as unchanged, one that is sent empty is empty."""
    assert accepted(Side.GIS, SCHOOL, {"value": "4"}).updates == []
    assert accepted(Side.GIS, SCHOOL, {"value": None}).updates == [(1, {"value": None})]
    assert accepted(Side.GIS, SCHOOL, dict(SCHOOL)).link_changes == []


@pytest.mark.parametrize("side", [Side.GIS, Side.LOCAL])
def test_the_open_case_is_decided_on_the_values_of_today(side: Side) -> None:
    """So that it can be taken back."""
    (decided,) = accepted(side, SCHOOL, REGION, case(ConflictKind.EDIT, "value", "comment")).conflicts
    assert (decided.state, decided.decided_by, decided.decided_at) == (ConflictState.RESOLVED, "petrova", AT)
    assert [(c.local, c.remote) for c in decided.clashes] == [("4", "5"), ("ёж", "Еж")]
    assert {choice.side for choice in decided.choices} == {side}


def test_what_the_side_may_not_win_stays_open() -> None:
    (left,) = accepted(Side.GIS, SCHOOL, REGION, case(ConflictKind.EDIT, "value", "ours")).conflicts
    assert (left.state, set(left.groups)) == (ConflictState.OPEN, {"ours"})


@pytest.mark.parametrize(
    "conflict",
    [
        case(ConflictKind.DELETED_IN_REGION, "*"),
        case(ConflictKind.DELETED_IN_SCHOOL, "*"),
        case(ConflictKind.EDIT, "value", state=ConflictState.UNDOING),
    ],
)
def test_questions_of_another_kind_are_left_alone(conflict: Conflict) -> None:
    """A deletion is no question of values, and an undo that is under way comes first."""
    actions = accepted(Side.GIS, SCHOOL, REGION, conflict)
    assert (actions.updates, actions.link_changes, actions.conflicts) == ([], [], [])
