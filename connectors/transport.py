"""An httpx transport on which the whole exchange has one deadline, and TLS is always verified.

httpx limits the time between two chunks, so that a peer who sends a byte a second is never late. Here every
look-up of a name, connect, handshake, read and write gets at most the time that is left of the exchange, headers
included. Three holes of the layers below are closed with it: a name that resolves slowly, a name with many
addresses nobody listens at (each would get the whole timeout), a peer who takes our request byte by byte.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any

import certifi
import httpcore
import httpx

from sync_service.domain.errors import ConfigError

SocketOptions = Iterable[Any] | None


def trusted_roots(ca_bundle: Path | None) -> ssl.SSLContext:
    """The public roots and those of ``ca_bundle`` (PEM); ConfigError when the file cannot be used."""
    context = ssl.create_default_context(cafile=certifi.where())
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=str(ca_bundle))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                [f"ca_bundle: {ca_bundle} is not a readable PEM file of certificates; correct the path"]
            ) from error
    return context


class _Deadline(threading.local):
    at: float | None = None


class DeadlineTransport(httpx.HTTPTransport):
    """HTTP/1.1 with keep-alive. ``deadline`` bounds everything the current thread does inside it."""

    def __init__(self, context: ssl.SSLContext, *, monotonic: Callable[[], float], connections: int = 8) -> None:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        super().__init__(verify=context, trust_env=False, limits=limits)
        self._deadline = _Deadline()
        self._monotonic = monotonic
        self._pool.close()
        # httpx offers no door for a network backend, httpcore does; the drip tests guard this assignment.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(self._left),
        )

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Everything inside ends within ``seconds``, or in the timeout of its phase."""
        self._deadline.at = self._monotonic() + seconds
        try:
            yield
        finally:
            self._deadline.at = None

    def _left(self, timeout: float | None, expired: type[httpcore.TimeoutException]) -> float | None:
        at = self._deadline.at
        if at is None:
            return timeout
        left = at - self._monotonic()
        if left <= 0:
            raise expired("the deadline of the exchange has passed")
        return left if timeout is None else min(timeout, left)


Left = Callable[[float | None, type[httpcore.TimeoutException]], float | None]


class _Backend(httpcore.NetworkBackend):
    def __init__(self, left: Left) -> None:
        self._sockets = httpcore.SyncBackend()
        self._left = left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.NetworkStream:
        """The first address that answers; ``timeout`` bounds all of them together."""
        until = None if timeout is None else monotonic() + timeout

        def left() -> float | None:
            own = None if until is None else max(0.001, until - monotonic())
            return self._left(own, httpcore.ConnectTimeout)

        failure: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in _addresses(host, port, left()):
            try:
                stream = self._sockets.connect_tcp(address, port, left(), local_address, socket_options)
                return _Stream(stream, self._left)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("the name has no address")


def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
    """The addresses of a name. The resolver knows no timeout, so it gets a thread that may be left behind."""
    if _is_address(host):
        return [host]
    found: list[str] = []
    failed: list[OSError] = []

    def resolve() -> None:
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(address[0]) for *_, address in known))
        except (OSError, UnicodeError) as error:
            failed.append(error if isinstance(error, OSError) else OSError("not a name"))

    thread = threading.Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise httpcore.ConnectTimeout("the name was not resolved in time")
    if failed:
        raise httpcore.ConnectError("the name cannot be resolved") from failed[0]
    return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, left: Left) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """httpcore gives each piece that the peer takes the whole timeout anew; here the time left shrinks."""
        connection: socket.socket = self._stream.get_extra_info("socket")
        view = memoryview(buffer)
        try:
            while view:
                connection.settimeout(self._left(timeout, httpcore.WriteTimeout))
                view = view[connection.send(view) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout("the peer takes nothing") from error
        except OSError as error:
            raise httpcore.WriteError("the peer is gone") from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
