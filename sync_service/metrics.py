"""Figures for a monitoring system: how fresh each stream is and what waits. Counts and ages only, no names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

_PER_STREAM = (
    ("lag_seconds", "Seconds since the stream last came to its end without an error"),
    ("backlog", "Changes of the school the region does not have yet"),
    ("conflicts", "Open conflicts"),
    ("waiting", "Records that wait for something"),
    ("quarantined", "Records in quarantine"),
    ("held", "Records held by the mass-change guard"),
)
_TOTALS = (("matches", "Open possible doubles"), ("releases", "Pupils not released by their previous school"))


class _Statuses:
    """Asks for nothing itself: the statuses were read before."""

    def __init__(self, statuses: Iterable[dict[str, Any]]) -> None:
        self._statuses = list(statuses)

    def collect(self) -> Iterator[Metric]:
        for name, text in _PER_STREAM:
            family = GaugeMetricFamily(f"ecp_sync_{name}", text, labels=("school", "stream"))
            for status in self._statuses:
                for stream, entry in status["streams"].items():
                    if entry[name] is not None:
                        family.add_metric((status["school"], stream), float(entry[name]))
            yield family
        for name, text in _TOTALS:
            family = GaugeMetricFamily(f"ecp_sync_{name}", text, labels=("school",))
            for status in self._statuses:
                family.add_metric((status["school"],), float(status["totals"][name]))
            yield family
        connected = GaugeMetricFamily(
            "ecp_sync_connected", "1 when the regional token is accepted", labels=("school",)
        )
        for status in self._statuses:
            connected.add_metric((status["school"],), float(status["connection"] == "ok"))
        yield connected


def exposition(statuses: Iterable[dict[str, Any]]) -> bytes:
    """The Prometheus text of these school statuses (shapes of ``status --json``)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Statuses(statuses))
    return generate_latest(registry)
