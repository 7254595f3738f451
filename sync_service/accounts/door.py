"""The door: sign-in, the second factor, and the session that stands for both from then on.

Times follow OWASP ASVS 5.0 (7.3): a session ends after 30 minutes without a request and after 12 hours in any case.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp

from sync_service.accounts.errors import Denied
from sync_service.accounts.passwords import Passwords
from sync_service.accounts.store import TOUCH, PeopleStore, digest_of
from sync_service.accounts.tries import Tries
from sync_service.domain.people import Person, Session

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
TOTP_SECONDS = 30


class Door:
    """Lets people in and knows who is inside; safe to share between threads."""

    def __init__(
        self, store: PeopleStore, now: Callable[[], datetime], *, passwords: Passwords | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._passwords = passwords or Passwords()
        self._logins = Tries(store, now, "login")
        self._codes = Tries(store, now, "totp")
        # An unknown login costs as much as a known one.
        self._nobody = self._passwords.hash(secrets.token_urlsafe(16))

    def sign_in(self, login: str, password: str, *, address: str) -> tuple[str, Session]:
        """A session and its secret for the cookie. ``proven`` is false until the second factor is given.

        Raises Denied, the same for an unknown login and a wrong password, and TooManyTries.
        """
        login = login.strip().lower()
        self._logins.check(login, address)
        found = self._store.by_login(login)
        fits = self._passwords.fits(found[1] if found else self._nobody, password)
        if found is None or not fits or found[0].disabled or not found[0].roles:
            self._logins.failed(login, address)
            raise Denied("Имя входа или пароль неверны. Проверьте раскладку клавиатуры и Caps Lock.")
        person, stored = found
        self._logins.succeeded(login, address)
        if self._passwords.is_outdated(stored):
            self._store.change(person.person_id, password=self._passwords.hash(password))
        return self._open(person, proven=not person.needs_totp and not person.has_totp)

    def _open(self, person: Person, *, proven: bool) -> tuple[str, Session]:
        secret, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._now()
        self._store.forget_sessions(signed_in_before=now - ABSOLUTE, seen_before=now - IDLE)
        self._store.open_session(digest_of(secret), person.person_id, csrf=csrf, proven=proven, now=now)
        return secret, Session(person=person, csrf=csrf, proven=proven, signed_in_at=now, seen_at=now)

    # -- the second factor

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
        self._codes.check(person.login, address)
        interval = self._interval_of(person, code)
        if interval is None or not self._store.take_totp(person.person_id, interval):
            self._codes.failed(person.login, address)
            raise Denied("Код не подошёл. Введите тот, что приложение показывает сейчас.")
        self._codes.succeeded(person.login, address)
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

    # -- inside

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
