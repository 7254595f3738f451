"""Connectors: how to talk to regional systems and to school files. They do not know each other.

``CONNECTORS`` is the registry: the name in a school's settings → what makes its RemoteSystem. Nothing is
imported before it is needed: a command that talks to nobody does not pay for httpx, and the simulator, which
lives below this package, loads nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from connectors.auth import TokenStore
    from connectors.endpoints import Endpoints
    from mappings import Mappings
    from sync_service.engine.ports import Clock, RemoteSystem


class Factory(Protocol):
    """Makes the connector of one school from the plain values of its settings; ConfigError when they are wrong."""

    def __call__(
        self,
        settings: Mapping[str, Any],
        *,
        tokens: TokenStore,
        mappings: Mappings,
        clock: Clock,
        endpoints: Endpoints | None = None,
    ) -> RemoteSystem: ...


def _ecp(
    settings: Mapping[str, Any],
    *,
    tokens: TokenStore,
    mappings: Mappings,
    clock: Clock,
    endpoints: Endpoints | None = None,
) -> RemoteSystem:
    from connectors.ecp.connector import EcpConnector
    from connectors.ecp.settings import EcpSettings

    return EcpConnector(EcpSettings.of(settings), tokens=tokens, mappings=mappings, clock=clock, endpoints=endpoints)


CONNECTORS: dict[str, Factory] = {"ecp": _ecp}
