"""The region's side of a school: how its connector is made and where its tokens are kept.

A token pair is rejected for good: from then on a person must act, and the stored state says so to every
process without asking the region again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.auth import Tokens
from sync_service.domain.errors import ConfigError
from sync_service.persistence.connections import LOGIN_NEEDED, ConnectionStore

if TYPE_CHECKING:
    from connectors.auth import TokenStore
    from connectors.endpoints import Endpoints
    from mappings import Mappings
    from sync_service.config import Limits, SchoolSettings
    from sync_service.engine.ports import Clock, RemoteSystem

MIB = 1024 * 1024


def connect(
    settings: SchoolSettings,
    *,
    limits: Limits,
    tokens: TokenStore,
    mappings: Mappings,
    clock: Clock,
    endpoints: Endpoints | None = None,
) -> RemoteSystem:
    """The connector of a school; makes no request. ConfigError names every wrong value.

    ``endpoints``: what this process knows of the servers it talks to; without it the connector starts afresh.
    """
    from connectors import CONNECTORS

    factory = CONNECTORS[settings.connector]
    values = connector_settings(settings, limits)
    return factory(values, tokens=tokens, mappings=mappings, clock=clock, endpoints=endpoints)


def check_connector(settings: SchoolSettings, limits: Limits) -> None:
    """Raise ConfigError with everything that keeps the connector of a school from being made."""
    from connectors import CONNECTORS
    from sync_service.clock import SystemClock

    if settings.connector not in CONNECTORS:
        raise ConfigError([f"connector: {settings.connector!r} is unknown; there are {', '.join(CONNECTORS)}"])
    connect(settings, limits=limits, tokens=_NoTokens(), mappings={}, clock=SystemClock()).close()


class _NoTokens:
    def load(self) -> Tokens | None:
        return None

    def save(self, tokens: Tokens, *, made_from: str) -> bool:  # noqa: ARG002
        raise AssertionError("a connector that asks nobody has no tokens to store")


def connector_settings(settings: SchoolSettings, limits: Limits) -> dict[str, Any]:
    """The plain values a connector is made from."""
    return {
        "base_url": settings.base_url,
        "organization_id": settings.organization_id,
        "ca_bundle": settings.ca_bundle,
        "page_size": settings.page_size,
        "deadline": limits.deadline,
        "most_bytes": round(limits.answer_size * MIB),
        "most_per_second": limits.requests_per_second,
        "failures_until_down": limits.failures_until_down,
        "probe_period": limits.probe_period,
    }


class StoredTokens:
    """The TokenStore of a connector over the school's stored connection."""

    def __init__(self, store: ConnectionStore) -> None:
        self._store = store
        self.last_saved: str | None = None

    def load(self) -> Tokens | None:
        pair = self._store.load()
        return None if pair is None else Tokens(access=pair[0], refresh=pair[1])

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        saved = self._store.replace(tokens.access, tokens.refresh, former=made_from)
        if saved:
            self.last_saved = tokens.refresh
        return saved


class CandidateToken(StoredTokens):
    """A refresh token a person has just entered: it takes the place of the stored pair once the region has
    answered it with a new one, or when told to."""

    def __init__(self, store: ConnectionStore, refresh: str) -> None:
        super().__init__(store)
        self._candidate: Tokens | None = Tokens(access=None, refresh=refresh)

    def load(self) -> Tokens | None:
        return self._candidate or super().load()

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        if self._candidate is None:
            return super().save(tokens, made_from=made_from)
        self._enter(tokens)
        return True

    def keep(self) -> None:
        """Store the candidate as it is, unproven."""
        if self._candidate is not None:
            self._enter(self._candidate)

    def _enter(self, tokens: Tokens) -> None:
        """A person's word goes before whatever is stored."""
        self._store.save(tokens.access, tokens.refresh)
        self._candidate, self.last_saved = None, tokens.refresh


def needs_login(store: ConnectionStore) -> bool:
    """True when no token is stored or the region has rejected the stored one."""
    return store.load() is None or store.state() == LOGIN_NEEDED


def note_rejection(store: ConnectionStore, refused: set[str | None]) -> None:
    """Remember that the region rejected the stored pair, when it is one of the ``refused`` refresh tokens.

    A pair that another process or a person has stored meanwhile stays as it is.
    """
    store.reject([token for token in refused if token is not None])
