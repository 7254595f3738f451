"""The scenario endpoints under ``/simulator``: how a test, a demo or a person steers the region.

They know no login and are served to the loopback interface only; they never check the rules the contract
enforces, because a regional user may do what our side may not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta

from connectors.ecp.simulator import scenario_people, scenario_records
from connectors.ecp.simulator.clock import OPENING, ZONE, stamp
from connectors.ecp.simulator.elsewhere import TARGETS
from connectors.ecp.simulator.fault_kinds import KINDS, WORKS
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.idempotency import MODES
from connectors.ecp.simulator.malformed import FORMS
from connectors.ecp.simulator.normalising import REWRITINGS
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.regional_work import work
from connectors.ecp.simulator.schema_drift import DRIFTS
from connectors.ecp.simulator.shapes import SHAPES
from connectors.ecp.simulator.world import World

PREFIX = "/simulator"
Scenario = Callable[[World, Json], Json]


def call(world: World, method: str, path: str, body: Json) -> Json:
    """Run one scenario call; ``body`` holds the body, or the query of a GET. Refusals are RequestRefused."""
    scenario = _SCENARIOS.get((method, path))
    if scenario is None:
        others = sorted(verb for verb, known in _SCENARIOS if known == path)
        if others:
            raise RequestRefused(
                405, "method_not_allowed", "Метод не поддерживается", headers={"Allow": ", ".join(others)}
            )
        raise RequestRefused(404, "not_found", "Такого сценария нет")
    with world.lock:
        if method != "GET":
            world.writes += 1
        try:
            return scenario(world, body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RequestRefused(400, "invalid", f"Неверное тело сценария: {type(error).__name__} {error}") from error


def _state(world: World, _: Json) -> Json:
    organizations = []
    enrolled = [person.organization_id for person in world.persons if person.organization_id is not None]
    for organization in world.organizations.values():
        streams = {
            name: {
                "newest": shelf.newest,
                "oldest": shelf.oldest,
                "live": len(shelf.entries) - shelf.tombstones,
                "tombstones": shelf.tombstones,
            }
            for name, shelf in organization.shelves.items()
        }
        organizations.append(
            {
                "id": organization.id,
                **organization.card,
                "inn": organization.inn,
                "changeVersion": organization.change_version,
                "enrolled": enrolled.count(organization.id),
                "streams": streams,
            }
        )
    total = len(world.persons)
    return {
        "seed": world.seed,
        **_time(world),
        "settings": _settings(world),
        "organizations": organizations,
        "persons": {"total": total, "enrolled": len(enrolled), "available": total - len(enrolled)},
    }


def _time(world: World) -> Json:
    return {"serverTime": stamp(world.clock.now()), "serverDate": world.clock.today().isoformat()}


def _settings(world: World) -> Json:
    kept = world.answers.life
    return {
        "accessTokenSeconds": world.tokens.life,
        "accessTokenRequests": world.tokens.uses,
        "idempotency": world.answers.mode,
        "idempotencySeconds": None if kept is None else kept.total_seconds(),
    }


def _counters(world: World, _: Json) -> Json:
    return world.counters.shown()


def _reset_counters(world: World, _: Json) -> Json:
    world.counters.reset()
    return {}


def _clock(world: World, body: Json) -> Json:
    if "set" in body:
        text = body["set"]
        moment = (
            datetime.combine(date.fromisoformat(text), OPENING) if len(text) == 10 else datetime.fromisoformat(text)
        )
        world.clock.set(moment if moment.tzinfo else moment.replace(tzinfo=ZONE))
    if "advance" in body:
        world.clock.advance(timedelta(**body["advance"]))
    if "frozen" in body:
        world.clock.freeze(bool(body["frozen"]))
    return _time(world)


def _faults(world: World, _: Json) -> Json:
    return {"rules": world.faults.shown()}


def _set_faults(world: World, body: Json) -> Json:
    world.faults.set(body["rules"], body.get("seed", 0))
    return _faults(world, body)


def _fault_kinds(_world: World, _: Json) -> Json:
    return {
        "kinds": {name: {"stage": kind.stage, "params": sorted(kind.params)} for name, kind in KINDS.items()},
        "drifts": {name: {"breaking": drift.breaking} for name, drift in DRIFTS.items()},
        "forms": {name: {"level": form.level} for name, form in FORMS.items()},
        "targets": list(TARGETS),
        "rewritings": list(REWRITINGS),
    }


def _work(world: World, body: Json) -> Json:
    """People in the region at work on one stream, see regional_work."""
    stream, kinds = body["stream"], body.get("kinds", WORKS[:3])
    if stream not in SHAPES or not kinds or not set(kinds) <= set(WORKS):
        raise ValueError("stream, kinds")
    source = random.Random(f"{body.get('seed', 0)}/work")
    organization = scenario_records.named(world, body)
    return {"done": work(world, organization, stream, source, kinds=kinds, count=int(body.get("count", 1)))}


def _clear_faults(world: World, body: Json) -> Json:
    world.faults.set([])
    return _faults(world, body)


def _expire(world: World, body: Json) -> Json:
    return {"expired": world.tokens.expire(body.get("organizationId"))}


def _reject_refresh(world: World, body: Json) -> Json:
    organization_id = scenario_records.named(world, body).id
    if body.get("reject", True):
        world.tokens.rejected.add(organization_id)
    else:
        world.tokens.rejected.discard(organization_id)
    return {}


def _issue(world: World, body: Json) -> Json:
    return {"refreshToken": world.tokens.issue(scenario_records.named(world, body).id)}


def _set_settings(world: World, body: Json) -> Json:
    if "accessTokenSeconds" in body:
        world.tokens.life = float(body["accessTokenSeconds"])
    if "accessTokenRequests" in body:
        uses = body["accessTokenRequests"]
        world.tokens.uses = None if uses is None else int(uses)
    if "idempotency" in body:
        if body["idempotency"] not in MODES:
            raise ValueError("idempotency")
        world.answers.mode = body["idempotency"]
    if "idempotencySeconds" in body:
        kept = body["idempotencySeconds"]
        world.answers.life = None if kept is None else timedelta(seconds=float(kept))
    return _settings(world)


_SCENARIOS: dict[tuple[str, str], Scenario] = {
    ("GET", "/simulator/state"): _state,
    ("GET", "/simulator/counters"): _counters,
    ("POST", "/simulator/reset-counters"): _reset_counters,
    ("POST", "/simulator/clock"): _clock,
    ("GET", "/simulator/faults"): _faults,
    ("POST", "/simulator/faults"): _set_faults,
    ("DELETE", "/simulator/faults"): _clear_faults,
    ("POST", "/simulator/tokens/expire"): _expire,
    ("POST", "/simulator/tokens/reject-refresh"): _reject_refresh,
    ("POST", "/simulator/tokens/issue"): _issue,
    ("POST", "/simulator/settings"): _set_settings,
    ("POST", "/simulator/persons"): scenario_people.add_persons,
    ("GET", "/simulator/persons"): scenario_people.list_persons,
    ("POST", "/simulator/release"): scenario_people.release,
    ("POST", "/simulator/organizations"): scenario_people.add_organization,
    ("POST", "/simulator/edit"): scenario_records.edit,
    ("POST", "/simulator/create"): scenario_records.create,
    ("POST", "/simulator/delete"): scenario_records.delete,
    ("POST", "/simulator/bump"): scenario_records.bump,
    ("POST", "/simulator/late-entry"): scenario_records.open_late_entry,
    ("POST", "/simulator/compact"): scenario_records.compact,
    ("POST", "/simulator/work"): _work,
    ("GET", "/simulator/fault-kinds"): _fault_kinds,
    ("GET", "/simulator/dump"): scenario_records.dump,
    ("POST", "/simulator/timetable"): scenario_records.set_timetable,
}
