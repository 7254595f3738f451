"""Whose fault it is that a body takes long: who sends it is given up, who waits for us is not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn

from sync_service.web import patience
from sync_service.web.patience import PatientProtocol

SECONDS = 0.2
LARGE = b"x" * 500_000  # more than the server takes in before somebody reads it


async def _busy_at_first(scope: Any, receive: Any, send: Any) -> None:
    """Reads the form several deadlines late, as behind a busy database."""
    await asyncio.sleep(5 * SECONDS)
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def _served(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(PatientProtocol, "patience", SECONDS)
    monkeypatch.setattr(patience, "SLOWEST_BODY", 10**9)
    config = uvicorn.Config(_busy_at_first, http=PatientProtocol, ws="none", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


def test_who_waits_for_us_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with _served(monkeypatch) as port:
        assert httpx.post(f"http://127.0.0.1:{port}/", content=LARGE, timeout=30).status_code == 200


def test_who_lets_us_wait_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with _served(monkeypatch) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
        with suppress(ConnectionResetError):  # which of the two it is, the operating system decides
            assert one.recv(1) == b""
