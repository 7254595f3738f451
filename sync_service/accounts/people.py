"""People: their accounts, their roles in schools, and what is changed about either.

What a person may no longer do ends with the open sessions: whatever takes something away closes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sync_service.accounts.errors import AccountError
from sync_service.accounts.passwords import Passwords, check_strength, one_time_password
from sync_service.accounts.store import PeopleStore, digest_of
from sync_service.domain.links import SchoolId
from sync_service.domain.people import LOGIN, RESERVED, Person, Role


class Accounts:
    """Accounts of people; safe to share between threads."""

    def __init__(
        self, store: PeopleStore, now: Callable[[], datetime], *, passwords: Passwords | None = None
    ) -> None:
        self._store = store
        self._now = now
        self._passwords = passwords or Passwords()

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
        if login in RESERVED or any(
            token.name.lower() == login for school in roles for token in self._store.tokens(school)
        ):
            raise AccountError(f"Под именем {login} в журнале стоит программа. Возьмите другое имя входа.")
        if not name:
            raise AccountError("Укажите фамилию и инициалы: они стоят в журнале рядом с решениями.")
        chosen = password if password is not None else one_time_password(login)
        check_strength(chosen, login)
        person_id = self._store.add(
            login=login,
            name=name,
            password=self._passwords.hash(chosen),
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
        chosen = one_time_password(self._get(person_id).login)
        self._store.change(person_id, password=self._passwords.hash(chosen), must_change_password=True)
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
        if found is None or not self._passwords.fits(found[1], old):
            raise AccountError("Прежний пароль неверен.")
        if old == new:
            raise AccountError("Новый пароль должен отличаться от прежнего.")
        check_strength(new, person.login)
        self._store.change(person.person_id, password=self._passwords.hash(new), must_change_password=False)
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
