"""Conflicts that somebody passed on or put off: who sees them, who counts them, and the way back."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx

from sync_service.domain.people import Role
from tests.browser.site import SCHOOL, Site

HERE = f"/s/{SCHOOL}"


def count_of(page: str, section: str) -> int:
    """What the menu says beside a section."""
    (found,) = re.findall(rf"{section}<span class=\"n[^>]*>(\d+)<", page)[:1]
    return int(found)


def text_of(client: httpx.Client, path: str = "") -> str:
    return client.get(f"{HERE}{path}").text


def test_a_case_passed_on_is_the_administrators_and_can_be_taken_back(school_page: Site) -> None:
    """She sees where it is; he sees it first, with her note, her name and the time."""
    case = school_page.clash()
    secretary, admin = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.ADMIN)
    passed = school_page.post(
        secretary, f"{HERE}/conflicts/{case}/pass", {"to": "admin", "note": "Нет доступа к делу"}
    )
    assert passed.headers["location"] == f"{HERE}/conflicts"

    page = text_of(secretary)
    assert "Передано администратору: 1" in page
    assert f"/conflicts/{case}" not in page
    assert count_of(page, "Расхождения") == 0
    assert f"/conflicts/{case}" not in text_of(secretary, "/conflicts")
    hers = text_of(secretary, "/conflicts?shelf=passed")
    assert "Передано администратору: Secretary А. В., сегодня в\u00a012:00" in hers

    page = text_of(admin)
    assert count_of(page, "Расхождения") == 1
    assert page.index("Переданы вам") < page.index(f"/conflicts/{case}?shelf=passed")
    assert "Заметка: Нет доступа к делу" in page
    listed = text_of(admin, "/conflicts")
    assert "Переданы вам: 1" in listed
    assert "Secretary А. В." in listed
    card = text_of(admin, f"/conflicts/{case}?shelf=passed")
    assert "Заметка: Нет доступа к делу" in card
    assert "1 из&nbsp;1" in card

    assert "Взять обратно" in text_of(secretary, f"/conflicts/{case}")
    school_page.post(secretary, f"{HERE}/conflicts/{case}/pass", {"to": ""})
    assert count_of(text_of(secretary), "Расхождения") == 1
    assert "Переданы вам" not in text_of(admin)


def test_what_is_put_off_is_not_counted_before_its_day(school_page: Site) -> None:
    """The menu, «Сегодня» and the list agree; a filter shows what is put off and until when."""
    case = school_page.clash()
    client = school_page.sign_in(Role.SECRETARY)
    school_page.post(client, f"{HERE}/conflicts/{case}", {"do": "later", "until": "2026-11-21"})
    page = text_of(client)
    assert count_of(page, "Расхождения") == 0
    assert count_of(page, "Сегодня") == 0
    assert "Ничего не ждёт решения" in page
    assert "Отложено: 1" in page
    listed = text_of(client, "/conflicts")
    assert "Отложены: 1" in listed
    assert f"/conflicts/{case}" not in listed
    later = text_of(client, "/conflicts?shelf=later")
    assert "Отложено до 21.11.2026" in later
    assert f"/conflicts/{case}?shelf=later" in later
    school_page.world.clock.moment += timedelta(days=1)
    assert count_of(text_of(school_page.sign_in(Role.SECRETARY)), "Расхождения") == 1


def test_the_next_card_is_of_the_same_shelf_and_filter(school_page: Site) -> None:
    """Nobody is thrown out of the list she has chosen."""
    first, second = (
        school_page.clash(last_name=name, snils=snils)
        for name, snils in (("Панов", "11223344595"), ("Юсупов", "08765430300"))
    )
    client = school_page.sign_in(Role.ADMIN)
    for case in (first, second):
        school_page.post(client, f"{HERE}/conflicts/{case}/pass", {"to": "admin"})
    card = text_of(client, f"/conflicts/{first}?shelf=passed&stream=students")
    assert f"/conflicts/{second}?shelf=passed&amp;stream=students" in card
    done = school_page.post(
        client, f"{HERE}/conflicts/{first}?shelf=passed&stream=students", {"do": "later", "until": "2026-11-25"}
    )
    assert done.headers["location"] == f"{HERE}/conflicts/{second}?shelf=passed&stream=students"
