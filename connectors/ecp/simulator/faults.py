"""Switchable misbehaviour: which fault fires on which request, deterministically and in order."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.ecp.simulator import fault_kinds
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.shapes import SHAPES

KINDS = frozenset(fault_kinds.KINDS)
ROUTES = frozenset({"refresh", "changeVersion", "page", "get", "search", "batch", "available"})
_MATCHED = frozenset({"method", "route", "stream", "organizationId"})
_is_share, _is_count = fault_kinds.number(0, 1), fault_kinds.whole(0)


@dataclass(slots=True, kw_only=True)
class Rule:
    """One fault: when it fires (after ``skip`` matching requests, at most ``times``) and with what."""

    kind: str
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    skip: int = 0
    probability: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def meets(self, met: Mapping[str, str]) -> bool:
        """Whether the request described by ``met`` is one this rule is about."""
        return all(met.get(name) == wanted for name, wanted in self.match.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A rule that strikes a request, for the ``number``-th time."""

    kind: str
    params: Mapping[str, Any]
    number: int
    seed: int

    def source(self) -> random.Random:
        """What chance decides in this firing; the same for the same seed and number."""
        return random.Random(f"{self.params.get('seed', self.seed)}/{self.kind}/{self.number}")


class FaultProfile:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._seed = 0
        self._random = random.Random(0)
        self._lock = threading.Lock()

    def set(self, rules: list[Json], seed: int = 0) -> None:
        """Replace the profile; 400 names what is wrong with a rule."""
        made = [_rule(given, place) for place, given in enumerate(rules)]
        with self._lock:
            self._rules = made
            self._seed = seed
            self._random = random.Random(seed)

    def take(self, method: str, route: str, stream: str, organization_id: str) -> list[Firing]:
        """The rules that fire on this request, up to the first that ends it."""
        if not self._rules:
            return []
        met = {"method": method, "route": route, "stream": stream, "organizationId": organization_id}
        firing: list[Firing] = []
        with self._lock:
            for rule in self._rules:
                if not rule.meets(met) or (rule.times is not None and rule.fired >= rule.times):
                    continue
                rule.seen += 1
                if rule.seen <= rule.skip:
                    continue
                if rule.probability is not None and self._random.random() >= rule.probability:
                    continue
                rule.fired += 1
                firing.append(Firing(kind=rule.kind, params=rule.params, number=rule.fired, seed=self._seed))
                if fault_kinds.KINDS[rule.kind].stage != "shape":
                    break
        return firing

    def shown(self) -> list[Json]:
        """The rules with how often each was met and fired."""
        with self._lock:
            return [
                {
                    "kind": rule.kind,
                    "match": rule.match,
                    "times": rule.times,
                    "skip": rule.skip,
                    "probability": rule.probability,
                    "params": rule.params,
                    "seen": rule.seen,
                    "fired": rule.fired,
                }
                for rule in self._rules
            ]


def _rule(given: Json, place: int) -> Rule:
    """The rule in form; a rule that could never fire as meant is refused, not silently idle."""
    wrong = _wrong(given)
    if wrong is not None:
        raise RequestRefused(400, "invalid", "Неверное правило сбоя", path=f"rules[{place}].{wrong}")
    match = given.get("match") or {}
    return Rule(
        kind=given["kind"],
        match={name: str(wanted) for name, wanted in match.items() if wanted is not None},
        times=given.get("times"),
        skip=given.get("skip", 0),
        probability=given.get("probability"),
        params={
            name: value
            for name, value in (given.get("params") or {}).items()
            if value is not None or name == "retryAfter"  # null: no such header
        },
    )


def _wrong(given: Json) -> str | None:
    """The path of what is wrong with a rule, if anything is."""
    unknown = set(given) - {"kind", "match", "times", "skip", "probability", "params"}
    if unknown:
        return str(min(unknown))
    if given.get("kind") not in KINDS:
        return "kind"
    match = given.get("match") or {}
    if not isinstance(match, dict) or set(match) - _MATCHED:
        return "match"
    if match.get("route") is not None and match["route"] not in ROUTES:
        return "match.route"
    if match.get("stream") is not None and match["stream"] not in SHAPES:
        return "match.stream"
    for name, check in (("times", _is_count), ("skip", _is_count), ("probability", _is_share)):
        if given.get(name, None) is not None and not check(given[name]):
            return name
    params = given.get("params")
    return _wrong_parameter(given["kind"], {} if params is None else params)


def _wrong_parameter(kind: str, params: Any) -> str | None:
    known = fault_kinds.KINDS[kind]
    if not isinstance(params, dict):
        return "params"
    for name, value in params.items():
        check = known.params.get(name)
        if check is None or not (value is None or check(value)):
            return f"params.{name}"
    missing = [name for name in known.needed if params.get(name) is None]
    return f"params.{missing[0]}" if missing else None
