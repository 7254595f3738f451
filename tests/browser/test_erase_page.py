"""Erasing a pupil over the page: looked at first, confirmed by name, and the act to be saved within an hour."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from sync_service.domain.people import Role
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from tests.browser.chromium import signed_in
from tests.browser.looks import AXE, NARROW, RULES, USUAL, narrow
from tests.browser.site import PASSWORD, Site
from tests.unit.engine.world import PUPIL


def leaver(site: Site) -> int:
    """A pupil who has left; nothing of the pupil is open."""
    world = site.world
    pupil = world.remote.create(Stream.STUDENTS, dict(PUPIL))
    order: Values = {"student_id": pupil, "order_number": "1-у", "order_date": "2026-09-01"}
    here: Values = {**order, "kind": "arrival", "date": "2026-09-01", "class_to_id": site.timetable.klass}
    world.remote.create(Stream.MOVEMENTS, here)
    away: Values = {**order, "kind": "departure", "date": "2026-11-10", "destination_name": "Школа № 5"}
    world.remote.create(Stream.MOVEMENTS, away)
    world.sync()
    world.sync()
    return int(world.rows("students")[-1]["id"])


CONFIRMED = {"reason": "purpose", "archived": "1", "surname": "ёлкина"}


def test_nothing_goes_before_it_is_confirmed(school_page: Site) -> None:
    """A reason, the word that the papers are kept, and the name of the very child."""
    pupil = leaver(school_page)
    path = f"/s/school-900/subjects/{pupil}/erase"
    admin = school_page.sign_in(Role.ADMIN)
    assert f'href="{path}"' in admin.get(f"/s/school-900/pupils/{pupil}").text
    page = admin.get(path).text
    assert "движение: прибытие, выбытие, классы" in page
    for wrong in ("reason", "archived", "surname"):
        answer = school_page.post(admin, path, {**CONFIRMED, wrong: ""})
        assert answer.status_code == 422
        assert f'href="#f-{wrong}"' in answer.text
        assert ('value="ёлкина"' in answer.text) is (wrong != "surname")
    assert len(school_page.world.rows("students")) == 1
    desk = school_page.sign_in(Role.SECRETARY)
    assert path not in desk.get(f"/s/school-900/pupils/{pupil}").text
    assert desk.get(path).status_code == 403
    assert school_page.post(desk, path, CONFIRMED).status_code == 403


def test_what_is_open_is_named_instead_of_a_form(school_page: Site) -> None:
    case = school_page.clash()
    admin = school_page.sign_in(Role.ADMIN)
    pupil = school_page.world.rows("conflicts")[case - 1]["local_id"]
    path = f"/s/school-900/subjects/{pupil}/erase"
    page = admin.get(path).text
    assert "Ученик числится в школе." in page
    assert "открытое расхождение" in page
    assert 'name="surname"' not in page
    assert school_page.post(admin, path, {**CONFIRMED, "surname": PUPIL["last_name"]}).status_code == 422
    assert len(school_page.world.rows("students")) == 1


ACT = "/s/school-900/erasures/1/act"


def test_the_act_is_handed_out_and_the_mark_can_be_lifted(school_page: Site) -> None:
    """As a page and as a PDF inside of it; nobody is named anywhere else."""
    pupil = leaver(school_page)
    admin = school_page.sign_in(Role.ADMIN)
    assert school_page.post(admin, f"/s/school-900/subjects/{pupil}/erase", CONFIRMED).headers["location"] == ACT
    page = admin.get(ACT).text
    for part in ("Акт № 1", "МБОУ «Школа № 900»", "Ёлкина Анна Петровна", "11.05.2012", "№ 179", "Admin А. В."):
        assert part in page, part
    (data,) = re.findall(r'href="data:application/pdf;base64,([^"]+)"', page)
    assert base64.b64decode(data).startswith(b"%PDF-")
    assert base64.b64decode(data).count(b"/Type /Page\n") == 2
    book = admin.get("/s/school-900/erasures").text
    assert "№&nbsp;1" in book
    assert "Ёлкина" not in book
    assert admin.get(f"/s/school-900/pupils/{pupil}").status_code == 404
    assert "По актам уничтожены данные" in admin.get("/s/school-900/state").text
    report = school_page.world.reconcile()
    assert report.streams[Stream.STUDENTS].pull.erased == 1
    assert school_page.world.rows("students") == []
    assert school_page.post(admin, "/s/school-900/erasures/scrub").status_code == 303
    assert school_page.post(admin, "/s/school-900/erasures/1/lift").status_code == 303
    school_page.world.sync()
    assert len(school_page.world.rows("students")) == 1
    assert "Ёлкина" not in str(school_page.world.rows("erasures"))


def another_admin(site: Site) -> str:
    roles = {site.world.school.school_id: Role.ADMIN}
    site.service.accounts.add(login="admin2", name="Вторая А. А.", roles=roles, password=PASSWORD, must_change=False)
    return "admin2"


def test_a_dropped_line_does_not_lose_the_act(school_page: Site) -> None:
    """For an hour it stands in the book of erasures, for whoever made it alone; then it is gone."""
    pupil = leaver(school_page)
    admin, other = (
        school_page.sign_in(Role.ADMIN),
        school_page.sign_in(Role.ADMIN, as_login=another_admin(school_page)),
    )
    school_page.post(admin, f"/s/school-900/subjects/{pupil}/erase", CONFIRMED)  # nobody sees the answer
    assert f'href="{ACT}"' in admin.get("/s/school-900/erasures").text
    assert "Ёлкина Анна Петровна" in admin.get(ACT).text
    assert ACT not in other.get("/s/school-900/erasures").text
    assert other.get(ACT).status_code == 404
    school_page.world.clock.moment += timedelta(hours=1)
    admin = school_page.sign_in(Role.ADMIN)
    assert ACT not in admin.get("/s/school-900/erasures").text
    gone = admin.get(ACT)
    assert gone.status_code == 404
    assert "Ёлкина" not in gone.text


@pytest.mark.parametrize("scripts", [True, False])
def test_the_pdf_is_saved_by_a_browser(chromium: Browser, school_page: Site, scripts: bool) -> None:
    """The link holds the file itself, and the policy of the page lets it be saved; without scripts as well."""
    pupil = leaver(school_page)
    context = signed_in(chromium, school_page, Role.ADMIN, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(school_page.at(f"/subjects/{pupil}/erase"))
    usable(page, scripts)
    page.check("input[value=purpose]", force=True)
    page.check("#f-archived", force=True)
    page.fill("#f-surname", "Ёлкина")
    page.click("button.btn--danger")
    usable(page, scripts)
    with page.expect_download() as saving:
        page.click("a[download]")
    assert saving.value.suggested_filename == "act-1.pdf"
    assert saving.value.path().read_bytes().startswith(b"%PDF-")
    context.close()


def usable(page: Page, scripts: bool) -> None:
    """No accessibility violation, no sideways scrolling on a phone."""
    if not scripts:
        return  # the look of the page is the same; axe itself is a script
    page.evaluate(AXE)
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in page.evaluate(RULES)["violations"]] == []
    assert narrow(page) <= NARROW
    page.set_viewport_size({"width": USUAL, "height": 768})
