"""One regional server over HTTP: signing, deadlines, size limits, bounded retries; domain errors only.

Reads and look-ups are repeated after anything transient. A write is repeated only when nothing can have been
committed: not connected, 429, 503. Whoever is told to wait waits, whichever call comes next (``Retry-After``
holds for the whole client); a wait longer than ``longest_wait`` is left to the caller as RateLimited. While the
region is out of reach each call tries once: an outage of hours is met with few probes.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from connectors.answers import COUNTERPARTS, Answer, from_httpx, from_status, parsed, wait_asked
from connectors.auth import TokenSession
from connectors.transport import DeadlineTransport, trusted_roots
from sync_service.domain.errors import (
    ContractError,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.engine.ports import Clock

REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNAVAILABLE = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Times in seconds, sizes in bytes. ``deadline`` bounds one exchange from connecting to the last byte."""

    base_url: str
    ca_bundle: Path | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    deadline: float = 60.0
    most_sent_by_region: int = 10 * 1024 * 1024
    most_unpacked: int = 10 * 1024 * 1024
    attempts: int = 3
    first_backoff: float = 0.5
    longest_backoff: float = 15.0
    longest_wait: float = 30.0
    redirects: int = 3
    connections: int = 8


class HttpClient:
    """Calls of one school; may be used by several threads at once."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        clock: Clock,
        uniform: Callable[[float, float], float] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._uniform = uniform or SystemRandom().uniform
        self._base = httpx.URL(settings.base_url.rstrip("/") + "/")
        self._transport = DeadlineTransport(
            trusted_roots(settings.ca_bundle), monotonic=clock.monotonic, connections=settings.connections
        )
        timeout = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "ecp-sync"}
        self._client = httpx.Client(
            transport=self._transport, timeout=timeout, headers=headers, trust_env=False, follow_redirects=False
        )
        self._not_before = float("-inf")
        self._gate = threading.Lock()
        self._out_of_reach = False
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).disabled = True  # they would log addresses; what we log we log ourselves

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        session: TokenSession | None,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        writing: bool = False,
    ) -> Any:
        """The JSON value of the answer. ``what`` names the call in errors; ``session`` None sends no token.

        Raises as the table in :mod:`connectors.answers` says.
        """
        request = _Request(
            method=method,
            url=self._base.join(path),
            what=what,
            params=params,
            content=None if body is None else msgspec.json.encode(body),
            headers=dict(headers or {}),
            writing=writing,
        )
        retrying = Retrying(
            stop=stop_after_attempt(1 if self._out_of_reach else self._settings.attempts),
            wait=self._backoff,
            retry=retry_if_exception(lambda error: self._may_repeat(error, writing=writing)),
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            value = retrying(self._signed, request, session)
        except SyncError as error:
            self._out_of_reach = isinstance(error, Unreachable)
            raise
        self._out_of_reach = False
        return value

    def _backoff(self, state: RetryCallState) -> float:
        """Full jitter: anything between nothing and the exponential bound."""
        bound = self._settings.first_backoff * 2.0 ** (state.attempt_number - 1)
        return self._uniform(0.0, min(self._settings.longest_backoff, bound))

    def _may_repeat(self, error: BaseException, *, writing: bool) -> bool:
        if not isinstance(error, TransientError) or isinstance(error, OutcomeUnknown):
            return False
        if writing and not isinstance(error, RateLimited | Unreachable):
            return False
        return self._asked_to_wait() <= self._settings.longest_wait

    def _asked_to_wait(self) -> float:
        return max(0.0, self._not_before - self._clock.monotonic())

    def _wait_as_asked(self, what: str) -> None:
        left = self._asked_to_wait()
        if left > self._settings.longest_wait:
            raise RateLimited(f"{what}: the region asked us to wait {left:.0f} s more", retry_after=left)
        if left > 0:
            self._clock.sleep(left)

    def _signed(self, request: _Request, session: TokenSession | None) -> Any:
        if session is None:
            return self._finished(request, self._exchange(request, None))
        access = session.access()
        answer = self._exchange(request, access)
        if answer.status == 401:
            answer = self._exchange(request, session.renew(access))
        return self._finished(request, answer)

    def _finished(self, request: _Request, answer: Answer) -> Any:
        retry_after = None
        if answer.status in UNAVAILABLE:
            retry_after = wait_asked(answer.headers, self._clock.now())
            if retry_after is not None:
                with self._gate:
                    self._not_before = max(self._not_before, self._clock.monotonic() + retry_after)
        if 200 <= answer.status < 300:
            return parsed(answer, request.what, writing=request.writing)
        raise from_status(answer, request.what, writing=request.writing, retry_after=retry_after)

    def _exchange(self, request: _Request, access: str | None) -> Answer:
        """One request and its whole answer, whatever its status; redirects within the origin are followed."""
        self._wait_as_asked(request.what)
        url, params = request.url, request.params
        for _ in range(self._settings.redirects + 1):
            answer = self._send(request, url, params, access)
            if answer.status not in REDIRECTS or request.writing:
                return answer
            url, params = self._redirected(request, url, answer), None
        raise ContractError(f"{request.what}: the region redirects in circles; check base_url")

    def _redirected(self, request: _Request, url: httpx.URL, answer: Answer) -> httpx.URL:
        target = _joined(url, answer.headers.get("location", ""))
        if target is None or _origin(target) != _origin(self._base) or request.content is not None:
            raise ContractError(f"{request.what}: the region redirects off its configured address; check base_url")
        return target

    def _send(
        self,
        request: _Request,
        url: httpx.URL,
        params: Mapping[str, str | int] | None,
        access: str | None,
    ) -> Answer:
        headers = dict(request.headers)
        if access is not None:
            headers["Authorization"] = f"Bearer {access}"
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        try:
            with (
                self._transport.deadline(self._settings.deadline),
                self._client.stream(
                    request.method, url, params=params, content=request.content, headers=headers
                ) as response,
            ):
                body = self._whole_body(response, request.what)
                return Answer(status=response.status_code, headers=response.headers, body=body)
        except SyncError as error:
            if request.writing:
                raise OutcomeUnknown(f"{error}; the records are read back first") from error
            raise
        except tuple(COUNTERPARTS) as error:
            raise from_httpx(error, request.what, writing=request.writing) from error

    def _whole_body(self, response: httpx.Response, what: str) -> bytes:
        """The body unpacked; ContractError beyond the limits, before they are filled."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "", "gzip"):
            raise ContractError(f"{what}: the answer is packed in a way we did not ask for")
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        parts: list[bytes] = []
        arrived = unpacked = 0
        for chunk in response.iter_raw():
            arrived += len(chunk)
            if unpack is not None:
                try:
                    chunk = unpack.decompress(chunk, self._settings.most_unpacked - unpacked + 1)
                except zlib.error:
                    raise TransientError(f"{what}: the packed answer is damaged") from None
            unpacked += len(chunk)
            if arrived > self._settings.most_sent_by_region or unpacked > self._settings.most_unpacked:
                raise ContractError(f"{what}: the answer is larger than we accept; lower page_size")
            parts.append(chunk)
        if unpack is not None and arrived and not unpack.eof:
            raise TransientError(f"{what}: the packed answer is cut off")
        return b"".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    url: httpx.URL
    what: str
    params: Mapping[str, str | int] | None
    content: bytes | None
    headers: dict[str, str]
    writing: bool


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _joined(url: httpx.URL, location: str) -> httpx.URL | None:
    try:
        return url.join(location) if location else None
    except (httpx.InvalidURL, ValueError):
        return None
