"""The truth table of the three-way merge (DESIGN.md 4, invariants 1 to 3)."""

from __future__ import annotations

import itertools

import pytest

from sync_service.domain.links import EMPTY, Snapshot
from sync_service.domain.merging import Merge, merge
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, StreamPolicy
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Stream

OWNERS = tuple(Owner)
RULES = tuple(OnClash)
GROUPED = (False, True)

# What a side holds, by situation: (base, school, region); the same letters for the second field of a group.
WITH_BASE: dict[str, tuple[Scalar, Scalar, Scalar]] = {
    "nobody changed": ("old", "old", "old"),
    "school changed": ("old", "ours", "old"),
    "school cleared": ("old", None, "old"),
    "region changed": ("old", "old", "theirs"),
    "region cleared": ("old", "old", None),
    "both changed alike": ("old", "new", "new"),
    "both changed differently": ("old", "ours", "theirs"),
    "school cleared, region changed": ("old", None, "theirs"),
    "school changed, region cleared": ("old", "ours", None),
}
WITHOUT_BASE: dict[str, tuple[Scalar, Scalar]] = {
    "equal": ("same", "same"),
    "both empty": (None, None),
    "school empty": (None, "theirs"),
    "region empty": ("ours", None),
    "different": ("ours", "theirs"),
}
CLASH = {
    (Owner.BOTH, OnClash.ASK): "clash",
    (Owner.BOTH, OnClash.LOCAL): "insist",
    (Owner.BOTH, OnClash.GIS): "overwrite",
    **{(Owner.LOCAL, rule): "insist" for rule in RULES},
    **{(Owner.GIS, rule): "overwrite" for rule in RULES},
}


def expected_with_base(situation: str, owner: Owner, rule: OnClash) -> str:
    match situation:
        case "nobody changed":
            return "nothing"
        case "school changed" | "school cleared":
            return "overwrite" if owner is Owner.GIS else "push"
        case "region changed" | "region cleared":
            return "insist" if owner is Owner.LOCAL else "pull"
        case "both changed alike":
            return "agree"
    return CLASH[owner, rule]


def expected_without_base(situation: str, owner: Owner, rule: OnClash) -> str:
    match situation:
        case "equal" | "both empty":
            return "agree"
        case "school empty":
            return "nothing" if owner is Owner.LOCAL else "fill here"
        case "region empty":
            return "nothing" if owner is Owner.GIS else "fill there"
    return CLASH[owner, rule]


def policy_of(owner: Owner, rule: OnClash, *, grouped: bool) -> StreamPolicy:
    """One field «value», or a group «mark» of «value» and «weight»; and a neighbour that never changes."""
    group = "mark" if grouped else ""
    fields = [FieldPolicy(field="value", owner=owner, on_clash=rule, group=group)]
    if grouped:
        fields.append(FieldPolicy(field="weight", owner=owner, on_clash=rule, group=group))
    fields.append(FieldPolicy(field="comment"))
    return StreamPolicy(stream=Stream.MARKS, fields=tuple(fields))


def side(value: Scalar, *, grouped: bool) -> Values:
    """A group is empty as a whole or filled as a whole; its second field follows the first."""
    second: Values = {"weight": None if value is None else f"{value}!"} if grouped else {}
    return {"value": value, **second, "comment": "steady"}


def check(merged: Merge, verdict: str, *, here: Values, there: Values, base: Snapshot, group: str) -> None:
    """The whole answer is what the verdict says, nothing more."""
    mine = [name for name in here if name != "comment"]
    differing = {name: there[name] for name in mine if here[name] != there[name]}
    moved = dict(merged.base.local) if merged.base else dict(base.local)
    moved_there = dict(merged.base.remote) if merged.base else dict(base.remote)
    assert merged.pull == (differing if verdict in ("pull", "overwrite", "fill here") else {})
    assert merged.push == ((group,) if verdict in ("push", "insist", "fill there") else ())
    assert merged.overwritten == ((group,) if verdict == "overwrite" else ())
    assert merged.filled == ((group,) if verdict in ("fill here", "fill there") else ())
    assert [c.field for c in merged.clashes] == (mine if verdict == "clash" else [])
    for name in mine:
        if verdict in ("pull", "overwrite", "fill here", "insist", "agree"):
            assert (moved[name], moved_there[name]) == (there[name], there[name])
        else:
            assert moved.get(name, "none") == base.local.get(name, "none")
            assert moved_there.get(name, "none") == base.remote.get(name, "none")


@pytest.mark.parametrize("grouped", GROUPED, ids=["field", "group"])
@pytest.mark.parametrize(("owner", "rule"), list(itertools.product(OWNERS, RULES)))
@pytest.mark.parametrize("situation", WITH_BASE)
def test_merge_with_a_base(situation: str, owner: Owner, rule: OnClash, grouped: bool) -> None:
    """Every row of the table for every owner and rule, for a field and for a group of fields."""
    old, ours, theirs = (side(value, grouped=grouped) for value in WITH_BASE[situation])
    base = Snapshot.agreed(old)
    merged = merge(policy_of(owner, rule, grouped=grouped), base, ours, theirs)
    verdict = expected_with_base(situation, owner, rule)
    check(merged, verdict, here=ours, there=theirs, base=base, group="mark" if grouped else "value")
    assert merged.quiet == (verdict == "nothing")
    assert all(c.has_base and c.base_local == old[c.field] for c in merged.clashes)


@pytest.mark.parametrize("grouped", GROUPED, ids=["field", "group"])
@pytest.mark.parametrize(("owner", "rule"), list(itertools.product(OWNERS, RULES)))
@pytest.mark.parametrize("situation", WITHOUT_BASE)
def test_merge_at_first_meeting(situation: str, owner: Owner, rule: OnClash, grouped: bool) -> None:
    """Without a base equal values agree, one empty side is filled, a difference is asked about or owned."""
    ours, theirs = (side(value, grouped=grouped) for value in WITHOUT_BASE[situation])
    merged = merge(policy_of(owner, rule, grouped=grouped), EMPTY, ours, theirs)
    verdict = expected_without_base(situation, owner, rule)
    check(merged, verdict, here=ours, there=theirs, base=EMPTY, group="mark" if grouped else "value")
    assert not any(c.has_base for c in merged.clashes)


PAIR = policy_of(Owner.BOTH, OnClash.ASK, grouped=True)
BASE = Snapshot.agreed({"value": "4", "weight": 1, "comment": None})


def test_a_group_moves_as_one_unit() -> None:
    """The school changed the mark, the region its weight: neither half travels, the whole mark is asked about."""
    merged = merge(
        PAIR, BASE, {"value": "5", "weight": 1, "comment": "к/р"}, {"value": "4", "weight": 2, "comment": None}
    )
    assert [(c.field, c.local, c.remote, c.group) for c in merged.clashes] == [
        ("value", "5", "4", "mark"),
        ("weight", 1, 2, "mark"),
    ]
    assert merged.push == ("comment",)
    assert merged.base is None


def test_a_pulled_group_takes_its_unchanged_fields_into_the_base() -> None:
    merged = merge(
        PAIR, BASE, {"value": "4", "weight": 1, "comment": None}, {"value": "5", "weight": 1, "comment": None}
    )
    assert merged.pull == {"value": "5"}
    assert merged.base == Snapshot.agreed({"value": "5", "weight": 1, "comment": None})


@pytest.mark.parametrize(
    ("here", "there", "pull", "push", "clash"),
    [
        ((None, "123456"), ("IV-АИ", "123456"), {"series": "IV-АИ"}, (), False),
        (("IV-АИ", "123456"), (None, "123456"), {}, ("document",), False),
        ((None, "123456"), ("IV-АИ", None), {}, (), True),
        ((None, "123456"), ("IV-АИ", "654321"), {}, (), True),
    ],
)
def test_groups_that_complement_each_other_at_first_meeting_are_filled(
    here: tuple[str | None, str | None],
    there: tuple[str | None, str | None],
    pull: Values,
    push: tuple[str, ...],
    clash: bool,
) -> None:
    """A side that only says more of a group fills the other; where each knows a half, or they differ, it is asked."""
    policy = StreamPolicy(
        stream=Stream.STUDENTS,
        fields=tuple(FieldPolicy(field=name, group="document") for name in ("series", "number")),
    )
    merged = merge(
        policy,
        EMPTY,
        dict(zip(("series", "number"), here, strict=True)),
        dict(zip(("series", "number"), there, strict=True)),
    )
    assert (merged.pull, merged.push, bool(merged.clashes)) == (pull, push, clash)
    assert merged.filled == (("document",) if pull or push else ())


def test_a_group_with_half_a_base_meets_for_the_first_time() -> None:
    """A field that joined a group later has no base, hence the group has none."""
    half = Snapshot.agreed({"value": "4"})
    merged = merge(PAIR, half, {"value": "5", "weight": 1}, {"value": "4", "weight": 1})
    assert merged.push == ()
    assert [(c.field, c.has_base) for c in merged.clashes] == [("value", False), ("weight", False)]


# --- spelling -------------------------------------------------------------------------------------------------

NAMES = StreamPolicy(stream=Stream.STUDENTS, fields=(FieldPolicy(field="last_name", fold=True),))
GIS_NAMES = StreamPolicy(stream=Stream.STUDENTS, fields=(FieldPolicy(field="last_name", fold=True, owner=Owner.GIS),))


def name(text: str) -> Values:
    return {"last_name": text}


def test_spellings_of_one_name_agree_and_each_side_keeps_its_own() -> None:
    merged = merge(NAMES, EMPTY, name("Семёнов"), name("Семенов"))
    assert (merged.pull, merged.push, merged.clashes) == ({}, (), ())
    assert merged.base == Snapshot(name("Семёнов"), name("Семенов"))


def test_a_respelling_by_the_school_is_sent() -> None:
    merged = merge(NAMES, Snapshot.agreed(name("Семенов")), name("Семёнов"), name("Семенов"))
    assert merged.push == ("last_name",)
    assert merged.base is None


def test_a_respelling_by_the_region_is_agreed_and_not_pulled() -> None:
    """ё typed by the school survives a region that drops it."""
    merged = merge(NAMES, Snapshot.agreed(name("Семёнов")), name("Семёнов"), name("Семенов"))
    assert merged.pull == {}
    assert merged.base == Snapshot(name("Семёнов"), name("Семенов"))


def test_a_respelling_of_a_field_the_region_owns_is_never_sent() -> None:
    merged = merge(GIS_NAMES, Snapshot.agreed(name("Семенов")), name("Семёнов"), name("Семенов"))
    assert (merged.push, merged.pull) == ((), {})
    assert merged.base == Snapshot(name("Семёнов"), name("Семенов"))


def test_without_folding_spellings_differ() -> None:
    plain = StreamPolicy(stream=Stream.STUDENTS, fields=(FieldPolicy(field="last_name"),))
    assert merge(plain, EMPTY, name("Семёнов"), name("Семенов")).clashes


# --- near-miss bases and absent fields ------------------------------------------------------------------------

NEAR = Snapshot({"address": "ул. Мира, 5"}, {"address": "Мира 5"})
ADDRESS = StreamPolicy(stream=Stream.STUDENTS, fields=(FieldPolicy(field="address"),))


@pytest.mark.parametrize(
    ("here", "there", "pull", "push", "clash"),
    [
        ("ул. Мира, 5", "Мира 5", {}, (), False),
        ("ул. Мира, 7", "Мира 5", {}, ("address",), False),
        ("ул. Мира, 5", "Ленина 1", {"address": "Ленина 1"}, (), False),
        ("ул. Мира, 7", "Ленина 1", {}, (), True),
    ],
)
def test_each_side_is_compared_with_its_own_base(
    here: str, there: str, pull: Values, push: tuple[str, ...], clash: bool
) -> None:
    """The region stored something else than we sent: nothing moves until one side really changes."""
    merged = merge(ADDRESS, NEAR, {"address": here}, {"address": there})
    assert (merged.pull, merged.push, bool(merged.clashes)) == (pull, push, clash)


@pytest.mark.parametrize(("here", "there"), [("Мира 5", "Мира 5"), ("ул. Мира, 5", "ул. Мира, 5")])
def test_a_near_miss_that_comes_together_is_agreed(here: str, there: str) -> None:
    merged = merge(ADDRESS, NEAR, {"address": here}, {"address": there})
    assert (merged.pull, merged.push, merged.clashes) == ({}, (), ())
    assert merged.base == Snapshot.agreed({"address": here})


def test_a_field_the_region_did_not_send_counts_as_unchanged() -> None:
    """Even where the region's base differs from ours: absence never pulls and never clears."""
    assert merge(ADDRESS, NEAR, {"address": "ул. Мира, 5"}, {}).quiet
    assert merge(ADDRESS, NEAR, {"address": "другая"}, {}).push == ("address",)


def test_null_is_a_value_and_absence_is_none() -> None:
    merged = merge(ADDRESS, Snapshot.agreed({"address": "А"}), {"address": "А"}, {"address": None})
    assert merged.pull == {"address": None}


def test_skipped_groups_are_left_alone() -> None:
    """A group whose decision is being undone neither travels nor clashes nor moves its base."""
    here: Values = {"value": "5", "weight": 1, "comment": "к/р"}
    there: Values = {"value": "3", "weight": 1, "comment": None}
    merged = merge(PAIR, BASE, here, there, skip=frozenset({"mark"}))
    assert (merged.pull, merged.push, merged.clashes, merged.base) == ({}, ("comment",), (), None)
