"""Who owns a field, what happens when both sides changed it, and which fields move as one unit.

Filled from the mapping tables, read by the merge (invariants 1 and 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sync_service.domain.records import Scalar
from sync_service.domain.streams import Stream


class Owner(StrEnum):
    """Whose value a field holds: ``local`` is never pulled over, ``gis`` is never pushed."""

    LOCAL = "local"
    GIS = "gis"
    BOTH = "both"


class OnClash(StrEnum):
    """What happens when both sides changed a field differently."""

    ASK = "ask"
    LOCAL = "local"
    GIS = "gis"


def folded(value: Scalar) -> Scalar:
    """Text without difference of case and of ё/е; anything else as it is."""
    return value.casefold().replace("ё", "е") if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """One field of a stream. A field that belongs to no group forms a group of its own name."""

    field: str
    owner: Owner = Owner.BOTH
    on_clash: OnClash = OnClash.ASK
    group: str = ""
    fold: bool = False

    def __post_init__(self) -> None:
        if not self.group:
            object.__setattr__(self, "group", self.field)

    def same(self, local: Scalar, remote: Scalar) -> bool:
        """Whether the two sides agree; with ``fold`` a difference of ё/е or of case is none."""
        return local == remote or (self.fold and folded(local) == folded(remote))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """The policies of one stream, by group and by field, in the order of the mapping table."""

    stream: Stream
    fields: tuple[FieldPolicy, ...]
    groups: dict[str, tuple[FieldPolicy, ...]] = field(init=False, repr=False, compare=False)
    by_field: dict[str, FieldPolicy] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        groups: dict[str, tuple[FieldPolicy, ...]] = {}
        for policy in self.fields:
            groups[policy.group] = (*groups.get(policy.group, ()), policy)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "by_field", {policy.field: policy for policy in self.fields})
