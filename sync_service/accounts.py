"""Who is at the door: passwords, second factors, sessions, tokens of programs, and what slows a guesser down.

Nothing secret is stored in a usable form except the secret of the second factor: passwords as argon2id hashes
(RFC 9106), sessions and tokens as SHA-256 of 256 random bits. Times follow OWASP ASVS 5.0 (7.3): a session
ends after 30 minutes without a request and after 12 hours in any case.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sync_service.domain.errors import DecisionError
from sync_service.domain.links import SchoolId
from sync_service.domain.people import LOGIN, RESERVED, SHORTEST_PASSWORD, ApiToken, Person, Role, Session

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOUCH = timedelta(minutes=1)  # a request writes «seen» at most this often
FREE_FAILURES = 5
ADDRESS_FREE_FAILURES = 30  # a school sits behind one address
LONGEST_WAIT = timedelta(minutes=15)
FORGET_FAILURES = timedelta(hours=24)
TOTP_SECONDS = 30
TOKEN_PREFIX = "ecps_"  # noqa: S105  # lets scanners of leaked secrets recognise one
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


class Denied(DecisionError):
    """Nobody is let in; the text may be shown and does not say which part was wrong."""


class TooManyTries(Denied):
    """Come back after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        minutes = max(1, round(wait.total_seconds() / 60))
        super().__init__(f"Слишком много попыток входа. Попробуйте снова через {minutes} мин.")
        self.wait = wait


class AccountError(DecisionError):
    """An account cannot be changed as asked; the text says why and what to do."""


class PeopleStore(Protocol):
    """What accounts need to be kept; see :class:`sync_service.persistence.people.SqlPeople`."""

    def add(
        self,
        *,
        login: str,
        name: str,
        password: str,
        must_change: bool,
        roles: Mapping[SchoolId, Role],
        now: datetime,
    ) -> int | None: ...
    def change(self, person_id: int, **values: Any) -> None: ...
    def set_role(self, person_id: int, school: SchoolId, role: Role | None) -> None: ...
    def by_login(self, login: str) -> tuple[Person, str] | None: ...
    def get(self, person_id: int) -> Person | None: ...
    def all(self) -> list[Person]: ...
    def count(self) -> int: ...
    def totp(self, person_id: int) -> tuple[str | None, int | None]: ...
    def take_totp(self, person_id: int, interval: int) -> bool: ...
    def open_session(self, digest: str, person_id: int, *, csrf: str, proven: bool, now: datetime) -> None: ...
    def session(self, digest: str) -> tuple[int, Mapping[str, Any]] | None: ...
    def change_session(self, digest: str, **values: Any) -> None: ...
    def close_sessions(self, *, digest: str | None = None, person_id: int | None = None) -> None: ...
    def forget_sessions(self, *, signed_in_before: datetime, seen_before: datetime) -> None: ...
    def failures(self, keys: tuple[str, ...]) -> list[tuple[int, datetime]]: ...
    def count_failure(self, keys: tuple[str, ...], *, now: datetime, forget_before: datetime) -> None: ...
    def clear_failures(self, key: str) -> None: ...
    def add_token(self, school: SchoolId, *, digest: str, name: str, role: Role, by: str, now: datetime) -> int: ...
    def token(self, digest: str) -> ApiToken | None: ...
    def tokens(self, school: SchoolId) -> list[ApiToken]: ...
    def change_token(self, token_id: int, **values: Any) -> None: ...


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Accounts:
    """Every question about a person at the door; safe to share between threads."""

    def __init__(
        self, store: PeopleStore, now: Callable[[], datetime], *, hasher: PasswordHasher | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))  # an unknown login costs as much as a known one

    # -- accounts

    def everybody(self) -> list[Person]:
        return self._store.all()

    def names(self) -> dict[str, str]:
        """Login → name; who decided at the command line may have no account."""
        return {person.login: person.name for person in self.everybody()}

    def is_empty(self) -> bool:
        return self._store.count() == 0

    def add(
        self,
        *,
        login: str,
        name: str,
        roles: Mapping[SchoolId, Role],
        password: str | None = None,
        must_change: bool = True,
    ) -> tuple[Person, str]:
        """A new account and its first password, which is shown once and has to be changed at the first login.

        Raises AccountError: the login is taken, misspelt or that of a program, the password is too weak.
        """
        login, name = login.strip().lower(), name.strip()
        if not LOGIN.fullmatch(login):
            raise AccountError("Имя входа: латинские буквы, цифры, точка, дефис; от 2 до 64 знаков.")
        if login in RESERVED or any(token.name.lower() == login for school in roles for token in self.tokens(school)):
            raise AccountError(f"Под именем {login} в журнале стоит программа. Возьмите другое имя входа.")
        if not name:
            raise AccountError("Укажите фамилию и инициалы: они стоят в журнале рядом с решениями.")
        chosen = password if password is not None else self._one_time_password(login)
        self._check_strength(chosen, login)
        person_id = self._store.add(
            login=login,
            name=name,
            password=self._hasher.hash(chosen),
            must_change=must_change,
            roles=roles,
            now=self._now(),
        )
        if person_id is None:
            raise AccountError(f"Имя входа {login} уже занято.")
        return self._get(person_id), chosen

    def add_first(
        self, *, login: str, name: str, schools: Iterable[SchoolId], password: str | None = None
    ) -> tuple[Person, str] | None:
        """The administrator of an installation that nobody can enter yet; None, and nothing done, when somebody can.

        A password of the person's own stays; without one the first login asks for another. Raises as :meth:`add`.
        """
        if not self.is_empty():
            return None
        roles = dict.fromkeys(schools, Role.ADMIN)
        return self.add(login=login, name=name, roles=roles, password=password, must_change=password is None)

    def set_role(self, person_id: int, school: SchoolId, role: Role | None) -> None:
        """Another role from the next request on; open sessions end."""
        self._keep_an_admin(person_id, school, role)
        self._store.set_role(person_id, school, role)
        self._store.close_sessions(person_id=person_id)

    def disable(self, person_id: int, *, disabled: bool = True) -> None:
        """Nobody signs in with this account, and nobody stays signed in."""
        if disabled:
            for school in self._get(person_id).roles:
                self._keep_an_admin(person_id, school, None)
        self._store.change(person_id, disabled=disabled)
        self._store.close_sessions(person_id=person_id)

    def reset_password(self, person_id: int) -> str:
        """A new first password, shown once; the second factor stays."""
        chosen = self._one_time_password(self._get(person_id).login)
        self._store.change(person_id, password=self._hasher.hash(chosen), must_change_password=True)
        self._store.close_sessions(person_id=person_id)
        return chosen

    def reset_totp(self, person_id: int) -> None:
        """The person sets the second factor up anew at the next login."""
        self._store.change(person_id, totp_secret=None, totp_last=None, has_totp=False)
        self._store.close_sessions(person_id=person_id)

    def change_password(
        self, person: Person, old: str, new: str, again: str | None = None, *, keep: str | None = None
    ) -> None:
        """Other sessions end. Raises AccountError: the old one is wrong, the new one too weak, or ``again``, what
        was typed the second time, is something else."""
        if again is not None and new != again:
            raise AccountError("Новый пароль введён дважды по-разному.")
        found = self._store.by_login(person.login)
        if found is None or not self._fits(found[1], old):
            raise AccountError("Прежний пароль неверен.")
        if old == new:
            raise AccountError("Новый пароль должен отличаться от прежнего.")
        self._check_strength(new, person.login)
        self._store.change(person.person_id, password=self._hasher.hash(new), must_change_password=False)
        self._close_others(person, keep)

    def _close_others(self, person: Person, keep: str | None) -> None:
        kept = None if keep is None else self._store.session(digest_of(keep))
        self._store.close_sessions(person_id=person.person_id)
        if keep is not None and kept is not None:
            facts = kept[1]
            digest = digest_of(keep)
            self._store.open_session(
                digest, person.person_id, csrf=str(facts["csrf"]), proven=bool(facts["proven"]), now=self._now()
            )
            self._store.change_session(digest, signed_in_at=facts["signed_in_at"])

    def _keep_an_admin(self, person_id: int, school: SchoolId, role: Role | None) -> None:
        admins = [p for p in self._store.all() if not p.disabled and p.roles.get(school) is Role.ADMIN]
        if role is not Role.ADMIN and [p.person_id for p in admins] == [person_id]:
            raise AccountError("Это единственный администратор школы. Сначала назначьте другого.")

    def _get(self, person_id: int) -> Person:
        person = self._store.get(person_id)
        if person is None:
            raise AccountError(f"Учётной записи {person_id} нет. Обновите список.")
        return person

    def _one_time_password(self, login: str) -> str:
        """Drawn anew until it passes: a login of two letters stands in one of them now and then."""
        while True:
            drawn = "".join(secrets.choice(CLEAR_SIGNS) for _ in range(16))
            chosen = "-".join(drawn[start : start + 4] for start in range(0, len(drawn), 4))
            if login not in chosen:
                return chosen

    @staticmethod
    def _check_strength(password: str, login: str) -> None:
        if len(password) < SHORTEST_PASSWORD:
            raise AccountError(f"Пароль короче {SHORTEST_PASSWORD} знаков. Возьмите фразу из нескольких слов.")
        if len(password) > 256:
            raise AccountError("Пароль длиннее 256 знаков.")
        plain = password.lower()
        if login in plain or any(word in plain and len(plain) <= len(word) + 6 for word in COMMON):
            raise AccountError("Такой пароль легко угадать. Возьмите фразу из нескольких слов.")

    # -- the door

    def sign_in(self, login: str, password: str, *, address: str) -> tuple[str, Session]:
        """A session and its secret for the cookie. ``proven`` is false until the second factor is given.

        Raises Denied, the same for an unknown login and a wrong password, and TooManyTries.
        """
        login = login.strip().lower()
        keys = (f"login:{login}:{address}", f"address:{address}")
        self._slow_down(keys)
        found = self._store.by_login(login)
        fits = self._fits(found[1] if found else self._nobody, password)
        if found is None or not fits or found[0].disabled or not found[0].roles:
            now = self._now()
            self._store.count_failure(keys, now=now, forget_before=now - FORGET_FAILURES)
            raise Denied("Имя входа или пароль неверны. Проверьте раскладку клавиатуры и Caps Lock.")
        person, stored = found
        self._store.clear_failures(keys[0])
        if self._hasher.check_needs_rehash(stored):
            self._store.change(person.person_id, password=self._hasher.hash(password))
        return self._open(person, proven=not person.needs_totp and not person.has_totp)

    def _open(self, person: Person, *, proven: bool) -> tuple[str, Session]:
        secret, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._now()
        self._store.forget_sessions(signed_in_before=now - ABSOLUTE, seen_before=now - IDLE)
        self._store.open_session(digest_of(secret), person.person_id, csrf=csrf, proven=proven, now=now)
        return secret, Session(person=person, csrf=csrf, proven=proven, signed_in_at=now, seen_at=now)

    def _fits(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _slow_down(self, keys: tuple[str, str]) -> None:
        now = self._now()
        for key, free in zip(keys, (FREE_FAILURES, ADDRESS_FREE_FAILURES), strict=True):
            for failures, last in self._store.failures((key,)):
                if failures < free:
                    continue
                pause = min(timedelta(seconds=30 * 2 ** min(failures - free, 10)), LONGEST_WAIT)
                if now < last + pause:
                    raise TooManyTries(last + pause - now)

    def totp_uri(self, person: Person) -> str:
        """What the person's app scans; makes a secret when there is none yet."""
        secret, _ = self._store.totp(person.person_id)
        if secret is None:
            secret = pyotp.random_base32()
            self._store.change(person.person_id, totp_secret=secret)
        return pyotp.TOTP(secret, interval=TOTP_SECONDS).provisioning_uri(name=person.login, issuer_name="ecp-sync")

    def prove(self, secret: str, code: str, *, address: str) -> tuple[str, Session]:
        """The second factor: a code of this or a neighbouring interval, good for one use (RFC 6238, 5.2).

        The session gets a new secret. Raises Denied and TooManyTries.
        """
        session = self.session(secret)
        if session is None:
            raise Denied("Вход устарел. Войдите снова.")
        person = session.person
        keys = (f"totp:{person.login}:{address}", f"address:{address}")
        self._slow_down(keys)
        interval = self._interval_of(person, code)
        if interval is None or not self._store.take_totp(person.person_id, interval):
            now = self._now()
            self._store.count_failure(keys, now=now, forget_before=now - FORGET_FAILURES)
            raise Denied("Код не подошёл. Введите тот, что приложение показывает сейчас.")
        self._store.clear_failures(keys[0])
        if not person.has_totp:
            self._store.change(person.person_id, has_totp=True)
        self._store.close_sessions(digest=digest_of(secret))
        return self._open(replace(person, has_totp=True), proven=True)

    def _interval_of(self, person: Person, code: str) -> int | None:
        stored, _ = self._store.totp(person.person_id)
        digits = "".join(code.split())
        if stored is None or not digits.isdecimal():
            return None
        totp, now = pyotp.TOTP(stored, interval=TOTP_SECONDS), int(self._now().timestamp()) // TOTP_SECONDS
        for interval in (now, now - 1, now + 1):
            if hmac.compare_digest(totp.generate_otp(interval), digits):
                return interval
        return None

    # -- sessions

    def session(self, secret: str) -> Session | None:
        """The session of a cookie; None when it is unknown, has expired, or its account was disabled."""
        digest, now = digest_of(secret), self._now()
        found = self._store.session(digest)
        if found is None:
            return None
        person_id, facts = found
        if now - facts["seen_at"] > IDLE or now - facts["signed_in_at"] > ABSOLUTE:
            self._store.close_sessions(digest=digest)
            return None
        person = self._store.get(person_id)
        if person is None or person.disabled:
            return None
        if now - facts["seen_at"] > TOUCH:
            self._store.change_session(digest, seen_at=now)
        return Session(
            person=person,
            csrf=str(facts["csrf"]),
            proven=bool(facts["proven"]),
            signed_in_at=facts["signed_in_at"],
            seen_at=now,
            flash=str(facts["flash"]),
        )

    def leave_word(self, secret: str, text: str) -> None:
        """What the next page says once, such as «Записано в ГИС»."""
        self._store.change_session(digest_of(secret), flash=text)

    def sign_out(self, secret: str) -> None:
        self._store.close_sessions(digest=digest_of(secret))

    # -- programs

    def issue_token(self, school: SchoolId, *, name: str, role: Role, by: str) -> tuple[ApiToken, str]:
        """A token for a program and its text, which is shown once."""
        if not name.strip():
            raise AccountError("Назовите программу: имя стоит в журнале рядом с её действиями.")
        if self._store.by_login(name.strip().lower()) is not None:
            raise AccountError("Так называется учётная запись человека. Назовите программу иначе.")
        if name.strip().lower() in RESERVED:
            raise AccountError("Под этим именем в журнале стоит сама служба. Назовите программу иначе.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._now()
        token_id = self._store.add_token(
            school, digest=digest_of(secret), name=name.strip(), role=role, by=by, now=now
        )
        token = ApiToken(
            token_id=token_id, name=name.strip(), school_id=school, role=role, created_at=now, created_by=by
        )
        return token, secret

    def tokens(self, school: SchoolId) -> list[ApiToken]:
        return self._store.tokens(school)

    def program(self, secret: str) -> ApiToken | None:
        """The token of a request; None when unknown or revoked."""
        token = self._store.token(digest_of(secret)) if secret.startswith(TOKEN_PREFIX) else None
        if token is None or token.revoked_at is not None:
            return None
        now = self._now()
        if token.last_used_at is None or now - token.last_used_at > TOUCH:
            self._store.change_token(token.token_id, last_used_at=now)
        return token

    def revoke_token(self, school: SchoolId, token_id: int) -> None:
        if all(token.token_id != token_id for token in self._store.tokens(school)):
            raise AccountError(f"Ключа {token_id} нет. Обновите список.")
        self._store.change_token(token_id, revoked_at=self._now())
