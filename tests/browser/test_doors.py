"""Every route against every role, and every unsafe route against a foreign form (RELIABILITY 42, 43)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from sync_service.domain.people import Permission, Role, may
from sync_service.web.api import ROUTERS as API_ROUTERS
from sync_service.web.api.description import permission_of
from sync_service.web.app import create_app
from sync_service.web.routes import ROUTERS
from tests.browser.routes import address_of
from tests.browser.site import SCHOOL, Site, site
from tests.databases import SqliteTemplate

# Open to whoever comes, each with its own check; anything else must name its permission.
THE_DOOR = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/code"),
    ("POST", "/login/code"),
    ("GET", "/password"),
    ("POST", "/password"),
    ("POST", "/logout"),
    ("GET", "/"),
    ("GET", "/language/{language}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}


@pytest.fixture(scope="module")
def whole_site(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("doors")
    with site(sqlite_template.copy(folder), folder) as made:
        yield made


def routes_of(made: Site) -> list[tuple[str, str, Permission | None, bool]]:
    """(method, path, permission, whether the token of the form is checked)."""
    found: list[tuple[str, str, Permission | None, bool]] = []
    outside = [route for route in create_app(made.service).routes if isinstance(route, APIRoute)]
    inside = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    for route in (*outside, *inside):
        calls = [dependant.call for dependant in route.dependant.dependencies]
        permission = next((c.permission for c in calls if c is not None and hasattr(c, "permission")), None)
        checked = any(getattr(c, "checks_token", False) for c in calls)
        found.extend((method, route.path, permission, checked) for method in route.methods or ())
    return found


def test_every_route_names_its_permission_and_every_unsafe_one_checks_its_form(whole_site: Site) -> None:
    """A route that is not listed here and has no permission fails."""
    routes = routes_of(whole_site)
    assert len(routes) > len(THE_DOOR)
    for method, path, permission, checked in routes:
        if (method, path) in THE_DOOR:
            continue
        assert permission is not None, f"{method} {path} asks for no permission"
        assert method == "GET" or checked, f"{method} {path} does not check the token of the form"
        assert path.startswith("/s/{school}"), f"{method} {path} belongs to no school"


def test_all_routes_against_all_roles(whole_site: Site) -> None:
    """Who has the permission is not refused; who has not is (403); nobody at all is shown the door."""
    routes = [route for route in routes_of(whole_site) if (route[0], route[1]) not in THE_DOOR]
    checks = 0
    clients = {role: whole_site.sign_in(role) for role in Role}
    for method, path, permission, _ in routes:
        address = address_of(path, "999999")
        for role, client in clients.items():
            answer = client.get(address) if method == "GET" else whole_site.post(client, address)
            assert permission is not None
            refused = answer.status_code == 403
            assert refused == (not may(role, permission)), (method, path, role, answer.status_code)
            assert answer.status_code < 500, (method, path, role)
            checks += 1
        anonymous = httpx.request(method, whole_site.url + address, headers={"Origin": whole_site.url})
        assert anonymous.status_code in (303, 401), (method, path)
    assert checks == len(routes) * len(Role)


# The description of the API: what there is to call is no secret.
API_DOOR = {("GET", "/api/v1"), ("GET", "/api/v1/openapi.json")}


def test_all_calls_of_programs_against_all_roles(whole_site: Site) -> None:
    """By token: 403 exactly without the permission, 401 without a token; a call that asks for none fails."""
    school = whole_site.world.school.school_id
    tokens = {
        role: whole_site.service.accounts.issue_token(school, name=role.value, role=role, by="admin1")[1]
        for role in Role
    }
    routes = [route for router in API_ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    calls = [(method, route) for route in routes for method in route.methods or ()]
    assert {(method, route.path) for method, route in calls} >= API_DOOR
    checks = 0
    for method, route in calls:
        address = whole_site.url + address_of(route.path, "999999")
        anonymous = httpx.request(method, address, headers={"Origin": whole_site.url})
        if (method, route.path) in API_DOOR:
            assert anonymous.status_code == 200
            continue
        assert route.path.startswith("/api/v1/")
        assert anonymous.status_code == 401, (method, route.path)
        permission = permission_of(route)
        for role, token in tokens.items():
            answer = httpx.request(method, address, headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code == 403) == (not may(role, permission)), (method, route.path, role)
            assert answer.status_code < 500, (method, route.path, role)
            checks += 1
    assert checks == (len(calls) - len(API_DOOR)) * len(Role)


def test_the_site_has_no_routes_but_those_that_are_walked(whole_site: Site) -> None:
    """A router that is included past the two lists would be walked by nobody."""
    app = create_app(whole_site.service)
    included = [getattr(route, "original_router", None) for route in app.routes]
    assert {id(router) for router in included if router is not None} == {id(r) for r in (*ROUTERS, *API_ROUTERS)}


def test_a_foreign_form_changes_nothing(whole_site: Site) -> None:
    """No token, a wrong token, a foreign origin: 403 from every unsafe route."""
    client = whole_site.sign_in(Role.ADMIN)
    for method, path, _, checked in routes_of(whole_site):
        if method == "GET" or not checked:
            continue
        address = address_of(path)
        assert client.post(address).status_code == 403
        assert client.post(address, data={"csrf": "x" * 43}).status_code == 403
        assert whole_site.post(client, address).status_code != 403
        client.headers["Origin"] = "https://evil.example"
        assert whole_site.post(client, address).status_code == 403
        client.headers["Origin"] = whole_site.url


def test_another_school_is_not_there(whole_site: Site) -> None:
    """Whether a school exists is nobody's business but its people's."""
    client = whole_site.sign_in(Role.SECRETARY)
    assert client.get("/s/school-901").status_code == 404


def test_answers_carry_the_headers_and_a_foreign_host_gets_none(whole_site: Site) -> None:
    client = whole_site.sign_in(Role.SECRETARY)
    for path in ("/login", f"/s/{SCHOOL}", "/static/app.css", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    assert client.get("/login", headers={"Host": "evil.example"}).status_code == 421
