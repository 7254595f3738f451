"""The connectors of an installation, one per school, and the logins they work with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sync_service.domain.errors import AccessRefused, SyncError, TransientError
from sync_service.region import CandidateToken, StoredTokens, connect, needs_login, note_rejection

if TYPE_CHECKING:
    from connectors.auth import TokenStore
    from connectors.endpoints import Endpoints
    from mappings import Mappings
    from sync_service.config import SchoolSettings, Settings
    from sync_service.engine.context import School
    from sync_service.engine.ports import Clock, RemoteSystem
    from sync_service.persistence import SqlDatabase


class Connections:
    """Safe to share between threads; ``close`` also ends a connector that a run is still using."""

    def __init__(
        self,
        settings: Settings,
        *,
        db: SqlDatabase,
        clock: Clock,
        endpoints: Endpoints,
        mappings: Callable[[], Mappings],
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._endpoints = endpoints
        self._mappings = mappings
        self._open: dict[str, RemoteSystem] = {}
        self._retired: list[RemoteSystem] = []
        self._tokens: dict[str, StoredTokens] = {}
        self._lock = threading.RLock()

    def remote(self, school: School) -> RemoteSystem:
        """The school's connector, made when first asked for."""
        with self._lock:
            if school.code not in self._open:
                tokens = StoredTokens(self._db.connection(school.school_id))
                self._open[school.code], self._tokens[school.code] = self._connect(school, tokens), tokens
            return self._open[school.code]

    def use(self, school: School, remote: RemoteSystem) -> None:
        """Work with this connector from now on."""
        with self._lock:
            self._open[school.code] = remote

    def login(self, school: School, refresh_token: str) -> None:
        """Prove a refresh token with one request and keep it.

        A rejected token (LoginNeeded), or one of another organization (AccessRefused), changes nothing: what was
        stored before stays, if it is good for anything. When the region cannot be
        asked (TransientError) the token is kept unproven, and the next run uses it.
        """
        store = self._db.connection(school.school_id)
        before = None if needs_login(store) else store.load()
        tokens = CandidateToken(store, refresh_token)
        remote = self._connect(school, tokens)
        self._endpoints.probe_at_once()
        try:
            remote.change_versions()
        except SyncError as error:
            remote.close()
            if isinstance(error, TransientError):
                tokens.keep()
            elif isinstance(error, AccessRefused) and before is not None and tokens.last_saved is not None:
                store.replace(*before, former=tokens.last_saved)
            raise
        with self._lock:
            former = self._open.get(school.code)
            if former is not None:
                self._retired.append(former)  # a run may be using it
            self._open[school.code], self._tokens[school.code] = remote, tokens

    def needs_login(self, school: School) -> bool:
        """Whether only a person can go on, by the stored connection alone: no request is made."""
        return needs_login(self._db.connection(school.school_id))

    def token_before(self, school: School) -> str | None:
        """The refresh token a run starts with."""
        stored = self._db.connection(school.school_id).load()
        return None if stored is None else stored[1]

    def note_rejection(self, school: School, before: str | None) -> None:
        """Write down that the region took neither the token a run started with nor the last one it saved."""
        saved = self._tokens[school.code].last_saved if school.code in self._tokens else None
        note_rejection(self._db.connection(school.school_id), {before, saved})

    def close(self) -> None:
        with self._lock:
            remotes = [*self._retired, *self._open.values()]
            self._retired, self._open = [], {}
        for remote in remotes:
            remote.close()

    def settings_of(self, school: School) -> SchoolSettings:
        return next(one for one in self._settings.schools if one.code == school.code)

    def _connect(self, school: School, tokens: TokenStore) -> RemoteSystem:
        return connect(
            self.settings_of(school),
            limits=self._settings.limits,
            tokens=tokens,
            mappings=self._mappings(),
            clock=self._clock,
            endpoints=self._endpoints,
        )
