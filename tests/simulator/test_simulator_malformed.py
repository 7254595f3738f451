"""Broken answers and answers of another version: each is what its name says, and follows from its seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from connectors.ecp.simulator import malformed, malformed_text, malformed_values, malformed_wire
from connectors.ecp.simulator.malformed import FORMS
from connectors.ecp.simulator.schema_drift import DRIFTS
from connectors.ecp.simulator.wire import Reply
from tests.simulator.client import Answer, Json, School
from tests.simulator.test_simulator_contract import DOCUMENT
from tests.simulator.wires import Flaw, Received, receive, strict_body, strict_json

COMPONENTS = DOCUMENT["components"]
PAGE = "marks?pageSize=3"
HONEST_LEVELS = {"wire": 0, "text": 1, "shape": 2, "item": 3}
CONTROLS = re.compile("[\0-\x1f\x7f\u202e\ufffe]")


@cache
def _schema(name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": COMPONENTS}
    return OAS31Validator(schema, format_checker=oas31_format_checker)


def _verdict(sent: bytes) -> int:
    """How far a strict reader of the contract gets: HTTP, JSON, the shape of the page, its items, all of it."""
    try:
        body = strict_body(sent)
    except Flaw:
        return 0
    try:
        value = strict_json(body)
    except Flaw:
        return 1
    if not isinstance(value, dict) or not _schema("PageTotals").is_valid(value):
        return 2
    if not isinstance(value.get("items"), list):
        return 2
    return 4 if all(map(_in_form, value["items"])) else 3


def _in_form(item: Any, schema: str = "Mark") -> bool:
    if not _schema(schema).is_valid(item):
        return False
    numbers = [value for value in item.values() if isinstance(value, int)]
    texts = [value for value in item.values() if isinstance(value, str)]
    return max(numbers, default=0) < 2**63 and not any(CONTROLS.search(one) or len(one) > 500 for one in texts)


def _broken(school: School, **params: Any) -> Received:
    school.faults({"kind": "malformed", "match": {"route": "page"}, "params": params})
    return receive(school, school.path(PAGE))


def test_no_form_hides_another() -> None:
    """Names are unique across the levels."""
    levels = [list(malformed_wire.FORMS), list(malformed_text.FORMS)]
    levels += [list(malformed_values.SHAPES), list(malformed_values.ITEMS)]
    assert list(FORMS) == [name for names in levels for name in names]
    assert len(FORMS) > 60


def test_an_honest_answer_is_in_order(standing: School) -> None:
    """The reader of these tests has nothing against an answer without faults."""
    assert _verdict(receive(standing, standing.path(PAGE)).all) == 4


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_broken_where_it_says(standing: School, form: str) -> None:
    """A strict reader stops at the level of the form, whatever the seed."""
    for seed in range(6):
        received = _broken(standing, form=form, seed=seed)
        assert _verdict(received.all) == HONEST_LEVELS[FORMS[form].level], (form, seed, received.all[:600])


def test_the_seed_decides_and_every_answer_differs(standing: School) -> None:
    """The same seed breaks the same answers in the same ways, the next answer otherwise than the last."""
    runs = []
    for seed in (1, 1, 2):
        standing.faults({"kind": "malformed", "match": {"route": "page"}, "params": {"seed": seed}})
        runs.append([receive(standing, standing.path(PAGE)).all for _ in range(12)])
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) > 6


def test_seeds_give_ever_new_answers(standing: School) -> None:
    """Enough different ones for any sweep, and every form among them."""
    body = receive(standing, standing.path(PAGE)).body
    answers, used = set(), set()
    for seed in range(3_000):
        reply = Reply(status=200, body=body)
        used.add(malformed.broken(reply, random.Random(seed)))
        answers.add(hash(reply.raw if reply.raw is not None else reply.body))
    assert used == set(FORMS)
    assert len(answers) > 1_200, len(answers)


@pytest.mark.parametrize("level", malformed.LEVELS)
def test_a_level_can_be_asked_for(standing: School, level: str) -> None:
    """A rule may be content with, say, single broken items."""
    assert _verdict(_broken(standing, level=level, seed=5).all) == HONEST_LEVELS[level]


ROUTES: dict[
    str, tuple[Callable[[School], Answer], str]
] = {  # the call, the schema of the answer or of an item of its list
    "changeVersion": (lambda school: school.get("changeVersion"), "ChangeVersions"),
    "get": (lambda school: school.get(f"marks/{school.dump('marks')[0]['id']}"), "Mark"),
    "search": (lambda school: school.send("POST", school.path("marks/search"), _marks(school)), "Mark"),
    "batch": (lambda school: school.batch("guardians", KIM), "GuardianResult"),
    "available": (lambda school: school.send("POST", "/enrolment/available/search", NOBODY), "PersonResult"),
    "refresh": (lambda school: _refreshed(school), "TokenPair"),
}
KIM: Json = {"op": "create", "data": {"lastName": "Ким"}}
NOBODY: Json = {"persons": [{"ref": "1", "lastName": "Ким", "firstName": "Ан", "birthDate": "2015-01-01"}]}


def _marks(school: School) -> Json:
    return {"ids": [mark["id"] for mark in school.dump("marks")[:2]]}


def _refreshed(school: School) -> Answer:
    return school.send("POST", "/auth/token/refresh", {"refreshToken": school.admin("tokens/issue")["refreshToken"]})


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_can_be_malformed(school: School, route: str) -> None:
    """Forms that need a list make do with what the answer has; none leaves the answer whole."""
    call, schema = ROUTES[route]
    for seed, form in enumerate(name for name, known in FORMS.items() if known.level in ("shape", "item")):
        params = {"form": form, "seed": seed}
        school.faults({"kind": "malformed", "match": {"route": route}, "params": params})
        answer = call(school)
        value = strict_json(answer.body)
        items = (value.get("items") or value.get("results")) if isinstance(value, dict) else None
        whole = isinstance(items, list) and all(_in_form(item, schema) for item in items)
        assert answer.status == 200
        assert not whole, (form, value)
        assert items or not isinstance(value, dict) or not _in_form(value, schema), (form, value)


def _drifted(school: School, drift: str, stream: str = "marks") -> Any:
    school.faults({"kind": "schema_drift", "match": {"route": "page"}, "params": {"drift": drift}})
    return school.get(f"{stream}?pageSize=3").json


def test_drifts_are_many_and_told_apart(standing: School) -> None:
    """At least a dozen that break a reader, no two of them alike."""
    breaking = {name: str(_drifted(standing, name)) for name, drift in DRIFTS.items() if drift.breaking}
    assert len(set(breaking.values())) == len(breaking) >= 12


@pytest.mark.parametrize("drift", [name for name, drift in DRIFTS.items() if not drift.breaking])
def test_additive_drifts_keep_the_contract(standing: School, drift: str) -> None:
    """All that was there is there, in form; what is new stands beside it."""
    honest = standing.get(PAGE).json
    page = _drifted(standing, drift)
    assert str(page) != str(honest)
    assert {name: page[name] for name in honest if name != "items"} == {
        name: value for name, value in honest.items() if name != "items"
    }
    for item, before in zip(page["items"], honest["items"], strict=True):
        assert {name: item[name] for name in before} == before
        assert _in_form(item)


@pytest.mark.parametrize("drift", [name for name, drift in DRIFTS.items() if drift.breaking])
def test_breaking_drifts_break_the_contract(standing: School, drift: str) -> None:
    """The page, or every item of it, is out of form."""
    page = _drifted(standing, drift)
    if isinstance(page, dict) and isinstance(page.get("items"), list) and _schema("PageTotals").is_valid(page):
        assert len(page["items"]) == 3
        assert not any(_in_form(item) for item in page["items"])


def test_drifts_reach_every_answer_with_items(school: School) -> None:
    """Single items, searches and the results of a batch drift like pages; fields and share can be chosen."""
    mark = school.dump("marks")[0]
    rule: Json = {"kind": "schema_drift", "params": {"drift": "renamed_field", "field": "grade"}}
    school.faults(rule)
    assert "gradeV2" in school.get(f"marks/{mark['id']}").json
    assert "gradeV2" in school.search("marks", ids=[mark["id"]])[0]
    rule["params"]["field"] = "lastName"
    school.faults(rule)
    assert "lastNameV2" in school.create("guardians", lastName="Ким")["item"]
    school.faults({"kind": "schema_drift", "params": {"drift": "missing_id", "share": 0.5, "seed": 3}})
    items = school.get("marks").json["items"]
    assert 0 < sum("id" in item for item in items) < len(items)
    assert school.get("marks").json["items"] != items  # another draw for the next page
