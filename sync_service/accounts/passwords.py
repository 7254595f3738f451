"""Passwords: which are strong enough, what is kept of them, and those the service makes up."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sync_service.accounts.errors import AccountError
from sync_service.domain.people import SHORTEST_PASSWORD

CLEAR_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that are misread on paper
COMMON = frozenset(
    {
        "password",
        "пароль",
        "qwerty",
        "йцукен",
        "123456",
        "111111",
        "admin",
        "secretary",
        "секретарь",
        "school",
        "школа",
    }
)


class Passwords:
    """Argon2id hashes (RFC 9106)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def fits(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash made today would cost a guesser more."""
        return self._hasher.check_needs_rehash(stored)


def check_strength(password: str, login: str) -> None:
    """Raises AccountError: too short, too long, or easy to guess."""
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"Пароль короче {SHORTEST_PASSWORD} знаков. Возьмите фразу из нескольких слов.")
    if len(password) > 256:
        raise AccountError("Пароль длиннее 256 знаков.")
    plain = password.lower()
    if login in plain or any(word in plain and len(plain) <= len(word) + 6 for word in COMMON):
        raise AccountError("Такой пароль легко угадать. Возьмите фразу из нескольких слов.")


def one_time_password(login: str) -> str:
    """Drawn anew until it passes: a login of two letters stands in one of them now and then."""
    while True:
        drawn = "".join(secrets.choice(CLEAR_SIGNS) for _ in range(16))
        chosen = "-".join(drawn[start : start + 4] for start in range(0, len(drawn), 4))
        if login not in chosen:
            return chosen
