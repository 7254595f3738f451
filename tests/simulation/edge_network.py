"""What a server may do with sizes, addresses and certificates (RELIABILITY statements 20, 48 and 49).

Each function checks one statement and returns how many cases it checked; AssertionError names the case.
"""

from __future__ import annotations

import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import respx

import connectors.http
from connectors.bodies import BodyReader
from connectors.ecp.connector import EcpConnector
from connectors.http import HttpClient
from sync_service.domain.errors import ContractError, SyncError, Unreachable
from sync_service.domain.streams import Stream
from tests.simulation.edge_answers import VERSIONS, connector
from tests.simulation.malformed import marks
from tests.unit.connectors.regions import (
    BASE,
    CERTIFICATES,
    RealClock,
    answer,
    client,
    read_request,
    server,
)

BODY = b'{"items": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read_one(http: HttpClient) -> object:
    """One reading, without a token."""
    return http.call("GET", "things", "things", session=None)


# --- 20: sizes ----------------------------------------------------------------------------------------------------

LIMIT = 10 * 1024 * 1024
BOMB = 50_000_000


def statement_20() -> int:
    """50 MB are stopped at 10, however they are packed and whatever length is declared; nothing more is held."""
    packed = _packed(BOMB)
    again = gzip.compress(packed)
    assert len(packed) < 100_000, "the bomb is to be small on the wire"
    forms: dict[str, tuple[str, bytes]] = {
        "gzip": ("Content-Encoding: gzip\r\n", packed),
        "gzip of a gzip": ("Content-Encoding: gzip, gzip\r\n", again),
        "gzip of a gzip, declared once": ("Content-Encoding: gzip\r\n", again),
        "many members": ("Content-Encoding: gzip\r\n", _packed(1000) * 50_000),
        "deflate": ("Content-Encoding: deflate\r\n", zlib.compress(b" " * BOMB)),
        "not packed": ("", b" " * BOMB),
    }
    checked = 0
    for name, (headers, body) in forms.items():
        for chunked in (False, True):
            _stopped(f"{name}, {'chunked' if chunked else 'with a length'}", _whole(headers, body, chunked=chunked))
            checked += 1
    return checked


def _packed(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(b" " * size) + packer.flush()


def _whole(headers: str, body: bytes, *, chunked: bool) -> bytes:
    if not chunked:
        return answer(body, headers=headers)
    pieces = [body[at : at + 60_000] for at in range(0, len(body), 60_000)]
    framed = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return HEAD + headers.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


def _stopped(name: str, told: bytes) -> None:
    readers: list[BodyReader] = []

    def noting(*args: Any, **limits: Any) -> BodyReader:
        readers.append(BodyReader(*args, **limits))
        return readers[-1]

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(told)

    with server(talk) as url, patch.object(connectors.http, "BodyReader", noting):
        http = client(RealClock(), base_url=url, attempts=1)
        tracemalloc.start()
        try:
            read_one(http)
        except SyncError:
            _, peak = tracemalloc.get_traced_memory()
        else:
            raise AssertionError(f"statement 20: {name} was taken for data")
        finally:
            tracemalloc.stop()
            http.close()
    for reader in readers:
        assert reader.unpacked <= LIMIT + 65_536, f"statement 20: {name} unpacked to {reader.unpacked} bytes"
        assert reader.arrived <= LIMIT + 65_536, f"statement 20: of {name} {reader.arrived} bytes arrived"
    assert peak < 2.5 * LIMIT, f"statement 20: {name} took {peak} bytes of memory"


# --- 48: addresses ------------------------------------------------------------------------------------------------

ELSEWHERE = (
    "https://elsewhere.example/api/things",
    "http://region.example/api/things",
    "https://region.example:8443/api/things",
    "https://region.example@elsewhere.example/",
    "https://region.example.elsewhere.example/",
    "//elsewhere.example/things",
    "https://169.254.169.254/latest/meta-data",
    "http://127.0.0.1:5432/",
    "file:///etc/passwd",
    "https://user:word@region.example/api/things",
    "https://[::ffff:7f00:1]/",
    "gopher://region.example/_x",
)


def statement_48() -> int:
    """No redirect and no link in an answer leads a request, or a token, off the configured address."""
    http, school = client(), connector()
    for target in ELSEWHERE:
        for method in ("GET", "POST"):
            _stays(http, target, method)
        _ignores_links(school, target)
    http.close()
    school.close()
    return len(ELSEWHERE) * 3


def _stays(http: HttpClient, target: str, method: str) -> None:
    with respx.mock(assert_all_called=False) as router:
        first = router.route(url=f"{BASE}/things").respond(307, headers={"Location": target})
        other = router.route().respond(200, json=[])
        try:
            http.call(method, "things", "things", session=None, body={} if method == "POST" else None)
        except ContractError:
            assert other.call_count == 0, f"statement 48: {target} was asked"
            assert first.call_count == 1, f"statement 48: {target} was tried again"
        else:
            raise AssertionError(f"statement 48: {target} was followed")


def _ignores_links(school: EcpConnector, target: str) -> None:
    """Headers and fields that other protocols follow are news to us, and change nothing."""
    links = {"next": target, "nextPage": target, "@odata.nextLink": target, "links": {"next": {"href": target}}}
    headers = dict.fromkeys(("Location", "Content-Location", "Refresh", "Link", "Alt-Svc"), target)
    with respx.mock as router:
        route = router.route().respond(200, json={**marks(), **links}, headers=headers)
        (page,) = school.pages(Stream.MARKS, None, VERSIONS)
        asked = {call.request.url.copy_with(query=None) for call in route.calls}
    assert len(page.records) == 20, "statement 48: the page itself was not read"
    assert asked == {httpx.URL(f"{BASE}/organizations/org-1/marks")}, f"statement 48: {target}: {asked}"


# --- 49: certificates ---------------------------------------------------------------------------------------------

# What the server shows, and what the settings trust besides the public roots.
CERTIFICATE_FORMS = {
    "self-signed": ("good.pem", None),
    "unknown root": ("unknown_root.pem", "good.pem"),
    "wrong host": ("wrong_host.pem", "wrong_host.pem"),
    "expired": ("expired.pem", "expired.pem"),
}


def statement_49() -> int:
    """To a server whose certificate does not hold not one byte of a request is sent."""
    for name, (shown, trusted) in CERTIFICATE_FORMS.items():
        received: list[bytes] = []

        def talk(connection: socket.socket, received: list[bytes] = received) -> None:
            received.append(connection.recv(1))

        bundle = CERTIFICATES / trusted if trusted else None
        with server(talk, certificate=shown) as url:
            http = client(RealClock(), base_url=url, ca_bundle=bundle, attempts=1)
            for call in _ways(http):  # the error names the way out
                with pytest.raises(Unreachable, match="ca_bundle"):
                    call()
            http.close()
        assert received == [], f"statement 49: {name} received {received}"
    return len(CERTIFICATE_FORMS)


def _ways(http: HttpClient) -> tuple[Callable[[], object], ...]:
    body = {"token": "secret"}
    return (
        lambda: read_one(http),
        lambda: http.call("POST", "things", "things", session=None, body=body, writing=True),
    )
