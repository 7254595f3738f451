"""How faults make a finished answer travel: not at all, in part, in drips, as a bomb, or broken."""

from __future__ import annotations

import gzip
import zlib
from functools import lru_cache

from connectors.ecp.simulator import malformed
from connectors.ecp.simulator.faults import Firing
from connectors.ecp.simulator.wire import Cut, Drip, Reply, Request

BOMB_BYTES = 50_000_000
DRIP_SECONDS = 5.0  # a whole body, unless the rule says otherwise


def spoil_delivery(reply: Reply, firing: list[Firing], request: Request) -> None:
    """Decide how ``reply`` travels."""
    for rule in firing:
        if rule.kind == "commit_then_drop":
            reply.drop = "close"
        elif rule.kind == "reset_at":
            reply.cut = Cut(after=rule.params["bytes"], in_head=rule.params.get("part") == "head", reset=True)
        elif rule.kind == "truncated_body":
            _truncate(reply, rule)
        elif rule.kind == "drip":
            reply.framing = "chunked" if rule.params.get("chunked") else "length"
            reply.drip = _drip(rule, len(reply.body))
        elif rule.kind == "gzip_bomb":
            _arm(reply, rule, request)
        elif rule.kind == "malformed":
            malformed.broken(reply, rule.source(), rule.params.get("form"), rule.params.get("level"))


def _truncate(reply: Reply, rule: Firing) -> None:
    after = int(rule.params.get("bytes", len(reply.body) // 2))
    framing = rule.params.get("framing", "length")
    if framing == "matching":  # the length that is told is that of the part: only the JSON shows what is missing
        reply.body = reply.body[:after]
        return
    reply.framing = framing
    reply.cut = Cut(after=after, in_head=rule.params.get("part") == "head")


def _drip(rule: Firing, length: int) -> Drip:
    params = rule.params
    pace = float(params.get("bytesPerSecond", 0)) or None
    pauses = float(params.get("firstByteAfter", 0)), float(params.get("lastByteAfter", 0))
    if pace is None and ("seconds" in params or not any(pauses)):
        pace = max(length / (float(params.get("seconds", DRIP_SECONDS)) or 1e-3), 1.0)
    return Drip(
        pace=pace,
        burst=params.get("burst"),
        head=bool(params.get("head")),
        first_pause=pauses[0],
        last_pause=pauses[1],
    )


def _arm(reply: Reply, rule: Firing, request: Request) -> None:
    """A body that unfolds to many bytes; plain gzip only for a client that takes it, the others for all."""
    size, encoding = int(rule.params.get("bytes", BOMB_BYTES)), rule.params.get("encoding", "gzip")
    if encoding == "gzip" and "gzip" not in request.headers.get("accept-encoding", ""):
        encoding = "identity"
    if encoding == "identity":
        reply.body = b" " * size
    else:
        reply.body = _packed(size, encoding)
        reply.headers["Content-Encoding"] = "gzip, gzip" if encoding == "nested" else encoding
    if rule.params.get("chunked"):
        reply.framing = "chunked"


@lru_cache(maxsize=4)
def _packed(size: int, encoding: str) -> bytes:
    plain = b" " * size
    if encoding == "deflate":
        return zlib.compress(plain, 9)
    packed = gzip.compress(plain, 9, mtime=0)
    return gzip.compress(packed, 9, mtime=0) if encoding == "nested" else packed
