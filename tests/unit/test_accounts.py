"""The door: sign-in, second factor, sessions, throttling and tokens, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher

from sync_service.accounts import (
    ABSOLUTE,
    IDLE,
    AccountError,
    Accounts,
    Denied,
    Door,
    Passwords,
    Programs,
    TooManyTries,
    digest_of,
)
from sync_service.domain.links import SchoolId
from sync_service.domain.people import GRANTS, Permission, Person, Role, may
from sync_service.persistence.people import SqlPeople
from tests.databases import SqliteTemplate, with_school

PASSWORD = "двенадцать месяцев"
ADDRESS = "10.0.0.7"


@dataclass(slots=True)
class House:
    accounts: Accounts
    door: Door
    programs: Programs
    people: SqlPeople
    school: SchoolId
    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 20, 7, tzinfo=UTC))

    def now(self) -> datetime:
        return self.moment

    def passes(self, span: timedelta) -> None:
        self.moment += span

    def add(self, login: str, role: Role = Role.SECRETARY) -> Person:
        person, _ = self.accounts.add(
            login=login, name="Петрова А. В.", roles={self.school: role}, password=PASSWORD, must_change=False
        )
        return person

    def code(self, person: Person, *, ahead: int = 0) -> str:
        secret, _ = self.people.totp(person.person_id)
        assert secret is not None
        return pyotp.TOTP(secret).at(self.moment, counter_offset=ahead)


@pytest.fixture
def house(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[House]:
    database = with_school(sqlite_template.copy(tmp_path))
    people = database.database.people
    passwords = Passwords(PasswordHasher(1, 8, 1))

    def now() -> datetime:
        return made.now()

    made = House(
        accounts=Accounts(people, now, passwords=passwords),
        door=Door(people, now, passwords=passwords),
        programs=Programs(people, now),
        people=people,
        school=database.school,
    )
    yield made
    database.database.close()


def test_a_right_password_opens_a_session_and_nothing_usable_is_stored(house: House) -> None:
    """256 random bits in the cookie, their digest in the table, argon2id for the password."""
    house.add("petrova")
    secret, session = house.door.sign_in("Petrova ", PASSWORD, address=ADDRESS)
    assert len(secret) >= 43
    assert session.proven
    assert house.door.session(secret) is not None
    with house.people._engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT digest FROM sessions").all()
        stored = connection.exec_driver_sql("SELECT password FROM people").scalar_one()
    assert rows == [(digest_of(secret),)]
    assert stored.startswith("$argon2id$")


def test_an_unknown_login_and_a_wrong_password_sound_alike(house: House) -> None:
    house.add("petrova")
    texts = []
    for login, password in (("petrova", "не тот пароль!"), ("nobody", PASSWORD)):
        with pytest.raises(Denied) as error:
            house.door.sign_in(login, password, address=ADDRESS)
        texts.append(str(error.value))
    assert texts[0] == texts[1]


def test_a_guesser_is_slowed_down_and_the_owner_elsewhere_is_not(house: House) -> None:
    """Five tries are free; then even the right password waits, from that address alone."""
    house.add("petrova")
    for _ in range(5):
        with pytest.raises(Denied):
            house.door.sign_in("petrova", "не тот пароль!", address=ADDRESS)
    with pytest.raises(TooManyTries):
        house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    house.door.sign_in("petrova", PASSWORD, address="10.0.0.8")
    house.passes(timedelta(seconds=31))
    house.door.sign_in("petrova", PASSWORD, address=ADDRESS)


def test_one_address_cannot_try_every_login(house: House) -> None:
    for number in range(30):
        with pytest.raises(Denied):
            house.door.sign_in(f"login{number}", PASSWORD, address=ADDRESS)
    with pytest.raises(TooManyTries):
        house.door.sign_in("login30", PASSWORD, address=ADDRESS)


def test_sessions_end_when_idle_at_the_limit_and_at_logout(house: House) -> None:
    """30 minutes without a request; 12 hours in any case."""
    house.add("petrova")
    secret, _ = house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    house.passes(IDLE + timedelta(seconds=1))
    assert house.door.session(secret) is None
    secret, _ = house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    for _ in range(int(ABSOLUTE / timedelta(minutes=20))):
        house.passes(timedelta(minutes=20))
        assert house.door.session(secret) is not None
    house.passes(timedelta(minutes=1))
    assert house.door.session(secret) is None
    secret, _ = house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    house.door.sign_out(secret)
    assert house.door.session(secret) is None


def test_disabling_an_account_ends_its_sessions(house: House) -> None:
    person = house.add("petrova")
    secret, _ = house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    house.accounts.disable(person.person_id)
    assert house.door.session(secret) is None
    with pytest.raises(Denied):
        house.door.sign_in("petrova", PASSWORD, address=ADDRESS)


def test_an_administrator_proves_a_second_factor_once_per_code(house: House) -> None:
    """The session gets a new secret; the code is used up; a neighbouring interval is accepted."""
    admin = house.add("admin1", Role.ADMIN)
    secret, session = house.door.sign_in("admin1", PASSWORD, address=ADDRESS)
    assert not session.proven
    assert "otpauth://totp/" in house.door.totp_uri(admin)
    code = house.code(admin, ahead=-1)
    proven, now_proven = house.door.prove(secret, code, address=ADDRESS)
    assert now_proven.proven
    assert proven != secret
    assert house.door.session(secret) is None
    again, _ = house.door.sign_in("admin1", PASSWORD, address=ADDRESS)
    with pytest.raises(Denied):
        house.door.prove(again, code, address=ADDRESS)
    house.passes(timedelta(seconds=60))
    house.door.prove(again, house.code(admin), address=ADDRESS)


def test_changing_the_password_ends_other_sessions(house: House) -> None:
    """The one it was changed in stays, with its age."""
    person = house.add("petrova")
    here, _ = house.door.sign_in("petrova", PASSWORD, address=ADDRESS)
    there, _ = house.door.sign_in("petrova", PASSWORD, address="10.0.0.8")
    for old, new in (("не тот пароль!", "совсем другая фраза"), (PASSWORD, PASSWORD), (PASSWORD, "короткий")):
        with pytest.raises(AccountError):
            house.accounts.change_password(person, old, new)
    house.accounts.change_password(person, PASSWORD, "совсем другая фраза", keep=here)
    assert house.door.session(here) is not None
    assert house.door.session(there) is None


def test_the_last_administrator_stays(house: House) -> None:
    admin = house.add("admin1", Role.ADMIN)
    with pytest.raises(AccountError, match="единственный"):
        house.accounts.disable(admin.person_id)
    with pytest.raises(AccountError, match="единственный"):
        house.accounts.set_role(admin.person_id, house.school, Role.VIEWER)
    house.add("admin2", Role.ADMIN)
    house.accounts.disable(admin.person_id)


@pytest.mark.parametrize("password", ["короткий", "petrova-petrova", "пароль123456", "x" * 257])
def test_weak_passwords_are_refused(house: House, password: str) -> None:
    with pytest.raises(AccountError):
        house.accounts.add(login="petrova", name="П", roles={}, password=password)


def test_a_token_opens_until_it_is_revoked(house: House) -> None:
    token, secret = house.programs.issue_token(house.school, name="Журнал", role=Role.VIEWER, by="admin1")
    found = house.programs.recognise(secret)
    assert found is not None
    assert found.role is Role.VIEWER
    assert house.programs.recognise(secret + "x") is None
    house.programs.revoke_token(house.school, token.token_id)
    assert house.programs.recognise(secret) is None


def test_in_the_journal_nobody_is_taken_for_somebody_else(house: House) -> None:
    """Neither a person nor a program is called like the service, nor one of them like the other."""
    house.programs.issue_token(house.school, name="Journal", role=Role.VIEWER, by="admin1")
    house.add("petrova")
    for name in ("system", "school", "journal"):
        with pytest.raises(AccountError, match="другое имя входа"):
            house.add(name)
    for name in ("System", " school ", "Petrova"):
        with pytest.raises(AccountError, match="Назовите программу иначе"):
            house.programs.issue_token(house.school, name=name, role=Role.VIEWER, by="admin1")


def test_every_permission_is_granted_to_somebody_and_viewers_see_no_names() -> None:
    assert set(GRANTS) == set(Permission)
    assert all(GRANTS.values())
    assert not may(Role.VIEWER, Permission.SEE_PUPILS)
    assert [p for p in Permission if may(Role.VIEWER, p)] == [Permission.SEE]
