"""Pages, windows of change versions, tombstones, excerpts and searches."""

from __future__ import annotations

import pytest

from tests.simulator.client import Json, School


def _pages(school: School, stream: str, size: int, **query: int) -> list[Json]:
    """All pages of a window, first to last."""
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    pages: list[Json] = []
    while not pages or pages[-1]["hasNextPage"]:
        pages.append(school.get(f"{stream}?pageSize={size}&pageNumber={len(pages) + 1}{extra}").json)
    return pages


def test_pages_cover_everything_once_in_order(school: School) -> None:
    """Pages add up to the total, ordered by change version, with honest neighbours."""
    pages = _pages(school, "marks", 100)
    items = [item for page in pages for item in page["items"]]
    assert items == school.get("marks").json["items"]
    assert [item["changeVersion"] for item in items] == sorted(item["changeVersion"] for item in items)
    assert len({item["id"] for item in items}) == len(items) == pages[0]["totalCount"] == 390
    assert [page["totalPages"] for page in pages] == [4] * 4
    assert [page["hasPreviousPage"] for page in pages] == [False, True, True, True]
    beyond = school.get("marks?pageSize=100&pageNumber=99")
    assert (beyond.status, beyond.json["items"], beyond.json["hasNextPage"]) == (200, [], False)


def test_lower_bound_is_exclusive_and_upper_inclusive(school: School) -> None:
    """A window names exactly the changes after its lower bound up to its upper bound."""
    versions = [item["changeVersion"] for item in school.get("students").json["items"]]
    low, high = versions[3], versions[7]
    window = school.get(f"students?minChangeVersion={low}&maxChangeVersion={high}").json
    assert [item["changeVersion"] for item in window["items"]] == versions[4:8]
    assert window["totalCount"] == 4
    assert school.get(f"students?minChangeVersion={high}&maxChangeVersion={low}").json["totalCount"] == 0


def test_changed_items_move_to_the_end(school: School) -> None:
    """An item changed while somebody pages leaves a fixed window and appears in the next one, once."""
    first = school.get("guardians").json["items"]
    high = first[-1]["changeVersion"]
    for _ in range(3):
        school.admin("bump", stream="guardians", ids=[first[0]["id"], first[5]["id"]])
    fixed = school.get(f"guardians?maxChangeVersion={high}").json
    assert [item["id"] for item in fixed["items"]] == [
        item["id"] for place, item in enumerate(first) if place not in (0, 5)
    ]
    later = school.get(f"guardians?minChangeVersion={high}").json["items"]
    assert [(item["id"], item["version"]) for item in later] == [(first[0]["id"], 4), (first[5]["id"], 4)]


def test_tombstones_reach_readers_of_changes_only(school: School) -> None:
    """A reader with a lower bound, 0 included, sees the deletion; a first reader without a bound does not."""
    items = school.get("guardianships").json["items"]
    gone, high = items[2], items[-1]["changeVersion"]
    school.delete("guardianships", gone)
    listing = school.get("guardianships").json
    assert gone["id"] not in {item["id"] for item in listing["items"]}
    assert listing["totalCount"] == len(items) - 1
    assert gone["id"] in {item["id"] for item in school.get("guardianships?minChangeVersion=0").json["items"]}
    (tombstone,) = school.get(f"guardianships?minChangeVersion={high}").json["items"]
    assert (tombstone["id"], tombstone["deleted"]) == (gone["id"], True)
    assert school.get(f"guardianships/{gone['id']}").json == tombstone
    assert school.search("guardianships", ids=[gone["id"]]) == [tombstone]
    key = {"studentId": gone["studentId"], "guardianId": gone["guardianId"]}
    assert school.search("guardianships", keys=[key]) == []


def test_compacted_history_is_gone(school: School) -> None:
    """A lower bound under the oldest kept version is 410, 0 included; a first reading and later bounds work."""
    link = school.dump("guardianships")[0]
    dead = school.delete("guardianships", link)
    oldest = school.admin("compact", streams=["guardianships"])["oldest"]["guardianships"]
    assert oldest == dead["changeVersion"]
    versions = school.get("changeVersion").json["streams"]
    assert versions["guardianships"] == {"newest": oldest, "oldest": oldest}
    assert versions["marks"]["oldest"] == 0
    refused = school.get(f"guardianships?minChangeVersion={oldest - 1}")
    assert (refused.status, refused.code) == (410, "gone")
    assert school.get(f"guardianships?minChangeVersion={oldest}").json["items"] == []
    assert school.get("guardianships?minChangeVersion=0").status == 410
    assert school.get("guardianships").status == 200
    assert school.get(f"guardianships/{link['id']}").status == 404


def test_change_versions_are_one_sequence_of_the_organization(school: School) -> None:
    """A write to any stream continues the sequence of the school, and only of that school."""
    before = {org["id"]: org["changeVersion"] for org in school.look("state")["organizations"]}
    school.create("guardians", lastName="Первая")
    school.create("guardians", lastName="Вторая")
    after = {org["id"]: org["changeVersion"] for org in school.look("state")["organizations"]}
    assert after.pop(school.id) == before.pop(school.id) + 2
    assert after == before
    newest = school.get("changeVersion").json["streams"]["guardians"]["newest"]
    assert newest == max(item["changeVersion"] for item in school.dump("guardians"))


def test_fields_gives_only_those_keys(school: School) -> None:
    """The cheap listing and any other choice of keys; an unknown key is refused."""
    items = school.get("marks?pageSize=3").json["items"]
    for names in (("id", "version", "changeVersion"), ("id", "version"), ("id",)):
        cheap = school.get(f"marks?pageSize=3&fields={','.join(names)}").json["items"]
        assert cheap == [{name: item[name] for name in names} for item in items]
    chosen = school.get("marks?pageSize=3&fields=grade,id").json["items"]
    assert chosen == [{"grade": item["grade"], "id": item["id"]} for item in items]
    assert school.get("marks?fields=id,nothing").status == 400


@pytest.mark.parametrize(
    "query",
    ["pageSize=1001", "pageSize=0", "pageNumber=0", "pageNumber=x", "minChangeVersion=-1", "maxChangeVersion=1.5"],
)
def test_bad_paging_is_refused(school: School, query: str) -> None:
    """Numbers out of range are 400 with the name of the parameter."""
    answer = school.get(f"marks?{query}")
    assert (answer.status, answer.json["issue"][0]["path"]) == (400, query.partition("=")[0])


def test_search_by_each_natural_key(school: School) -> None:
    """Every writable stream finds an item by each of its natural keys."""
    keys: dict[str, list[tuple[str, ...]]] = {
        "students": [("snils",), ("lastName", "firstName", "surName", "birthDate")],
        "guardians": [("lastName", "firstName", "surName", "mobilePhone")],
        "guardianships": [("studentId", "guardianId")],
        "movements": [("studentId", "movementType", "orderNumber", "movementDate")],
        "marks": [("studentId", "lessonId")],
        "final-marks": [("studentId", "subjectId", "periodId", "gradeKind")],
        "attendance": [("studentId", "lessonId")],
    }
    for stream, choices in keys.items():
        for names in choices:
            item = next(item for item in school.dump(stream) if all(item[name] for name in names))
            found = school.search(stream, keys=[{name: item[name] for name in names}])
            assert [one["id"] for one in found] == [item["id"]]


def test_search_finds_what_a_client_created(school: School) -> None:
    """A client reference leads back to the item, or to its tombstone; many at once."""
    made = school.batch("guardians", *({"op": "create", "data": {"lastName": f"Мать{n}"}} for n in "АБВ"))
    results = made.json["results"]
    refs = [result["clientRef"] for result in results]
    assert {item["id"] for item in school.search("guardians", clientRefs=[*refs, "other"])} == {
        result["id"] for result in results
    }
    school.delete("guardians", results[0])
    found = {item["id"]: item.get("deleted", False) for item in school.search("guardians", clientRefs=refs)}
    assert found == {result["id"]: result is results[0] for result in results}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": ["a"], "keys": []},
        {"ids": "a"},
        {"ids": [5]},
        {"keys": [{"grade": "5"}]},
        {"ids": ["x"] * 501},
        [],
        5,
    ],
)
def test_bad_searches_are_refused(school: School, body: object) -> None:
    """Anything but one list of at most 500 ids, references or natural keys is 400."""
    assert school.send("POST", school.path("marks/search"), body).status == 400
