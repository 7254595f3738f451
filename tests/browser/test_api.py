"""``/api/v1``: the shapes of the command line, under the name of a token, with problems that say what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from sync_service.domain.people import Role
from sync_service.web.api.description import description
from tests.browser.site import Site
from tests.browser.test_letters import not_released


def program(site: Site, role: Role, name: str = "Журнал школы") -> httpx.Client:
    """A client with a token of this role."""
    _, secret = site.service.programs.issue_token(site.world.school.school_id, name=name, role=role, by="admin1")
    client = httpx.Client(base_url=f"{site.url}/api/v1", headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    site.clients.append(client)
    return client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


def test_a_program_decides_a_conflict_and_takes_it_back(school_page: Site) -> None:
    """Read, refuse on a stale stamp, decide, refuse twice, undo; the journal names the token."""
    case = school_page.clash()
    api = program(school_page, Role.SECRETARY)
    (row,) = api.get("/conflicts").json()
    assert (row["id"], row["fields"], row["state"]) == (case, ["phone"], "open")
    view = api.get(f"/conflicts/{case}").json()
    assert view["clashes"][0]["gis"] == "+79120000002"
    assert problem(api.post(f"/conflicts/{case}/resolve", json={"stamp": "old", "take": "gis"}), 409)
    for body in ({"stamp": row["stamp"]}, {"stamp": row["stamp"], "groups": {"nosuch": "gis"}}):
        assert problem(api.post(f"/conflicts/{case}/resolve", json=body), 422)["title"] == "refused"
    third = {"stamp": row["stamp"], "values": {"phone": "+79120000003"}}
    done = api.post(f"/conflicts/{case}/resolve", json=third).json()
    assert done == {"id": case, "state": "resolved", "written": ["phone"], "pushed": ["phone"]}
    assert problem(api.post(f"/conflicts/{case}/resolve", json=third), 409)
    assert api.get("/conflicts").json() == []
    assert [r["decided_by"] for r in api.get("/conflicts", params={"state": "all"}).json()] == ["Журнал школы"]
    assert api.post(f"/conflicts/{case}/undo").json()["state"] == "open"
    acts = {(r["act"], r["actor"]) for r in school_page.world.rows("audit") if r["actor"] == "Журнал школы"}
    assert {act for act, _ in acts} >= {"view", "decide", "undo"}


def test_calls_are_logged_and_queues_are_read(school_page: Site) -> None:
    """Releases with their log, and every list in the documented shape, a page at a time."""
    case = not_released(school_page)
    api = program(school_page, Role.DIRECTOR)
    answer = api.post(f"/releases/{case}/log-call", json={"outcome": "обещали", "step": "promise"})
    assert answer.json() == {"id": case, "step": "promise", "next_call_on": None}
    view = api.get(f"/releases/{case}").json()
    assert (view["state"], view["steps"][-1]["text"], view["steps"][-1]["actor"]) == (
        "not_released",
        "обещали",
        "Журнал школы",
    )
    assert [row["id"] for row in api.get("/releases").json()] == [case]
    assert api.get("/releases", params={"after": case}).json() == []
    for path in ("/matches", "/holds", "/quarantine", "/quarantine-items", "/runs"):
        assert isinstance(api.get(path).json(), list), path
    status = api.get("/status").json()
    assert (status["version"], status["schools"][0]["totals"]["releases"]) == (1, 1)
    assert problem(api.post(f"/releases/{case}/log-call", json={"outcome": " "}), 422)["errors"]


def test_problems_say_what_is_wrong_without_values(school_page: Site) -> None:
    """No token, a revoked one, a browser's cookie, an unknown record, an unknown address, a malformed body."""
    api = program(school_page, Role.SECRETARY)
    bare = httpx.Client(base_url=f"{school_page.url}/api/v1", timeout=30)
    school_page.clients.append(bare)
    answer = bare.get("/status")
    assert problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert problem(bare.get("/status", headers={"Authorization": "Bearer nonsense"}), 401)
    bare.cookies.update(school_page.sign_in(Role.ADMIN).cookies)
    assert problem(bare.get("/status"), 401)
    assert problem(api.get("/conflicts/999999"), 404)
    assert problem(api.get("/nosuch"), 404)
    assert problem(api.get("/runs/nosuch"), 404)
    assert problem(api.get("/conflicts/abc"), 422)
    wrong = problem(api.post("/conflicts/1/resolve", json={"stamp": "x", "take": "Смирнова"}), 422)
    assert "Смирнова" not in str(wrong)
    (token,) = school_page.service.programs.tokens(school_page.world.school.school_id)
    school_page.service.programs.revoke_token(school_page.world.school.school_id, token.token_id)
    assert problem(api.get("/status"), 401)


def test_every_call_is_documented() -> None:
    """docs/commands.md lists the calls of the description and no others."""
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| (GET|POST) \| `([^`]+)` \|", page, re.MULTILINE))
    paths = description()["paths"]
    assert listed == {(method.upper(), path) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/openapi.json"])
def test_the_description_is_our_own_and_open(school_page: Site, path: str) -> None:
    """Valid OpenAPI that lists every call; the page names each and loads nothing from elsewhere."""
    answer = httpx.get(school_page.url + path)
    assert answer.status_code == 200
    assert "//cdn" not in answer.text
    if path.endswith("json"):
        validate(answer.json())
        assert answer.json()["paths"]["/api/v1/conflicts/{case_id}/resolve"]["post"]["responses"].keys() >= {"409"}
    else:
        assert "POST /api/v1/releases/{release_id}/log-call" in answer.text
