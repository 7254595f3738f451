"""One regional server over HTTP: signing, deadlines, size limits, bounded retries; domain errors only.

Reads and look-ups are repeated after anything transient. A write is repeated only when nothing can have been
committed: not connected, 429, 503. Whoever is told to wait waits, whichever call of whichever client of this
origin comes next (:mod:`connectors.pace`); a wait longer than ``longest_wait`` is left to the caller as
RateLimited. While the region is out of reach calls fail at once, but for single probes (:mod:`connectors.health`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from connectors.answers import (
    COUNTERPARTS,
    NOT_SENT,
    Answer,
    from_httpx,
    from_status,
    is_web_page,
    parsed,
    wait_asked,
)
from connectors.auth import TokenSession
from connectors.bodies import BodyReader
from connectors.endpoints import Endpoint, Endpoints
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
LEAST_WAIT = 1.0  # seconds after a 429 that names no usable figure


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
    most_per_second: float = 0.0  # requests of all clients of this origin; 0 sets no limit
    failures_until_down: int = 5
    probe_period: float = 300.0


class HttpClient:
    """Calls of one school; may be used by several threads at once."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        clock: Clock,
        uniform: Callable[[float, float], float] | None = None,
        endpoints: Endpoints | None = None,
    ) -> None:
        """``endpoints`` is shared by the clients of a process; without it this client minds nobody else."""
        self._settings = settings
        self._clock = clock
        self._uniform = uniform or SystemRandom().uniform
        self._base = httpx.URL(settings.base_url.rstrip("/") + "/")
        self._transport = DeadlineTransport(
            trusted_roots(settings.ca_bundle), monotonic=clock.monotonic, connections=settings.connections
        )
        self._endpoint: Endpoint = (endpoints or Endpoints(clock)).of(
            settings.base_url,
            most_per_second=settings.most_per_second,
            failures=settings.failures_until_down,
            probe_period=settings.probe_period,
        )
        timeout = httpx.Timeout(
            settings.read_timeout,
            connect=settings.connect_timeout,
            pool=min(settings.read_timeout, settings.deadline),
        )
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "ecp-sync"}
        self._client = httpx.Client(
            transport=self._transport, timeout=timeout, headers=headers, trust_env=False, follow_redirects=False
        )
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
        health = self._endpoint.health
        with health.passage(what, request.address) as probing:
            single = probing or health.failures >= self._settings.attempts
            retrying = Retrying(
                stop=stop_after_attempt(1 if single else self._settings.attempts),
                wait=self._backoff,
                retry=retry_if_exception(lambda error: self._may_repeat(error, writing=writing)),
                sleep=self._clock.sleep,
                reraise=True,
            )
            return retrying(self._signed, request, session)

    def _backoff(self, state: RetryCallState) -> float:
        """Full jitter: anything between nothing and the exponential bound."""
        bound = self._settings.first_backoff * 2.0 ** (state.attempt_number - 1)
        return self._uniform(0.0, min(self._settings.longest_backoff, bound))

    def _may_repeat(self, error: BaseException, *, writing: bool) -> bool:
        if not isinstance(error, TransientError) or isinstance(error, OutcomeUnknown):
            return False
        if writing and not isinstance(error, RateLimited | Unreachable):
            return False
        if self._endpoint.health.is_down:
            return False
        return self._endpoint.pace.asked_to_wait() <= self._settings.longest_wait

    def _signed(self, request: _Request, session: TokenSession | None) -> Any:
        if session is None:
            return self._finished(request, self._exchange(request, None))
        access = session.access()
        answer = self._exchange(request, access)
        if answer.status == 401:
            answer = self._exchange(request, session.renew(access))
        return self._finished(request, answer)

    def _finished(self, request: _Request, answer: Answer) -> Any:
        self._note_health(request, answer)
        if 200 <= answer.status < 300:
            return parsed(answer, request.what, writing=request.writing)
        retry_after = wait_asked(answer.headers, self._clock.now())
        raise from_status(answer, request.what, writing=request.writing, retry_after=retry_after)

    def _note_wait(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        retry_after = wait_asked(response.headers, self._clock.now())
        if retry_after is not None:
            self._endpoint.pace.told_to_wait(retry_after)
        elif response.status_code == 429:
            self._endpoint.pace.told_to_wait(LEAST_WAIT)

    def _note_health(self, request: _Request, answer: Answer) -> None:
        ill = answer.status >= 500 or answer.status == 408 or (answer.status < 300 and is_web_page(answer))
        if ill:
            self._endpoint.health.failed(request.address, silent=answer.status == 503)
        elif answer.status != 429:
            self._endpoint.health.answered()

    def _exchange(self, request: _Request, access: str | None) -> Answer:
        """One request and its whole answer, whatever its status; redirects within the origin are followed."""
        left = self._endpoint.pace.take_turn(self._settings.longest_wait)
        if left > 0:
            raise RateLimited(f"{request.what}: the region asked us to wait {left:.0f} s more", retry_after=left)
        url, params = request.url, request.params
        with self._transport.deadline(self._settings.deadline):
            for _ in range(self._settings.redirects + 1):
                answer = self._send(request, url, params, access)
                if answer.status not in REDIRECTS or request.writing:
                    return answer
                url, params = self._redirected(request, url, answer), None
        raise ContractError(f"{request.what}: the region redirects in circles; check base_url")

    def _redirected(self, request: _Request, url: httpx.URL, answer: Answer) -> httpx.URL:
        target = _joined(url, answer.headers.get("location", ""))
        # A name in the address would go before our token.
        foreign = target is None or target.userinfo or _origin(target) != _origin(self._base)
        if target is None or foreign or request.content is not None:
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
        health = self._endpoint.health
        try:
            with self._client.stream(
                request.method, url, params=params, content=request.content, headers=headers
            ) as response:
                self._note_wait(response)  # whatever becomes of the body
                reader = BodyReader(
                    response.headers.get("content-encoding", ""),
                    request.what,
                    most_arrived=self._settings.most_sent_by_region,
                    most_unpacked=self._settings.most_unpacked,
                )
                body = reader.whole(response.iter_raw())
                return Answer(status=response.status_code, headers=response.headers, body=body)
        except SyncError as error:
            if isinstance(error, TransientError):
                health.failed(request.address, silent=False)
            if request.writing:
                raise OutcomeUnknown(f"{error}; the records are read back first") from error
            raise
        except tuple(COUNTERPARTS) as error:
            failure = from_httpx(error, request.what, writing=request.writing)
            if isinstance(failure, TransientError):
                health.failed(request.address, silent=isinstance(error, NOT_SENT))
            raise failure from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    url: httpx.URL
    what: str
    params: Mapping[str, str | int] | None
    content: bytes | None
    headers: dict[str, str]
    writing: bool

    @property
    def address(self) -> str:
        """What health knows the call by: the same for every page, and for every school."""
        return self.what.rstrip("0123456789 ")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _joined(url: httpx.URL, location: str) -> httpx.URL | None:
    try:
        return url.join(location) if location else None
    except (httpx.InvalidURL, ValueError):
        return None
