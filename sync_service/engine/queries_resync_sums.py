"""The figures of a plan for the person who is to approve it: each record counted once, so that they add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.plans import PlanAct
from sync_service.engine.queries_resync import PlanItemView

_ADD_HERE = frozenset({PlanAct.CREATE_HERE.value})
_ADD_THERE = frozenset({PlanAct.SEND_CREATE.value})
_CHANGE_HERE = frozenset({PlanAct.UPDATE_HERE.value, PlanAct.FILL_HERE.value})
_CHANGE_THERE = frozenset({PlanAct.SEND_UPDATE.value})
_ASK = frozenset({PlanAct.CONFLICT.value, PlanAct.DELETION_QUESTION.value, PlanAct.MATCH_QUESTION.value})


class Effect(StrEnum):
    """What a record of a plan is shown under: the weightiest of its acts."""

    CHANGE = "change"
    ADD = "add"
    ASK = "ask"
    NOTE = "note"  # nothing changes in the data: a link or an agreement is remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSum:
    """Records of one effect: ``school`` and ``gis`` say on which side, ``both`` of them on either at once."""

    effect: Effect
    records: int
    school: int
    gis: int
    both: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSums:
    """``writes`` records get other data somewhere; ``asked`` are those a person will be asked about as well."""

    effects: tuple[EffectSum, ...]
    total: int
    writes: int
    asked: int

    def of(self, effect: str) -> int:
        return next((one.records for one in self.effects if one.effect == effect), 0)


def effect_of(item: PlanItemView) -> Effect:
    """The one effect a record is counted under."""
    acts = set(item.acts)
    if acts & (_ADD_HERE | _ADD_THERE):
        return Effect.ADD
    if acts & (_CHANGE_HERE | _CHANGE_THERE):
        return Effect.CHANGE
    return Effect.ASK if acts & _ASK else Effect.NOTE


def plan_sums(items: Iterable[PlanItemView]) -> PlanSums:
    """The figures of these records."""
    counted = {effect: [0, 0, 0, 0] for effect in Effect}
    asked = 0
    for item in items:
        effect, acts = effect_of(item), set(item.acts)
        here = bool(acts & (_ADD_HERE | _CHANGE_HERE))
        there = bool(acts & (_ADD_THERE | _CHANGE_THERE))
        for place, counts in enumerate((True, here, there, here and there)):
            counted[effect][place] += counts
        asked += bool(acts & _ASK)
    effects = tuple(
        EffectSum(effect=effect, records=records, school=school, gis=gis, both=both)
        for effect, (records, school, gis, both) in counted.items()
    )
    return PlanSums(
        effects=effects,
        total=sum(one.records for one in effects),
        writes=sum(one.records for one in effects if one.effect in (Effect.CHANGE, Effect.ADD)),
        asked=asked,
    )
