"""Settings of one school's connection to ГИС СО «ЕЦП»."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.http import HttpSettings
from sync_service.domain.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class EcpSettings:
    """Times in seconds. Raises ConfigError naming every wrong value.

    Plain http is accepted for this very machine only: the simulator, or a stunnel that speaks ГОСТ TLS.
    """

    base_url: str
    organization_id: str
    ca_bundle: Path | None = None
    page_size: int = 1000
    batch_limit: int = 500
    read_ahead: bool = True
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    deadline: float = 60.0
    attempts: int = 3
    first_backoff: float = 0.5
    longest_wait: float = 30.0
    most_bytes: int = 10 * 1024 * 1024
    most_per_second: float = 0.0
    failures_until_down: int = 5
    probe_period: float = 300.0

    def __post_init__(self) -> None:
        problems = _address_problems(self.base_url)
        if not self.organization_id.strip():
            problems.append("organization_id: must not be empty; it is the id of the school in the region")
        for name, most in (("page_size", 1000), ("batch_limit", 500)):
            if not 1 <= getattr(self, name) <= most:
                problems.append(f"{name}: must be between 1 and {most}")
        for name in (
            "connect_timeout",
            "read_timeout",
            "deadline",
            "attempts",
            "most_bytes",
            "failures_until_down",
            "probe_period",
        ):
            if getattr(self, name) <= 0:
                problems.append(f"{name}: must be greater than 0")
        for name in ("first_backoff", "longest_wait", "most_per_second"):
            if getattr(self, name) < 0:
                problems.append(f"{name}: must not be negative")
        if self.ca_bundle is not None and not self.ca_bundle.is_file():
            problems.append(f"ca_bundle: there is no file {self.ca_bundle}")
        if problems:
            raise ConfigError(problems)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> EcpSettings:
        """Settings from plain values; ``ca_bundle`` may be text. Unknown names are ConfigError."""
        known = [field.name for field in fields(cls)]
        strangers = [f"{name}: the ecp connector has no such setting" for name in values if name not in known]
        missing = [f"{name}: is missing" for name in ("base_url", "organization_id") if not values.get(name)]
        if strangers or missing:
            raise ConfigError(strangers + missing)
        bundle = values.get("ca_bundle")
        return cls(**{**values, "ca_bundle": Path(bundle) if bundle else None})

    def http(self) -> HttpSettings:
        return HttpSettings(
            base_url=self.base_url,
            ca_bundle=self.ca_bundle,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            deadline=self.deadline,
            attempts=self.attempts,
            first_backoff=self.first_backoff,
            longest_wait=self.longest_wait,
            most_sent_by_region=self.most_bytes,
            most_unpacked=self.most_bytes,
            most_per_second=self.most_per_second,
            failures_until_down=self.failures_until_down,
            probe_period=self.probe_period,
        )


def _address_problems(base_url: str) -> list[str]:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ["base_url: this is not an address; write https://host/path"]
    if parts.scheme not in ("https", "http") or not host:
        return ["base_url: this is not an address; write https://host/path"]
    problems = []
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        problems.append("base_url: only scheme, host, port and path belong here; tokens are entered separately")
    if parts.scheme == "http" and not _is_this_machine(host):
        problems.append("base_url: must begin with https://; plain http is accepted for this machine only")
    return problems


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
