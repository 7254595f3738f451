"""A small threaded HTTP/1.1 server with keep-alive, fast enough never to be what a benchmark measures.

``http.server`` spends most of its time building e-mail messages out of headers; this one reads a request
line, headers and a body, asks the application, and lets ``delivery`` send the answer.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Never
from urllib.parse import parse_qsl, unquote

from connectors.ecp.simulator.delivery import deliver
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.wire import Reply, Request

MAX_BODY = 16 * 1024 * 1024
MAX_LINE = 64 * 1024
MAX_HEADERS = 200

Application = Callable[[Request], Reply]


class HttpServer(socketserver.ThreadingTCPServer):
    """Listens, serves each connection in a thread, and can close them all at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application, stopping: threading.Event) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.application = application
        self.stopping = stopping
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Connection)

    @property
    def url(self) -> str:
        """Where the server listens."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def opened(self, connection: socket.socket) -> None:
        """Note an open connection."""
        with self._open_lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection that is over."""
        with self._open_lock:
            self._open.discard(connection)

    def stop(self) -> None:
        """Stop listening and close every connection; returns when their threads have let go of them."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            with self._open_lock:
                waiting = list(self._open)
            if not waiting:
                return
            for connection in waiting:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.005)


class _Connection(socketserver.StreamRequestHandler):
    server: HttpServer
    rbufsize = 64 * 1024
    disable_nagle_algorithm = True
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            with contextlib.suppress(OSError):
                super().finish()
        finally:
            self.server.closed(self.connection)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while not self.server.stopping.is_set() and self._serve_one():
                pass

    def _serve_one(self) -> bool:
        """Serve one request; whether the connection stays open."""
        try:
            request = self._read()
        except RequestRefused as refused:
            self._send(Reply.refusal(refused), keep=False, with_body=True)
            return False
        if request is None:
            return False
        reply = self.server.application(request)
        keep = request.headers.get("connection", "").lower() != "close"
        return self._send(reply, keep=keep, with_body=request.method != "HEAD")

    def _read(self) -> Request | None:
        line = self.rfile.readline(MAX_LINE + 1)
        while line in (b"\r\n", b"\n"):
            line = self.rfile.readline(MAX_LINE + 1)
        if not line:
            return None
        parts = line.decode("latin-1").split()
        if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or len(line) > MAX_LINE:
            _malformed()
        headers = self._read_headers()
        if "100-continue" in headers.get("expect", "").lower():
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._read_body(headers)
        path, _, query = parts[1].partition("?")
        return Request(
            method=parts[0],
            path=unquote(path, errors="replace"),
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            headers=headers,
            body=body,
            peer=str(self.client_address[0]),
            target=parts[1],
        )

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while True:
            line = self.rfile.readline(MAX_LINE + 1)
            if line in (b"\r\n", b"\n"):
                return headers
            name, colon, value = line.partition(b":")
            if not colon or not line.endswith(b"\n") or len(headers) >= MAX_HEADERS:
                _malformed()
            headers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        declared = headers.get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()) or len(declared) > 18:
            _malformed()
        length = int(declared)
        if length > MAX_BODY:
            _too_large()
        body = self.rfile.read(length) if length else b""
        if len(body) < length:
            raise ConnectionResetError
        return body

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(MAX_LINE).partition(b";")[0], 16)
            except ValueError:
                _malformed()
            if size == 0:
                while self.rfile.readline(MAX_LINE) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(chunks)
            total += size
            if size < 0 or total > MAX_BODY:
                _too_large()
            chunks.append(self.rfile.read(size))
            self.rfile.readline(MAX_LINE)

    def _send(self, reply: Reply, *, keep: bool, with_body: bool) -> bool:
        return deliver(self.connection, reply, keep=keep, with_body=with_body, stopping=self.server.stopping)


def _malformed() -> Never:
    raise RequestRefused(400, "invalid", "Запрос HTTP не читается")


def _too_large() -> Never:
    raise RequestRefused(413, "too_large", "Тело запроса больше 16 МиБ")
