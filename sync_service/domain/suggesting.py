"""Which side of a conflict is probably right, with the reason; nothing where there is no reason (invariant 1).

A suggestion is read by a person and never decides: time picks no winner, and neither does a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.actions import DELETION_FIELD
from sync_service.domain.conflicts import FieldClash, Side
from sync_service.domain.policies import Owner, StreamPolicy
from sync_service.domain.records import Scalar
from sync_service.domain.rules import snils
from sync_service.domain.rules.text import spelling_key

_LONG_WORD = re.compile(r"[^\W\d_]{4}")  # shorter ones are abbreviations: series of documents, «ул.»


class Reason(StrEnum):
    SCHOOL_OWNS = "school_owns"
    REGION_OWNS = "region_owns"
    SCHOOL_AS_AGREED = "school_as_agreed"  # the school is back at what was agreed: only the region changed it
    REGION_AS_AGREED = "region_as_agreed"
    WRONG_SNILS = "wrong_snils"  # the other side's number cannot exist
    SPELLING = "spelling"  # the school writes from the documents it holds
    SHOUTING = "shouting"  # the school's spelling is in capitals, the region's is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    group: str
    side: Side
    reason: Reason


def suggest(clashes: Sequence[FieldClash], policy: StreamPolicy) -> list[Suggestion]:
    """At most one for each group, in the order of the groups; owners first, then evidence, spelling last."""
    groups: dict[str, list[FieldClash]] = {}
    for clash in clashes:
        if clash.field != DELETION_FIELD:
            groups.setdefault(clash.group, []).append(clash)
    found = []
    for group, fields in groups.items():
        judged = _owned(group, policy) or _as_agreed(fields) or _possible(fields) or _spelt(fields)
        if judged is not None:
            found.append(Suggestion(group=group, side=judged[0], reason=judged[1]))
    return found


_Judged = tuple[Side, Reason] | None


def _owned(group: str, policy: StreamPolicy) -> _Judged:
    owners = {field.owner for field in policy.groups.get(group, ())}
    if owners == {Owner.LOCAL}:
        return Side.LOCAL, Reason.SCHOOL_OWNS
    if owners == {Owner.GIS}:
        return Side.GIS, Reason.REGION_OWNS
    return None


def _as_agreed(fields: Sequence[FieldClash]) -> _Judged:
    if not all(clash.has_base for clash in fields):
        return None
    here = all(clash.local == clash.base_local for clash in fields)
    there = all(clash.remote == clash.base_remote for clash in fields)
    if here == there:
        return None
    return (Side.GIS, Reason.SCHOOL_AS_AGREED) if here else (Side.LOCAL, Reason.REGION_AS_AGREED)


def _possible(fields: Sequence[FieldClash]) -> _Judged:
    if [clash.field for clash in fields] != ["snils"]:
        return None
    local, remote = fields[0].local, fields[0].remote
    if not (isinstance(local, str) and isinstance(remote, str)):
        return None  # a number that is missing on one side says nothing about the other
    here, there = snils.is_valid(local), snils.is_valid(remote)
    if here == there:
        return None
    return (Side.LOCAL if here else Side.GIS), Reason.WRONG_SNILS


def _spelt(fields: Sequence[FieldClash]) -> _Judged:
    differing = [(clash.local, clash.remote) for clash in fields if clash.local != clash.remote]
    if not differing or not all(_same_words(*pair) for pair in differing):
        return None
    if all(_shouts(local) and not _shouts(remote) for local, remote in differing):
        return Side.GIS, Reason.SHOUTING
    return Side.LOCAL, Reason.SPELLING


def _same_words(local: Scalar, remote: Scalar) -> bool:
    return isinstance(local, str) and isinstance(remote, str) and spelling_key(local) == spelling_key(remote)


def _shouts(value: Scalar) -> bool:
    return isinstance(value, str) and value.isupper() and _LONG_WORD.search(value) is not None
