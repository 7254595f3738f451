"""Plans of a resync in a history: made at some moment, applied at another, with whatever has happened between."""

from __future__ import annotations

from sync_service.domain.errors import SyncError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.plans import ItemResult, Plan, PlanItem, PlanKind, Scope, Target, Why
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from tests.simulation.ledger import GIS, LOCAL
from tests.simulation.state import Crash, History
from tests.unit.engine.resyncs import job

KINDS = (PlanKind.COMPARE, PlanKind.COMPARE, PlanKind.ACCEPT_GIS, PlanKind.ACCEPT_LOCAL)
DONE = (ItemResult.QUEUED, ItemResult.APPLIED, ItemResult.SENT)


def plans(history: History) -> None:
    """Everything, a stream or one row is compared, or one side of it accepted."""
    kind, stream = history.random.choice(KINDS), history.random.choice(tuple(Stream))
    scope = Scope(streams=(stream,) if history.random.random() < 0.5 else tuple(Stream))
    if history.random.random() < 0.3 and (row := history.row(stream)):
        scope = Scope(streams=(stream,), record=f"local:{row['id']}")
    try:
        made = make_plan(job(history.world, fingerprints=history.world.fingerprints), kind, scope)
    except SyncError as error:
        history.say(f"planning failed: {error}")
        return
    history.plan = made.plan_id
    history.say(f"plan {made.plan_id} ({kind.value}): {len(made.items)} items")


def applies(history: History) -> None:
    """The latest plan, fresh or stale, once or again; one in five applications is killed on its way."""
    if history.plan is None:
        plans(history)
    if history.plan is None:
        return
    plan_id, left = history.plan, history.random.randrange(25)

    def probe(point: str) -> None:
        nonlocal left
        history.remote.passes(point)
        left -= 1
        if left < 0 and point.startswith("resync"):
            history.say(f"crash at {point}")
            raise Crash(point)

    accepted = _Acceptance(history, plan_id)
    try:
        done = apply_plan(job(history.world, fingerprints=history.world.fingerprints, probe=probe), plan_id)
        history.say(f"plan {plan_id} applied: {done.results()}")
    except Crash:
        history.dies()
    except SyncError as error:
        history.say(f"plan {plan_id} not applied: {error}")
    accepted.write_down()


class _Acceptance:
    """Whoever accepts one side sees both values of every field, and replaces one of them: in the ledger that is an
    edit of the side that gives way, by somebody who had its value in sight. Of a comparison nothing is noted: it
    merges as any run does."""

    def __init__(self, history: History, plan_id: int) -> None:
        self.history = history
        self.plan_id = plan_id
        self.before = {item.position: item for item in self._plan().items}
        self.agreed = {item.position: self._base(item) for item in self.before.values()}

    def write_down(self) -> None:
        plan = self._plan()
        if plan.kind is PlanKind.COMPARE:
            return
        for item in plan.items:
            if self.before[item.position].result is None and item.local_id and item.remote_id:
                self._note(item, item.local_id, item.remote_id)

    def _note(self, item: PlanItem, local_id: LocalId, remote_id: RemoteId) -> None:
        ledger = self.history.ledger
        known, former = self._base(item), self.agreed[item.position]
        for change in item.changes:
            if change.why is not Why.DECISION:
                continue
            # What drifted before it left has been decided all the same when the base says so, and did not before.
            drifted = item.outcome is ItemResult.DRIFTED and change.target is Target.GIS
            moved = change.field in known and known[change.field] == change.gis
            moved = moved and (change.field not in former or former[change.field] != change.gis)
            if item.outcome not in DONE and not (drifted and moved):
                continue
            if change.target is Target.SCHOOL:
                values, before = {change.field: change.gis}, {change.field: change.school}
                ledger.change(LOCAL, item.stream, local_id, values, before)
            elif change.target is Target.GIS:
                values, before = {change.field: change.school}, {change.field: change.gis}
                ledger.change(GIS, item.stream, remote_id, values, before)

    def _base(self, item: PlanItem) -> Values:
        """What is agreed about the item's record, as the school holds it."""
        if not item.local_id:
            return {}
        with self.history.world.db.read(self.history.world.school.school_id) as uow:
            link = uow.links.by_local(item.stream, [item.local_id]).get(item.local_id)
        return link.base.local if link else {}

    def _plan(self) -> Plan:
        with self.history.world.db.read(self.history.world.school.school_id) as uow:
            plan = uow.plans.get(self.plan_id)
        assert plan is not None
        return plan
