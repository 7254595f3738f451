"""Switchable misbehaviour: which fault fires on which request, deterministically and in order."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.shapes import SHAPES

# A fault that answers instead of the server, or decides how the answer is delivered: no later rule fires.
ANSWERING = frozenset(
    {
        "rate_limited",
        "server_error",
        "unavailable",
        "html_ok",
        "unauthorized",
        "forbidden",
        "not_found",
        "reset_before_commit",
        "raw",
    }
)
DELIVERING = frozenset({"commit_then_drop", "truncated_body", "drip", "gzip_bomb"})
SHAPING = frozenset(
    {
        "slow",
        "repeated_items",
        "reordered_items",
        "short_page",
        "empty_list",
        "unknown_fields",
        "no_versions",
        "normalise",
        "item_error_500",
    }
)
KINDS = ANSWERING | DELIVERING | SHAPING
ROUTES = frozenset({"refresh", "changeVersion", "page", "get", "search", "batch", "available"})


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

    def meets(self, met: dict[str, str]) -> bool:
        """Whether the request described by ``met`` is one this rule is about."""
        return all(met.get(name) == wanted for name, wanted in self.match.items())


class FaultProfile:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._random = random.Random(0)
        self._lock = threading.Lock()

    def set(self, rules: list[Json], seed: int = 0) -> None:
        """Replace the profile; 400 names what is wrong with a rule."""
        made = [_rule(given, place) for place, given in enumerate(rules)]
        with self._lock:
            self._rules = made
            self._random = random.Random(seed)

    def take(self, method: str, route: str, stream: str) -> list[Rule]:
        """The rules that fire on this request, up to the first that ends it."""
        if not self._rules:
            return []
        met = {"method": method, "route": route, "stream": stream}
        firing: list[Rule] = []
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
                firing.append(rule)
                if rule.kind not in SHAPING:
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
    def refused(path: str) -> RequestRefused:
        return RequestRefused(400, "invalid", "Неверное правило сбоя", path=f"rules[{place}].{path}")

    unknown = set(given) - {"kind", "match", "times", "skip", "probability", "params"}
    if unknown:
        raise refused(min(unknown))
    if given.get("kind") not in KINDS:
        raise refused("kind")
    match = given.get("match") or {}
    if not isinstance(match, dict) or set(match) - {"method", "route", "stream"}:
        raise refused("match")
    if match.get("route") is not None and match["route"] not in ROUTES:
        raise refused("match.route")
    if match.get("stream") is not None and match["stream"] not in SHAPES:
        raise refused("match.stream")
    times, skip = given.get("times"), given.get("skip", 0)
    if times is not None and not (isinstance(times, int) and times >= 0):
        raise refused("times")
    if not (isinstance(skip, int) and skip >= 0):
        raise refused("skip")
    return Rule(
        kind=given["kind"],
        match={name: str(wanted) for name, wanted in match.items() if wanted is not None},
        times=times,
        skip=skip,
        probability=given.get("probability"),
        params=given.get("params") or {},
    )
