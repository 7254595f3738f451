"""Suggestions on a conflict: each has a reason, and without a reason there is none."""

from __future__ import annotations

import pytest

from sync_service.domain.actions import DELETION_FIELD
from sync_service.domain.conflicts import FieldClash, Side
from sync_service.domain.policies import FieldPolicy, Owner, StreamPolicy
from sync_service.domain.records import Scalar
from sync_service.domain.streams import Stream
from sync_service.domain.suggesting import Reason, Suggestion, suggest

VALID, OTHER, WRONG = "11223344595", "08765430300", "11223344596"


def clash(field: str, local: Scalar, remote: Scalar, *base: Scalar, group: str = "") -> FieldClash:
    agreed = {"base_local": base[0], "base_remote": base[-1], "has_base": True} if base else {}
    return FieldClash(field=field, group=group or field, local=local, remote=remote, **agreed)  # type: ignore[arg-type]  # as named


def said(*clashes: FieldClash, owner: Owner = Owner.BOTH) -> list[tuple[Side, Reason]]:
    policy = StreamPolicy(
        stream=Stream.STUDENTS,
        fields=tuple(FieldPolicy(field=one.field, group=one.group, owner=owner) for one in clashes),
    )
    return [(one.side, one.reason) for one in suggest(clashes, policy)]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (clash("address", "Королёва 5", "Королева 5", "Мира 1"), (Side.LOCAL, Reason.SPELLING)),
        (clash("last_name", "Иванова-Петрова", "иванова петрова"), (Side.LOCAL, Reason.SPELLING)),
        (clash("address", "УЛ. МИРА", "ул. Мира"), (Side.GIS, Reason.SHOUTING)),
        (clash("phone", "1", "2", "1"), (Side.GIS, Reason.SCHOOL_AS_AGREED)),
        (clash("phone", "1", "2", "2"), (Side.LOCAL, Reason.REGION_AS_AGREED)),
        (clash("snils", VALID, WRONG, None), (Side.LOCAL, Reason.WRONG_SNILS)),
        (clash("snils", WRONG, VALID), (Side.GIS, Reason.WRONG_SNILS)),
    ],
)
def test_a_reason_gives_a_side(one: FieldClash, expected: tuple[Side, Reason]) -> None:
    assert said(one) == [expected]


@pytest.mark.parametrize(
    "one",
    [
        clash("birth_date", "2015-03-03", "2015-02-03", "2014-01-01"),  # the later date is no better
        clash("birth_date", "2015-03-03", "2015-02-03"),
        clash("phone", "+79120000001", "+79120000002", None),
        clash("snils", VALID, OTHER),
        clash("snils", None, WRONG, VALID),  # missing is not wrong
        clash("weight", 2, 3, 1),
        clash("address", "ул. Мира", None, "ул. Ленина"),
        clash(DELETION_FIELD, None, None),
    ],
)
def test_without_a_reason_nothing_is_suggested(one: FieldClash) -> None:
    assert said(one) == []


def test_a_group_is_judged_as_one() -> None:
    """One field of it that is spelt otherwise says nothing when another one is really different."""
    series = clash("document_series", "IV-АИ", "iv-аи", group="document")
    number = clash("document_number", "123456", "123457", group="document")
    assert said(series, number) == []
    same = clash("document_number", "123456", "123456", group="document")
    assert said(series, same) == [(Side.LOCAL, Reason.SPELLING)]


def test_an_owner_comes_before_evidence_and_groups_keep_their_order() -> None:
    assert said(clash("phone", "1", "2", "1"), owner=Owner.LOCAL) == [(Side.LOCAL, Reason.SCHOOL_OWNS)]
    assert said(clash("phone", "1", "2", "2"), owner=Owner.GIS) == [(Side.GIS, Reason.REGION_OWNS)]
    several = (clash("snils", WRONG, VALID), clash("phone", "1", "3", "2"), clash("address", "ё", "е"))
    policy = StreamPolicy(stream=Stream.STUDENTS, fields=tuple(FieldPolicy(field=one.field) for one in several))
    assert suggest(several, policy) == [
        Suggestion(group="snils", side=Side.GIS, reason=Reason.WRONG_SNILS),
        Suggestion(group="address", side=Side.LOCAL, reason=Reason.SPELLING),
    ]
