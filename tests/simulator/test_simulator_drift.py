"""Data that moves under its reader: records that change between two pages, copies that lag, counts that lie."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.ecp.simulator import ScenarioError
from connectors.ecp.simulator.shapes import SHAPES
from tests.simulator.client import Json, School, start_school

SIZE = 8


def _drift(school: School, **params: Any) -> None:
    school.faults({"kind": "page_drift", "match": {"route": "page"}, "params": params})


def _missed(school: School, stream: str, *, forwards: bool) -> set[str]:
    """Live records of a window that a reader of all its pages has not met; those changed later are no concern."""
    window = f"{stream}?maxChangeVersion={school.get('changeVersion').json['streams'][stream]['newest']}"
    first = school.get(f"{window}&pageSize={SIZE}").json
    order = range(1, first["totalPages"] + 1)
    met = set()
    for number in order if forwards else reversed(order):
        page = school.get(f"{window}&pageSize={SIZE}&pageNumber={number}").json
        met |= {item["id"] for item in page["items"]}
    school.faults()
    left: list[Json] = school.get(f"{window}&pageSize=1000").json["items"]
    return {item["id"] for item in left} - met


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("params", [{"kinds": ["edit"], "count": 3}, {"count": 3}, {"kinds": ["bump"], "count": 5}])
def test_only_who_reads_backwards_misses_nothing(school: School, seed: int, params: Json) -> None:
    """While each page is read some of its records move on: who pages forwards misses records, who pages back none."""
    stream = "attendance"
    _drift(school, seed=seed, **params)
    assert _missed(school, stream, forwards=True)
    _drift(school, seed=seed, **params)
    assert not _missed(school, stream, forwards=False)


def test_page_drift_follows_its_seed() -> None:
    """The same seed does the same to the same world."""
    states = []
    for seed in (1, 1, 2):
        school = start_school()
        school.admin("clock", set="2026-11-20", frozen=True)
        _drift(school, seed=seed, count=4, kinds=["insert", "edit", "delete", "bump"])
        for _ in range(3):
            school.get("guardianships")
        states.append(school.look("dump", stream="guardianships")["items"])
        school.close()
    assert states[0] == states[1] != states[2]


@pytest.mark.parametrize("stream", SHAPES)
@pytest.mark.parametrize("kind", ["insert", "edit", "delete", "bump"])
def test_people_at_work_leave_records_in_form(standing: School, stream: str, kind: str) -> None:
    """Every stream can be worked on; what is made or changed is accepted by the checks of a write."""
    before = {item["id"]: item for item in standing.look("dump", stream=stream)["items"]}
    done = standing.admin("work", stream=stream, kinds=[kind], count=3, seed=7)["done"]
    after = {item["id"]: item for item in standing.look("dump", stream=stream)["items"]}
    assert {entry["did"] for entry in done} <= {kind, "edit"}
    assert len(done) == 3
    assert {item_id for item_id, item in after.items() if before.get(item_id) != item} == {one["id"] for one in done}
    for one in done:
        item = after[one["id"]]
        assert (one["did"] == "insert") == (one["id"] not in before)
        assert (one["did"] == "delete") == item["deleted"]
        filled = [field for field in SHAPES[stream].fields if item.get(field.name)]
        assert [field.name for field in filled if field.check(item[field.name])] == []
        if one["did"] == "bump":
            assert {**item, **_moved(before[one["id"]])} == before[one["id"]]


def _moved(item: Json) -> Json:
    return {name: item[name] for name in ("version", "changeVersion", "changedAt")}


def test_work_on_nothing_is_refused(standing: School) -> None:
    """Unknown streams and kinds are errors."""
    for body in (
        {"stream": "final_marks"},
        {"stream": "marks", "kinds": ["steal"]},
        {"stream": "marks", "kinds": []},
    ):
        with pytest.raises(ScenarioError):
            standing.admin("work", **body)


def test_a_stale_copy_lags_by_versions(school: School) -> None:
    """Pages, single items, searches and change versions are answered as they were so many changes ago."""
    mark, gone = school.dump("attendance")[:2]
    honest = school.get("attendance?minChangeVersion=0").json
    versions = school.get("changeVersion").json["streams"]
    edit = {"stream": "attendance", "items": [{"id": mark["id"], "changes": {"reason": "Новая"}}]}
    school.admin("edit", **edit)
    school.admin("delete", stream="attendance", ids=[gone["id"]])
    added = school.admin("work", stream="attendance", kinds=["insert"])["done"][0]["id"]
    school.faults({"kind": "stale", "params": {"versions": 3}})
    assert school.get("attendance?minChangeVersion=0").json == honest
    assert school.get("changeVersion").json["streams"] == versions
    assert school.get(f"attendance/{mark['id']}").json == mark
    assert school.get(f"attendance/{added}").status == 404
    assert school.search("attendance", ids=[mark["id"], added]) == [mark]
    school.faults({"kind": "stale", "params": {"versions": 1}})
    page = {item["id"]: item for item in school.get("attendance?minChangeVersion=0").json["items"]}
    assert page[mark["id"]]["reason"] == "Новая"
    assert page[gone["id"]]["deleted"]
    assert added not in page
    school.faults()
    assert added in {item["id"] for item in school.get("attendance").json["items"]}


def test_a_stale_copy_may_stand_still(school: School) -> None:
    """A cache answers with one moment, whatever happens since."""
    at = school.look("state")["organizations"][0]["changeVersion"]
    before = school.get("subjects").json
    school.faults({"kind": "stale", "match": {"route": "page"}, "params": {"at": at}})
    for _ in range(3):
        school.admin("work", stream="subjects", kinds=["insert", "edit"], count=2)
        assert school.get("subjects").json == before


def test_short_pages_lose_head_middle_or_tail(standing: School) -> None:
    """Which part is missing can be chosen; an honest total agrees in all it says."""
    whole = standing.get("subjects").json["items"]
    kept = len(whole) // 2
    for lost, left in (
        ("tail", whole[:kept]),
        ("head", whole[-kept:]),
        ("middle", whole[: kept - kept // 2] + whole[len(whole) - kept // 2 :]),
    ):
        params = {"keep": 0.5, "lost": lost, "honestTotal": True}
        standing.faults({"kind": "short_page", "match": {"route": "page"}, "params": params})
        page = standing.get("subjects?pageSize=1000").json
        assert page["items"] == left
        assert (page["totalCount"], page["totalPages"], page["hasNextPage"]) == (kept, 1, False)


def test_an_empty_list_may_keep_its_total(standing: School) -> None:
    """200 without items, and a count that says there are some."""
    total = standing.get("subjects").json["totalCount"]
    standing.faults({"kind": "empty_list", "match": {"route": "page"}, "params": {"keepTotal": True}})
    page = standing.get("subjects").json
    assert (page["items"], page["totalCount"]) == ([], total)


@pytest.mark.parametrize("by", [-3, 4, 2_000])
def test_wrong_total(standing: School, by: int) -> None:
    """The items are all there and the count says otherwise."""
    honest = standing.get("subjects").json
    standing.faults({"kind": "wrong_total", "match": {"route": "page"}, "params": {"by": by}})
    page = standing.get("subjects").json
    assert page["items"] == honest["items"]
    assert page["totalCount"] == honest["totalCount"] + by
    assert page["hasNextPage"] == (by == 2_000)


@pytest.mark.parametrize("how", ["null", "absent", "repeated", "backwards"])
@pytest.mark.parametrize("field", ["version", "changeVersion"])
def test_flaky_versions(standing: School, field: str, how: str) -> None:
    """Some versions are null or absent, repeat that of the item before, or go back; all else stays."""
    honest = standing.get("marks").json["items"]
    params = {"fields": [field], "how": [how], "share": 0.5, "seed": 4}
    standing.faults({"kind": "flaky_versions", "params": params})
    flaky = standing.get("marks").json["items"]
    shaken = [place for place, item in enumerate(flaky) if item != honest[place]]
    assert len(shaken) < len(flaky)
    assert shaken or (field, how) == ("version", "repeated")  # all versions are 1 here: repeating changes nothing
    for place in shaken:
        was, item = honest[place], flaky[place]
        assert {**item, field: was[field]} == was
        assert (field in item) == (how != "absent")
        if how == "null":
            assert item[field] is None
        elif how == "repeated":
            assert item[field] == honest[place - 1][field]
        elif how == "backwards":
            assert item[field] < was[field]


def test_no_versions_at_all(standing: School) -> None:
    """A server may keep none of the three."""
    params = {"fields": ["version", "changeVersion", "changedAt"]}
    standing.faults({"kind": "no_versions", "params": params})
    assert not any(set(params["fields"]) & set(item) for item in standing.get("marks").json["items"])


def test_some_records_can_be_bumped(school: School) -> None:
    """So many versions move without a change, the same ones for the same seed."""
    before = {item["id"]: item for item in school.dump("marks")}
    assert school.admin("bump", stream="marks", count=7, seed=5)["bumped"] == 7
    after = {item["id"]: item for item in school.dump("marks")}
    moved = {item_id for item_id, item in after.items() if item != before[item_id]}
    assert len(moved) == 7
    assert all({**after[item_id], **_moved(before[item_id])} == before[item_id] for item_id in moved)
    school.admin("bump", stream="marks", count=7, seed=5)
    assert {item["id"] for item in school.dump("marks") if item["version"] == 3} == moved
