"""The scenario endpoints: what a regional user, a clock and an operator can do."""

from __future__ import annotations

import pytest

from connectors.ecp.simulator import ScenarioError
from connectors.ecp.simulator.application import Application
from connectors.ecp.simulator.wire import Request
from tests.simulator.client import DAY, School, start_school


def test_scenarios_answer_over_http_without_login(school: School) -> None:
    """The endpoints take JSON without a token; GET takes its query."""
    headers = {"Authorization": ""}
    state = school.send("GET", "/simulator/state", headers=headers)
    assert (state.status, state.json["serverDate"]) == (200, DAY)
    dump = school.send("GET", f"/simulator/dump?stream=subjects&organizationId={school.id}", headers=headers)
    assert dump.json["items"] == school.dump("subjects")
    moved = school.send("POST", "/simulator/clock", {"advance": {"days": 1}}, headers=headers)
    assert moved.json["serverDate"] == "2026-11-21"
    assert school.send("GET", "/simulator/nothing").status == 404
    assert school.send("PUT", "/simulator/clock", {}).status == 405
    assert school.send("POST", "/simulator/edit", {"stream": "marks"}).status == 400
    assert school.send("POST", "/simulator/edit", []).status == 400


def test_scenarios_are_for_this_machine_only(school: School) -> None:
    """A caller from elsewhere is 403."""
    application = Application(school.handle.world, school.handle.stopping)
    request = Request(method="GET", path="/simulator/state", query={}, headers={}, body=b"", peer="192.0.2.7")
    assert application(request).status == 403


def test_state_counts_what_is_there(school: School) -> None:
    """The summary agrees with the dumps."""
    ours = school.look("state")["organizations"][0]
    for stream, counts in ours["streams"].items():
        assert counts["live"] == len(school.dump(stream))
        assert counts["tombstones"] == 0
    school.delete("guardianships", school.dump("guardianships")[0])
    links = school.look("state")["organizations"][0]["streams"]["guardianships"]
    assert (links["live"], links["tombstones"]) == (len(school.dump("guardianships")), 1)
    assert len(school.look("dump", stream="guardianships")["items"]) == links["live"] + 1
    assert ours["enrolled"] == len(school.dump("students"))


def test_counters_count_and_reset(school: School) -> None:
    """Requests by route, answers by status, records served, writes applied."""
    school.admin("reset-counters")
    school.get("marks?pageSize=100")
    school.get("marks/none")
    school.create("guardians", lastName="Ким")
    counters = school.look("counters")
    assert counters["requests"] == {"GET page marks": 1, "GET get marks": 1, "POST batch guardians": 1}
    assert counters["statuses"] == {"200": 2, "404": 1}
    assert counters["recordsServed"] == {"marks": 100}
    assert counters["writesApplied"] == {"guardians create": 1}
    school.admin("reset-counters")
    assert not any(school.look("counters").values())


def test_regional_edits_bypass_the_rules_and_move_versions(school: School) -> None:
    """A regional user edits a mark of September in November, and stores keys of its own."""
    mark = school.dump("marks")[0]
    edited = school.admin("edit", stream="marks", items=[{"id": mark["id"], "changes": {"grade": "1", "extra": 5}}])
    (item,) = edited["items"]
    assert (item["grade"], item["extra"], item["version"]) == ("1", 5, 2)
    assert item["changeVersion"] > school.dump("attendance")[-1]["changeVersion"]
    made = school.admin("create", stream="marks", items=[{**_key(mark), "grade": "5", "ordinal": 9}])["items"][0]
    assert made["weight"] == 1
    gone = school.admin("delete", stream="marks", ids=[made["id"]])["items"][0]
    assert (gone["deleted"], gone["version"]) == (True, 2)
    with pytest.raises(ScenarioError):
        school.admin("edit", stream="marks", items=[{"id": "none", "changes": {}}])


def _key(mark: dict[str, object]) -> dict[str, object]:
    return {name: mark[name] for name in ("studentId", "lessonId")}


def test_bump_moves_versions_and_nothing_else(school: School) -> None:
    """Version and change version grow, the content stays."""
    before = school.dump("guardians")
    assert school.admin("bump", stream="guardians")["bumped"] == len(before)
    moving = {"version", "changeVersion", "changedAt"}
    after = school.dump("guardians")
    assert [_without(item, moving) for item in after] == [_without(item, moving) for item in before]
    assert all(item["version"] == 2 for item in after)


def _without(item: dict[str, object], names: set[str]) -> dict[str, object]:
    return {name: value for name, value in item.items() if name not in names}


def test_directory_edits_reach_every_school(school: School) -> None:
    """A school that gives up keeping movement is seen so by all."""
    other = school.handle.organizations[1]["id"]
    school.admin("edit", stream="organizations", items=[{"id": other, "changes": {"keepsMovement": False}}])
    for organization in school.handle.organizations:
        items = school.look("dump", stream="organizations", organizationId=organization["id"])["items"]
        assert next(item for item in items if item["id"] == other)["keepsMovement"] is False


def test_late_entry_opens_classes(school: School) -> None:
    """All classes or some, with a growing version; null closes again."""
    ids = [item["id"] for item in school.dump("classes")]
    opened = school.admin("late-entry", classIds="all", until="2026-12-01")["items"]
    assert [(item["id"], item["lateEntryUntil"], item["version"]) for item in opened] == [
        (class_id, "2026-12-01", 2) for class_id in ids
    ]
    assert school.admin("late-entry", classIds=ids[:1], until=None)["items"][0]["lateEntryUntil"] is None
    with pytest.raises(ScenarioError):
        school.admin("late-entry", classIds="all", until="завтра")


def test_timetable_reuses_what_exists(school: School) -> None:
    """Known classes, subjects and lessons keep their ids; new ones are made."""
    before = {stream: len(school.dump(stream)) for stream in ("classes", "subjects", "lessons")}
    row = {"class": "7Г", "subject": "Астрономия", "date": DAY, "number": 3}
    first = school.admin("timetable", classes=[{"name": "7Г", "parallel": 7}], lessons=[row])
    second = school.admin("timetable", lessons=[row], subjects=["Алгебра"])
    assert second["lessons"] == first["lessons"]
    assert {stream: len(school.dump(stream)) - count for stream, count in before.items()} == {
        "classes": 1,
        "subjects": 1,
        "lessons": 1,
    }
    assert school.get(f"classes/{first['classes']['7Г']}").json["parallel"] == 7
    assert second["subjects"]["Алгебра"] in {item["id"] for item in school.dump("subjects")}


def test_timetable_replaces_the_day_of_a_class(school: School) -> None:
    """Other lessons of the named class on the named day become tombstones; other days stay."""
    row = {"class": "8А", "subject": "Алгебра", "date": DAY, "number": 1}
    before = school.dump("lessons")
    made = school.admin("timetable", lessons=[row], replaceLessons=True)
    class_id = made["classes"]["8А"]
    after = school.dump("lessons")
    assert [item["id"] for item in after if (item["classId"], item["lessonDate"]) == (class_id, DAY)] == [
        made["lessons"][0]["id"]
    ]
    untouched = [item for item in before if (item["classId"], item["lessonDate"]) != (class_id, DAY)]
    assert [item for item in after if (item["classId"], item["lessonDate"]) != (class_id, DAY)] == untouched


def test_timetable_can_be_prolonged(school: School) -> None:
    """The weekly plan goes on for days that have no lessons yet, and only for those."""
    before = len(school.dump("lessons"))
    school.admin("timetable", generate={"from": "2026-09-01", "until": "2026-12-11"})
    days = {item["lessonDate"] for item in school.dump("lessons")[before:]}
    assert days == {"2026-12-07", "2026-12-08", "2026-12-09", "2026-12-10", "2026-12-11"}
    school.admin("timetable", generate={"from": "2026-09-01", "until": "2026-12-11"})
    assert {item["lessonDate"] for item in school.dump("lessons")[before:]} == days


def test_clock_is_set_advanced_and_frozen(school: School) -> None:
    """A day means ten in the morning in Yekaterinburg; a frozen clock stands still."""
    assert school.admin("clock", set="2027-01-15", frozen=True)["serverTime"] == "2027-01-15T05:00:00.000Z"
    assert school.admin("clock", advance={"hours": 14})["serverDate"] == "2027-01-16"
    assert school.look("state")["serverTime"] == "2027-01-15T19:00:00.000Z"
    assert school.get("changeVersion").json["serverTime"] == "2027-01-15T19:00:00.000Z"
    made = school.create("guardians", lastName="Ким")["item"]
    assert made["changedAt"] == "2027-01-15T19:00:00.000Z"


def test_persons_are_drawn_and_fixed(school: School) -> None:
    """What the caller gives stands, explicit null included; the rest is drawn and differs."""
    cards = [{"status": "available", "lastName": "Уникальный", "snils": None}, {"status": "available"}]
    first, second = school.admin("persons", persons=cards)["persons"]
    assert (first["lastName"], first["snils"]) == ("Уникальный", None)
    assert second["snils"] != first["snils"]
    assert school.look("persons", personId=first["personId"])["persons"] == [first]
    enrolled = school.new_person("enrolled")
    assert school.get(f"students/{enrolled['studentId']}").json["personId"] == enrolled["personId"]
    assert enrolled in [
        {**one, "studentId": enrolled["studentId"]}
        for one in school.look("persons", organizationId=school.id)["persons"]
    ]


def test_release_needs_somebody_enrolled(school: School) -> None:
    """Nobody found, or nobody enrolled: an error that says so."""
    free = school.new_person("available")
    for wanted in ({"personId": free["personId"]}, {"personId": "nobody"}):
        with pytest.raises(ScenarioError, match="404"):
            school.admin("release", **wanted)


def test_release_writes_the_departure_of_that_school(school: School) -> None:
    """The other school's stream gets a departure to us, by the order that was named."""
    other = school.handle.organizations[2]["id"]
    person = school.new_person("enrolled", organizationId=other)
    made = school.admin("release", personId=person["personId"], date="2026-11-18", orderNumber="9-в")
    moves = school.look("dump", stream="movements", organizationId=other)["items"]
    departure = next(item for item in moves if item["id"] == made["movementId"])
    assert (departure["movementType"], departure["movementDate"], departure["orderNumber"]) == (
        "Выбытие",
        "2026-11-18",
        "9-в",
    )
    assert departure["destinationOrganizationId"] == school.id


def test_further_schools_join_the_region(school: School) -> None:
    """A new school has its token, its data and a place in the directory of all."""
    made = school.admin("organizations", shortName="Гимназия № 9", population="small")
    assert made == school.handle.organizations[-1]
    school.index, school.refresh_token = len(school.handle.organizations) - 1, made["refreshToken"]
    school.login()
    assert len(school.get("students").json["items"]) == 39
    names = {item["shortName"] for item in school.get("organizations").json["items"]}
    assert {"Гимназия № 9", "МАОУ СОШ № 12"} <= names
    bare = school.admin("organizations", population="none")
    assert school.look("dump", stream="classes", organizationId=bare["id"])["items"] == []


def test_people_of_further_schools_are_no_copies() -> None:
    """Populated schools of one region never share a СНИЛС."""
    school = start_school()
    try:
        for _ in range(3):
            school.admin("organizations", population="small")
        snils = [person["snils"] for person in school.look("persons")["persons"] if person["snils"]]
    finally:
        school.close()
    assert len(snils) == len(set(snils))


def test_settings_are_checked(school: School) -> None:
    """An unknown way of treating keys is refused."""
    with pytest.raises(ScenarioError):
        school.admin("settings", idempotency="magic")
