"""The regional servers this process talks to: what all clients of one origin know of it together."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.health import Health
from connectors.pace import Pace
from sync_service.engine.ports import Clock

PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One origin: how fast it may be asked, and whether it is up."""

    pace: Pace
    health: Health


class Endpoints:
    """One Endpoint per origin, made when first asked for. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str | None, int | None], Endpoint] = {}

    def of(
        self, base_url: str, *, most_per_second: float = 0.0, failures: int = 5, probe_period: float = 300.0
    ) -> Endpoint:
        """The endpoint of an address. Its first settings hold, except for the rate: the lowest asked for does."""
        parts = urlsplit(base_url)
        origin = parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
        with self._lock:
            if origin not in self._known:
                self._known[origin] = Endpoint(
                    pace=Pace(self._clock), health=Health(self._clock, failures=failures, period=probe_period)
                )
            found = self._known[origin]
        found.pace.lower(most_per_second)
        return found

    def probe_at_once(self) -> None:
        """A person is waiting for an answer: servers that are down may be asked once more right now."""
        with self._lock:
            known = list(self._known.values())
        for endpoint in known:
            endpoint.health.probe_at_once()
