"""Statement 44: sessions cannot be guessed, fixed, kept alive or carried over the end.

What happens at the door happens over HTTP against the real server; what time does is played on the door itself, where
the clock can be moved from second to second.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from datetime import timedelta

import httpx
import pyotp

from sync_service.accounts import ABSOLUTE, IDLE, TOUCH, digest_of
from sync_service.domain.people import Role
from tests.browser.site import PASSWORD, SCHOOL, Site
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site

FEWEST_BITS = 128
ADDRESS = "127.0.0.1"
COOKIE = "ecp_session"


def statement_44(count: int, databases: Databases) -> str:
    """``count`` secrets and ``count`` lives of sessions; every way in and out once."""
    with a_site(databases) as made:
        bits = secrets_are_random(made, count)
        rotated = logins_rotate(made)
        ended = ends_are_final(made)
        lives = lives_end_in_time(made, count)
    return (
        f"{count:,} secrets of {bits} random bits; {rotated} logins, each with a new secret and the former one dead;"
        f" {lives:,} lives: none over 30 min idle or 12 h; {ended} ways of ending, at once"
    )


def secrets_are_random(made: Site, count: int) -> int:
    """The bits of a secret; AssertionError when one comes twice, or a bit leans to one side."""
    door = made.service.door
    login = made.people[Role.SECRETARY].login
    found = [door.sign_in(login, PASSWORD, address=ADDRESS)[0] for _ in range(count)]
    decoded = [int.from_bytes(base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))) for secret in found]
    bits = 8 * len(base64.urlsafe_b64decode(found[0] + "=" * (-len(found[0]) % 4)))
    assert len(set(decoded)) == count, "a secret came twice"
    slack = 3 * count**0.5  # six standard deviations: once in two million runs by chance
    leaning = [bit for bit in range(bits) if abs(sum(one >> bit & 1 for one in decoded) - count / 2) > slack]
    assert bits - len(leaning) >= FEWEST_BITS, f"only {bits - len(leaning)} of {bits} bits are random"
    with made.world.db.engine.connect() as connection:
        stored = set(connection.exec_driver_sql("SELECT digest FROM sessions").scalars())
    assert {digest_of(secret) for secret in found} <= stored, "what is stored is not the digest"
    assert not stored & set(found), "a secret is stored in a usable form"
    return bits - len(leaning)


# --- in ------------------------------------------------------------------------------------------------------------


def logins_rotate(made: Site) -> int:
    """Whatever cookie comes along, the one that leaves is new, and the former one opens nothing any more."""
    login = made.people[Role.SECRETARY].login
    planted = "A" * 43
    own, _ = made.service.door.sign_in(login, PASSWORD, address=ADDRESS)
    strangers, _ = made.service.door.sign_in(made.people[Role.VIEWER].login, PASSWORD, address=ADDRESS)
    logins = 0
    for former in ("", planted, own, strangers):
        secret = _log_in(made, login, former)
        assert secret != former
        assert _opens(made, secret)
        assert not former or not _opens(made, former), "the session from before the login lives on"
        logins += 1
    admin = made.people[Role.ADMIN]
    unproven = _log_in(made, admin.login, "")
    assert not _opens(made, unproven)
    made.service.door.totp_uri(admin)
    shared, _ = made.service.db.people.totp(admin.person_id)
    assert shared is not None
    answer = _send(made, "/login/code", unproven, code=pyotp.TOTP(shared).at(made.world.clock.now()))
    proven = answer.cookies[COOKIE]
    assert proven != unproven
    assert _opens(made, proven)
    assert not _opens(made, unproven), "the session from before the second factor lives on"
    return logins + 1


def _log_in(made: Site, login: str, former: str) -> str:
    answer = _send(made, "/login", former, login=login, password=PASSWORD)
    assert answer.status_code == 303
    (given,) = answer.headers.get_list("set-cookie")
    for word in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert word in given, f"{word} is missing: {given.partition('=')[2].partition(';')[2]}"
    return str(answer.cookies[COOKIE])


def _send(made: Site, path: str, secret: str, **form: str) -> httpx.Response:
    headers = {"Origin": made.url, **({"Cookie": f"{COOKIE}={secret}"} if secret else {})}
    return httpx.post(made.url + path, data=form, headers=headers, timeout=30)


def _opens(made: Site, secret: str) -> bool:
    answer = httpx.get(made.at("/state"), headers={"Cookie": f"{COOKIE}={secret}"}, timeout=30)
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


# --- out -----------------------------------------------------------------------------------------------------------


def ends_are_final(made: Site) -> int:
    """How many ways there are; after each the very next request is shown the door."""
    accounts, door, school = made.service.accounts, made.service.door, made.world.school.school_id

    def log_out(secret: str, _person: int) -> None:
        session = door.session(secret)
        assert session is not None
        answer = _send(made, "/logout", secret, csrf=session.csrf)
        assert answer.status_code == 303
        assert f'{COOKIE}=""' in answer.headers["set-cookie"]

    def reset_password(_secret: str, person: int) -> None:
        accounts.reset_password(person)

    def new_password_elsewhere(_secret: str, person: int) -> None:
        found = next(one for one in accounts.everybody() if one.person_id == person)
        elsewhere, _ = door.sign_in(found.login, PASSWORD, address="10.0.0.8")
        accounts.change_password(found, PASSWORD, "совсем другая фраза", keep=elsewhere)
        assert _opens(made, elsewhere), "where the password was changed the session stays"

    ways: dict[str, Callable[[str, int], None]] = {
        "logout": log_out,
        "disable": lambda _secret, person: accounts.disable(person),
        "another role": lambda _secret, person: accounts.set_role(person, school, Role.VIEWER),
        "no role": lambda _secret, person: accounts.set_role(person, school, None),
        "password reset": reset_password,
        "second factor reset": lambda _secret, person: accounts.reset_totp(person),
        "password changed elsewhere": new_password_elsewhere,
    }
    for number, (name, way) in enumerate(ways.items()):
        person, _ = accounts.add(
            login=f"leaver{number}",
            name="Уходящий У. У.",
            roles={school: Role.SECRETARY},
            password=PASSWORD,
            must_change=False,
        )
        secret, _ = door.sign_in(person.login, PASSWORD, address=ADDRESS)
        assert _opens(made, secret), f"{SCHOOL}: {name}"
        way(secret, person.person_id)
        assert not _opens(made, secret), f"a session lives on after: {name}"
    return len(ways)


# --- time ----------------------------------------------------------------------------------------------------------


def lives_end_in_time(made: Site, count: int) -> int:
    """Sessions that are used at random moments, often close to a limit, until they are dead.

    A request writes down at most once a minute that the session was seen: it may end up to a minute early.
    """
    door, clock = made.service.door, made.world.clock
    login = made.people[Role.SECRETARY].login
    for seed in range(count):
        chance = random.Random(seed)
        secret, _ = door.sign_in(login, PASSWORD, address=ADDRESS)
        begun = used = clock.moment
        while True:
            pause = timedelta(seconds=chance.choice((chance.randrange(1, 1700), chance.randrange(1700, 1760), 1801)))
            if chance.random() < 0.02:
                pause = max(timedelta(seconds=1), begun + ABSOLUTE - clock.moment + timedelta(seconds=1))
            if chance.random() < 0.8:  # a long day: rarely a pause that ends it
                pause = min(pause, IDLE - TOUCH)
            clock.moment += pause
            alive = door.session(secret) is not None
            idle, age = clock.moment - used, clock.moment - begun
            if idle > IDLE or age > ABSOLUTE:
                assert not alive, f"seed {seed}: alive after {idle} without a request, {age} in all"
            elif idle <= IDLE - TOUCH:
                assert alive, f"seed {seed}: dead after {idle} without a request, {age} in all"
            if not alive:
                break
            used = clock.moment
        assert door.session(secret) is None, f"seed {seed}: it came back"
    return count
