"""Statement 51: hundreds of connections that begin something and do not finish it neither slow the page nor stay.

Real sockets against the real server. What each connection leaves undone is one of seven things; some of them trickle,
a byte a second, as whoever wants to stay does. Meanwhile somebody works on the page.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from unittest.mock import patch

import httpx

from sync_service.domain.people import Role
from sync_service.web.patience import PatientProtocol
from sync_service.web.server import KEEP_ALIVE_SECONDS
from tests.browser.site import SCHOOL, Site, furnished
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site

LONGEST = 30.0  # seconds a half-open connection may stay
SLOWEST = 0.5  # seconds, the 95th percentile of the page meanwhile
PAGES = ("", "/state", "/conflicts", "/releases", "/runs", "/matches")
DRIP = 1.0

HEAD = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
BODY = HEAD + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\n"
FETCH = b"GET /static/htmx-2.0.11.min.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# Name → what is sent at once, and what trickles afterwards.
KINDS: dict[str, tuple[bytes, bytes]] = {
    "says nothing": (b"", b""),
    "half a head": (HEAD, b""),
    "a dripping head": (HEAD + b"X-Slow: ", b"a"),
    "no body": (BODY, b""),
    "a dripping body": (BODY + b"login=", b"a"),
    "does not read": (FETCH * 60, b""),
    "a request and silence": (FETCH.replace(b"GET", b"HEAD"), b""),
}


@dataclass(slots=True)
class Found:
    """Seconds: how long each connection stayed, and how long each page took."""

    stayed: dict[str, list[float]] = field(default_factory=dict)
    pages: list[float] = field(default_factory=list)
    processor: float = 0.0  # seconds of everything meanwhile, the connections included

    @property
    def mean_of_processor(self) -> float:
        return self.processor / len(self.pages)

    @property
    def longest(self) -> float:
        return max(max(times) for times in self.stayed.values())

    @property
    def p95(self) -> float:
        return sorted(self.pages)[int(len(self.pages) * 0.95)]


def statement_51(count: int, databases: Databases) -> str:
    with a_site(databases) as made:
        furnished(made)
        found = half_open(made, count)
    assert found.longest <= LONGEST, f"a connection stayed {found.longest:.1f} s"
    assert found.p95 < SLOWEST, f"p95 of the page {found.p95:.3f} s"
    return (
        f"{count:,} half-open connections of {len(found.stayed)} kinds, all closed within {found.longest:.1f} s;"
        f" {len(found.pages):,} pages meanwhile, p95 {found.p95 * 1000:.0f} ms by the clock on the wall,"
        f" {found.mean_of_processor * 1000:.0f} ms of the processor each, at a load of {os.getloadavg()[0]:.0f}"
    )


def half_open(made: Site, count: int, *, patience: float | None = None) -> Found:
    """Open them, work on the page until the server has given all of them up; AssertionError when it does not.

    ``patience``: the server's, for a short form; what uvicorn itself ends is left out then.
    """
    kinds = [kind for kind in KINDS if patience is None or kind != "a request and silence"]
    with ExitStack() as stack:
        if patience is not None:
            stack.enter_context(patch.object(PatientProtocol, "patience", patience))
        patience = PatientProtocol.patience
        opened: dict[int, tuple[str, float, socket.socket]] = {}
        for number in range(count):
            kind = kinds[number % len(kinds)]
            made_now = stack.enter_context(_connection(made, kind))
            opened[made_now.getsockname()[1]] = kind, time.monotonic(), made_now
        found = Found(stayed={kind: [] for kind in kinds})
        client = made.sign_in(Role.SECRETARY)
        with _in_background(lambda: _drip(opened)):
            until = time.monotonic() + max(2 * patience, KEEP_ALIVE_SECONDS) + LONGEST
            left, begun_working = dict(opened), time.process_time()
            while left:
                assert time.monotonic() < until, f"still open: {sorted({kind for kind, _, _ in left.values()})}"
                _work(made, client, found)
                alive = _alive(made)
                for port in [port for port in left if port not in alive]:
                    kind, begun, _ = left.pop(port)
                    found.stayed[kind].append(time.monotonic() - begun)
        found.processor = time.process_time() - begun_working
    return found


@contextmanager
def _connection(made: Site, kind: str) -> Iterator[socket.socket]:
    with socket.socket() as one:
        if kind == "does not read":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", made.server.port))
        one.setblocking(False)
        if KINDS[kind][0]:
            one.send(KINDS[kind][0])
        yield one


def _alive(made: Site) -> set[int]:
    """The ports at the other end of the connections that the server keeps."""
    connections = made.server._server.server_state.connections
    return {one.client[1] for one in list(connections) if one.client is not None}  # type: ignore[union-attr]


def _work(made: Site, client: httpx.Client, found: Found) -> None:
    path = PAGES[len(found.pages) % len(PAGES)]
    begun = time.monotonic()
    answer = client.get(f"/s/{SCHOOL}{path}")
    found.pages.append(time.monotonic() - begun)
    assert answer.status_code == 200, f"{path}: {answer.status_code} beside {len(_alive(made))} connections"


def _drip(opened: dict[int, tuple[str, float, socket.socket]]) -> None:
    for kind, _, one in opened.values():
        if KINDS[kind][1]:
            with suppress(OSError):  # given up already
                one.send(KINDS[kind][1])


@contextmanager
def _in_background(work: Callable[[], None]) -> Iterator[None]:
    """``work`` once a second until the block is left."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(DRIP):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
