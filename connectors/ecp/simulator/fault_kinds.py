"""The table of faults: what each kind takes as parameters, and at which moment of a request it strikes.

The same table, in words, stands in docs/contract.md; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from connectors.ecp.simulator import malformed
from connectors.ecp.simulator.elsewhere import TARGETS
from connectors.ecp.simulator.normalising import REWRITINGS
from connectors.ecp.simulator.schema_drift import DRIFTS

# instead: answers in place of the server. delivery: decides how the finished answer travels. After either no later
# rule fires. shape: changes what the server works with or answers; later rules fire too.
Stage = Literal["instead", "shape", "delivery"]
Check = Callable[[Any], bool]

WORKS = ("insert", "edit", "delete", "bump")  # what people in the region do, see regional_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault: its parameters with the check of each; ``needed`` must be given."""

    stage: Stage
    params: Mapping[str, Check] = field(default_factory=dict)
    needed: tuple[str, ...] = ()


def number(low: float, high: float = float("inf")) -> Check:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def whole(low: float, high: float = float("inf")) -> Check:
    within = number(low, high)
    return lambda value: isinstance(value, int) and within(value)


def one_of(*allowed: object) -> Check:
    return lambda value: type(value) in {type(one) for one in allowed} and value in allowed


def some_of(*allowed: str) -> Check:
    return lambda value: isinstance(value, list) and bool(value) and all(one in allowed for one in value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _places(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, int) and one >= 0 for one in value)


def _retry_after(value: Any) -> bool:
    return value is None or isinstance(value, int | float | str)


_ANY = float("-inf")
_SEED: dict[str, Check] = {"seed": whole(_ANY)}
_TARGET: dict[str, Check] = {"to": one_of(*TARGETS), "location": _text}
_VERSIONS = ("version", "changeVersion", "changedAt")

KINDS: dict[str, Kind] = {
    # Refusals and pages
    "rate_limited": Kind(stage="instead", params={"retryAfter": _retry_after}),
    "server_error": Kind(stage="instead", params={"status": whole(400, 599)}),
    "unavailable": Kind(stage="instead", params={"retryAfter": _retry_after}),
    "html_ok": Kind(stage="instead"),
    "unauthorized": Kind(stage="instead"),
    "forbidden": Kind(stage="instead"),
    "not_found": Kind(stage="instead"),
    "gone": Kind(stage="instead"),
    "redirect": Kind(stage="instead", params={"status": one_of(301, 302, 303, 307, 308), **_TARGET}),
    "raw": Kind(stage="instead", params={"status": whole(100, 999), "body": _text, "contentType": _text}),
    "token_expired": Kind(stage="shape"),
    # The line
    "slow": Kind(stage="shape", params={"seconds": number(0)}),
    "reset_before_commit": Kind(stage="instead"),
    "commit_then_drop": Kind(stage="delivery"),
    "reset_at": Kind(stage="delivery", params={"bytes": whole(0), "part": one_of("body", "head")}, needed=("bytes",)),
    "truncated_body": Kind(
        stage="delivery",
        params={
            "bytes": whole(0),
            "part": one_of("body", "head"),
            "framing": one_of("length", "chunked", "close", "matching"),
        },
    ),
    "drip": Kind(
        stage="delivery",
        params={
            "seconds": number(0),
            "bytesPerSecond": number(0),
            "burst": whole(1),
            "head": _flag,
            "firstByteAfter": number(0),
            "lastByteAfter": number(0),
            "chunked": _flag,
        },
    ),
    "gzip_bomb": Kind(
        stage="delivery",
        params={"bytes": whole(1), "encoding": one_of("gzip", "deflate", "nested", "identity"), "chunked": _flag},
    ),
    "malformed": Kind(
        stage="delivery",
        params={**_SEED, "form": one_of(*malformed.FORMS), "level": one_of(*malformed.LEVELS)},
    ),
    "clock_skew": Kind(stage="shape", params={"seconds": number(_ANY)}, needed=("seconds",)),
    # Lists
    "repeated_items": Kind(stage="shape"),
    "reordered_items": Kind(stage="shape"),
    "short_page": Kind(
        stage="shape",
        params={"keep": number(0, 1), "honestTotal": _flag, "lost": one_of("tail", "head", "middle")},
    ),
    "empty_list": Kind(stage="shape", params={"keepTotal": _flag}),
    "wrong_total": Kind(stage="shape", params={"by": whole(_ANY)}, needed=("by",)),
    "next_link": Kind(stage="shape", params=_TARGET),
    "page_drift": Kind(
        stage="shape",
        params={**_SEED, "count": whole(1), "kinds": some_of(*WORKS), "among": one_of("served", "all")},
    ),
    "stale": Kind(stage="shape", params={"versions": whole(0), "at": whole(0)}),
    # Items
    "unknown_fields": Kind(stage="shape"),
    "schema_drift": Kind(
        stage="shape",
        params={**_SEED, "drift": one_of(*DRIFTS), "field": _text, "share": number(0, 1)},
        needed=("drift",),
    ),
    "no_versions": Kind(stage="shape", params={"fields": some_of(*_VERSIONS)}),
    "flaky_versions": Kind(
        stage="shape",
        params={
            **_SEED,
            "fields": some_of("version", "changeVersion"),
            "how": some_of("null", "absent", "repeated", "backwards"),
            "share": number(0, 1),
        },
    ),
    # Writes
    "normalise": Kind(stage="shape", params={"fields": _texts, "how": some_of(*REWRITINGS), "longest": whole(1)}),
    "item_error_500": Kind(stage="shape", params={"indexes": _places}),
}
