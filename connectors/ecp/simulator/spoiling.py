"""What faults do to the lists and items an answer carries."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from connectors.ecp.simulator.faults import Firing
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.reading import Listing
from connectors.ecp.simulator.schema_drift import drifted_answer, drifted_item
from connectors.ecp.simulator.wire import Reply

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def spoil_listing(stream: str, listing: Listing, firing: list[Firing]) -> Listing:
    """A page or search answer after the faults that change its items and totals."""
    for rule in firing:
        if rule.kind == "repeated_items":
            listing.bodies = [body for body in listing.bodies for _ in range(2)]
        elif rule.kind == "reordered_items":
            listing.bodies = listing.bodies[::-1]
        elif rule.kind == "short_page":
            _shorten(listing, rule)
        elif rule.kind == "empty_list":
            before, listing.bodies = len(listing.bodies), []
            if not rule.params.get("keepTotal"):
                _count_again(listing, -before, nothing=True)
        elif rule.kind == "wrong_total":
            _count_again(listing, rule.params["by"])
        elif rule.kind == "unknown_fields":
            listing.beside["futureEnvelope"] = {"revision": 7}
    listing.bodies = spoil_items(stream, listing.bodies, firing)
    return listing


def _shorten(listing: Listing, rule: Firing) -> None:
    before = len(listing.bodies)
    kept = int(before * float(rule.params.get("keep", 0.5)))
    lost = rule.params.get("lost", "tail")
    if lost == "middle":
        listing.bodies = listing.bodies[: kept - kept // 2] + listing.bodies[before - kept // 2 :]
    else:
        listing.bodies = listing.bodies[:kept] if lost == "tail" else listing.bodies[before - kept :]
    if rule.params.get("honestTotal"):
        _count_again(listing, kept - before)


def _count_again(listing: Listing, by: int, *, nothing: bool = False) -> None:
    """Let the envelope of a page count ``by`` more or less; what follows from the count agrees with it."""
    beside = listing.beside
    if "totalCount" not in beside:
        return
    beside["totalCount"] = 0 if nothing else max(0, beside["totalCount"] + by)
    beside["totalPages"] = -(-beside["totalCount"] // beside["pageSize"])
    beside["hasNextPage"] = beside["pageNumber"] < beside["totalPages"]


def spoil_items(stream: str, bodies: list[bytes], firing: list[Firing]) -> list[bytes]:
    """Encoded items after the faults that change an item itself."""
    for rule in firing:
        if rule.kind == "unknown_fields":
            bodies = [body[:-1] + b',"futureField":"x","futureObject":{"a":[1,null]}}' for body in bodies]
        elif rule.kind == "no_versions":
            lost = rule.params.get("fields", ["version"])
            bodies = [
                _encode({key: value for key, value in _decode(body).items() if key not in lost}) for body in bodies
            ]
        elif rule.kind == "flaky_versions":
            bodies = _flaky(bodies, rule)
        elif rule.kind == "schema_drift":
            source, share = rule.source(), rule.params.get("share", 1)
            bodies = [
                _encode(drifted_item(stream, _decode(body), rule.params)) if source.random() < share else body
                for body in bodies
            ]
    return bodies


def _flaky(bodies: list[bytes], rule: Firing) -> list[bytes]:
    """Some versions are null or absent, some repeat that of the item before, some go back."""
    source, share = rule.source(), rule.params.get("share", 0.5)
    fields = rule.params.get("fields", ["version", "changeVersion"])
    how = rule.params.get("how", ["null", "repeated", "backwards"])
    made: list[bytes] = []
    before: Json = {}
    for body in bodies:
        item = _decode(body)
        honest = {name: item[name] for name in fields if name in item}
        for name in honest:
            if source.random() < share:
                _shake(item, name, source.choice(how), before, source)
        before = honest
        made.append(_encode(item))
    return made


def _shake(item: Json, name: str, how: str, before: Json, source: random.Random) -> None:
    if how == "absent":
        del item[name]
    elif how == "null":
        item[name] = None
    elif how == "repeated":
        item[name] = before.get(name, item[name])
    else:
        item[name] = max(0, item[name] - source.randrange(1, 100))


def spoil_result_items(stream: str, results: list[Json], firing: list[Firing]) -> list[Json]:
    """The results of a batch, in which the stored items are as the faults about items have it."""
    if not any(rule.kind in ("schema_drift", "no_versions", "flaky_versions") for rule in firing):
        return results
    spoilt = []
    for result in results:
        if "item" in result:
            (body,) = spoil_items(stream, [_encode(result["item"])], firing)
            result = {**result, "item": _decode(body)}
        spoilt.append(result)
    return spoilt


def spoil_results(results: list[Json], firing: list[Firing]) -> list[Json]:
    """The results of an enrolment search after the faults that concern them."""
    for rule in firing:
        if rule.kind == "empty_list":
            results = []
        elif rule.kind == "reordered_items":
            results = results[::-1]
        elif rule.kind == "repeated_items":
            results = [result for result in results for _ in range(2)]
        elif rule.kind == "unknown_fields":
            results = [{**result, "futureField": "x"} for result in results]
    return results


def spoil_answer(reply: Reply, firing: list[Firing]) -> None:
    """Change the shape of the whole answer where a schema drift is about it."""
    for rule in firing:
        if rule.kind == "schema_drift" and reply.status == 200:
            answer: Any = _decode(reply.body)
            reply.body = _encode(drifted_answer(answer, rule.params))


def failing_items(firing: list[Firing], count: int) -> set[int]:
    """The places in a batch that answer 500 by themselves."""
    failing: set[int] = set()
    for rule in firing:
        if rule.kind == "item_error_500":
            failing.update(rule.params.get("indexes", range(count)))
    return failing
