"""What a server may do with our time, and we with its wish to be left alone (RELIABILITY statements 19 and 22).

Each function checks one statement and returns how many cases it checked; AssertionError names the case.
"""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import repeat
from time import monotonic

import httpx
import respx

from connectors.endpoints import Endpoints
from connectors.http import HttpClient, HttpSettings
from sync_service.domain.errors import SyncError, TransientError
from tests.simulation.edge_network import BODY, HEAD, read_one
from tests.unit.connectors.regions import (
    BASE,
    Clock,
    RealClock,
    Talk,
    answer,
    client,
    read_request,
    server,
)

# --- 19: the deadline ---------------------------------------------------------------------------------------------

DEADLINE = 1.0
PAUSE = 0.02
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = b'{"items": [' + b" " * 10_000 + b"]}"


def _drop_by_drop(pieces: Iterable[bytes], *, first: bytes = b"", listen: bool = True) -> Talk:
    """Says ``first`` at once, then piece by piece with pauses, until the client hangs up or nothing is left."""

    def talk(connection: socket.socket) -> None:
        if listen:
            read_request(connection)
        connection.sendall(first)
        connection.settimeout(PAUSE)
        for piece in pieces:
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass
            connection.sendall(piece)
        connection.settimeout(10)
        connection.recv(1)  # silence from here on

    return talk


def _bytes_of(text: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in text]


def _taking_byte_by_byte(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    for _ in range(100):
        if not connection.recv(1):
            return
        threading.Event().wait(PAUSE)


def _redirecting(connection: socket.socket) -> None:
    while True:
        read_request(connection)
        threading.Event().wait(DEADLINE * 0.4)
        connection.sendall(answer(b"", status="302 Found", headers="Location: /things\r\n"))


PATTERNS: dict[str, Talk] = {
    "silence": _drop_by_drop(()),
    "the whole answer, byte by byte": _drop_by_drop(_bytes_of(answer(LONG))),
    "the status line, byte by byte": _drop_by_drop(_bytes_of(b"HTTP/1.1 200 " + b"O" * 5000)),
    "one header, byte by byte": _drop_by_drop(_bytes_of(b"X-Long: " + b"x" * 5000), first=HEAD),
    "headers without end": _drop_by_drop(repeat(b"X-Drop: 1\r\n"), first=HEAD),
    "silence within the headers": _drop_by_drop((), first=HEAD),
    "silence after the headers": _drop_by_drop((), first=answer(b"", length=5000)),
    "silence before the last byte": _drop_by_drop((), first=answer(LONG)[:-1]),
    "the body, byte by byte": _drop_by_drop(repeat(b" "), first=answer(b"", length=10_000)),
    "the body in bursts": _drop_by_drop(repeat(b" " * 500), first=answer(b"", length=10**7)),
    "a body without length": _drop_by_drop(repeat(b" "), first=HEAD + b"Connection: close\r\n\r\n"),
    "chunks of one byte": _drop_by_drop(repeat(b"1\r\n \r\n"), first=CHUNKED),
    "the size of a chunk, digit by digit": _drop_by_drop(_bytes_of(b"0" * 5000), first=CHUNKED),
    "the extension of a chunk": _drop_by_drop(_bytes_of(b"5;" + b"x" * 5000), first=CHUNKED),
    "trailers without end": _drop_by_drop(repeat(b"X-Drop: 1\r\n"), first=CHUNKED + b"d\r\n" + BODY + b"\r\n0\r\n"),
    "interim answers without end": _drop_by_drop(repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    "packed bytes, one by one": _drop_by_drop(
        _bytes_of(gzip.compress(LONG)), first=answer(b"", headers="Content-Encoding: gzip\r\n", length=10_000)
    ),
    "an answer before the question": _drop_by_drop(_bytes_of(answer(LONG)), listen=False),
    "the request taken byte by byte": _taking_byte_by_byte,
    "redirects, each just in time": _redirecting,
    "TLS: silence": _drop_by_drop((), listen=False),
    "TLS: a handshake, byte by byte": _drop_by_drop(
        _bytes_of(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + b"\x00" * 5000), listen=False
    ),
}


def statement_19(tolerance: float = 1.0) -> int:
    """However a peer drips, the exchange ends within ``tolerance`` seconds of its deadline, never with data."""
    with ThreadPoolExecutor(len(PATTERNS)) as together:
        took = dict(zip(PATTERNS, together.map(_seconds_of, PATTERNS), strict=True))
    late = {name: seconds for name, seconds in took.items() if abs(seconds - DEADLINE) > tolerance}
    assert not late, f"statement 19: a deadline of {DEADLINE} s became {late}"
    return len(PATTERNS)


def _seconds_of(name: str) -> float:
    with server(PATTERNS[name]) as url:
        if name.startswith("TLS"):
            url = url.replace("http://", "https://")
        http = client(RealClock(), base_url=url, attempts=1, deadline=DEADLINE, redirects=50)
        started = monotonic()
        try:
            if name.startswith("the request"):
                http.call("POST", "things", "things", session=None, body={"a": "x" * 8_000_000})
            else:
                read_one(http)
        except TransientError:
            return monotonic() - started
        finally:
            http.close()
    raise AssertionError(f"statement 19: {name} was taken for data")


# --- 22: waits ----------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)  # what the clock of the tests says


def _date(offset: float, skew: float = 0.0) -> str:
    return format_datetime(NOW + timedelta(seconds=offset + skew), usegmt=True)


SKEW = 7200.0  # the region's clock is two hours ahead
# Retry-After (several: several headers), the answer's Date, and the seconds for which nobody may come
WAITS: tuple[tuple[tuple[str, ...], str | None, float], ...] = (
    (("7",), None, 7),
    (("0007",), None, 7),
    (("000000000000000000020",), None, 20),
    (("2.5",), None, 2.5),
    (("3", "9"), None, 9),
    ((_date(8),), None, 8),
    ((_date(9, SKEW),), _date(0, SKEW), 9),
    ((_date(9, -SKEW),), _date(0, -SKEW), 9),
    (("Friday, 20-Nov-26 05:00:09 GMT",), _date(0), 9),
    (("Fri Nov 20 05:00:09 2026",), _date(0), 9),
    (("3600",), None, 3600),
    (("86400",), None, 86_400),
    ((_date(86_400, SKEW),), _date(0, SKEW), 86_400),
    (("9" * 400,), None, 7 * 86_400),
    (("Fri, 20 Nov 2999 05:00:00 GMT",), None, 7 * 86_400),
    ((), None, 1),
    (("",), None, 1),
    (("0",), None, 1),
    (("-5",), None, 1),
    (("soon",), None, 1),
    (("７",), None, 1),
    ((_date(-60),), None, 1),
    (("Fri, 99 Nov 2026 99:99:99 GMT",), None, 1),
)


def statement_22() -> int:
    """Whatever the form of the wait, nobody comes early: not this call, not the next, not another school."""
    clock = Clock()
    endpoints = Endpoints(clock)
    settings = HttpSettings(base_url=BASE)
    schools = [
        HttpClient(settings, clock=clock, uniform=lambda low, high: low, endpoints=endpoints) for _ in range(2)
    ]
    checked = 0
    for status in (429, 503):
        for texts, date, seconds in WAITS:
            if status == 503 and seconds == 1:
                continue  # an outage without a figure is the business of connectors.health
            checked += _nobody_early(schools, clock, status, texts, date, seconds)
            clock.seconds += 8 * 86_400  # longer than any wait
    for http in schools:
        http.close()
    return checked


def _nobody_early(
    schools: list[HttpClient], clock: Clock, status: int, texts: tuple[str, ...], date: str | None, seconds: float
) -> int:
    begun = clock.seconds
    came: list[float] = []

    def told(_: httpx.Request) -> httpx.Response:
        came.append(clock.seconds - begun)
        if len(came) > 1:
            return httpx.Response(200, json=[])
        named = [(b"Retry-After", text.encode()) for text in texts]
        dated = [(b"Date", date.encode())] if date else []
        return httpx.Response(status, headers=[*named, *dated])

    with respx.mock as router:
        router.get(f"{BASE}/things").mock(side_effect=told)
        step = max(seconds / 20, 0.25)
        while len(came) < 4 and clock.seconds < begun + 2 * seconds + 60:
            for http in schools:
                with suppress(SyncError):
                    read_one(http)
                clock.seconds += step / len(schools)
    where = f"statement 22: {status} with Retry-After {texts!r:.60} and Date {date!r}"
    assert len(came) >= 4, f"{where}: nobody came again"
    assert came[1] >= seconds, f"{where}: somebody came {seconds - came[1]} s early"
    return len(came) - 1
