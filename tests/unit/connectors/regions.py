"""Clients and misbehaving servers for the tests of the HTTP connector."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from connectors.auth import Tokens, TokenSession
from connectors.http import HttpClient, HttpSettings

CERTIFICATES = Path(__file__).parent / "certificates"
BASE = "https://region.example/api"


class Clock:
    """A clock that sleeps by moving its hands."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 5, tzinfo=UTC)

    def today(self, zone: str) -> date:
        return date(2026, 11, 20)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class RealClock(Clock):
    """The hands of the wall; for deadlines on real sockets."""

    def monotonic(self) -> float:
        return monotonic()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        sleep(min(seconds, 0.01))


class Store:
    """A token store in memory."""

    def __init__(self, access: str | None = "access-1", refresh: str = "refresh-1") -> None:
        self.tokens: Tokens | None = Tokens(access=access, refresh=refresh)
        self.loads = 0

    def load(self) -> Tokens | None:
        self.loads += 1
        return self.tokens

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        if self.tokens is None or self.tokens.refresh != made_from:
            return False
        self.tokens = tokens
        return True


def no_refresh(token: str) -> Tokens:
    raise AssertionError("no refresh is expected here")


def session(refresh: Callable[[str], Tokens] = no_refresh, store: Store | None = None) -> TokenSession:
    return TokenSession(store or Store(), refresh)


def client(clock: Clock | None = None, *, base_url: str = BASE, **changes: Any) -> HttpClient:
    """A client without jitter: every backoff takes its longest."""
    settings = HttpSettings(base_url=base_url, **changes)
    return HttpClient(settings, clock=clock or Clock(), uniform=lambda low, high: high)


Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, *, certificate: str | None = None) -> Iterator[str]:
    """A listener that lets ``talk`` do what it likes with each connection, one thread for each."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(10)
                if context is None:
                    talk(connection)
                else:
                    with context.wrap_socket(connection, server_side=True) as shielded:
                        talk(shielded)
        except OSError:
            return  # the client has gone, as it should

    def accept() -> None:
        while not closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=serve, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    scheme, host = ("https", "localhost") if certificate else ("http", "127.0.0.1")
    try:
        yield f"{scheme}://{host}:{listener.getsockname()[1]}"
    finally:
        closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(10)
        for thread in threads:
            thread.join(10)


def read_request(connection: socket.socket) -> bytes:
    """The whole request as it came."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("the client closed")
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("the client closed")
        body += chunk
    return head + b"\r\n\r\n" + body


def answer(body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    declared = len(body) if length is None else length
    kind = "" if "content-type" in headers.lower() else "Content-Type: application/json\r\n"
    return f"HTTP/1.1 {status}\r\n{kind}{headers}Content-Length: {declared}\r\n\r\n".encode() + body
