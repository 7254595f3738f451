"""What the simulator has done since the last reset, for assertions and benchmarks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connectors.ecp.simulator.fields import Json


@dataclass(slots=True)
class Counters:
    """Counts of requests, answers, records and writes."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    records_served: Counter[str] = field(default_factory=Counter)
    writes_applied: Counter[str] = field(default_factory=Counter)
    faults_fired: Counter[str] = field(default_factory=Counter)
    keys_seen: Counter[str] = field(default_factory=Counter)
    keys_executed: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """Start again from nothing."""
        for counter in (
            self.requests,
            self.statuses,
            self.records_served,
            self.writes_applied,
            self.faults_fired,
            self.keys_seen,
            self.keys_executed,
        ):
            counter.clear()

    def shown(self) -> Json:
        """The counts as the scenario endpoint answers them."""
        return {
            "requests": dict(self.requests),
            "statuses": dict(self.statuses),
            "recordsServed": dict(self.records_served),
            "writesApplied": dict(self.writes_applied),
            "idempotencyKeys": {
                key: {"seen": seen, "executed": self.keys_executed[key]} for key, seen in self.keys_seen.items()
            },
            "faultsFired": dict(self.faults_fired),
        }
