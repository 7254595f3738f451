"""Every route against everybody, and every unsafe route against foreign forms (statements 42 and 43)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from sync_service.domain.links import SchoolId
from sync_service.domain.people import Role
from sync_service.web.api import ROUTERS as API_ROUTERS
from sync_service.web.api.calls import PREFIX
from sync_service.web.app import create_app
from sync_service.web.routes import ROUTERS
from tests.browser.routes import address_of, in_routers, table
from tests.browser.site import PASSWORD, Site
from tests.simulation.lease_statements import whole

NO_RECORD = "999999"
EVIL = "https://evil.example"


def every_route(made: Site) -> list[tuple[str, str]]:
    """(method, path) of every route that answers. Raises AssertionError for one that the table does not list, that is
    listed in vain, or that stands in a router nobody walks."""
    app = create_app(made.service)
    included = [getattr(route, "original_router", None) for route in app.routes]
    assert {id(router) for router in included if router is not None} == {id(r) for r in (*ROUTERS, *API_ROUTERS)}
    found = [(method, route.path) for method, route in in_routers((app, *ROUTERS, *API_ROUTERS))]
    listed = table()
    unlisted = sorted(set(found) - set(listed))
    assert not unlisted, f"list in tests/browser/routes.py who may use {unlisted}"
    assert set(listed) == set(found), (
        f"gone, but listed in tests/browser/routes.py: {sorted(set(listed) - set(found))}"
    )
    return sorted(set(found))


# --- 42: who may what ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody at a door. ``turned_away`` is what this visitor gets everywhere, for a page and for a form; None for
    somebody with a ``role``."""

    name: str
    client: httpx.Client
    csrf: str = ""
    role: Role | None = None
    turned_away: tuple[int, str, int] = (0, "", 0)  # a page: status and where to; a form: status


def all_routes_against_all_roles(made: Site, *, short: bool = False) -> int:
    """How many pairs of route and visitor were tried; AssertionError for one that is wrong.

    ``short``: at each route every role, nobody, and one of the others in turn.
    """
    checks = 0
    with visitors(made) as found:
        always, others = found[: len(Role) + 1], found[len(Role) + 1 :]
        for number, (method, path) in enumerate(every_route(made)):
            everybody = [*always, others[number % len(others)]] if short else found
            allowed = table()[method, path]
            if allowed is None or path.startswith(PREFIX):
                continue
            address = address_of(path, NO_RECORD)
            for visitor in everybody:
                answer = visitor.client.request(
                    method, address, data={"csrf": visitor.csrf} if method != "GET" else None
                )
                case = (method, path, visitor.name, answer.status_code)
                if visitor.role is not None:
                    assert (answer.status_code == 403) is (visitor.role not in allowed), case
                    assert answer.status_code < 500, case
                else:
                    of_page, where, of_form = visitor.turned_away
                    assert answer.status_code == (of_page if method == "GET" else of_form), case
                    assert answer.headers.get("location", "") == (where if method == "GET" else ""), case
                checks += 1
    return checks


@contextmanager
def visitors(made: Site) -> Iterator[list[Visitor]]:
    """Each role; nobody; an administrator before the second factor; a first password; an account that was disabled
    or signed out meanwhile; the administrator of another school."""
    accounts, door, school = made.service.accounts, made.service.door, made.world.school.school_id
    clients: list[httpx.Client] = []

    def client(secret: str = "") -> httpx.Client:
        clients.append(httpx.Client(base_url=made.url, headers={"Origin": made.url}, timeout=30))
        if secret:
            clients[-1].cookies.set("ecp_session", secret)
        return clients[-1]

    def enter(login: str, where: SchoolId, role: Role, *, must_change: bool = False) -> tuple[str, str, int]:
        """The secret, the token of forms, and the number of a new person who has just signed in."""
        person, _ = accounts.add(
            login=login, name="Гость Г. Г.", roles={where: role}, password=PASSWORD, must_change=must_change
        )
        secret, session = door.sign_in(login, PASSWORD, address="127.0.0.1")
        return secret, session.csrf, person.person_id

    found = []
    for role in Role:
        own = made.sign_in(role)
        session = door.session(own.cookies["ecp_session"])
        assert session is not None
        found.append(Visitor(name=role, client=own, csrf=session.csrf, role=role))
    sent_to_login = (303, "/login", 401)
    found.append(Visitor(name="nobody", client=client(), turned_away=sent_to_login))
    secret, csrf, _ = enter("unproven", school, Role.ADMIN)
    found.append(Visitor(name="unproven", client=client(secret), csrf=csrf, turned_away=(303, "/login/code", 401)))
    secret, csrf, _ = enter("newcomer", school, Role.SECRETARY, must_change=True)
    found.append(Visitor(name="newcomer", client=client(secret), csrf=csrf, turned_away=(303, "/password", 401)))
    secret, csrf, person = enter("disabled", school, Role.SECRETARY)
    accounts.disable(person)
    found.append(Visitor(name="disabled", client=client(secret), csrf=csrf, turned_away=sent_to_login))
    secret, csrf, _ = enter("signed-out", school, Role.SECRETARY)
    door.sign_out(secret)
    found.append(Visitor(name="signed out", client=client(secret), csrf=csrf, turned_away=sent_to_login))
    other = made.service.db.schools.ensure("school-901", name="Школа № 901", organization_id="organization-901")
    secret, csrf, _ = enter("stranger", other, Role.DIRECTOR)
    found.append(Visitor(name="another school", client=client(secret), csrf=csrf, turned_away=(404, "", 404)))
    try:
        yield found
    finally:
        for one in clients:
            one.close()


def all_calls_against_all_roles(made: Site) -> int:
    """The same for programs: 403 exactly without the permission, 401 for nobody, a foreign or a revoked token."""
    programs, school = made.service.programs, made.world.school.school_id
    tokens: dict[Role | str, str] = {
        role: programs.issue_token(school, name=role.value, role=role, by="admin1")[1] for role in Role
    }
    revoked, tokens["revoked"] = programs.issue_token(school, name="прежний", role=Role.ADMIN, by="admin1")
    programs.revoke_token(school, revoked.token_id)
    tokens["nobody"], tokens["made up"] = "", "ecps_" + "x" * 43
    checks = 0
    with httpx.Client(base_url=made.url, headers={"Origin": made.url}, timeout=30) as client:
        for method, path in every_route(made):
            allowed = table()[method, path]
            if allowed is None or not path.startswith(PREFIX):
                continue
            for who, token in tokens.items():
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                answer = client.request(method, address_of(path, NO_RECORD), headers=headers)
                case = (method, path, who, answer.status_code)
                if isinstance(who, Role):
                    assert (answer.status_code == 403) is (who not in allowed), case
                    assert answer.status_code not in (401, 405), case
                    assert answer.status_code < 500, case
                else:
                    assert answer.status_code == 401, case
                checks += 1
    return checks


# --- 43: foreign forms ---------------------------------------------------------------------------------------------


def foreign_forms(made: Site, *, short: bool = False) -> int:
    """How many forged requests were refused; AssertionError when one was not, or when one left a trace.

    ``short``: at each route two of the origins and two of the forms, in turn.
    """
    admin, other = made.sign_in(Role.ADMIN), made.sign_in(Role.ADMIN)
    secret = admin.cookies["ecp_session"]
    own, foreign = (made.service.door.session(one.cookies["ecp_session"]) for one in (admin, other))
    assert own is not None
    assert foreign is not None
    right, ours = {"csrf": own.csrf}, {"Origin": made.url}
    origins: list[dict[str, str]] = [
        {},
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": f"http://{made.url.rpartition(':')[0].rpartition('/')[2]}:1"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        *({**ours, "Sec-Fetch-Site": site} for site in ("cross-site", "same-site")),
    ]
    forms: list[dict[str, str]] = [{}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": foreign.csrf}]
    before, refused = _kept(made), 0
    with httpx.Client(base_url=made.url, timeout=30) as client:

        def send(method: str, path: str, headers: dict[str, str], form: dict[str, str], query: str = "") -> int:
            sent = {**headers, "Cookie": f"ecp_session={secret}"}
            return client.request(method, address_of(path) + query, headers=sent, data=form).status_code

        for number, (method, path) in enumerate(every_route(made)):
            if method in ("GET", "HEAD"):
                continue
            for headers in _in_turn(origins, number, short):
                assert send(method, path, headers, right) == 403, (path, headers)
                refused += 1
            if path.startswith(PREFIX):  # a browser's cookie opens nothing to programs' calls
                assert send(method, path, ours, right) == 401, path
                refused += 1
                continue
            if path in ("/login", "/login/code"):  # before there is a session there is no token: the origin counts
                continue
            for form in _in_turn(forms, number, short):
                assert send(method, path, ours, form) == 403, (path, form)
                refused += 1
            if short:
                continue
            assert send(method, path, ours, {}, f"?csrf={own.csrf}") == 403, f"{path}: a token in the address counts"
            refused += 1
            for verb in ("PUT", "PATCH", "DELETE"):
                assert send(verb, path, ours, right) == 405, (verb, path)
            allowed = client.options(
                address_of(path), headers={"Origin": EVIL, "Access-Control-Request-Method": method}
            )
            assert "access-control-allow-origin" not in allowed.headers, path
    assert _kept(made) == before, "a forged request has left a trace"
    checked = made.post(admin, address_of("/s/{school}/journal/verify"))
    assert checked.status_code == 200, "the right form is refused as well"
    return refused


def _in_turn(all_of_them: list[dict[str, str]], number: int, short: bool) -> list[dict[str, str]]:
    return [all_of_them[(number + k) % len(all_of_them)] for k in (0, 1)] if short else all_of_them


def _kept(made: Site) -> dict[str, list[str]]:
    """Every row but what a session was last seen at."""
    return {name: rows for name, rows in whole(made.world).items() if name != "sessions"}
