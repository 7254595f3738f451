"""Every switchable fault does what it is called, exactly where and as often as its rule says."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.ecp.simulator import ScenarioError
from tests.simulator.client import Answer, School

PAGE = {"route": "page"}
BATCH = {"route": "batch"}


def _guardian(school: School, **more: Any) -> Answer:
    return school.batch("guardians", {"op": "create", "data": {"lastName": " Ким ", **more}}, key="k")


def _count(school: School) -> int:
    return len(school.dump("guardians"))


def _fired(school: School) -> list[int]:
    return [rule["fired"] for rule in school.look("faults")["rules"]]


@pytest.mark.parametrize("after", [7, "Wed, 21 Oct 2026 07:28:00 GMT", None])
def test_rate_limited(school: School, after: object) -> None:
    """429 with the Retry-After that was asked for: seconds, a date, or none."""
    school.faults({"kind": "rate_limited", "match": PAGE, "times": 1, "params": {"retryAfter": after}})
    answer = school.get("marks")
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert answer.headers["Retry-After"] == (None if after is None else str(after))
    assert school.get("marks").status == 200


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("server_error", 500, "internal"),
        ("unauthorized", 401, "unauthorized"),
        ("forbidden", 403, "forbidden"),
        ("not_found", 404, "not_found"),
    ],
)
def test_refusals(school: School, kind: str, status: int, code: str) -> None:
    """The usual refusals can be made to appear, with a problem body."""
    school.faults({"kind": kind, "times": 1})
    answer = school.get("marks")
    assert (answer.status, answer.code) == (status, code)
    assert school.get("marks").status == 200


@pytest.mark.parametrize(("kind", "status"), [("unavailable", 503), ("html_ok", 200)])
def test_html_pages(school: School, kind: str, status: int) -> None:
    """Maintenance and login pages come as HTML."""
    school.faults({"kind": kind, "times": 1})
    answer = school.get("marks")
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_raw_answer(school: School) -> None:
    """Any status, type and body."""
    params = {"status": 207, "contentType": "text/csv", "body": "а;б"}
    school.faults({"kind": "raw", "times": 1, "params": params})
    answer = school.get("marks")
    assert (answer.status, answer.headers["Content-Type"], answer.body.decode()) == (207, "text/csv", "а;б")


def test_commit_then_drop(school: School) -> None:
    """The write happens and the answer is lost; asked again under its key, the server tells the answer."""
    school.faults({"kind": "commit_then_drop", "match": BATCH, "times": 1})
    before = _count(school)
    body = {"items": [{"clientRef": "lost", "op": "create", "data": {"lastName": "Ким"}}]}
    path, headers = school.path("guardians/batch"), {"Idempotency-Key": "k"}
    with pytest.raises(http.client.RemoteDisconnected):
        school.send("POST", path, body, headers=headers)
    assert _count(school) == before + 1
    (item,) = school.search("guardians", clientRefs=["lost"])
    assert school.send("POST", path, body, headers=headers).json["results"][0]["id"] == item["id"]
    assert _count(school) == before + 1


def test_reset_before_commit(school: School) -> None:
    """The connection is torn down and nothing was written."""
    school.faults({"kind": "reset_before_commit", "match": BATCH, "times": 1})
    before = _count(school)
    with pytest.raises(ConnectionResetError):
        _guardian(school)
    assert _count(school) == before
    assert _guardian(school).status == 200


def test_truncated_body(school: School) -> None:
    """The declared length is not kept, to the byte."""
    school.faults({"kind": "truncated_body", "match": PAGE, "times": 2, "params": {"bytes": 100}})
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead) as caught:
            school.get("marks")
        assert len(caught.value.partial) == 100


def test_gzip_bomb(school: School) -> None:
    """A small compressed body unfolds to the size asked for."""
    school.faults({"kind": "gzip_bomb", "match": PAGE, "params": {"bytes": 1_000_000}})
    answer = school.send("GET", school.path("marks"), headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 10_000
    assert len(gzip.decompress(answer.body)) == 1_000_000


def test_drip(school: School) -> None:
    """A dripping body arrives in many small pieces and whole in the end."""
    school.faults({"kind": "drip", "match": {"route": "get"}, "params": {"seconds": 0.3}})
    mark = school.dump("marks")[0]
    connection = http.client.HTTPConnection("127.0.0.1", school.handle.port, timeout=20)
    connection.request("GET", school.path(f"marks/{mark['id']}"), headers={"Authorization": f"Bearer {school.token}"})
    response = connection.getresponse()
    pieces = []
    while piece := response.read1(65536):
        pieces.append(piece)
    connection.close()
    assert len(pieces) > 1
    assert json.loads(b"".join(pieces)) == mark


def test_slow_waits_and_then_works(school: School) -> None:
    """A slow answer is late and otherwise right, and other faults may follow it."""
    school.faults({"kind": "slow", "params": {"seconds": 0.01}}, {"kind": "reordered_items", "match": PAGE})
    items = school.get("subjects").json["items"]
    assert items == school.dump("subjects")[::-1]
    assert _fired(school) == [1, 1]


def test_repeated_and_reordered_items(school: School) -> None:
    """Items come twice, and in another order; totals stay what they were."""
    school.faults({"kind": "repeated_items", "match": PAGE}, {"kind": "reordered_items", "match": PAGE})
    page = school.get("subjects").json
    stored = school.dump("subjects")
    assert page["items"] == [item for item in stored[::-1] for _ in range(2)]
    assert page["totalCount"] == len(stored)


def test_short_page(school: School) -> None:
    """Part of the items is missing, with a total that says so or not."""
    school.faults({"kind": "short_page", "match": PAGE, "params": {"keep": 0.5}})
    total = len(school.dump("marks"))
    page = school.get("marks").json
    assert (len(page["items"]), page["totalCount"]) == (total // 2, total)
    school.faults({"kind": "short_page", "match": PAGE, "params": {"keep": 0.5, "honestTotal": True}})
    assert school.get("marks").json["totalCount"] == total - total // 2


def test_empty_list(school: School) -> None:
    """200 without items: pages, searches, and the list of free persons."""
    free = school.new_person("available")
    school.faults({"kind": "empty_list"})
    page = school.get("marks").json
    assert (page["items"], page["totalCount"], page["totalPages"], page["hasNextPage"]) == ([], 0, 0, False)
    assert school.search("marks", ids=[school.dump("marks")[0]["id"]]) == []
    assert school.available({"snils": free["snils"]}) == []


def test_unknown_fields(school: School) -> None:
    """Items and envelope carry keys nobody documented, beside all that was there."""
    school.faults({"kind": "unknown_fields"})
    page = school.get("subjects").json
    stored = school.dump("subjects")
    assert "futureEnvelope" in page
    assert all({"futureField", "futureObject"} <= set(item) for item in page["items"])
    assert [{**item, **stored[n]} for n, item in enumerate(page["items"])] == page["items"]
    assert "futureField" in school.get(f"subjects/{stored[0]['id']}").json


def test_no_versions(school: School) -> None:
    """A server that keeps no versions leaves the key out."""
    school.faults({"kind": "no_versions"})
    assert all("version" not in item and "changeVersion" in item for item in school.get("marks").json["items"])


@pytest.mark.parametrize(("fields", "stored"), [(None, ("КИМ", "АННА")), (["firstName"], (" Ким ", "АННА"))])
def test_normalise(school: School, fields: list[str] | None, stored: tuple[str, str]) -> None:
    """The server stores text in its own form, phones untouched."""
    school.faults({"kind": "normalise", "match": BATCH, "params": {"fields": fields} if fields else {}})
    item = _guardian(school, firstName="Анна", mobilePhone="+79120000001").json["results"][0]["item"]
    assert (item["lastName"], item["firstName"], item["mobilePhone"]) == (*stored, "+79120000001")


def test_item_error_500(school: School) -> None:
    """Chosen items of a batch fail by themselves and store nothing."""
    school.faults({"kind": "item_error_500", "match": BATCH, "times": 1, "params": {"indexes": [1]}})
    items = [{"op": "create", "data": {"lastName": name}} for name in ("А", "Б", "В")]
    results = school.batch("guardians", *items).json["results"]
    assert [result["status"] for result in results] == [201, 500, 201]
    assert school.search("guardians", clientRefs=[results[1]["clientRef"]]) == []


def test_rules_choose_their_requests(school: School) -> None:
    """Method, route and stream narrow a rule; others pass."""
    school.faults({"kind": "server_error", "match": {"method": "GET", "route": "page", "stream": "marks"}})
    assert school.get("marks").status == 500
    assert school.get("attendance").status == 200
    assert school.get("changeVersion").status == 200
    assert _guardian(school).status == 200
    assert school.look("counters")["faultsFired"] == {"server_error": 1}


@pytest.mark.parametrize("route", ["refresh", "changeVersion", "page", "get", "search", "batch", "available"])
def test_every_route_can_fail(school: School, route: str) -> None:
    """A rule can be aimed at each kind of call of the contract."""
    school.faults({"kind": "forbidden", "match": {"route": route}})
    calls: dict[str, Callable[[], Answer]] = {
        "refresh": lambda: school.send("POST", "/auth/token/refresh", {"refreshToken": "x"}),
        "changeVersion": lambda: school.get("changeVersion"),
        "page": lambda: school.get("marks"),
        "get": lambda: school.get("marks/x"),
        "search": lambda: school.send("POST", school.path("marks/search"), {"ids": []}),
        "batch": lambda: _guardian(school),
        "available": lambda: school.send("POST", "/enrolment/available/search", {"persons": []}),
    }
    assert {name for name, call in calls.items() if call().status == 403} == {route}


def test_skip_and_times_count_matching_requests(school: School) -> None:
    """A rule lets its first requests pass, fires so many times, and is spent."""
    school.faults({"kind": "server_error", "match": PAGE, "skip": 2, "times": 2})
    assert [school.get("periods").status for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    (rule,) = school.look("faults")["rules"]
    assert (rule["fired"], rule["skip"], rule["times"]) == (2, 2, 2)


def test_the_first_ending_rule_wins_and_the_next_takes_over(school: School) -> None:
    """Rules are consumed in their order."""
    school.faults({"kind": "unauthorized", "times": 1}, {"kind": "rate_limited", "times": 1})
    assert [school.get("periods").status for _ in range(3)] == [401, 429, 200]


def test_probability_follows_its_seed(school: School) -> None:
    """Half of the requests fail, the same ones for the same seed."""
    rule = {"kind": "server_error", "probability": 0.5}
    runs = []
    for seed in (1, 1, 2):
        school.admin("faults", rules=[rule], seed=seed)
        runs.append([school.get("changeVersion").status for _ in range(20)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500}


def test_profile_is_replaced_and_cleared(school: School) -> None:
    """A new profile replaces the old one, DELETE ends it."""
    school.faults({"kind": "server_error"})
    school.faults({"kind": "forbidden"})
    assert school.get("marks").status == 403
    assert school.handle.admin("DELETE", "/simulator/faults") == {"rules": []}
    assert school.get("marks").status == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "earthquake"},
        {"kind": "slow", "match": {"route": "everything"}},
        {"kind": "slow", "match": {"stream": "final_marks"}},
        {"kind": "slow", "match": {"path": "/"}},
        {"kind": "slow", "times": -1},
        {"kind": "slow", "skip": "1"},
        {"kind": "slow", "time": 1},
    ],
)
def test_bad_rules_are_refused(school: School, rule: dict[str, Any]) -> None:
    """A rule that could never fire as meant is an error, not silence."""
    with pytest.raises(ScenarioError):
        school.faults(rule)
