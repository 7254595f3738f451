"""Every route against every role, and every unsafe route against a foreign form (RELIABILITY 42, 43)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_service.domain.people import Role
from sync_service.web.api.calls import PREFIX
from sync_service.web.routes import ROUTERS
from tests.browser import doors
from tests.browser.routes import in_routers, table
from tests.browser.site import SCHOOL, Site, site
from tests.databases import SqliteTemplate


@pytest.fixture(scope="module")
def whole_site(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("doors")
    with site(sqlite_template.copy(folder), folder) as made:
        yield made


def test_every_route_is_listed(whole_site: Site) -> None:
    """One that is not fails; so does one that belongs to no school, to no program and to nobody's door."""
    assert len(doors.every_route(whole_site)) == len(table())
    for (method, path), roles in table().items():
        assert roles is None or path.startswith(("/s/{school}", PREFIX)), f"{method} {path} belongs to no school"


def test_every_unsafe_route_declares_the_check_of_its_form() -> None:
    """Beside being refused: nobody forgets it on a route that happens to fail for another reason."""
    listed = table()
    for method, route in in_routers(ROUTERS):
        if method == "GET" or listed[method, route.path] is None:
            continue
        calls = [dependant.call for dependant in route.dependant.dependencies]
        assert any(getattr(call, "checks_token", False) for call in calls), route.path


def test_all_routes_against_all_roles(whole_site: Site) -> None:
    """Who is listed is not refused; who is not gets 403; nobody at all is shown the door."""
    assert doors.all_routes_against_all_roles(whole_site, short=True) > 400


def test_all_calls_of_programs_against_all_roles(whole_site: Site) -> None:
    assert doors.all_calls_against_all_roles(whole_site) > 100


def test_a_foreign_form_changes_nothing(whole_site: Site) -> None:
    """No token, a wrong token, one of another session, a foreign origin: refused by every unsafe route."""
    assert doors.foreign_forms(whole_site, short=True) > 150


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
