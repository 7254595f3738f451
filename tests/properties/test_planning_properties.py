"""Every record of a page has exactly one outcome, whatever the page and our knowledge look like (invariant 11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.actions import Actions, Incoming
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId, Snapshot
from sync_service.domain.matches import Candidate
from sync_service.domain.matching import Ambiguous, Match, Matched
from sync_service.domain.planning import PullPage, plan_page
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, Stream
from tests.unit.domain.sketches import POLICIES, by_remote, open_cases, seen

REMOTE_IDS = [f"r{number}" for number in range(5)]
REFS = ["ref0", "ref1", "ref2"]
MARKS: st.SearchStrategy[Values] = st.fixed_dictionaries(
    {
        "student_id": st.just(1),
        "lesson_id": st.just(2),
        "value": st.sampled_from(["4", "5"]),
        "weight": st.just(1),
        "position": st.sampled_from([1, 2]),
        "comment": st.sampled_from([None, "к/р"]),
    }
)
VERSIONS = st.none() | st.integers(5, 15)


@st.composite
def incoming(draw: st.DrawFn, stream: Stream) -> Incoming:
    return seen(
        stream,
        draw(MARKS),
        remote_id=draw(st.sampled_from(REMOTE_IDS)),
        change_version=draw(VERSIONS),
        deleted=draw(st.integers(0, 3)) == 0,
        client_ref=draw(st.none() | st.sampled_from(REFS)),
        missing=draw(st.sampled_from([None, None, None, "lessons:L9"])),
    )


def _link(number: int, values: Values, change_version: int | None) -> Link:
    return Link(
        link_id=LinkId(100 + number),
        local_id=LocalId(number),
        remote_id=RemoteId(f"r{number}"),
        base=Snapshot.agreed(values),
        version=3,
        change_version=change_version,
    )


@st.composite
def conflicts(draw: st.DrawFn, link: Link) -> Conflict:
    clash = FieldClash(field="comment", group="comment", local="а", remote="б", has_base=True)
    return Conflict(
        conflict_id=7,
        stream=Stream.MARKS,
        link_id=link.link_id,
        local_id=link.local_id,
        kind=draw(st.sampled_from(ConflictKind)),
        clashes=(clash,),
        state=draw(st.sampled_from([ConflictState.OPEN, ConflictState.UNDOING])),
    )


@st.composite
def pages(draw: st.DrawFn) -> PullPage:
    """Any page over five records and six rows: linked, gone, in question, in flight, sent, returned."""
    stream = draw(st.sampled_from([Stream.MARKS, Stream.STUDENTS]))
    linked = draw(st.frozensets(st.integers(0, 2)))
    links = [_link(number, draw(MARKS), draw(VERSIONS)) for number in sorted(linked)]
    rows = {LocalId(number): draw(MARKS) for number in draw(st.frozensets(st.integers(0, 5)))}
    free = [local_id for local_id in range(6) if local_id not in linked]
    matches: dict[RemoteId, Match] = {}
    for name in REMOTE_IDS:
        local_id = LocalId(draw(st.sampled_from(free)))
        choices: list[Match | None] = [
            None,
            Matched(local_id, "natural_key"),
            Ambiguous((Candidate(local_id=local_id, reasons=()),)),
        ]
        if (match := draw(st.sampled_from(choices))) is not None:
            matches[RemoteId(name)] = match
    return PullPage(
        spec=SPECS[stream],
        policy=POLICIES[Stream.MARKS],
        incoming=tuple(draw(st.lists(incoming(stream), max_size=8))),
        links=by_remote(*links),
        rows=rows,
        closed=by_remote(*(_link(4, draw(MARKS), 4) for _ in range(draw(st.integers(0, 1))))),
        conflicts=open_cases(*(draw(conflicts(link)) for link in links if draw(st.booleans()))),
        matches=matches,
        sent={ref: LocalId(draw(st.sampled_from(free))) for ref in REFS[:2]},
        in_flight=frozenset(REFS[2:]),
        deferred=draw(st.booleans()),
    )


@given(pages())
def test_every_record_has_exactly_one_outcome(page: PullPage) -> None:
    """Received = sum of outcomes + what is parked for a later pass to count; nobody is in both."""
    actions = plan_page(page)
    later = [p.record.remote_id for p in actions.park if p.reason in ("inventory", "deletion")]
    assert actions.outcomes.total() + len(later) == len(page.incoming)
    seen_ids = {item.record.remote_id for item in page.incoming}
    assert len(later) == len(set(later))
    assert set(later) | actions.settled.keys() == seen_ids
    assert not set(later) & actions.settled.keys()
    assert all(actions.outcomes[outcome] >= count for outcome, count in Counter(actions.settled.values()).items())


@given(pages())
def test_what_is_parked_stays_parked(page: PullPage) -> None:
    """A record waits or is done, and one that waits is neither written nor linked."""
    actions = plan_page(page)
    parked = {p.record.remote_id for p in actions.park}
    assert len(parked) == len(actions.park)
    done = {c.remote_id for c in actions.creates} | {link.remote_id for link in actions.new_links}
    assert not parked & (actions.unpark | done)
    assert {c.remote_id for c in actions.match_cases} == {
        p.record.remote_id for p in actions.park if p.reason == "decision"
    }


@given(pages())
def test_a_page_never_takes_a_row_or_a_record_twice(page: PullPage) -> None:
    actions = plan_page(page)
    taken = [link.local_id for link in actions.new_links]
    formed = [c.remote_id for c in actions.creates] + [link.remote_id for link in actions.new_links]
    assert len(taken) == len(set(taken))
    assert len(formed) == len(set(formed))
    assert not set(formed) & page.links.keys()
    assert set(taken) <= page.rows.keys()
    assert {local_id for local_id, _ in actions.updates} <= page.rows.keys()
    assert len(actions.updates) == len(dict(actions.updates))


@given(pages())
def test_a_page_deletes_nothing_by_itself(page: PullPage) -> None:
    """Deletions are candidates until the guard has seen all of them; pupils are not even candidates."""
    actions = plan_page(page)
    assert actions.deletes == []
    candidates = [p for p in actions.park if p.reason == "deletion"]
    assert all(p.record.deleted and p.record.stream is not Stream.STUDENTS for p in candidates)


@given(pages())
def test_a_base_holds_only_what_a_side_has_shown(page: PullPage) -> None:
    """A link's regional base is made of the region's values, its local one of values that stand on a side."""
    actions = plan_page(page)
    bases = [(new.remote_id, new.local_id, new.base) for new in actions.new_links]
    links = {link.link_id: link for link in page.links.values()}
    for change in actions.link_changes:
        if change.base is not None:
            link = links[change.link_id]
            bases.append((link.remote_id, link.local_id, change.base))
    for remote_id, local_id, base in bases:
        told = [item.values for item in page.incoming if item.record.remote_id == remote_id]
        kept = page.links[remote_id].base if remote_id in page.links else Snapshot({}, {})
        for name in base.remote:
            assert any(base.remote[name] == values.get(name) for values in (*told, kept.remote))
            assert any(base.local[name] == values.get(name) for values in (*told, kept.local, page.rows[local_id]))


@dataclass(frozen=True)
class _Told:
    """What a plan says, in a form that does not depend on the order of the page."""

    settled: Mapping[RemoteId, str]
    links: frozenset[tuple[LocalId, RemoteId]]
    creates: frozenset[RemoteId]
    updates: frozenset[tuple[LocalId, tuple[tuple[str, object], ...]]]
    parked: frozenset[tuple[RemoteId, str]]

    @classmethod
    def by(cls, actions: Actions) -> _Told:
        return cls(
            settled=actions.settled,
            links=frozenset((link.local_id, link.remote_id) for link in actions.new_links),
            creates=frozenset(c.remote_id for c in actions.creates),
            updates=frozenset((i, tuple(sorted(values.items()))) for i, values in actions.updates),
            parked=frozenset((p.record.remote_id, p.reason) for p in actions.park),
        )


@given(pages())
def test_the_order_of_a_page_decides_nothing(page: PullPage) -> None:
    """With distinct records that claim distinct rows, any order of the page leads to the same plan."""
    claimed: set[LocalId] = set()
    kept: dict[RemoteId, Incoming] = {}
    for item in page.incoming:
        record, match = item.record, page.matches.get(item.record.remote_id)
        rows = {page.sent[record.client_ref]} if record.client_ref and record.client_ref in page.sent else set()
        if isinstance(match, Matched) and not rows:
            rows = {match.local_id}
        if record.remote_id not in kept and not rows & claimed:
            kept[record.remote_id] = item
            claimed |= rows
    forth = list(kept.values())
    plans = [plan_page(replace(page, incoming=tuple(order))) for order in (forth, forth[::-1])]
    assert _Told.by(plans[0]) == _Told.by(plans[1])
