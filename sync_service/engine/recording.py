"""Writing down what planners said of one record: the facts it was judged on become an item of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sync_service.domain.actions import DELETE_KINDS, Actions, Create, Incoming
from sync_service.domain.conflicts import Conflict, ConflictState
from sync_service.domain.links import Link, LinkChange, LinkId, LinkState, LocalId, NewLink, RemoteId
from sync_service.domain.matches import MatchCase
from sync_service.domain.outbox import AttemptItem
from sync_service.domain.plans import FieldChange, PlanAct, PlanItem, PlanKind, Target, Why, precondition_of
from sync_service.domain.policies import Owner
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle
from sync_service.engine.foresight import Foresight


@dataclass(slots=True, kw_only=True)
class Facts:
    """What is known of one record before anything is written."""

    local_id: LocalId | None
    incoming: Incoming | None = None
    link: Link | None = None
    conflict: Conflict | None = None
    row: Values | None = None

    @property
    def theirs(self) -> Values:
        """What the region holds, as far as it told."""
        known = self.link.base.remote if self.link else {}
        return {**known, **(self.incoming.values if self.incoming else {})}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What the planners said, by record."""

    updates: dict[LocalId, Values] = field(default_factory=dict)
    creates: dict[RemoteId, Create] = field(default_factory=dict)
    new_links: dict[RemoteId, NewLink] = field(default_factory=dict)
    changes: dict[LinkId, LinkChange] = field(default_factory=dict)
    conflicts: dict[LocalId, Conflict] = field(default_factory=dict)
    cases: dict[RemoteId, MatchCase] = field(default_factory=dict)
    sends: dict[LocalId, AttemptItem] = field(default_factory=dict)

    def add(self, actions: Actions) -> None:
        self.updates |= dict(actions.updates)
        self.creates |= {create.remote_id: create for create in actions.creates}
        self.new_links |= {link.remote_id: link for link in actions.new_links}
        for change in actions.link_changes:
            if change.base is not None or change.state is not LinkState.LIVE or change.link_id not in self.changes:
                self.changes[change.link_id] = change
        self.conflicts |= {conflict.local_id: conflict for conflict in actions.conflicts}
        self.cases |= {case.remote_id: case for case in actions.match_cases}


@dataclass(slots=True)
class Recorder:
    """Writes down what follows for one record."""

    cycle: Cycle
    kind: PlanKind
    stream: Stream
    foresight: Foresight
    outcome: Outcome
    asked: Mapping[RemoteId, MatchCase]

    def item(self, one: Facts, left: Counter[str]) -> PlanItem | None:
        """The item of a record, None when nothing follows."""
        remote_id = one.incoming.record.remote_id if one.incoming else None
        change = self.outcome.changes.get(one.link.link_id) if one.link else None
        if change is not None and change.state is not LinkState.LIVE:
            left["deletion"] += 1  # gone on both sides: closing the link is the run's
            return None
        acts: list[PlanAct] = []
        changes: list[FieldChange] = []
        evidence = ""
        if remote_id is not None and remote_id in self.outcome.creates:
            acts.append(PlanAct.CREATE_HERE)
            changes += self._created(self.outcome.creates[remote_id].values)
        if remote_id is not None and remote_id in self.outcome.new_links:
            acts.append(PlanAct.LINK)
            evidence = self.outcome.new_links[remote_id].evidence
        if remote_id is not None and remote_id in self.outcome.cases:
            case = self.outcome.cases[remote_id]
            if remote_id in self.asked and self.asked[remote_id].key_digest == case.key_digest:
                left["waiting_decision"] += 1
            else:
                acts.append(PlanAct.MATCH_QUESTION)
                evidence = case.key_digest
        if one.local_id is not None:
            changes += self._written(one, one.local_id, acts)
            changes += self._asked(one.local_id, acts)
            changes += self._sent(one, one.local_id, acts)
        if not acts and change is not None and change.base is not None:
            acts.append(PlanAct.AGREE)
        if not acts:
            return None
        return PlanItem(
            stream=self.stream,
            acts=tuple(acts),
            local_id=one.local_id,
            remote_id=remote_id,
            precondition=precondition_of(
                self.cycle.policies[self.stream],
                self.cycle.fingerprints.get(self.stream, ""),
                record=one.incoming.record if one.incoming else None,
                row=one.row,
                link=one.link,
                conflict=one.conflict,
            ),
            changes=tuple(changes),
            evidence=evidence,
        )

    def _change(self, name: str, target: Target, school: Scalar, gis: Scalar, why: Why) -> FieldChange:
        policy = self.cycle.policies[self.stream].by_field.get(name)
        return FieldChange(
            field=name,
            group=policy.group if policy else name,
            target=target,
            school=self.foresight.named(self.stream, name, school),
            gis=self.foresight.named(self.stream, name, gis),
            why=why,
        )

    def _created(self, values: Values) -> list[FieldChange]:
        return [
            self._change(name, Target.SCHOOL, None, value, Why.CREATE)
            for name, value in values.items()
            if value is not None
        ]

    def _written(self, one: Facts, local_id: LocalId, acts: list[PlanAct]) -> list[FieldChange]:
        row = one.row or {}
        found = [
            self._change(name, Target.SCHOOL, row.get(name), value, self._why(one, name, pulled=True))
            for name, value in self.outcome.updates.get(local_id, {}).items()
        ]
        reasons = {change.why for change in found}
        if Why.FILL in reasons:
            acts.append(PlanAct.FILL_HERE)
        if reasons - {Why.FILL}:
            acts.append(PlanAct.UPDATE_HERE)
        return found

    def _sent(self, one: Facts, local_id: LocalId, acts: list[PlanAct]) -> list[FieldChange]:
        item = self.outcome.sends.get(local_id)
        if item is None:
            return []
        create = item.op == "create"
        acts.append(PlanAct.SEND_CREATE if create else PlanAct.SEND_UPDATE)
        return [
            self._change(
                name,
                Target.GIS,
                value,
                None if create else one.theirs.get(name),
                Why.CREATE if create else self._why(one, name, pulled=False),
            )
            for name, value in item.values.items()
            if value is not None or not create
        ]

    def _asked(self, local_id: LocalId, acts: list[PlanAct]) -> list[FieldChange]:
        conflict = self.outcome.conflicts.get(local_id)
        if conflict is None:
            return []
        match conflict.state:
            case ConflictState.RESOLVED:
                acts.append(PlanAct.DECIDE)
                return []
            case ConflictState.CONVERGED:
                acts.append(PlanAct.CLOSE_CONFLICT)
                return []
            case _:
                acts.append(PlanAct.DELETION_QUESTION if conflict.kind in DELETE_KINDS else PlanAct.CONFLICT)
        return [
            self._change(clash.field, Target.ASK, clash.local, clash.remote, Why.CLASH) for clash in conflict.clashes
        ]

    def _why(self, one: Facts, name: str, *, pulled: bool) -> Why:
        if self.kind is not PlanKind.COMPARE:
            return Why.DECISION
        base = one.link.base.local if one.link else {}
        if name not in base:
            return Why.FILL
        if pulled and self.cycle.policies[self.stream].by_field[name].owner is Owner.GIS:
            return Why.OWNER if (one.row or {}).get(name) != base[name] else Why.UPDATE
        return Why.UPDATE
