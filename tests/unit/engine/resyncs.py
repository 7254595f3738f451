"""Plans of a resync on the miniature world: who makes them, and what both sides hold before and after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mappings import load_mappings
from sync_service.domain.links import RemoteId
from sync_service.domain.plans import Plan, PlanKind, Scope
from sync_service.domain.records import Values
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine.context import nothing
from sync_service.engine.cycle import Direction
from sync_service.engine.leased_run import Job
from sync_service.engine.resync import make_plan
from sync_service.engine.resync_apply import apply_plan
from tests.unit.engine.world import POLICIES, World, normalise

FINGERPRINTS = {stream: mapping.fingerprint for stream, mapping in load_mappings().items()}
EVERYTHING = Scope(streams=tuple(Stream))


def job(
    world: World,
    *,
    actor: str = "petrova",
    fingerprints: dict[Stream, str] | None = None,
    probe: Callable[[str], None] = nothing,
) -> Job:
    return Job(
        school=world.school,
        streams=tuple(Stream),
        direction=Direction.BOTH,
        trigger="resync",
        db=world.db,
        remote=world.remote,
        policies=POLICIES,
        normalise=normalise,
        clock=world.clock,
        notifier=world.ears,
        period=60.0,
        wait=0.0,
        stop=threading.Event(),
        actor=actor,
        fingerprints=FINGERPRINTS if fingerprints is None else fingerprints,
        probe=probe,
    )


def plan(world: World, *streams: Stream, kind: PlanKind = PlanKind.COMPARE) -> Plan:
    return make_plan(job(world), kind, Scope(streams=streams) if streams else EVERYTHING)


def plan_one(world: World, stream: Stream, record: str, kind: PlanKind = PlanKind.COMPARE) -> Plan:
    return make_plan(job(world), kind, Scope(streams=(stream,), record=record))


def carry_out(world: World, made: Plan) -> Plan:
    return apply_plan(job(world), made.plan_id)


def school(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every staging row."""
    return {stream.value: world.rows(stream.value) for stream in Stream}


def region(world: World) -> dict[Stream, dict[RemoteId, Values]]:
    return {stream: world.remote.records(stream) for stream in BOTH_WAYS}


def acts(made: Plan) -> dict[str, list[str]]:
    """Stream → the acts of its items, joined, sorted."""
    found: dict[str, list[str]] = {}
    for item in made.items:
        found.setdefault(item.stream.value, []).append("+".join(act.value for act in item.acts))
    return {stream: sorted(listed) for stream, listed in found.items()}
