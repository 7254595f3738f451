"""``init`` and the first administrator: a password that is typed stays secret, one that is made up is shown once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sync_service.accounts import Door
from sync_service.bootstrap import Service
from sync_service.config import load_settings
from sync_service.domain.people import Role
from tests.unit.cli.office import CONFIG, SECOND_SCHOOL, Office

ANSWERS = (
    *("--code", "school-900", "--name", "Школа", "--organization-id", "school-1"),
    *("--base-url", "https://ecp.example.ru/api"),
)
ONE_TIME = re.compile(r"Пароль для первого входа: (\S+)")
OWN = "двенадцать месяцев"


@contextmanager
def door_of(office: Office) -> Iterator[Door]:
    with Service.open(load_settings(office.folder / "config.toml")) as service:
        yield service.door


def at_the_terminal(office: Office, typed: str, *passwords: str) -> list[str]:
    """Somebody sits there and types; the questions whose answers are not shown."""
    asked: list[str] = []
    waiting = iter(passwords)

    def hidden(question: str) -> str:
        asked.append(question)
        return next(waiting)

    office.type_in(typed)
    office.monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    office.monkeypatch.setattr("getpass.getpass", hidden)
    return asked


def test_nobody_at_the_terminal_gets_a_one_time_password(empty_folder: Office) -> None:
    """Printed once, in no file, and good for nothing but choosing another one."""
    said = empty_folder.must("init", *ANSWERS, "--admin", "Ivanova", "--admin-name", "Иванова И. И.")
    (password,) = ONE_TIME.findall(said)
    assert password not in empty_folder.told
    for file in empty_folder.folder.iterdir():
        assert password.encode() not in file.read_bytes(), file.name
    with door_of(empty_folder) as door:
        _, session = door.sign_in("ivanova", password, address="127.0.0.1")
    assert session.person.must_change_password
    assert session.person.needs_totp
    assert not session.proven
    (row,) = empty_folder.json("users", "list")
    assert (row["login"], row["name"], row["roles"]) == ("ivanova", "Иванова И. И.", {"school-900": "admin"})


def test_a_second_init_makes_nobody(empty_folder: Office) -> None:
    """Exit code 0 and no password; the first one still works, and the settings are as they were."""
    first = empty_folder.json("init", *ANSWERS, "--admin", "ivanova")["administrator"]
    before = (empty_folder.folder / "config.toml").read_bytes()
    again = empty_folder.json("init", *ANSWERS, "--admin", "orlov")
    assert (first["login"], again["administrator"]) == ("ivanova", None)
    assert "уже есть" in empty_folder.must("init", "--admin", "orlov")
    assert ONE_TIME.search(empty_folder.said) is None
    assert (empty_folder.folder / "config.toml").read_bytes() == before
    assert [row["login"] for row in empty_folder.json("users", "list")] == ["ivanova"]
    with door_of(empty_folder) as door:
        assert door.sign_in("ivanova", first["password"], address="127.0.0.1")


def test_an_installation_without_people_gets_its_administrator_later(empty_folder: Office) -> None:
    """The first init may have been broken off; every school of the settings is the administrator's."""
    assert "init --admin" in empty_folder.must("init", *ANSWERS)
    empty_folder.write_config(CONFIG + SECOND_SCHOOL)
    assert ONE_TIME.search(empty_folder.must("init", "--admin", "ivanova"))
    (row,) = empty_folder.json("users", "list")
    assert row["roles"] == {"school-900": "admin", "school-901": "admin"}
    acts = empty_folder.sql("SELECT cause, note FROM audit WHERE act = 'configure'")
    assert acts == [("person:ivanova", "first administrator")] * 2


def test_a_person_types_the_password_twice_and_unseen(empty_folder: Office) -> None:
    """It need not be changed, and stands nowhere."""
    asked = at_the_terminal(empty_folder, "ivanova\nИванова И. И.\n", OWN, OWN)
    document = empty_folder.json("init", *ANSWERS)
    assert len(asked) == 2
    assert document["administrator"] == {"id": 1, "login": "ivanova", "password": None}
    assert OWN not in empty_folder.said + empty_folder.told
    with door_of(empty_folder) as door:
        _, session = door.sign_in("ivanova", OWN, address="127.0.0.1")
    assert not session.person.must_change_password
    assert session.person.roles == {1: Role.ADMIN}


def test_what_cannot_be_is_asked_for_again(empty_folder: Office) -> None:
    """Two different passwords, a short one, a login in Russian; each with its reason."""
    wrong = (OWN, "другой пароль", "короткий", "короткий", OWN, OWN)
    at_the_terminal(empty_folder, "ivanova\n\nivanova\n\nиванова\n\nivanova\n\n", *wrong, OWN, OWN)
    empty_folder.must("init", *ANSWERS)
    for reason in ("дважды по-разному", "короче 12", "латинские буквы"):
        assert reason in empty_folder.told
    assert [row["login"] for row in empty_folder.json("users", "list")] == ["ivanova"]


def test_a_password_made_up_at_the_terminal_is_shown_there_alone(empty_folder: Office) -> None:
    """A redirected output keeps none: it is said beside the result, also with --json."""
    at_the_terminal(empty_folder, "ivanova\n\n", "")
    document = empty_folder.json("init", *ANSWERS)
    (password,) = ONE_TIME.findall(empty_folder.told)
    assert password not in empty_folder.said
    assert document["administrator"]["password"] is None
    with door_of(empty_folder) as door:
        assert door.sign_in("ivanova", password, address="127.0.0.1")[1].person.must_change_password


@pytest.mark.parametrize("login", ["Иванова", "a", "with space", ""])
def test_an_impossible_login_leaves_the_folder_empty(empty_folder: Office, login: str) -> None:
    assert empty_folder.run("init", *ANSWERS, "--admin", login) == 2
    assert "--admin" in empty_folder.told
    assert list(empty_folder.folder.iterdir()) == []
