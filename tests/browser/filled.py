"""A school in which every screen has something to show."""

from __future__ import annotations

import re
import time

from sync_service.domain.people import Role
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.browser.held import held
from tests.browser.site import SCHOOL, Site, furnished
from tests.browser.test_erase_page import CONFIRMED, leaver
from tests.browser.test_quarantine_page import unknown_mark
from tests.browser.test_state_and_runs import begin, connected, end
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.guard.crowd import a_pupil, add_mark, rows_of

PUPILS, LOST = 20, 10  # of so many marks so many deleted: more than the guard lets pass


def filled(made: Site) -> dict[str, str]:
    """Something in every queue, a run with errors, a plan with items, a token. An example for each name of a route,
    and for a path whose name means something else."""
    world = made.world
    remote = MappedRemote.over(world.remote)
    world.remote = remote
    connected(made)
    furnished(made)
    erased(made)
    (neighbour,) = world.rows("organizations")
    for row in world.rows("movements"):
        if row["origin_kind"] == "school":  # with a school to write to
            world.update("movements", row["id"], origin_organization_id=neighbour["id"])
    pupils = [world.remote.create(Stream.STUDENTS, a_pupil(number)) for number in range(PUPILS)]
    marks = [add_mark(world, made.timetable, pupil) for pupil in pupils]
    world.sync(attended=True)
    for mark_row in rows_of(world, "marks")[2 : LOST + 2]:
        world.delete("marks", mark_row)
    world.sync()
    remote.broken.update(dict.fromkeys(marks[:2], unknown_mark))
    for mark in marks[:2]:
        world.remote.edit(Stream.MARKS, mark, comment="устно")
    world.sync()
    edited = next(row["id"] for row in world.rows("students") if row["personal_file_no"] == "К-7")
    world.update("students", edited, email="anna@example.ru")
    end(made, begin(made), RunStatus.COMPLETED_WITH_ERRORS, marks="ContractError: x", attendance="AccessRefused: 403")
    token, _ = made.service.programs.issue_token(world.school.school_id, name="Журнал", role=Role.VIEWER, by="admin1")
    with world.db.read(world.school.school_id) as uow:
        conflict = uow.conflicts.cases()[0]
    return {
        "case_id": "1",
        "release_id": _release(made, "not_released"),
        "/s/{school}/movements/origin/{release_id}": _release(made, "claimed"),
        "run_id": "r1",
        "plan_id": plan_of(made),
        "hold_id": str(held(world)),
        "item_id": str(world.rows("quarantine")[0]["id"]),
        "person_id": str(made.people[Role.VIEWER].person_id),
        "token_id": str(token.token_id),
        "student_id": str(conflict.local_id),
    }


def erased(made: Site) -> None:
    """The act of a pupil who has left, made on the page."""
    path = f"/s/{SCHOOL}/subjects/{leaver(made)}/erase"
    answer = made.post(made.sign_in(Role.ADMIN), path, CONFIRMED)
    assert answer.status_code == 303, answer.text


def _release(made: Site, state: str) -> str:
    return next(str(row["id"]) for row in made.world.rows("releases") if row["state"] == state)


def plan_of(made: Site) -> str:
    """The number of a plan of everything, made on the page."""
    admin = made.sign_in(Role.ADMIN)
    answer = made.post(admin, f"/s/{SCHOOL}/resync", {"scope": "all", "kind": "compare"})
    until = time.monotonic() + 30
    while "/wait" in answer.headers.get("location", "") and time.monotonic() < until:
        time.sleep(0.1)
        answer = admin.get(answer.headers["location"])
        if answer.status_code == 200:
            answer = admin.get(str(answer.url))
    found = re.search(r"/resync/(\d+)", answer.headers.get("location", str(answer.url)))
    assert found, answer.text
    return found[1]


def decided(made: Site, examples: dict[str, str]) -> None:
    """One thing of every queue is decided, so that its screen shows what was decided and how to take it back."""
    desk = made.sign_in(Role.ADMIN)

    def send(path: str, fields: dict[str, str], *copied: str) -> None:
        """The form of the page itself, with what it carries along."""
        text = desk.get(f"/s/{SCHOOL}{path}").text
        for name in copied:
            found = re.search(rf'name="{name}" value="([^"]*)"', text)
            assert found, f"{path} has no {name}"
            fields[name] = found[1]
        answer = made.post(desk, f"/s/{SCHOOL}{path}", fields)
        assert answer.status_code < 400, (path, answer.status_code)

    send(f"/conflicts/{examples['case_id']}", {"all": "gis", "do": "stay"}, "stamp")
    send(f"/matches/{examples['case_id']}", {"do": "other"}, "card")
    send(f"/holds/{examples['hold_id']}", {"do": "discard"}, "digest")
    made.post(desk, f"/s/{SCHOOL}/releases/{examples['release_id']}/close", {"note": "Документы забрали"})
    made.post(desk, f"/s/{SCHOOL}/quarantine/discard", {"item": examples["item_id"]})
