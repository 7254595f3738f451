"""The merge invents nothing, forgets nothing and comes to rest (invariants 1 to 3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.acknowledging import acknowledged_base
from sync_service.domain.links import EMPTY, Snapshot
from sync_service.domain.merging import Merge, merge
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, StreamPolicy
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Stream

POLICY = StreamPolicy(
    stream=Stream.STUDENTS,
    fields=(
        FieldPolicy(field="last_name", fold=True),
        FieldPolicy(field="address"),
        FieldPolicy(field="series", group="document"),
        FieldPolicy(field="number", group="document"),
        FieldPolicy(field="email", on_clash=OnClash.LOCAL),
        FieldPolicy(field="position", on_clash=OnClash.GIS),
        FieldPolicy(field="file_no", owner=Owner.LOCAL),
        FieldPolicy(field="person_id", owner=Owner.GIS),
        FieldPolicy(field="code", owner=Owner.GIS, fold=True),
    ),
)
FIELDS = tuple(POLICY.by_field)
TEXTS = (None, "Семёнов", "Семенов", "x", "y")
VALUES: st.SearchStrategy[Scalar] = st.sampled_from(TEXTS)
STEPS = st.lists(st.integers(0, len(TEXTS) + 3), min_size=len(FIELDS), max_size=len(FIELDS))
WHOLE = st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES))
PARTIAL = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES))


@st.composite
def bases(draw: st.DrawFn) -> Snapshot:
    """A base for any subset of the fields; now and then a near-miss."""
    local = draw(PARTIAL)
    if draw(st.booleans()):
        return Snapshot.agreed(local)
    kept = edited(local, draw(STEPS))
    return Snapshot(local, {name: kept[name] for name in local})


def edited(base: Values, steps: list[int]) -> Values:
    """A side some time after the base: some of it as it was, some of it new."""
    return {
        name: TEXTS[step] if step < len(TEXTS) else base.get(name) for name, step in zip(FIELDS, steps, strict=True)
    }


@st.composite
def meetings(draw: st.DrawFn) -> tuple[Snapshot, Values, Values]:
    """A base, the school's record, and what the region sent of its own."""
    base = draw(bases())
    remote = edited(base.remote, draw(STEPS))
    for name in draw(st.frozensets(st.sampled_from(FIELDS), max_size=2)):
        del remote[name]
    return base, edited(base.local, draw(STEPS)), remote


def known(base: Snapshot, remote: Values) -> Values:
    """The region's record: what it did not send is as it was."""
    return {name: remote.get(name, base.remote.get(name)) for name in FIELDS}


def carried_out(base: Snapshot, local: Values, remote: Values, merged: Merge) -> tuple[Snapshot, Values, Values]:
    """Both sides and the base after the pull was written and the push was acknowledged."""
    here = local | merged.pull
    sent = {f.field: here[f.field] for group in merged.push for f in POLICY.groups[group]}
    there = known(base, remote) | sent
    return acknowledged_base(POLICY, merged.base or base, sent, there, created=False), here, there


@given(meetings())
def test_merge_is_idempotent(meeting: tuple[Snapshot, Values, Values]) -> None:
    """Once its result stands on both sides a second merge has nothing new to say; open clashes are unchanged."""
    first = merge(POLICY, *meeting)
    second = merge(POLICY, *carried_out(*meeting, first))
    assert (second.pull, second.push, second.base) == ({}, (), None)
    assert second.clashes == first.clashes


@given(meetings())
def test_both_sides_converge_where_nothing_clashes(meeting: tuple[Snapshot, Values, Values]) -> None:
    """Afterwards the sides agree on every group, but for clashes, near-misses and what only one side owns."""
    base, local, remote = meeting
    merged = merge(POLICY, base, local, remote)
    _, here, there = carried_out(base, local, remote, merged)
    clashing = {clash.group for clash in merged.clashes}
    for group, fields in POLICY.groups.items():
        at_rest = all(
            f.field in base.local
            and (local[f.field], known(base, remote)[f.field]) == (base.local[f.field], base.remote[f.field])
            for f in fields
        )
        owner = fields[0].owner
        owned = (owner is Owner.LOCAL and all(here[f.field] is None for f in fields)) or (
            owner is Owner.GIS and all(there[f.field] is None for f in fields)
        )
        agree = all(f.same(here[f.field], there[f.field]) for f in fields)
        assert agree or group in clashing or at_rest or owned


@given(meetings())
def test_no_value_is_invented(meeting: tuple[Snapshot, Values, Values]) -> None:
    """What is written here stood there, what is sent stood here, and a base holds what a side holds."""
    base, local, remote = meeting
    merged = merge(POLICY, base, local, remote)
    there = known(base, remote)
    assert all(there[name] == value != local[name] for name, value in merged.pull.items())
    if merged.base is not None:
        here = local | merged.pull
        moved = [n for n in FIELDS if n in merged.base.local and merged.base.local[n] != base.local.get(n, merged)]
        assert all(merged.base.local[n] in (here[n], there[n]) for n in moved)
        assert all(merged.base.remote[n] in (base.remote.get(n, merged), there[n]) for n in merged.base.remote)
        assert merged.base.local.keys() == merged.base.remote.keys() >= base.local.keys()


@given(meetings())
def test_an_unchanged_side_never_changes_the_other(meeting: tuple[Snapshot, Values, Values]) -> None:
    """Only news travels; the owner of a field alone may insist on what it had before."""
    base, local, remote = meeting
    merged = merge(POLICY, base, local, remote)
    there = known(base, remote)
    for group, fields in POLICY.groups.items():
        if any(f.field not in base.local for f in fields):
            continue
        if all(local[f.field] == base.local[f.field] for f in fields):
            assert group not in merged.push or fields[0].owner is Owner.LOCAL
            assert not any(clash.group == group for clash in merged.clashes)
        if all(there[f.field] == base.remote[f.field] for f in fields):
            assert fields[0].owner is Owner.GIS or not any(f.field in merged.pull for f in fields)
            assert not any(clash.group == group for clash in merged.clashes)


@given(meetings())
def test_a_field_is_never_written_or_sent_against_its_owner(meeting: tuple[Snapshot, Values, Values]) -> None:
    merged = merge(POLICY, *meeting)
    assert "file_no" not in merged.pull
    assert not {"person_id", "code"} & set(merged.push)
    assert {clash.group for clash in merged.clashes} <= {"last_name", "address", "document"}


@given(meetings())
def test_groups_are_judged_apart(meeting: tuple[Snapshot, Values, Values]) -> None:
    """A clash holds its own group and moves nothing of it; every other group flows as if it were alone."""
    base, local, remote = meeting
    merged = merge(POLICY, base, local, remote)
    after = merged.base or base
    for group, fields in POLICY.groups.items():
        alone = merge(StreamPolicy(stream=POLICY.stream, fields=fields), base, local, remote)
        names = {f.field for f in fields}
        assert {n: v for n, v in merged.pull.items() if n in names} == alone.pull
        assert (group in merged.push) == bool(alone.push)
        assert tuple(c for c in merged.clashes if c.group == group) == alone.clashes
        rest = alone.base or base
        assert all(after.local.get(n, after) == rest.local.get(n, after) or n not in rest.local for n in names)
        if alone.clashes:
            assert not alone.pull
            assert not alone.push
            assert alone.base is None


@given(meetings(), st.frozensets(st.sampled_from(sorted(POLICY.groups))))
def test_skipped_groups_are_as_if_they_were_not_there(
    meeting: tuple[Snapshot, Values, Values], skip: frozenset[str]
) -> None:
    rest = StreamPolicy(stream=POLICY.stream, fields=tuple(f for f in POLICY.fields if f.group not in skip))
    assert merge(POLICY, *meeting, skip=skip) == merge(rest, *meeting)


@given(WHOLE)
def test_equal_records_are_quiet_at_every_meeting_but_the_first(values: Values) -> None:
    first = merge(POLICY, EMPTY, values, values)
    assert (first.pull, first.push, first.clashes) == ({}, (), ())
    assert first.base == Snapshot.agreed(values)
    assert merge(POLICY, Snapshot.agreed(values), values, values).quiet
