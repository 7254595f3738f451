"""Programs and their tokens: a program enters one school in one role, under a name that is nobody else's."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from sync_service.accounts.errors import AccountError
from sync_service.accounts.store import TOUCH, PeopleStore, digest_of
from sync_service.domain.links import SchoolId
from sync_service.domain.people import RESERVED, ApiToken, Role

TOKEN_PREFIX = "ecps_"  # noqa: S105  # lets scanners of leaked secrets recognise one


class Programs:
    """Which programs may call the API; safe to share between threads."""

    def __init__(self, store: PeopleStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def issue_token(self, school: SchoolId, *, name: str, role: Role, by: str) -> tuple[ApiToken, str]:
        """A token for a program and its text, which is shown once. Raises AccountError: the name is no name, or a
        person's, or that of the service."""
        name = name.strip()
        if not name:
            raise AccountError("Назовите программу: имя стоит в журнале рядом с её действиями.")
        if self._store.by_login(name.lower()) is not None:
            raise AccountError("Так называется учётная запись человека. Назовите программу иначе.")
        if name.lower() in RESERVED:
            raise AccountError("Под этим именем в журнале стоит сама служба. Назовите программу иначе.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._now()
        token_id = self._store.add_token(school, digest=digest_of(secret), name=name, role=role, by=by, now=now)
        token = ApiToken(token_id=token_id, name=name, school_id=school, role=role, created_at=now, created_by=by)
        return token, secret

    def tokens(self, school: SchoolId) -> list[ApiToken]:
        """The revoked ones too: their names stand in the journal."""
        return self._store.tokens(school)

    def recognise(self, secret: str) -> ApiToken | None:
        """The token of a request; None when unknown or revoked."""
        token = self._store.token(digest_of(secret)) if secret.startswith(TOKEN_PREFIX) else None
        if token is None or token.revoked_at is not None:
            return None
        now = self._now()
        if token.last_used_at is None or now - token.last_used_at > TOUCH:
            self._store.change_token(token.token_id, last_used_at=now)
        return token

    def revoke_token(self, school: SchoolId, token_id: int) -> None:
        """With the next request it opens nothing. Raises AccountError: the school has no such token."""
        if all(token.token_id != token_id for token in self._store.tokens(school)):
            raise AccountError(f"Ключа {token_id} нет. Обновите список.")
        self._store.change_token(token_id, revoked_at=self._now())
