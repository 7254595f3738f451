"""The token pair of one school: a bearer access token and a rotating refresh token (DESIGN.md 6).

A refresh kills the old refresh token at once, so the new pair is stored before it is used; if storing fails it
is kept here and stored at the next call. It takes the place of the pair it was made from alone: whoever comes
late, after a person has logged in anew or another process has renewed, goes on with what is stored. The first
refresh token, and every one after a rejection, is entered by a person: until a new one appears in the store,
nothing is asked of the region.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sync_service.domain.errors import LoginNeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """``access`` is None when a person has just entered a refresh token. Neither appears in ``repr``."""

    access: str | None = field(repr=False)
    refresh: str = field(repr=False)


class TokenStore(Protocol):
    """Where the pair is kept; also what another process and the login page write to."""

    def load(self) -> Tokens | None:
        """The newest pair, None when nobody has entered one."""
        ...

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        """Put the pair in the place of the one whose refresh token was ``made_from``; durable and whole when it
        returns. False, and nothing is stored, when another pair is there by now: it is newer."""
        ...


Refresh = Callable[[str], Tokens]
"""Exchanges a refresh token for a new pair. Raises LoginNeeded when the region rejects it, TransientError else."""


class TokenSession:
    """Hands out the access token; thread-safe, one refresh at a time."""

    def __init__(self, store: TokenStore, refresh: Refresh) -> None:
        self._store = store
        self._refresh = refresh
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None
        self._unsaved: tuple[Tokens, str] | None = None  # and the refresh token it was made from
        self._rejected: str | None = None
        self._missing = False

    def access(self) -> str:
        """The access token to send; LoginNeeded when there is none and none can be had."""
        with self._lock:
            if self._tokens is None or self._unsaved is not None:
                self._tokens = self._current()
            return self._tokens.access or self._exchange(self._tokens)

    def renew(self, refused: str) -> str:
        """Another access token than the ``refused`` one; asks the region only when nobody else has done so."""
        with self._lock:
            self._tokens = current = self._current()
            if current.access is not None and current.access != refused:
                return current.access
            return self._exchange(current)

    def state(self) -> str:
        """``ok``, ``login_needed`` or ``unknown``, without a request."""
        if self._rejected is not None or self._missing:
            return "login_needed"
        return "ok" if self._tokens is not None and self._tokens.access else "unknown"

    def _current(self) -> Tokens:
        if self._unsaved is not None:
            fresh, former = self._unsaved
            self._store.save(fresh, made_from=former)
            self._unsaved = None
        stored = self._store.load()
        self._missing = stored is None
        if stored is None:
            raise LoginNeeded("no regional token is stored; a person must enter one")
        if stored.refresh == self._rejected:
            raise LoginNeeded("the region rejected the stored token; a person must enter a new one")
        self._rejected = None
        return stored

    def _exchange(self, tokens: Tokens) -> str:
        try:
            fresh = self._refresh(tokens.refresh)
        except LoginNeeded:
            return self._after_rejection(tokens.refresh)
        self._unsaved = (fresh, tokens.refresh)
        mine = self._store.save(fresh, made_from=tokens.refresh)
        self._unsaved = None
        if mine:
            self._tokens = fresh
            return fresh.access or ""
        self._tokens = current = self._current()
        return current.access or self._exchange(current)

    def _after_rejection(self, refused: str) -> str:
        """Another process may have used this refresh token a moment ago: then its pair is in the store."""
        stored = self._store.load()
        if stored is not None and stored.refresh != refused and stored.access is not None:
            self._tokens = stored
            return stored.access
        self._tokens, self._rejected = None, refused
        raise LoginNeeded("the region rejected the stored token; a person must enter a new one")
