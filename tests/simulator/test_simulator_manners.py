"""Tokens that die, addresses that lead elsewhere, clocks that are wrong, keys and values treated in odd ways."""

from __future__ import annotations

import http.client
import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.ecp.simulator import ScenarioError
from connectors.ecp.simulator.elsewhere import TARGETS
from connectors.ecp.simulator.fault_kinds import KINDS, WORKS
from connectors.ecp.simulator.idempotency import MODES
from connectors.ecp.simulator.malformed import LEVELS
from connectors.ecp.simulator.normalising import REWRITINGS
from connectors.ecp.simulator.schema_drift import DRIFTS
from tests.simulator.client import Answer, School

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"


def _refresh(school: School) -> Answer:
    return school.send("POST", "/auth/token/refresh", {"refreshToken": school.refresh_token})


def test_a_token_dies_in_the_middle(school: School) -> None:
    """After so many requests the access token is dead for good, and a refresh helps."""
    school.faults({"kind": "token_expired", "match": {"route": "page"}, "skip": 2, "times": 1})
    assert [school.get("subjects").status for _ in range(5)] == [200, 200, 401, 401, 401]
    school.login()
    assert school.get("subjects").status == 200


def test_tokens_may_be_good_for_few_requests(school: School) -> None:
    """A setting gives every new access token so many requests to live."""
    assert school.admin("settings", accessTokenRequests=3)["accessTokenRequests"] == 3
    for _ in range(2):
        school.login()
        assert [school.get("subjects").status for _ in range(5)] == [200, 200, 200, 401, 401]
    school.admin("settings", accessTokenRequests=None)
    school.login()
    assert {school.get("subjects").status for _ in range(5)} == {200}


@pytest.mark.parametrize("kind", ["commit_then_drop", "truncated_body"])
def test_the_answer_to_a_refresh_is_lost(school: School, kind: str) -> None:
    """The server has rotated the pair and nobody knows the new one: the old refresh token is dead."""
    school.faults({"kind": kind, "match": {"route": "refresh"}, "times": 1})
    with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)):
        _refresh(school)
    assert _refresh(school).status == 401
    assert school.get("subjects").status == 200  # the access token at hand lives on
    school.refresh_token = school.admin("tokens/issue")["refreshToken"]
    school.login()


def test_a_refresh_that_never_arrived_costs_nothing(school: School) -> None:
    """Torn down before the server worked on it, or refused in passing: the token may be used again."""
    school.faults(
        {"kind": "reset_before_commit", "match": {"route": "refresh"}, "times": 1},
        {"kind": "unauthorized", "match": {"route": "refresh"}, "times": 1},
    )
    with pytest.raises(ConnectionResetError):
        _refresh(school)
    assert _refresh(school).status == 401
    assert _refresh(school).status == 200


def test_one_stream_may_be_closed(standing: School) -> None:
    """403 for one stream, by page, search and item; the others answer."""
    standing.faults({"kind": "forbidden", "match": {"stream": "marks"}})
    answers = [standing.get("marks"), standing.get("marks/x")]
    answers.append(standing.send("POST", standing.path("marks/search"), {"ids": []}))
    assert {answer.status for answer in answers} == {403}
    assert standing.get("attendance").status == 200


def test_one_school_may_be_struck(standing: School) -> None:
    """A rule may name the organization it is about."""
    other = standing.handle.organizations[1]["id"]
    standing.faults({"kind": "not_found", "match": {"organizationId": other}})
    assert standing.get("subjects").status == 200
    assert standing.send("GET", f"/organizations/{other}/subjects").status == 404
    standing.faults({"kind": "not_found", "match": {"organizationId": standing.id}})
    assert standing.get("subjects").status == 404


def test_a_cursor_expires(standing: School) -> None:
    """410 may come out of the blue, with the reason the contract has for it."""
    standing.faults({"kind": "gone", "match": {"route": "page"}, "times": 1})
    answer = standing.get("subjects?minChangeVersion=1")
    assert (answer.status, answer.code) == (410, "gone")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_have_every_status(standing: School, status: int) -> None:
    """And may lead right back, in circles if nobody stops."""
    standing.faults({"kind": "redirect", "params": {"status": status, "to": "same_address"}, "times": 1})
    answer = standing.get("subjects?pageSize=2")
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers["Location"] == standing.path("subjects?pageSize=2")
    assert standing.send("GET", answer.headers["Location"]).status == 200


def _is_elsewhere(location: str, here: str) -> bool:
    """Whether the address, as a browser understands it, is not of the origin ``here``."""
    try:
        parts = urlsplit(location.replace("\\", "/"))
    except ValueError:
        return True
    return (parts.scheme not in ("", "http")) or (parts.netloc not in ("", here))


@pytest.mark.parametrize("to", TARGETS)
def test_redirects_and_links_lead_where_they_say(standing: School, to: str) -> None:
    """The same addresses by Location, by Link and in the envelope; all but four leave the origin."""
    params = {"to": to}
    standing.faults({"kind": "redirect", "params": params, "times": 1}, {"kind": "next_link", "params": params})
    location = standing.get("subjects").headers["Location"]
    answer = standing.get("subjects")
    page = answer.json
    assert page["next"] == page["nextPage"] == page["links"]["next"]["href"] == location
    assert answer.headers["Link"] == f'<{location}>; rel="next"'
    assert page["items"] == standing.dump("subjects")
    here = f"127.0.0.1:{standing.handle.port}"
    assert _is_elsewhere(location, here) == (to not in ("same_address", "same_origin", "other_path", "empty"))


def test_an_address_may_be_given(standing: School) -> None:
    """Any address at all; those that lead elsewhere are ten and more."""
    standing.faults({"kind": "redirect", "params": {"location": "ftp://x/"}})
    assert standing.get("subjects").headers["Location"] == "ftp://x/"
    assert len(TARGETS) - 4 >= 10


@pytest.mark.parametrize("seconds", [-86_400, -0.5, 600])
def test_clock_skew(standing: School, seconds: float) -> None:
    """serverTime and Date are off by so much, on refusals too; what is stored keeps the right time."""
    standing.admin("clock", set="2026-11-20", frozen=True)
    right = datetime.fromisoformat(standing.get("changeVersion").json["serverTime"])
    standing.faults({"kind": "clock_skew", "params": {"seconds": seconds}}, {"kind": "rate_limited", "skip": 1})
    answer = standing.get("changeVersion")
    wrong = right + timedelta(seconds=seconds)
    assert datetime.fromisoformat(answer.json["serverTime"]) == wrong
    limited = standing.get("changeVersion")
    assert limited.status == 429
    for one in (answer, limited):
        assert parsedate_to_datetime(one.headers["Date"]) == wrong.replace(microsecond=0)
    made = standing.admin("create", stream="guardians", items=[{"lastName": "Ким"}])["items"][0]
    assert datetime.fromisoformat(made["changedAt"]) == right
    standing.faults()
    assert standing.get("changeVersion").headers["Date"] is None


@pytest.mark.parametrize(
    ("how", "stored"),
    [
        (["trim"], "Ёлкина  «Анна»  мария"),
        (["collapse"], " Ёлкина «Анна» мария "),
        (["lower"], " ёлкина  «анна»  мария "),
        (["title", "trim"], "Ёлкина  «Анна»  Мария"),
        (["yo", "quotes"], ' Елкина  "Анна"  мария '),
        (["trim", "collapse", "truncate"], "Ёлкина"),
    ],
)
def test_a_server_keeps_text_in_its_own_form(standing: School, how: list[str], stored: str) -> None:
    """Each rewriting alone, and several one after the other."""
    params = {"how": how, "longest": 6}
    standing.faults({"kind": "normalise", "match": {"route": "batch"}, "params": params})
    item = standing.create("guardians", lastName=" Ёлкина  «Анна»  мария ", homePhone="+79120000001")["item"]
    assert (item["lastName"], item["homePhone"]) == (stored, "+79120000001")


def test_a_server_rewrites_phones(standing: School) -> None:
    """A number comes back as people write it, text stays; updates are rewritten like creates."""
    standing.faults({"kind": "normalise", "match": {"route": "batch"}, "params": {"how": ["phone"]}})
    item = standing.create("guardians", lastName=" Ким", mobilePhone="+79123456789", homePhone=None)["item"]
    assert (item["lastName"], item["mobilePhone"]) == (" Ким", "8 (912) 345-67-89")
    changed = standing.update("guardians", item, homePhone="+73432100000")["item"]
    assert changed["homePhone"] == "8 (343) 210-00-00"


def _keyed(school: School, name: str) -> Answer:
    body = {"items": [{"clientRef": name, "op": "create", "data": {"lastName": name}}]}
    return school.send("POST", school.path("guardians/batch"), body, headers={"Idempotency-Key": "k"})


@pytest.mark.parametrize(
    ("mode", "again", "other"),
    [
        ("replay_any", "stored", "stored"),  # the cache answers whatever the body
        ("ignore_on_mismatch", "stored", "executed"),  # another body: the key is ignored
        ("replay_errors", "stored", 400),  # stored 500s are repeated, too
        ("strict", "stored", 422),  # another body is refused; while the first is under way, 409
        ("replay", "stored", 400),
        ("ignored", "executed", "executed"),
    ],
)
def test_ways_to_treat_a_key(school: School, mode: str, again: str | int, other: str | int) -> None:
    """The four known kinds and two more: the same batch again, and another one under its key."""
    assert mode in MODES
    school.admin("settings", idempotency=mode)
    first = _keyed(school, "Ким")

    def outcome(answer: Answer) -> str | int:
        if answer.status != 200:
            return answer.status
        return "stored" if answer.body == first.body else "executed"

    assert (outcome(_keyed(school, "Ким")), outcome(_keyed(school, "Пак"))) == (again, other)


def test_keys_may_be_forgotten(school: School) -> None:
    """A server that keeps keys for half an hour executes the batch again after that."""
    school.admin("settings", idempotencySeconds=1_800)
    school.admin("clock", frozen=True)
    first = _keyed(school, "Ким")
    school.admin("clock", advance={"seconds": 1_799})
    assert _keyed(school, "Ким").body == first.body
    school.admin("clock", advance={"seconds": 1})
    assert _keyed(school, "Ким").body != first.body
    assert len(school.search("guardians", clientRefs=["Ким"])) == 2


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("slow", {"second": 1}),
        ("slow", {"seconds": -1}),
        ("slow", {"seconds": "1"}),
        ("slow", []),
        ("short_page", {"keep": 2}),
        ("reset_at", {}),
        ("reset_at", {"bytes": 1.5}),
        ("redirect", {"status": 200}),
        ("redirect", {"to": "the moon"}),
        ("schema_drift", {}),
        ("schema_drift", {"drift": "continental"}),
        ("malformed", {"form": "perfect"}),
        ("page_drift", {"kinds": []}),
        ("clock_skew", {"seconds": True}),
        ("normalise", {"how": ["rot13"]}),
    ],
)
def test_bad_parameters_are_refused(standing: School, kind: str, params: Any) -> None:
    """A misspelt or senseless parameter is an error, not a fault that never strikes."""
    with pytest.raises(ScenarioError, match="400"):
        standing.faults({"kind": kind, "params": params})


@pytest.mark.parametrize("probability", [-0.1, 1.5, "often"])
def test_bad_probabilities_are_refused(standing: School, probability: object) -> None:
    """A share is between none and all."""
    with pytest.raises(ScenarioError, match="400"):
        standing.faults({"kind": "slow", "probability": probability})


def test_faults_can_be_looked_up(standing: School) -> None:
    """A program may ask for the kinds, their parameters, and what these may be."""
    found = standing.look("fault-kinds")
    assert found["kinds"]["stale"] == {"stage": "shape", "params": ["at", "versions"]}
    for drift in found["drifts"]:
        standing.faults({"kind": "schema_drift", "params": {"drift": drift}})
    for form in found["forms"]:
        standing.faults({"kind": "malformed", "params": {"form": form}})
    for target in found["targets"]:
        standing.faults({"kind": "next_link", "params": {"to": target}})
    standing.faults({"kind": "normalise", "params": {"how": found["rewritings"]}})


def test_the_contract_lists_every_fault() -> None:
    """docs/contract.md names every kind with exactly its parameters, every drift, and every way to treat a key."""
    text = CONTRACT.read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    listed = {kind: set(re.findall(r"`(\w+)`", params)) for kind, params in rows if kind in KINDS}
    assert listed == {name: set(kind.params) for name, kind in KINDS.items()}
    words = set(re.findall(r"\w+", text))
    assert {*DRIFTS, *MODES, *REWRITINGS, *WORKS, *LEVELS} <= words
