"""Numbers no record can have, in every address with a number: «здесь ничего нет», never an error of the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from sync_service.domain.people import Role
from sync_service.web.api import ROUTERS as API_ROUTERS
from sync_service.web.routes import ROUTERS
from sync_service.web.routes.releases import OUTCOMES
from tests.browser.routes import address_of
from tests.browser.site import Site, site
from tests.databases import SqliteTemplate

IMPOSSIBLE = (str(2**63), str(10**30), "9" * 5000, "-1", "abc")


@pytest.fixture(scope="module")
def numbers_site(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("numbers")
    with site(sqlite_template.copy(folder), folder) as made:
        yield made


def numbered(routers: tuple[object, ...]) -> list[tuple[str, str]]:
    """(method, path) of every route whose address holds a whole number."""
    return [
        (method, route.path)
        for router in routers
        for route in router.routes  # type: ignore[attr-defined]  # of either package
        if isinstance(route, APIRoute)
        and any(one.field_info.annotation is int for one in route.dependant.path_params)
        for method in sorted(route.methods or ())
    ]


def form_of(path: str) -> dict[str, str]:
    """A form that says enough to be carried out, if there were a record."""
    do = {"/s/{school}/conflicts/{case_id}": "admin", "/s/{school}/matches/{case_id}": "other"}.get(path, "release")
    return {"do": do, "note": "заметка", "outcome": next(iter(OUTCOMES))}


def test_pages_of_impossible_numbers(numbers_site: Site) -> None:
    """404 in plain words, for GET and POST alike."""
    client = numbers_site.sign_in(Role.ADMIN)
    routes = numbered(ROUTERS)
    assert len(routes) >= 20
    wrong = []
    for method, path in routes:
        for number in IMPOSSIBLE:
            address = address_of(path, number)
            answer = client.get(address) if method == "GET" else numbers_site.post(client, address, form_of(path))
            if answer.status_code != 404 or "<h1>" not in answer.text:
                wrong.append((method, path, number[:25], answer.status_code))
    assert wrong == []


def test_calls_of_impossible_numbers(numbers_site: Site) -> None:
    """404, or 422 for what is no number at all; always a problem."""
    school = numbers_site.world.school.school_id
    _, token = numbers_site.service.programs.issue_token(school, name="t", role=Role.ADMIN, by="admin1")
    bodies = {
        "resolve": {"stamp": "x", "take": "gis"},
        "confirm": {"card": 1},
        "log-call": {"outcome": "x"},
        "close": {},
    }
    routes = numbered(API_ROUTERS)
    assert len(routes) >= 15
    for method, path in routes:
        body = bodies.get(path.rpartition("/")[2], {"digest": "x"}) if method == "POST" else None
        for number in IMPOSSIBLE:
            address = numbers_site.url + address_of(path, number)
            answer = httpx.request(
                method, address, headers={"Authorization": f"Bearer {token}"}, json=body, timeout=30
            )
            assert answer.status_code in (404, 422), (method, path, number[:40], answer.text)
            assert answer.json()["title"] in ("not_found", "malformed"), (method, path, number[:40], answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_impossible_numbers_behind_the_question_mark(numbers_site: Site) -> None:
    """Pages of lists, filters and limits: never an error of the program."""
    client = numbers_site.sign_in(Role.ADMIN)
    asked = 0
    for router in ROUTERS:
        for route in router.routes:
            if (
                not isinstance(route, APIRoute)
                or "GET" not in (route.methods or ())
                or route.path.endswith("/events")
            ):
                continue
            for one in route.dependant.query_params:
                for number in IMPOSSIBLE:
                    answer = client.get(address_of(route.path), params={one.alias: number})
                    assert answer.status_code < 500, (route.path, one.alias, number[:25])
                    asked += 1
    assert asked >= 10 * len(IMPOSSIBLE)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/conflicts-bulk", {"group": "phone", "side": "gis", "do": "apply", "case": "{}", "stamp": "x"}),
        ("/conflicts-bulk/undo", {"case": "{}"}),
        ("/matches/1", {"do": "same", "card": "{}"}),
        ("/quarantine/retry", {"item": "{}"}),
        ("/quarantine/discard", {"item": "{}"}),
        ("/quarantine/undo", {"item": "{}"}),
        ("/journal/export", {"student": "{}"}),
        ("/contacts-tried", {"contact": "{}"}),
        ("/resync", {"scope": "record", "kind": "compare", "record": "local:{}"}),
        ("/movements/arrival/form", {"student_id": "{}"}),
        ("/movements/arrival/save", {"student_id": "{}", "class_id": "{}", "attach-{}": "1", "offered": "{}"}),
    ],
)
def test_impossible_numbers_in_forms(numbers_site: Site, path: str, fields: dict[str, str]) -> None:
    """A browser's form never holds one; whoever writes one gets a page."""
    client = numbers_site.sign_in(Role.ADMIN)
    for number in (*IMPOSSIBLE, "²"):
        form = {name.replace("{}", number): value.replace("{}", number) for name, value in fields.items()}
        answer = numbers_site.post(client, f"/s/school-900{path}", form)
        assert answer.status_code < 500, (path, number[:25])
