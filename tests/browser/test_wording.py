"""Small words of the page: since when something waits, who decided, and when, in the school's own time."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page

from sync_service.domain.people import Role
from sync_service.web.clockface import Clockface
from tests.browser.site import SCHOOL, Site

HERE = f"/s/{SCHOOL}"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-20T11:18:00+00:00", "ждёт с\u00a016:18"),
        ("2026-11-19T11:18:00+00:00", "ждёт со вчерашнего дня"),
        ("2026-11-19T19:30:00+00:00", "ждёт с\u00a000:30"),  # the 20th in Yekaterinburg
        ("2026-09-11T11:18:00+00:00", "ждёт с\u00a011 сентября"),
        ("2025-09-11T11:18:00+00:00", "ждёт с\u00a011.09.2025"),
    ],
)
def test_since_when_something_waits(at: str, said: str) -> None:
    assert Clockface("Asia/Yekaterinburg", date(2026, 11, 20)).since(at) == said


def test_who_decided_is_told_by_name_and_when_in_the_schools_time(school_page: Site) -> None:
    """Two people on one card: the second is told who was first. No login, no UTC, no field of the database."""
    case = school_page.clash()
    secretary, admin = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.ADMIN)
    page = admin.get(f"{HERE}/conflicts/{case}").text
    assert "ждёт с\u00a012:00" in page
    stamp = re.findall(r'name="stamp" value="(\w+)"', page)[0]
    fields = {"side-phone": "gis", "stamp": stamp, "do": "next"}
    school_page.post(secretary, f"{HERE}/conflicts/{case}", fields)
    refused = school_page.post(admin, f"{HERE}/conflicts/{case}", fields)
    assert refused.status_code == 409
    assert "уже решено (Secretary А. В., 20.11.2026 12:00)" in refused.text
    assert "Решено: Secretary А. В., сегодня в\u00a012:00" in refused.text
    assert not re.search("secretary1|UTC|обмен", refused.text)
    school_page.world.update("students", school_page.world.rows("students")[0]["id"], phone="+79120000009")
    late = school_page.post(secretary, f"{HERE}/conflicts/{case}/undo")
    assert "поле «Телефон» в школе с тех пор изменили" in late.text


def test_cards_of_the_import_stand_apart(desk: Page, school_page: Site, tmp_path: Path) -> None:
    """The preview, what is wrong with rows and the form for the next file do not touch."""
    path = tmp_path / "Список учеников 8А.csv"
    rows = ("Фамилия;Имя;Отчество;Дата рождения ученика", "Панов;Илья;Ильич;01.02.2013", "Юсупова;Анна;;31.02.2013")
    path.write_text("\r\n".join(rows) + "\r\n", encoding="utf-8-sig", newline="")
    desk.goto(school_page.at("/import"))
    desk.get_by_label("Файл").set_input_files(path)
    desk.get_by_role("button", name="Показать, что изменится").click()
    desk.locator("main .card").nth(2).wait_for()
    cards = [box for card in desk.locator("main .card").all() if (box := card.bounding_box())]
    assert len(cards) == 3
    for upper, lower in pairwise(cards):
        assert lower["y"] - (upper["y"] + upper["height"]) >= 12
