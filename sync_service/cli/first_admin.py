"""The first administrator, made by ``init``: of a login and a password a person types, or of a one-time password.

A typed password is neither shown nor kept anywhere but as its hash. A one-time password is shown once: on the screen
where it was asked for, or in the answer of ``--admin``; the first login asks for another.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from sync_service.cli import output
from sync_service.cli.accounts_noted import note_account
from sync_service.domain.people import LOGIN as SPELLING
from sync_service.domain.people import SHORTEST_PASSWORD

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.domain.people import Person

LOGIN = "ЛОГИН"  # in the examples
NAME = "Администратор"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Who may enter now. ``password`` is None when the person chose it, or has been shown it."""

    person: Person
    password: str | None

    def to_json(self) -> dict[str, Any]:
        return {"id": self.person.person_id, "login": self.person.login, "password": self.password}


def check(login: str | None) -> None:
    """BadParameter before anything is written."""
    if login is not None and not SPELLING.fullmatch(login.strip().lower()):
        raise typer.BadParameter("--admin: латинские буквы, цифры, точка, дефис; от 2 до 64 знаков")


def enter(service: Service, login: str | None, name: str) -> Entered | None:
    """Make the administrator ``login``, or whom the person at the terminal names; None when there is somebody
    already, or nobody to ask."""
    if not service.accounts.is_empty():
        return None
    if login is not None:
        return _made(service, login, name, None)
    return _asked(service) if sys.stdin.isatty() else None


def announce(entered: Entered, say: Callable[[str], None]) -> None:
    """Who may enter now and with what."""
    say(f"Администратор {entered.person.login} заведён: он входит на страницу и заводит остальных.")
    if entered.password is not None:
        say(f"Пароль для первого входа: {entered.password}")
        say("Он показан один раз и нигде не записан; при входе его надо сменить.")


def _asked(service: Service) -> Entered | None:
    """Answered where it was asked, beside the result: a redirected output keeps no password."""
    from sync_service.accounts import AccountError

    output.note("Первый администратор страницы.")
    while True:
        login = str(
            typer.prompt("Имя входа латиницей (Enter — завести позже)", default="", show_default=False, err=True)
        )
        if not login.strip():
            return None
        name = str(typer.prompt("Фамилия и инициалы", default=NAME, err=True))
        try:
            entered = _made(service, login, name, _password())
        except AccountError as error:
            output.note(str(error))
            continue
        if entered is not None:
            announce(entered, output.note)
        return entered and replace(entered, password=None)


def _password() -> str | None:
    """Typed twice without echo; None when it is to be made up."""
    from sync_service.accounts import AccountError

    typed = getpass.getpass(f"Пароль, от {SHORTEST_PASSWORD} знаков (не отображается; Enter — придумать за вас): ")
    if not typed:
        return None
    if getpass.getpass("Пароль ещё раз: ") != typed:
        raise AccountError("Пароль введён дважды по-разному.")
    return typed


def _made(service: Service, login: str, name: str, password: str | None) -> Entered | None:
    schools = service.schools()
    found = service.accounts.add_first(
        login=login, name=name, schools=[school.school_id for school in schools], password=password
    )
    if found is None:
        return None
    person, chosen = found
    note_account(service, person, "first administrator")
    return Entered(person=person, password=chosen if person.must_change_password else None)
