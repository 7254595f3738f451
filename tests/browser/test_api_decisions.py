"""``/api/v1``: holds, quarantine, doubles, releases, runs and resyncs, in the shapes of the command line."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from sync_service.domain.errors import Unreachable
from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.web import errands
from tests.browser.held import held, lost_marks, marked_pupils
from tests.browser.site import SCHOOL, Site, furnished
from tests.browser.test_api import problem, program
from tests.browser.test_letters import not_released
from tests.browser.test_quarantine_page import two_unreadable_marks
from tests.browser.test_resync_page import edited
from tests.browser.test_state_and_runs import connected
from tests.unit.guard.crowd import rows_of


@pytest.fixture
def reached(school_page: Site) -> Site:
    """The page's service talks to the region of the test."""
    connected(school_page)
    return school_page


def acts_of(where: Site, name: str = "Журнал школы") -> set[str]:
    return {row["act"] for row in where.world.rows("audit") if row["actor"] == name}


def many_phones(where: Site) -> int:
    """One field changed of almost everybody; the number of the hold."""
    marked_pupils(where)
    for row in rows_of(where.world, "students")[:25]:
        where.world.update("students", row, phone="+79120000055")
    where.world.sync()
    return held(where.world)


def test_a_program_releases_exactly_the_set_it_read(reached: Site) -> None:
    """Another digest is refused (409); the decision can be taken back and another one made."""
    number = many_phones(reached)
    api = program(reached, Role.DIRECTOR)
    view = api.get(f"/holds/{number}").json()
    assert problem(api.post(f"/holds/{number}/release", json={"digest": "other"}), 409)["title"] == "stale"
    assert problem(api.post(f"/holds/{number}/discard", json={"digest": "other"}), 409)
    assert problem(api.post(f"/holds/{number}/release", json={}), 422)["title"] == "malformed"
    mine = {"digest": view["digest"]}
    assert api.post(f"/holds/{number}/release", json=mine).json() == {"id": number, "state": "released"}
    assert problem(api.post(f"/holds/{number}/release", json=mine), 409)
    assert api.post(f"/holds/{number}/undo").json() == {"id": number, "state": "open"}
    assert api.post(f"/holds/{number}/recheck").json() == {"id": number, "state": "superseded"}
    reached.world.sync()
    again = held(reached.world)
    fresh = {"digest": api.get(f"/holds/{again}").json()["digest"]}
    assert api.post(f"/holds/{again}/discard", json=fresh).json() == {"id": again, "state": "discarded"}
    reached.world.sync()
    assert all(card["phone"] != "+79120000055" for card in reached.world.remote.records(Stream.STUDENTS).values())
    assert acts_of(reached) >= {"decide", "undo"}


def test_a_program_is_no_second_person(reached: Site) -> None:
    """A deletion is not released by tokens, however many; discarding it is one word."""
    marked_pupils(reached)
    number = lost_marks(reached, 10)
    for name in ("Журнал школы", "Другая программа"):
        api = program(reached, Role.ADMIN, name)
        body = {"digest": api.get(f"/holds/{number}").json()["digest"]}
        assert "два человека" in problem(api.post(f"/holds/{number}/release", json=body), 422)["detail"]
    assert api.get(f"/holds/{number}").json()["state"] == "open"
    assert api.post(f"/holds/{number}/discard", json=body).json()["state"] == "discarded"


def test_records_leave_the_quarantine(reached: Site) -> None:
    """One by one or as a group; set aside, brought back, tried again."""
    remote = two_unreadable_marks(reached)
    reached.service.connections.use(reached.service.school(SCHOOL), remote)
    api = program(reached, Role.SECRETARY)
    (group,) = api.get("/quarantine", params={"stream": "marks"}).json()
    first, second = (row["id"] for row in api.get("/quarantine-items", params={"group": group["id"]}).json())
    assert api.get("/quarantine-items", params={"stream": "students"}).json() == []
    assert api.post("/quarantine/discard", json={"items": [first]}).json() == [{"id": first, "state": "discarded"}]
    assert [row["id"] for row in api.get("/quarantine-items", params={"discarded": True}).json()] == [first]
    assert problem(api.post("/quarantine/discard", json={"items": [first]}), 409)
    assert api.post("/quarantine/undo", json={"items": [first]}).json() == [{"id": first, "state": "open"}]
    assert api.post("/quarantine/retry", json={"items": [second]}).json() == {"retried": 1, "left": 0, "stayed": 1}
    remote.fail_next(Unreachable("marks: the region could not be reached (ConnectError)"))
    away = problem(api.post("/quarantine/retry", json={"group": group["id"]}), 503)
    assert (away["title"], "ГИС" in away["detail"]) == ("not_now", True)
    remote.mended = True
    assert api.post("/quarantine/retry", json={"group": group["id"]}).json() == {"retried": 2, "left": 2, "stayed": 0}
    for body in ({}, {"items": [first], "group": group["id"]}, {"items": ["Смирнова"]}):
        assert "Смирнова" not in str(problem(api.post("/quarantine/retry", json=body), 422))
    assert problem(api.post("/quarantine/retry", json={"items": [10**30]}), 404)


def test_a_double_is_decided_and_the_decision_taken_back(reached: Site) -> None:
    """Rejected, undone; a confirmed pair is parted."""
    furnished(reached)
    api = program(reached, Role.SECRETARY)
    (row,) = [one for one in api.get("/matches").json() if "Ахметов" in one["caption"]]
    number, card = row["id"], row["candidates"][0]["local_id"]
    assert api.post(f"/matches/{number}/reject").json() == {"id": number, "state": "rejected"}
    assert api.post(f"/matches/{number}/undo").json() == {"id": number, "state": "closed"}
    assert problem(api.post(f"/matches/{number}/undo"), 422)
    reached.world.sync()
    (again,) = [one for one in api.get("/matches").json() if "Ахметов" in one["caption"]]
    assert api.post(f"/matches/{again['id']}/confirm", json={"card": card}).json()["state"] == "confirmed"
    done = api.post("/matches/unlink", json={"card": card})
    assert done.json() == {"id": card, "stream": "students", "state": "unlinked"}
    assert problem(api.post("/matches/unlink", json={"card": card}), 422)


def test_a_program_is_told_logins_and_no_names(reached: Site) -> None:
    """Who decided before it: the page says the person's name, a problem says the login alone."""
    case = reached.clash()
    api, desk = program(reached, Role.SECRETARY), reached.sign_in(Role.SECRETARY)
    answer = {"stamp": api.get(f"/conflicts/{case}").json()["stamp"], "take": "gis"}
    form = {"stamp": answer["stamp"], "all": "school", "do": "next"}
    assert reached.post(desk, f"/s/{SCHOOL}/conflicts/{case}", form).status_code == 303
    told = problem(api.post(f"/conflicts/{case}/resolve", json=answer), 409)["detail"]
    assert "уже решено (secretary1, " in told
    assert "А. В." not in told
    assert "Secretary А. В." in reached.post(desk, f"/s/{SCHOOL}/conflicts/{case}", form).text


def test_a_case_is_closed_and_opened_again(reached: Site) -> None:
    case = not_released(reached)
    api = program(reached, Role.DIRECTOR)
    closed = api.post(f"/releases/{case}/close", json={"outcome": "не приедет"}).json()
    assert closed == {"id": case, "state": "withdrawn"}
    assert problem(api.post(f"/releases/{case}/close", json={}), 409)
    assert api.post(f"/releases/{case}/reopen").json() == {"id": case, "state": "not_released"}
    assert problem(api.post(f"/releases/{case}/reopen"), 422)
    assert [step["text"] for step in api.get(f"/releases/{case}").json()["steps"]][-2:] == [
        "не приедет",
        "Открыто снова",
    ]


def test_a_run_is_started_and_followed(reached: Site) -> None:
    """202 with the report so far; who asks again meanwhile meets the same run. The journal names the token."""
    reached.world.remote.create(
        Stream.STUDENTS, {"last_name": "Новиков", "first_name": "Ян", "birth_date": "2012-01-01"}
    )
    api = program(reached, Role.SECRETARY)
    answer = api.post("/runs")
    assert answer.status_code == 202
    run_id = answer.json()["run_id"]
    report = _until(lambda: api.get(f"/runs/{run_id}").json(), lambda found: found["status"] != "running")
    assert report["status"] == "succeeded"
    assert [row["last_name"] for row in reached.world.rows("students")] == ["Новиков"]
    compared = api.post("/runs", json={"compare": True}).json()["run_id"]
    assert compared != run_id
    _until(lambda: api.get(f"/runs/{compared}").json(), lambda found: found["status"] != "running")
    notes = [row["note"] for row in reached.world.rows("audit") if row["cause"] == "run"]
    assert notes == ["started", "full comparison asked for"]


def _until(ask: Any, ended: Any, seconds: float = 30) -> Any:
    """The answer, once it says that the work has ended."""
    limit = time.monotonic() + seconds
    while not ended(found := ask()):
        assert time.monotonic() < limit, found
        time.sleep(0.05)
    return found


def test_a_plan_is_made_read_and_applied(reached: Site) -> None:
    """Exactly what the plan says; the digest of another plan is refused, and so is a second application."""
    edited(reached)
    api = program(reached, Role.ADMIN)
    answer = api.post("/resync", json={"everything": True})
    assert answer.status_code == 201
    made = answer.json()
    assert made["changes"] == 7
    assert api.get(f"/resync/{made['id']}").json() == made
    assert [row["id"] for row in api.get("/resync").json()] == [made["id"]]
    assert reached.world.rows("outbox") == []
    path = f"/resync/{made['id']}/apply"
    assert problem(api.post(path, json={"digest": "0" * 32}), 409)
    done = api.post(path, json={"digest": made["digest"]})
    assert (done.status_code, done.json()["results"]) == (200, {"applied": 1, "sent": 6})
    assert "ecp-sync" not in problem(api.post(path, json={"digest": made["digest"]}), 422)["detail"]
    assert problem(api.get("/resync/999"), 404)
    assert "view" in acts_of(reached)


def test_one_record_and_one_side(reached: Site) -> None:
    """A scope is exactly one of its kinds."""
    reached.clash()
    row = reached.world.rows("students")[0]["id"]
    api = program(reached, Role.ADMIN)
    made = api.post("/resync", json={"record": f"students:{row}", "accept": "school"}).json()
    assert (made["kind"], made["changes"]) == ("accept_local", 1)
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"everything": True, "streams": ["marks"]},
        {"record": "nosuch:1"},
        {"record": "students"},
        {"since": "2026-11-02", "until": "2026-11-01"},
        {"until": "2026-11-01"},
        {"streams": ["Смирнова"]},
    )
    for body in wrong:
        assert "Смирнова" not in str(problem(api.post("/resync", json=body), 422)), body
    assert problem(api.post("/resync", json={"record": "students:999999"}), 422)
    assert problem(api.post("/resync", json={"record": f"students:{10**30}"}), 422)


def test_a_long_plan_is_a_job(reached: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """202 while it goes on, then the plan; a job of nobody is not found."""
    monkeypatch.setattr(errands, "AT_ONCE_SECONDS", 0.01)
    go_on = threading.Event()
    read = reached.world.remote.change_versions

    def slowly() -> Any:
        go_on.wait(20)
        return read()

    monkeypatch.setattr(reached.world.remote, "change_versions", slowly)
    api = program(reached, Role.ADMIN)
    begun = api.post("/resync", json={"everything": True})
    assert begun.status_code == 202
    job = begun.json()["job"]
    assert api.get(f"/resync-jobs/{job}").status_code == 202
    go_on.set()

    def ask() -> httpx.Response:
        return api.get(f"/resync-jobs/{job}")

    assert _until(ask, lambda answer: answer.status_code == 200).json()["state"] == "planned"
    assert problem(api.get("/resync-jobs/nosuch"), 404)
