"""A page of regional records becomes actions: every record once, whatever meets whatever (DESIGN.md 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pytest

from sync_service.domain.actions import Actions, Incoming, localise
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.links import Link, LinkChange, LinkId, LocalId, NewLink, RemoteId, Snapshot
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import Ambiguous, Match, Matched, pair_digest
from sync_service.domain.planning import PullPage, plan_page
from sync_service.domain.records import Values
from sync_service.domain.reports import Outcome
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from tests.unit.domain.sketches import POLICIES, by_remote, case, linked, open_cases, pupil, seen

MARK: Values = {"student_id": 1, "lesson_id": 2, "value": "4", "weight": 1, "position": 1, "comment": None}


def mark(**changes: str | int | None) -> Values:
    return {**MARK, **changes}


def page(
    *incoming: Incoming,
    stream: Stream = Stream.MARKS,
    links: Sequence[Link] = (),
    closed: Sequence[Link] = (),
    rows: Mapping[int, Values] | None = None,
    conflicts: Sequence[Conflict] = (),
    matches: Mapping[str, Match] | None = None,
    sent: Mapping[str, int] | None = None,
    in_flight: Sequence[str] = (),
    deferred: bool = False,
) -> PullPage:
    return PullPage(
        spec=SPECS[stream],
        policy=POLICIES[stream],
        incoming=incoming,
        links=by_remote(*links),
        rows={LocalId(i): row for i, row in (rows or {}).items()},
        closed=by_remote(*closed),
        conflicts=open_cases(*conflicts),
        matches={RemoteId(r): match for r, match in (matches or {}).items()},
        sent={ref: LocalId(i) for ref, i in (sent or {}).items()},
        in_flight=frozenset(in_flight),
        deferred=deferred,
    )


def quiet(actions: Actions) -> bool:
    """Nothing is written to staging, nothing is queued, asked, parked or linked."""
    return not any(
        (
            actions.creates,
            actions.new_links,
            actions.updates,
            actions.deletes,
            actions.dirty,
            actions.conflicts,
            actions.match_cases,
            actions.park,
        )
    )


def outcome(actions: Actions, remote_id: str = "r1") -> Outcome:
    return actions.settled[RemoteId(remote_id)]


# --- records without a link -----------------------------------------------------------------------------------


def test_an_unknown_record_becomes_a_row_with_its_link() -> None:
    actions = plan_page(page(seen(Stream.MARKS, mark(), version=4, change_version=20)))
    (create,) = actions.creates
    assert (create.remote_id, create.values, create.version, create.change_version) == ("r1", mark(), 4, 20)
    assert (create.evidence, create.previous_id) == ("new", None)
    assert actions.unpark == {"r1"}
    assert outcome(actions) is Outcome.APPLIED


def test_a_record_that_returns_points_to_its_former_link() -> None:
    former = linked(mark())
    (create,) = plan_page(page(seen(Stream.MARKS, mark()), closed=[former])).creates
    assert (create.evidence, create.previous_id) == ("returned", former.link_id)


def test_a_record_that_returns_to_a_known_row_points_to_its_former_link() -> None:
    """Invariant 4: also where the row is still here and only the link was closed."""
    former = linked(mark())
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    actions = plan_page(page(seen(Stream.MARKS, mark()), closed=[former], matches=matches, rows={1: mark()}))
    assert [(link.local_id, link.previous_id) for link in actions.new_links] == [(1, former.link_id)]


def test_a_matched_record_is_linked_and_merged_without_a_base() -> None:
    """What one side lacks is filled, in both directions; the difference is asked about."""
    matches = {"r1": Matched(LocalId(1), "cell_position")}
    theirs, ours = mark(value="5", comment="к/р"), mark(comment=None)
    actions = plan_page(page(seen(Stream.MARKS, theirs), matches=matches, rows={1: ours}))
    (link,) = actions.new_links
    assert (link.remote_id, link.evidence) == ("r1", "cell_position")
    assert "value" not in link.base.local
    assert link.base.local["comment"] == "к/р"
    assert actions.updates == [(1, {"comment": "к/р"})]
    (conflict,) = actions.conflicts
    assert (conflict.kind, conflict.groups, conflict.link_id) == (
        ConflictKind.FIRST_MEETING,
        frozenset({"mark"}),
        LinkId(0),
    )
    assert outcome(actions) is Outcome.CONFLICTS


def test_a_matched_record_that_agrees_is_applied_quietly() -> None:
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    actions = plan_page(page(seen(Stream.MARKS, mark()), matches=matches, rows={1: mark()}))
    assert actions.new_links == [
        NewLink(
            local_id=LocalId(1),
            remote_id=RemoteId("r1"),
            base=Snapshot.agreed(mark()),
            version=4,
            change_version=20,
            evidence="natural_key",
        )
    ]
    assert (actions.updates, actions.dirty, actions.conflicts) == ([], {}, [])
    assert outcome(actions) is Outcome.APPLIED
    assert [(item.act, item.student_id, item.before) for item in actions.audit] == [(Act.LINK, 1, None)]


def test_a_clash_of_one_record_is_not_the_outcome_of_the_next() -> None:
    matches = {name: Matched(LocalId(number), "cell_position") for number, name in enumerate(("r1", "r2"), 1)}
    items = [seen(Stream.MARKS, mark(value="5"), remote_id=name) for name in matches]
    actions = plan_page(page(*items, matches=matches, rows={1: mark(), 2: mark(value="5")}))
    assert actions.settled == {"r1": Outcome.CONFLICTS, "r2": Outcome.APPLIED}


def test_what_the_school_alone_knows_is_queued_for_the_region() -> None:
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    actions = plan_page(page(seen(Stream.MARKS, mark()), matches=matches, rows={1: mark(comment="к/р")}))
    assert actions.dirty == {1: {"comment"}}


def test_two_records_never_take_one_row() -> None:
    """The second one becomes a row of its own."""
    matches = {name: Matched(LocalId(1), "natural_key") for name in ("r1", "r2")}
    items = [seen(Stream.MARKS, mark(), remote_id=name) for name in ("r1", "r2")]
    actions = plan_page(page(*items, matches=matches, rows={1: mark()}))
    assert [link.remote_id for link in actions.new_links] == ["r1"]
    assert [create.remote_id for create in actions.creates] == ["r2"]
    assert actions.outcomes == {Outcome.APPLIED: 2}


@pytest.mark.parametrize("order", [("r1", "r2"), ("r2", "r1")])
def test_the_record_we_sent_takes_its_row_before_one_that_only_looks_alike(order: tuple[str, str]) -> None:
    """A client reference is proof, a natural key is likeness; the order on the page decides nothing."""
    items = {
        "r1": seen(Stream.MARKS, mark(), remote_id="r1"),
        "r2": seen(Stream.MARKS, mark(), remote_id="r2", client_ref="ours"),
    }
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    actions = plan_page(page(*(items[name] for name in order), matches=matches, sent={"ours": 1}, rows={1: mark()}))
    assert [(link.remote_id, link.evidence) for link in actions.new_links] == [("r2", "client_ref")]
    assert [create.remote_id for create in actions.creates] == ["r1"]


def test_a_match_whose_row_is_gone_becomes_a_new_row() -> None:
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    assert [c.remote_id for c in plan_page(page(seen(Stream.MARKS, mark()), matches=matches)).creates] == ["r1"]


def test_an_ambiguous_record_waits_for_a_person() -> None:
    match = Ambiguous((Candidate(local_id=LocalId(1), reasons=("name_equal",)),))
    rows = {1: pupil(birth_date=None)}
    actions = plan_page(
        page(seen(Stream.STUDENTS, pupil()), stream=Stream.STUDENTS, matches={"r1": match}, rows=rows)
    )
    (asked,) = actions.match_cases
    assert (asked.remote_id, asked.candidates) == ("r1", match.candidates)
    assert [(p.record.remote_id, p.reason) for p in actions.park] == [("r1", "decision")]
    assert outcome(actions) is Outcome.WAITING
    again = plan_page(
        page(
            seen(Stream.STUDENTS, pupil(phone="+79990000000")),
            stream=Stream.STUDENTS,
            matches={"r1": match},
            rows=rows,
        )
    )
    assert again.match_cases[0].key_digest != asked.key_digest
    assert pair_digest(pupil(), rows[1]) == pair_digest(pupil(address="ул. Мира"), rows[1])


def test_an_unmatched_record_of_a_deferred_stream_waits_for_the_inventory() -> None:
    """Its outcome is counted by the pass that decides it."""
    actions = plan_page(page(seen(Stream.STUDENTS, pupil()), stream=Stream.STUDENTS, deferred=True))
    assert [(p.record.remote_id, p.reason) for p in actions.park] == [("r1", "inventory")]
    assert (actions.creates, actions.outcomes, actions.settled) == ([], {}, {})


def test_a_strong_match_of_a_deferred_stream_is_linked_at_once() -> None:
    matches = {"r1": Matched(LocalId(1), "snils")}
    actions = plan_page(
        page(
            seen(Stream.STUDENTS, pupil()), stream=Stream.STUDENTS, matches=matches, rows={1: pupil()}, deferred=True
        )
    )
    assert [link.evidence for link in actions.new_links] == ["snils"]
    assert not actions.park


def test_a_record_of_ours_whose_answer_is_unknown_is_left_to_the_read_back() -> None:
    """Even with a match at hand: linking it now and again after the answer would link it twice."""
    matches = {"r1": Matched(LocalId(1), "natural_key")}
    item = seen(Stream.MARKS, mark(), client_ref="ours")
    actions = plan_page(page(item, matches=matches, rows={1: mark()}, in_flight=["ours"]))
    assert quiet(actions)
    assert outcome(actions) is Outcome.UNCHANGED


def test_a_record_of_ours_is_known_by_its_client_reference() -> None:
    item = seen(Stream.MARKS, mark(value="5"), client_ref="ours")
    actions = plan_page(page(item, sent={"ours": 1}, rows={1: mark()}))
    assert [(link.local_id, link.evidence) for link in actions.new_links] == [(1, "client_ref")]
    foreign = plan_page(page(seen(Stream.MARKS, mark(), client_ref="somebody's"), sent={"ours": 1}, rows={1: mark()}))
    assert [create.remote_id for create in foreign.creates] == ["r1"]


# --- parents --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True])
def test_a_record_without_its_parent_waits_and_names_it(known: bool) -> None:
    """Whether it is linked or not; nothing of it is applied."""
    links = [linked(mark())] if known else []
    item = seen(Stream.MARKS, mark(value="5"), missing="lessons:L9")
    actions = plan_page(page(item, links=links, rows={1: mark()}))
    assert [(p.reason, p.waits_for) for p in actions.park] == [("parent", "lessons:L9")]
    assert (actions.updates, actions.creates, actions.unpark) == ([], [], set())
    assert outcome(actions) is Outcome.WAITING


def test_references_become_local_and_the_first_missing_parent_is_named() -> None:
    record = RemoteRecord(
        stream=Stream.MARKS, remote_id=RemoteId("r1"), values={"student_id": "S", "lesson_id": "L", "value": "5"}
    )
    spec = SPECS[Stream.MARKS]
    (found,) = localise(
        spec, [record], {Stream.STUDENTS: {RemoteId("S"): LocalId(7)}, Stream.LESSONS: {RemoteId("L"): LocalId(8)}}
    )
    assert (found.values, found.missing) == ({"student_id": 7, "lesson_id": 8, "value": "5"}, None)
    (lost,) = localise(spec, [record], {Stream.STUDENTS: {}, Stream.LESSONS: {}})
    assert lost.missing == "students:S"
    assert record.values["student_id"] == "S"


def test_an_empty_optional_reference_is_no_missing_parent() -> None:
    record = RemoteRecord(
        stream=Stream.MOVEMENTS, remote_id=RemoteId("r1"), values={"student_id": "S", "class_from_id": None}
    )
    parents: dict[Stream, dict[RemoteId, LocalId]] = {
        Stream.STUDENTS: {RemoteId("S"): LocalId(7)},
        Stream.CLASSES: {},
    }
    (found,) = localise(SPECS[Stream.MOVEMENTS], [record], parents)
    assert (found.values, found.missing) == ({"student_id": 7, "class_from_id": None}, None)


# --- linked records -------------------------------------------------------------------------------------------


def test_unchanged_content_only_moves_the_version() -> None:
    """The row is not even needed."""
    actions = plan_page(page(seen(Stream.MARKS, mark()), links=[linked(mark())]))
    assert actions.link_changes == [LinkChange(link_id=LinkId(1001), version=4, change_version=20)]
    assert quiet(actions)
    assert not actions.audit
    assert outcome(actions) is Outcome.UNCHANGED


def test_a_regional_edit_is_written_with_its_base_and_what_it_replaced() -> None:
    actions = plan_page(page(seen(Stream.MARKS, mark(value="5")), links=[linked(mark())], rows={1: mark()}))
    assert actions.updates == [(1, {"value": "5"})]
    assert [change.base for change in actions.link_changes] == [Snapshot.agreed(mark(value="5"))]
    (item,) = actions.audit
    assert (item.act, item.before, item.base_local) == (Act.PULL, {"value": "4"}, {"value": "5"})
    assert outcome(actions) is Outcome.APPLIED


def test_a_clash_holds_its_group_and_the_rest_flows() -> None:
    theirs, ours = mark(value="5", comment="к/р"), mark(value="3")
    actions = plan_page(page(seen(Stream.MARKS, theirs), links=[linked(mark())], rows={1: ours}))
    assert actions.updates == [(1, {"comment": "к/р"})]
    (conflict,) = actions.conflicts
    assert (conflict.kind, conflict.groups, conflict.link_id) == (
        ConflictKind.EDIT,
        frozenset({"mark"}),
        LinkId(1001),
    )
    assert {c.field: (c.base_local, c.local, c.remote) for c in conflict.clashes}["value"] == ("4", "3", "5")
    assert outcome(actions) is Outcome.CONFLICTS


@pytest.mark.parametrize(("arrived", "is_old"), [(9, True), (10, False), (11, False), (None, False)])
def test_an_acknowledged_write_is_not_judged_by_a_page_read_before_it(arrived: int | None, is_old: bool) -> None:
    item = seen(Stream.MARKS, mark(value="2"), change_version=arrived)
    actions = plan_page(page(item, links=[linked(mark(), change_version=10)], rows={1: mark()}))
    assert (actions.updates == []) == is_old
    assert (actions.link_changes == []) == is_old
    assert outcome(actions) is (Outcome.UNCHANGED if is_old else Outcome.APPLIED)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_repeated_record_counts_as_unchanged_and_the_newest_stands(newest_first: bool) -> None:
    items = [
        seen(Stream.MARKS, mark(value="5"), change_version=20),
        seen(Stream.MARKS, mark(value="3"), change_version=21),
    ]
    if newest_first:
        items.reverse()
    actions = plan_page(page(*items, links=[linked(mark())], rows={1: mark()}))
    assert actions.updates == [(1, {"value": "3"})]
    assert actions.outcomes == {Outcome.UNCHANGED: 1, Outcome.APPLIED: 1}


def test_an_unchanged_repetition_does_not_close_the_pages_own_case() -> None:
    """Records without change versions: the later one of the page stands."""
    items = [seen(Stream.MARKS, mark(value=value), change_version=None) for value in ("5", "2")]
    actions = plan_page(page(*items, links=[linked(mark())], rows={1: mark(value="3")}))
    assert [{c.field: c.remote for c in conflict.clashes}["value"] for conflict in actions.conflicts] == ["2"]


# --- open cases -----------------------------------------------------------------------------------------------


def clash(local: str, remote: str, *, base: str = "4") -> tuple[FieldClash, ...]:
    return tuple(
        FieldClash(
            field=field,
            group="mark",
            local=ours,
            remote=theirs,
            base_local=agreed,
            base_remote=agreed,
            has_base=True,
        )
        for field, ours, theirs, agreed in (("value", local, remote, base), ("weight", 1, 1, 1))
    )


LINK = linked(mark())


@pytest.mark.parametrize(
    ("ours", "theirs", "state", "values"),
    [
        ("3", "5", None, None),
        ("3", "2", ConflictState.OPEN, ("3", "2")),
        ("1", "5", ConflictState.OPEN, ("1", "5")),
        ("3", "3", ConflictState.CONVERGED, None),
        ("3", "4", ConflictState.CONVERGED, None),
        ("4", "5", ConflictState.CONVERGED, None),
    ],
    ids=["as before", "region moved", "school moved", "both came together", "region went back", "school went back"],
)
def test_an_open_case_says_exactly_what_clashes_now(
    ours: str, theirs: str, state: ConflictState | None, values: tuple[str, str] | None
) -> None:
    conflict = case(LINK, Stream.MARKS, clash("3", "5"))
    item = seen(Stream.MARKS, mark(value=theirs))
    actions = plan_page(page(item, links=[LINK], rows={1: mark(value=ours)}, conflicts=[conflict]))
    assert [c.state for c in actions.conflicts] == ([] if state is None else [state])
    assert all(c.conflict_id == conflict.conflict_id for c in actions.conflicts)
    if values:
        found = {c.field: (c.local, c.remote) for c in actions.conflicts[0].clashes}
        assert found["value"] == values
        assert actions.conflicts[0].stamp != conflict.stamp


def test_a_decision_that_is_being_undone_is_left_alone() -> None:
    """Its group waits for the compensating change; the rest of the record flows."""
    conflict = case(LINK, Stream.MARKS, clash("3", "5"), state=ConflictState.UNDOING)
    item = seen(Stream.MARKS, mark(value=str(LINK.base.remote["value"]), comment="к/р"))
    actions = plan_page(page(item, links=[LINK], rows={1: mark(value="3")}, conflicts=[conflict]))
    assert actions.updates == [(1, {"comment": "к/р"})]
    assert (actions.conflicts, actions.dirty) == ([], {})
    assert outcome(actions) is Outcome.CONFLICTS


def test_an_undo_gives_way_to_an_edit_that_came_after_the_decision() -> None:
    """The region has moved on: nothing is sent back, the case opens on what both sides hold now."""
    conflict = case(LINK, Stream.MARKS, clash("3", "5"), state=ConflictState.UNDOING)
    item = seen(Stream.MARKS, mark(value="2"))
    actions = plan_page(page(item, links=[LINK], rows={1: mark(value="3")}, conflicts=[conflict]))
    (again,) = actions.conflicts
    assert again.state is ConflictState.OPEN
    assert ("3", "2") in [(c.local, c.remote) for c in again.clashes]
    assert actions.dirty == {}


def test_a_record_seen_alive_on_both_sides_closes_its_delete_case() -> None:
    for kind in (ConflictKind.DELETED_IN_REGION, ConflictKind.DELETED_IN_SCHOOL):
        conflict = case(LINK, Stream.MARKS, (), kind=kind)
        item = seen(Stream.MARKS, mark(value="5"))
        actions = plan_page(page(item, links=[LINK], rows={1: mark()}, conflicts=[conflict]))
        assert [c.state for c in actions.conflicts] == [ConflictState.CONVERGED]
        assert actions.updates == [(1, {"value": "5"})]


def test_actions_start_empty() -> None:
    actions = Actions(stream=Stream.MARKS)
    assert not any(getattr(actions, f.name) for f in dataclasses.fields(actions) if f.name != "stream")
