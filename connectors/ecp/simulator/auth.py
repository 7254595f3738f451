"""Tokens: short-lived access tokens and one refresh token per school that dies when it is used."""

from __future__ import annotations

import hashlib
import time

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.problems import RequestRefused

DEFAULT_LIFE = 3600.0  # seconds


def login_refused(details: str) -> RequestRefused:
    """401 with the challenge RFC 6750 asks for."""
    return RequestRefused(401, "unauthorized", details, headers={"WWW-Authenticate": "Bearer"})


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class TokenDesk:
    """Gives out and checks tokens; the tokens follow from the seed, their life is in real seconds."""

    def __init__(self, seed: int, life: float = DEFAULT_LIFE) -> None:
        self._seed = seed
        self._given = 0
        self.life = life
        self.uses: int | None = None  # how many requests a new access token is good for
        self._access: dict[str, tuple[str, float]] = {}
        self._left: dict[str, int] = {}
        self.refresh_tokens: dict[str, str] = {}  # organization -> the one that is alive
        self.rejected: set[str] = set()

    def issue(self, organization_id: str) -> str:
        """A new refresh token for the school, as a person would paste it; the former one is dead."""
        self.rejected.discard(organization_id)
        token = self.refresh_tokens[organization_id] = self._token("refresh")
        return token

    def refresh(self, refresh_token: str) -> Json:
        """A new pair for a living refresh token, which dies; 401 otherwise."""
        for organization_id, token in self.refresh_tokens.items():
            if token == refresh_token and organization_id not in self.rejected:
                access = self._token("access")
                self._access[access] = organization_id, time.monotonic() + self.life
                if self.uses is not None:
                    self._left[access] = self.uses
                self.refresh_tokens[organization_id] = self._token("refresh")
                return {
                    "accessToken": access,
                    "refreshToken": self.refresh_tokens[organization_id],
                    "expiresIn": int(self.life),
                }
        raise login_refused("Токен обновления не принят: войдите через ЕСИА и введите новый")

    def holder(self, authorization: str) -> str:
        """The organization whose living access token the header carries; 401 otherwise."""
        token = _bearer(authorization)
        found = self._access.get(token)
        if found is None:
            raise login_refused("Нужен токен доступа")
        organization_id, until = found
        left = self._left.get(token)
        if time.monotonic() >= until or left == 0:
            self.forget(authorization)
            raise login_refused("Срок токена доступа истёк")
        if left is not None:
            self._left[token] = left - 1
        return organization_id

    def forget(self, authorization: str) -> None:
        """End the access token the header carries."""
        token = _bearer(authorization)
        self._access.pop(token, None)
        self._left.pop(token, None)

    def expire(self, organization_id: str | None) -> int:
        """End the access tokens of one school, or of all; how many ended."""
        ended = [token for token, (holder, _) in self._access.items() if organization_id in (None, holder)]
        for token in ended:
            del self._access[token]
        return len(ended)

    def snapshot(self) -> Json:
        """What must outlive a restart: refresh tokens; access tokens are simply refreshed."""
        return {
            "given": self._given,
            "life": self.life,
            "uses": self.uses,
            "refresh": self.refresh_tokens,
            "rejected": sorted(self.rejected),
        }

    def restore(self, saved: Json) -> None:
        """Continue from a snapshot."""
        self._given, self.life, self.uses = saved["given"], saved["life"], saved.get("uses")
        self.refresh_tokens, self.rejected = saved["refresh"], set(saved["rejected"])

    def _token(self, purpose: str) -> str:
        self._given += 1
        text = f"{self._seed}/{purpose}/{self._given}"
        return f"{purpose}-{hashlib.blake2b(text.encode(), digest_size=20).hexdigest()}"
