"""How an answer travels under a fault: torn, cut, dripping, packed; exactly as was asked for."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable
from typing import Any, cast

import pytest

from connectors.ecp.simulator.delivery import deliver
from connectors.ecp.simulator.wire import Drip, Reply
from tests.simulator.client import School
from tests.simulator.wires import Flaw, Received, receive, strict_body

SUBJECT = "subjects?pageSize=1"
HEAD_END = b"\r\n\r\n"


def _page(school: School, kind: str, *headers: str, path: str = SUBJECT, **params: Any) -> Received:
    school.faults({"kind": kind, "match": {"route": "page"}, "params": params})
    return receive(school, school.path(path), *headers)


@pytest.mark.parametrize("after", [0, 1, 17, 100, 4_096])
@pytest.mark.parametrize("part", ["body", "head"])
def test_reset_at_a_byte(standing: School, part: str, after: int) -> None:
    """So many bytes of the body, or of the head, arrive; then the connection is torn down."""
    honest = receive(standing, standing.path("marks?pageSize=50")).all
    received = _page(standing, "reset_at", path="marks?pageSize=50", part=part, bytes=after)
    length = after if part == "head" else honest.index(HEAD_END) + 4 + after
    assert received.reset
    assert received.all == honest[:length]


@pytest.mark.parametrize("framing", ["length", "chunked", "close", "matching"])
def test_truncated_body_by_framing(standing: School, framing: str) -> None:
    """A part of the body arrives in order; length and chunks give it away, the other two framings hide it."""
    honest = receive(standing, standing.path(SUBJECT)).body
    received = _page(standing, "truncated_body", framing=framing, bytes=60)
    head = received.all.partition(HEAD_END)[0]
    declared = {
        "length": b"Content-Length: %d" % len(honest),
        "chunked": b"chunked",
        "matching": b"Content-Length: 60",
    }
    assert not received.reset
    assert declared.get(framing, b"Connection: close") in head
    assert (b"Content-Length" in head) == (framing in ("length", "matching"))
    assert len(received.body) == 60
    assert honest.startswith(received.body.partition(b"\r\n")[2] if framing == "chunked" else received.body)


def test_truncated_head(standing: School) -> None:
    """The connection may end in order inside the head, too."""
    received = _page(standing, "truncated_body", part="head", bytes=20)
    assert (received.all, received.reset) == (b"HTTP/1.1 200 OK\r\nCon", False)


PATTERNS: list[dict[str, Any]] = [
    {"bytesPerSecond": pace, **burst, **head, **pause}
    for pace, burst in ((4_000, {}), (6_000, {"burst": 40}), (1e6, {"burst": 1}))
    for head in ({}, {"head": True}, {"head": True, "chunked": True})
    for pause in ({}, {"firstByteAfter": 0.01, "lastByteAfter": 0.01})
] + [{"seconds": 0.1}, {"firstByteAfter": 0.01}, {"lastByteAfter": 0.01, "chunked": True}]


@pytest.mark.parametrize("params", PATTERNS, ids=str)
def test_drip_patterns_bring_everything(standing: School, params: dict[str, Any]) -> None:
    """Twenty ways to trickle; the answer is whole and right in the end, and the connection usable."""
    honest = receive(standing, standing.path(SUBJECT)).body
    assert len(PATTERNS) > 20
    assert strict_body(_page(standing, "drip", **params).all) == honest


class _Line:
    """A socket and an event that note what is sent and how long is waited."""

    def __init__(self, *, stops_at: int | None = None) -> None:
        self.log: list[bytes | float] = []
        self._stops_at = stops_at

    def sendall(self, content: bytes) -> None:
        self.log.append(content)

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.log.append(round(seconds, 3))
        return self._stops_at is not None and len(self.log) >= self._stops_at


def _sent(drip: Drip, *, stops_at: int | None = None) -> list[bytes | float]:
    line = _Line(stops_at=stops_at)
    reply = Reply(status=200, body=b"abcdefgh", content_type="t", drip=drip)
    whole = deliver(cast(socket.socket, line), reply, keep=True, with_body=True, stopping=cast(threading.Event, line))
    assert whole == (stops_at is None)
    return line.log


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: t\r\nContent-Length: 8\r\n\r\n"


@pytest.mark.parametrize(
    ("drip", "log"),
    [
        (Drip(pace=60), [HEAD, b"abc", 0.05, b"def", 0.05, b"gh"]),
        (Drip(pace=1, burst=4), [HEAD, b"abcd", 4.0, b"efgh"]),
        (Drip(pace=4, burst=4, first_pause=9, last_pause=7), [HEAD, 9, b"abcd", 1.0, b"efg", 7, b"h"]),
        (Drip(first_pause=3), [HEAD, 3, b"abcdefgh"]),
        (Drip(last_pause=3), [HEAD, b"abcdefg", 3, b"h"]),
        (Drip(head=True, first_pause=3), [3, HEAD + b"abcdefgh"]),
        (Drip(pace=50, burst=50, head=True), [(HEAD + b"abcdefgh")[:50], 1.0, (HEAD + b"abcdefgh")[50:]]),
    ],
)
def test_drips_leave_at_their_times(drip: Drip, log: list[bytes | float]) -> None:
    """Pace, bursts and pauses are as asked for; status line and headers trickle only where told."""
    assert _sent(drip) == log


def test_a_stopping_server_does_not_drip_on() -> None:
    """Nobody has to wait for the end of a long drip."""
    assert _sent(Drip(pace=60), stops_at=3) == [HEAD, b"abc", 0.05]


PACKED: dict[str, tuple[bytes, list[Callable[[bytes], bytes]]]] = {
    "gzip": (b"gzip", [gzip.decompress]),
    "deflate": (b"deflate", [zlib.decompress]),
    "nested": (b"gzip, gzip", [gzip.decompress, gzip.decompress]),
    "identity": (b"none at all", []),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("encoding", PACKED)
def test_bombs(standing: School, encoding: str, chunked: bool) -> None:
    """Few bytes, or endless chunks without a length, unfold to the size asked for."""
    received = _page(
        standing, "gzip_bomb", "Accept-Encoding: gzip", encoding=encoding, chunked=chunked, bytes=500_000
    )
    head = received.all.partition(HEAD_END)[0]
    assert (b"Content-Length" in head) != chunked
    assert (b"Transfer-Encoding: chunked" in head) == chunked
    name, unpackings = PACKED[encoding]
    body = strict_body(received.all.replace(b"Content-Encoding: " + name + b"\r\n", b""))
    for unpack in unpackings:
        assert len(body) < 1_000
        body = unpack(body)
    assert body == b" " * 500_000


def test_a_bomb_for_who_takes_no_gzip_is_plain(standing: School) -> None:
    """Without Accept-Encoding the plain bytes come."""
    received = _page(standing, "gzip_bomb", bytes=5_000)
    assert strict_body(received.all) == b" " * 5_000


def test_a_torn_answer_is_no_answer(standing: School) -> None:
    """The strict reader of these tests does not take a part for the whole."""
    with pytest.raises(Flaw):
        strict_body(_page(standing, "reset_at", bytes=50).all)
